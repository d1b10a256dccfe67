import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.runs.results import Results

FIGURES = ("2a", "2b", "2s", "3", "3m", "3x", "4")


def test_everything_is_written_and_whole(ltc_study: Path) -> None:
    Results(ltc_study).verify()
    study = json.loads((ltc_study / "study.json").read_text())
    assert tuple(figure["number"] for figure in study["figures"]) == FIGURES
    for figure in study["figures"]:
        root = ElementTree.parse(ltc_study / figure["file"]).getroot()
        assert root.tag.endswith("svg")
        assert len(list(root.iter())) > 50
        assert all(figure[name] for name in ("title", "caption", "paper", "ours", "verdict"))
        assert figure["held"] in ("held", "partly", "failed", "not tested")
    for name, about in study["tables"].items():
        assert pq.read_metadata(ltc_study / f"tables/{name}.parquet").num_rows == about["rows"]


def test_numbers_follow_from_the_tables(ltc_study: Path) -> None:
    numbers = json.loads((ltc_study / "study.json").read_text())["numbers"]
    table = pq.read_table(ltc_study / "tables/predictions.parquet").to_pydict()
    y = np.log(table["y"])
    for name, column in (("stack", "stack"), ("setup_2_unseen", "setup_2_unseen"),
                         ("setup_2_hindsight", "setup_2_hindsight")):  # fmt: skip
        mae = np.mean(np.abs(y - np.log(table[column])))
        assert numbers[name]["mae"] == pytest.approx(mae, rel=1e-9), name
    candidates = pq.read_table(ltc_study / "tables/candidates.parquet").to_pydict()
    assert max(candidates["mean_setup_2"]) <= max(table["y"]) * (1 + 1e-9)
    assert numbers["screening"]["compositions"] == len(set(candidates["reduced_formula"]))
    assert numbers["screening"]["forest_max"] == pytest.approx(max(candidates["mean_setup_2"]))
    top = [(p, v) for p, v, f in zip(table["own_fifth_held_out"], table["y"], table["fifth"], strict=True) if f == 4]
    seen = max(v for v, f in zip(table["y"], table["fifth"], strict=True) if f < 4)
    assert numbers["top_fifth"]["above_training"] == sum(p > seen for p, _ in top)
    assert min(v for _, v in top) >= seen


def test_shortlist_of_the_study_obeys_its_rule(ltc_study: Path) -> None:
    short = pq.read_table(ltc_study / "tables/shortlist.parquet").to_pylist()
    known = set(pq.read_table(ltc_study / "tables/predictions.parquet")["formula"].to_pylist())
    assert 0 < len(short) <= 14
    assert {row["domain"] for row in short} <= {"in", "edge"}
    candidates = pq.read_table(ltc_study / "tables/candidates.parquet").to_pylist()
    of = {row["reduced_formula"]: row for row in candidates}
    for row in short:
        for name in ("mean", "mean_direct", "mean_setup_2"):
            assert row[name] == of[row["reduced_formula"]][name]
    assert not {row["reduced_formula"] for row in short} & known
