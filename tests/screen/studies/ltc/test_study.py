import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.runs.results import Results
from kakehashi.screen.studies.figures import COLOURS, draw_svg, theme_svg
from kakehashi.screen.studies.ltc.measured import count_inside, fit_measured, join_measured, paired
from kakehashi.screen.studies.ltc.shortlist import shortlist
from kakehashi.screen.studies.page import write_report

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


def scores(**columns: list[object]) -> pa.Table:
    n = len(columns["reduced_formula"])
    rest = {"id": [f"m{i}" for i in range(n)], "formula": columns["reduced_formula"]}
    return pa.table(rest | {"domain": ["in"] * n, "mean": [float(n - i) for i in range(n)]} | columns)


def test_shortlist_rule() -> None:
    table = scores(
        reduced_formula=["MgO", "Mg2O", "UC", "BeO", "AlN", "GaN", "BN", "BAs", "Si"],
        domain=["in", "in", "in", "out", "edge", "in", "in", "in", "in"],
        e_above_hull=[0.0, 0.0, 0.0, 0.0, 0.05, 0.06, None, 0.01, 0.0],
    )
    found = shortlist(table, {"BAs"}, log=False)
    # Mg2O is of MgO's system, UC radioactive, BeO outside, GaN unstable, BN unknown, BAs no news, Si no compound
    assert found.table["formula"].to_pylist() == ["MgO", "AlN"]
    assert "0.05 eV/atom" in found.rule
    assert shortlist(table, {"MgO"}, log=False).table["formula"].to_pylist() == ["Mg2O", "AlN", "BAs"]
    assert shortlist(table, set(), log=False, size=1).table["formula"].to_pylist() == ["MgO"]
    gapped = table.append_column("band_gap", pa.array([0.0, 0.2, 1, 1, 0.1, 1, 1, None, 1]))
    assert shortlist(gapped, set(), log=False).table["formula"].to_pylist() == ["Mg2O"]
    assert "band gap above 0.1 eV" in shortlist(gapped, set(), log=False).rule
    without = shortlist(table.drop_columns("e_above_hull"), set(), log=False)
    assert without.table["formula"].to_pylist() == ["MgO", "AlN", "GaN", "BN", "BAs"]
    assert "hull" not in without.rule


def test_measured_values_are_new_and_of_no_metal() -> None:
    formulas = ["MgO", "Cu", "GaN", "BAs", "AlN", "NaCl", "KCl"]
    measured = assemble("m", formulas, np.array([40.0, 400, 180, 1000, 300, 6, 7]), log=True, minimum=1)
    target = assemble("t", ["MgO", "ZnO"], np.array([50.0, 60.0]), log=True, minimum=1)
    compositions = pa.table(
        {
            "reduced_formula": ["GaN", "Cu", "MgO", "AlN", "NaCl", "KCl", "SiC"], "domain": ["in"] * 7,
            "mean": [100.0] * 7, "lower": [10.0] * 7, "upper": [200.0] * 7,
        }
    )  # fmt: skip
    direct = np.array([180.0, 1, 1, 300, 6, 7, 1])
    found = join_measured(measured, target, compositions, compositions, {"mean_direct": direct})
    assert found.table["formula"].to_pylist() == ["Cu", "AlN", "GaN", "KCl", "NaCl"]  # BAs is no candidate
    scores = pa.table({"reduced_formula": ["GaN", "GaN", "Cu", "AlN", "NaCl", "KCl"],
                       "band_gap": [0.0, 3.4, 0.0, 6.0, 5.0, None]})  # fmt: skip
    found = join_measured(measured, target, scores, compositions, {"mean_direct": direct})
    assert found.table["formula"].to_pylist() == ["AlN", "GaN", "NaCl"]
    assert found.metals == 2
    assert found.table["measured"].to_pylist() == [300, 180, 6]
    assert found.table["mean_direct"].to_pylist() == [300, 180, 6]
    assert count_inside(found.table) == 1
    gain, _ = paired(found.table, "mean_direct", "mean")
    assert gain == pytest.approx(np.mean(np.abs(np.log([3, 1.8, 0.06]))))
    assert np.isnan(fit_measured(found.table, "mean").mae)  # three values say nothing
    assert fit_measured(pa.concat_tables([found.table] * 2), "mean_direct")[:3] == (6, 0.0, 0.0)


def test_drawings_are_the_same_bytes_and_know_both_pages() -> None:
    def paint(figure: object) -> None:
        ax = figure.subplots()  # type: ignore[attr-defined]
        ax.plot([0, 1], [1, 0], color=COLOURS["accent"][0], label="a")
        ax.scatter([0, 1], [0, 1], color=COLOURS["warm"][0])
        ax.legend()

    first = draw_svg(3, 2, paint)
    assert first == draw_svg(3, 2, paint)
    assert "dc:date" not in first
    page = theme_svg(first)
    ElementTree.fromstring(page)
    for name, (light, dark) in COLOURS.items():
        assert page.count(light) == 1, name
        assert page.count(dark) == 1, name
    assert "var(--accent)" in page
    assert "var(--warm)" in page


def test_report_is_built_from_the_files_alone(ltc_study: Path) -> None:
    page = write_report(ltc_study)
    assert page == (ltc_study / "report.html").read_text()
    for number in FIGURES:
        assert f'id="fig{number}"' in page
