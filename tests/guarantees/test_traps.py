"""Formulas and SMILES that popular readers and parsers take for something else, from a file to a score or a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.molecules.polymers import parse_column

Run = Callable[..., tuple[int, str, str]]

# As CSV cells: what each is read as elsewhere, and what it is here, a reduced formula or the beginning of a reason.
TRAPS = {
    "NaN": ("a missing value", "NaN"),
    "NA": ("a missing value", "unknown element A"),
    "None": ("a missing value", ""),
    "null": ("a missing value", ""),
    "InF": ("infinity", "InF"),
    "NO": ("false", "NO"),
    "No": ("false", "element No is outside"),
    "On": ("true", ""),
    "12:30": ("750", ""),
    "1e5": ("a number", ""),
    "CuSO4.5H2O": ("CuSO5.5H2", "ambiguous dot"),
    "CuSO4\u00b75H2O": ("an error", ""),
    "Fe0": ("nothing", "zero amount"),
    "Fe0O0": ("nothing", "zero amount"),
    "Fe" + "9" * 5000: ("Fe of infinite amount", "5002 characters"),
    "X2": ("a dummy species", "dummy species X"),
    "Fe@2": ("Fe2", "unexpected character '@'"),
    "Na[Cl]": ("NaCl", "NaCl"),
    "{Fe}2": ("Fe2", "Fe"),
    "D2O": ("H2O", ""),
    "Fe1e9": ("an absurd amount", "exponent"),
    "Fe99999999999999999999": ("an absurd amount", "absurd amount"),
    "Fe-1": ("an error", ""),
    "Fe2+": ("an error", ""),
    "Fe\u2082O\u2083": ("an error", "Fe2O3"),
    "CuSO\u2084.5H\u2082O": ("an error", "subscript and other digits"),
    "Fe\u00b3\u207a": ("an error", "non-ASCII"),
    "Fe(II)O": ("FeI2O", "oxidation state"),
    "TiO2(B)": ("TiBO2", "remark"),
    "AlF3.3NaF": ("AlF4.3Na", "ambiguous dot"),
    "MgCl26H2O": ("MgCl26H2O", "ambiguous number"),
    "Foo": ("an error", "unknown element Foo"),
    "co": ("an error", "lower-case"),
}
SCORED = {"NaN", "InF", "NO", "Na[Cl]", "{Fe}2", "Fe\u2082O\u2083"}


@pytest.mark.fault
def test_a_catalogue_of_traps(screen: Run, tmp_path: Path) -> None:
    path = tmp_path / "traps.csv"
    path.write_text("formula\n" + "".join(f"{text}\n" for text in TRAPS), encoding="utf-8")
    code, _, err = screen("--catalog", path, "--out", tmp_path / "run", "--max-quarantine", 1)
    assert code == 0, err
    scored = {r["formula"]: r["reduced_formula"] for r in pq.read_table(tmp_path / "run/ranking.parquet").to_pylist()}
    aside = {r["formula"]: r["reason"] for r in pq.read_table(tmp_path / "run/quarantine.parquet").to_pylist()}
    assert scored == {text: TRAPS[text][1] for text in SCORED}
    assert set(aside) == set(TRAPS) - SCORED
    for text, reason in aside.items():
        assert TRAPS[text][1] in reason, text
        assert reason


@pytest.mark.fault
@pytest.mark.parametrize("cells", [["NaN", "InF"], ["NaN"], ["NO", "NO"]], ids=" and ".join)
def test_a_column_of_nothing_else_stays_text(screen: Run, tmp_path: Path, cells: list[str]) -> None:
    """Arrow takes such a column for numbers, YAML for truth values."""
    (tmp_path / "c.csv").write_text("formula\n" + "\n".join(cells) + "\n")
    assert screen("--catalog", tmp_path / "c.csv", "--out", tmp_path / "run")[0] == 0
    assert sorted(pq.read_table(tmp_path / "run/ranking.parquet")["formula"].to_pylist()) == sorted(cells)


SMILES = {
    "C\u2082": "read up to the subscript, as C",
    "CC\nO": "the rest taken for a name",
    "CC O": "the rest taken for a name",
    "[999999999C+99999]": "overflows to [51711C-97]",
    "": "a molecule without atoms",
    "C" * 10**6: "5 s and 600 MB",
}


@pytest.mark.fault
@pytest.mark.parametrize("text", SMILES, ids=[f"{text[:20]!r}: {what}" for text, what in SMILES.items()])
def test_smiles_rdkit_takes_for_something_else(text: str) -> None:
    found = parse_column([text, "CCO"], attachments=0)
    assert found.reasons[0]
    assert found.molecules.keys == ("", "CCO")
