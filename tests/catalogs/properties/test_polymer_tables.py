import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.molecules.polymers import parse, parse_column

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared/data/organic"
TABLES = {"glass_transition_temperature": ("K", 100, 700), "polymer_thermal_conductivity": ("W/(m K)", 0.05, 0.6)}


def rows(name):
    with (ROOT / f"catalogs/tables/{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", TABLES)
def test_rows_are_whole(name):
    unit, low, high = TABLES[name]
    found = rows(name)
    assert len(found) >= 15
    assert len({row["smiles"] for row in found}) == len(found)
    for row in found:
        assert parse(row["smiles"])[1] == row["smiles"], row["name"]
        assert row["unit"] == unit
        assert low < float(row["value"]) < high
        assert row["citation"]
        assert row["citation_checked"] == "opened"
        assert row["quote"]


def test_quotes_hold_the_values():
    for row in rows("polymer_thermal_conductivity"):
        numbers = [text.strip("(),|") for text in row["quote"].split()]
        assert any(float(text) == float(row["value"]) for text in numbers if text.replace(".", "", 1).isdigit()), row
    for row in rows("glass_transition_temperature"):
        assert float(row["quote"].rpartition("|")[2]) + 273.15 == pytest.approx(float(row["value"]), abs=0.005)


def test_glass_transitions_agree_with_measured_medians():
    path = DATA / "polyinfo_tg_median.parquet"
    if not path.is_file():
        pytest.skip(f"shared data are absent: {path}")
    data = pq.read_table(path, columns=["smiles", "tg_c"])
    wanted = {row["smiles"]: [] for row in rows("glass_transition_temperature")}
    for key, value in zip(parse_column(data["smiles"]).molecules.keys, data["tg_c"].to_pylist(), strict=True):
        if key in wanted:
            wanted[key].append(value + 273.15)
    for row in rows("glass_transition_temperature"):
        deviation = float(row["value"]) - np.median(wanted[row["smiles"]])
        assert abs(deviation) <= 10.0
        assert deviation == pytest.approx(float(row["deviation_k"]), abs=0.06)
