"""Structures as people have them, in ../shared/cases/structures: each is read, or refused with the true reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.candidates.catalog import REFUSED

CASES = Path(__file__).parents[2] / "../shared/cases/structures"


def read(folder: str) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Formulas of what is read, reasons of what is refused, and notes, each by id."""
    if not CASES.is_dir():
        pytest.skip(f"no cases in {CASES}")
    catalog = open_catalog(str(CASES / folder))
    rows = [row for batch in catalog.batches(100) for row in batch.to_pylist()]
    assert len(rows) == catalog.rows
    formulas = {row["id"]: row["formula"] for row in rows if not row[REFUSED]}
    return formulas, {row["id"]: row[REFUSED] for row in rows if row[REFUSED]}, catalog.unread


def test_poscars_that_name_no_elements() -> None:
    formulas, reasons, _ = read("vasp4")
    assert formulas == {"run_c": "Na4 Cl4"}
    assert reasons.keys() == {"run_a", "run_b"}
    assert all("names no elements" in reason for reason in reasons.values())


def test_cifs_that_contradict_themselves() -> None:
    formulas, reasons, _ = read("cif")
    assert formulas == {"i_fine": "Na1 Cl1", "k_packed": "Na1 Cl1", "f_thirds": "Mg0.333333 Nb0.666667 Pb1 O3"}
    for name, sites, declared in (
        ("a_no_hydrogens", "Mg1 O2", "H2 Mg O2"), ("c_h_shared", "La2 Fe2 As2 O0.4", "As2 Fe2 H1.6 La2 O0.4"),
        ("j_site_lost", "Al2 O2", "Al2 O3"),
    ):  # fmt: skip
        assert f"its sites are {sites}, but its _chemical_formula_sum is '{declared}'" in reasons.pop(name)
    assert reasons.pop("g_over") == "occupancies of a site add up to 1.2, more than 1"
    from kakehashi.catalogs.formulas.slots import parse_column

    assert reasons == {"h_deuteride": parse_column(["LiD"]).reasons[0]}


@pytest.mark.parametrize(
    ("folder", "ids", "notes"),
    [
        ("folders/nested", ["mp-1", "mp-2/i"], []),
        ("folders/gz", ["a"], []),
        ("folders/mixed", ["KBr", "LiF.poscar", "a", "b"], ["1 file is not read as structures: notes.txt"]),
    ],
)
def test_folders(folder: str, ids: list[str], notes: list[str]) -> None:
    formulas, reasons, said = read(folder)
    assert list(formulas) == ids
    assert set(formulas.values()) <= {"Na1 Cl1", "Na4 Cl4"}
    assert reasons == {}
    assert [note.partition(": ")[2] for note in said] == notes
