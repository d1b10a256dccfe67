from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.molecules.polymers import parse_column
from kakehashi.catalogs.properties import molecules
from kakehashi.catalogs.quantities import parse_unit

DATA = Path(__file__).parents[3].parent / "shared/data/organic"


@pytest.fixture(scope="module")
def rows():
    return {name: entry.load() for name, entry in molecules.SOURCES.items()}


def value(rows, name, cas):
    found = rows[name]
    return found.values[found.ids.index(cas)]


def test_known_values(rows):
    benzene, ethanol = "71-43-2", "64-17-5"
    assert value(rows, "molecule_melting_temperature", benzene) == pytest.approx(278.6, abs=0.5)
    assert value(rows, "molecule_boiling_temperature", ethanol) == pytest.approx(351.4, abs=0.5)
    assert value(rows, "molecule_refractive_index", benzene) == pytest.approx(1.501, abs=0.002)
    assert value(rows, "molecule_density", benzene) == pytest.approx(0.877, abs=0.003)
    assert value(rows, "molecule_heat_capacity", benzene) == pytest.approx(136.0 / 12, rel=0.01)
    assert value(rows, "molecule_thermal_conductivity", benzene) == pytest.approx(0.141, abs=0.003)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("molecule_thermal_conductivity", 250),
        ("molecule_heat_capacity", 380),
        ("molecule_melting_temperature", 11_000),
        ("molecule_boiling_temperature", 4_000),
        ("molecule_refractive_index", 3_500),
        ("molecule_density", 1_800),
    ],
)
def test_every_row_is_a_molecule_with_a_value(rows, name, least):
    found = rows[name]
    assert len(found.ids) == len(found.formulas) == len(found.values) >= least
    assert len(set(found.ids)) == len(found.ids)
    assert np.isfinite(found.values).all()
    assert (found.values > 0).all()
    assert len(found.sha256) == 64
    assert any(note.startswith("left out of") for note in found.notes)
    parse_unit(molecules.SOURCES[name].unit)
    sample = parse_column(found.formulas[:: max(1, least // 200)], attachments=0)
    assert sum(not reason for reason in sample.reasons) > 0.97 * len(sample.reasons)


def test_wild_values_are_left_out(rows):
    assert "4325-82-0" not in rows["molecule_refractive_index"].ids
    assert "5089-70-3" not in rows["molecule_boiling_temperature"].ids
    assert "5089-70-3" in molecules._column(molecules._CONSTANTS, "Tb")
    assert "140-11-4" not in rows["molecule_heat_capacity"].ids


def test_rows_left_out_are_counted(monkeypatch):
    monkeypatch.setattr(
        molecules,
        "_structures",
        lambda: ({cas: molecules.Structure(text, 3) for cas, text in [("a", "CC"), ("b", "C.C"), ("d", "CO")]}, ()),
    )
    monkeypatch.setattr(molecules, "_WILD", {("K", "d")})
    found = molecules._rows({"a": 5.0, "b": 5.0, "c": 5.0, "d": 5.0}, (1.0, 9.0), "K", ("first",), ())
    assert (found.ids, found.formulas, found.values.tolist()) == (["a"], ["CC"], [5.0])
    assert found.notes[0] == "first"
    for words in ("1 without an organic structure", "1 of several fragments", "1 at odds with their family"):
        assert words in found.notes[1]
    assert "1 outside 6 to 9 K" in molecules._rows({"a": 5.0}, (6.0, 9.0), "K", (), ()).notes[0]


def test_tables_that_disagree_lose_both_values():
    first, second = {"a": 100.0, "b": 200.0, "c": 1.0}, {"a": 104.0, "b": 260.0, "d": 7.0}
    kept, notes = molecules._agreed(first, second, "other", 30.0)
    assert kept == {"a": 100.0, "c": 1.0}
    assert notes == ("left out 1 of 2 values that differ from other by more than 30 K",)
    joined, notes = molecules._agreed(first, second, "other", 0.05, relative=True, join=True)
    assert joined == {"a": 100.0, "c": 1.0, "d": 7.0}
    assert "5%" in notes[0]


def test_conductivities_agree_with_an_independent_evaluation(rows):
    path = DATA / "liquid_thermal_conductivity_298k.parquet"
    if not path.is_file():
        pytest.skip(f"shared data are absent: {path}")
    data = pq.read_table(path)
    expected = dict(zip(data["cas"].to_pylist(), data["k_liq_298_w_mk"].to_pylist(), strict=True))
    found = rows["molecule_thermal_conductivity"]
    shared = [(v, expected[cas]) for cas, v in zip(found.ids, found.values, strict=True) if cas in expected]
    assert len(shared) > 250
    assert max(abs(a / b - 1) for a, b in shared) < 0.03
