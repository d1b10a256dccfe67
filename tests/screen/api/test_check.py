"""A table is looked at before a run, from Python and at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kakehashi as kh

CRYSTALS = """\
formula,kappa_W_mK
GaAs,46
As1Ga1,55
MgO,60
AlN,285
GaN,220
ZnS,27
NaCl,6.5
KCl,7.1
PbTe,2
BAs,1300
InP,68
Xx2,3
BiI3,0.9
"""
POLYMERS = "smiles,tg\n" + "\n".join(
    ["*CC*,200", "*CCCC*,260", *(f"*C{'C' * k}O*,{180 + 5 * k}" for k in range(2, 12)), "*CC(,1"]
)


@pytest.fixture
def crystals(tmp_path: Path) -> str:
    path = tmp_path / "my.csv"
    path.write_text(CRYSTALS)
    return str(path)


def test_python_and_terminal_say_the_same(crystals: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = kh.check(crystals, catalog=crystals)
    assert kh.main(["check", crystals, "--catalog", crystals]) == 0
    lines = capsys.readouterr().out.splitlines()
    # The estimate times this machine anew.
    same = [(a, b) for a, b in zip(lines, repr(found).splitlines(), strict=True) if not a.startswith("a run would")]
    assert all(a == b for a, b in same)
    assert len(lines) <= 10
    text = "\n".join(lines)
    for part in (
        "GaAs (row 1: 46, row 2: 55)", "row 12 (Xx2, 3)", "spans 3.2 decades: use --log", " more; is each",
        "has 11 of your 11 materials",
    ):  # fmt: skip
        assert part in text
    assert text.count("is each as you meant it?") == 1


def test_default_candidates_and_networks_are_those_of_screen(crystals: str, capsys: pytest.CaptureFixture[str]) -> None:
    from kakehashi.screen.screening.config import resolve

    assert kh.main(["check", crystals, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["catalog"]["name"] == resolve({"target": crystals}, None).catalog
    assert (told["sources"], told["cost"]["seconds"]["pre-train"]) == ([], 0)
    assert 5 < told["cost"]["seconds"]["transfer"] < 60
    with_sources = kh.check(crystals, sources=["usual"], catalog=crystals)
    assert with_sources.sources[0].name == "formation_energy"
    assert with_sources.cost["seconds"]["pre-train"] > 0


def test_conflicts_of_repeat_units_are_seen_in_any_frame(tmp_path: Path) -> None:
    path = tmp_path / "polymers.csv"
    path.write_text(POLYMERS + "\n")
    found = kh.check(f"{path}:tg", unit="K", sources=["none"])
    assert [(conflict.rows, conflict.values) for conflict in found.conflicts] == [((1, 2), (200.0, 260.0))]
    assert (found.smiles, found.catalog, found.refused_rows) == (True, None, 1)
