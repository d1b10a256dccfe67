"""POSCAR: elements and numbers of atoms are read where the text says them, and nowhere else."""

from __future__ import annotations

import pytest

from kakehashi.catalogs.crystals.poscar_reader import is_poscar, read_poscar
from kakehashi.catalogs.crystals.sites import formula_of

PLACES = ["0 0 0", "0 .5 .5", ".5 .5 .5", ".5 0 0"]


def poscar(*head: str, places: list[str] = PLACES, mode: tuple[str, ...] = ("Direct",)) -> str:
    return "\n".join(["a remark", "1.0", "5 0 0", "0 5 0", "0 0 5", *head, *mode, *places]) + "\n"


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        (poscar("Na Cl", "2 2"), "Na2 Cl2"),
        (poscar("Na Cl", "2 2") + "\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n", "Na2 Cl2"),  # velocities
        (poscar("Na_pv/1f2e Cl/99ab", "2 2"), "Na2 Cl2"),
        (poscar("Na", "Cl", "2", "2"), "Na2 Cl2"),
        (poscar("2 2", places=[f"{p} {e}" for p, e in zip(PLACES, ["Na", "Na", "Cl", "Cl"], strict=True)]), "Na2 Cl2"),
        (poscar("Na F", "2 2", mode=("Selective dynamics", "Direct"), places=[f"{p} F F T" for p in PLACES]), "Na2 F2"),
        (poscar("Li F", "2 2", mode=("Selective", "Cartesian"), places=[f"{p} T T T" for p in PLACES]), "Li2 F2"),
    ],
)
def test_what_names_its_elements_is_read(text: str, formula: str) -> None:
    assert is_poscar(text)
    assert formula_of(read_poscar(text)) == formula


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (poscar("2 2"), "names no elements"),
        (poscar("2 2", places=[f"{p} F F F" for p in PLACES]), "names no elements"),  # flags, not fluorine
        (poscar("2 2", places=[f"{p} atom" for p in PLACES]), "names no elements"),
        (
            poscar("2 2", places=[f"{p} {e}" for p, e in zip(PLACES, ["Na", "Cl", "Na", "Cl"], strict=True)]),
            "2 atoms of one kind are called Cl and Na",
        ),
        (poscar("Na Cl Br", "2 2"), "3 symbols of elements, but 2 counts of atoms"),
        (poscar("Na Cl", "2 2 2"), "2 symbols of elements, but 3 counts"),
        (poscar("Na Cl", "2 3"), "4 positions for 5 atoms"),
        (poscar("Na Cl", "4000000000 4000000000"), "4 positions for 8000000000 atoms"),
        (poscar("Na Cl", "2 1"), "more positions than the 3 atoms"),
        (poscar("Na Cl", "0 0"), "counts no atoms"),
        (poscar("Na Cl", "2 x"), "expected counts of atoms, got 'x'"),
        (poscar("Na Cl"), "counts no atoms"),
    ],
)
def test_what_the_reader_would_make_up_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_poscar(text)
