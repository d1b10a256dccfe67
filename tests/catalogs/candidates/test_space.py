"""Virtual catalogues: every composition asked for has one index and no other, whatever the space."""

from __future__ import annotations

import json
from collections.abc import Collection
from itertools import combinations, product
from math import gcd
from pathlib import Path

import numpy as np
import pytest

import kakehashi
from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.candidates.space import Space, decode, families, make_space, read_space, text_of
from kakehashi.catalogs.formulas.slots import formula_text, parse_column, reduced_keys
from kakehashi.catalogs.records import UserError

SMALL = ("Na", "Fe", "Ti", "S", "Cl", "O")
ANIONS = ("S", "Cl", "O")
# By rising Pauling electronegativity: 0.93, 1.54, 1.83, 2.58, 3.16, 3.44.
RISING = ("Na", "Ti", "Fe", "S", "Cl", "O")


def expected(symbols: Collection[str], kinds: range, atoms: int, most: int) -> list[str]:
    """Reduced formulas whose most electronegative element forms anions, by plain enumeration."""
    found = []
    for k in kinds:
        for system in combinations([s for s in RISING if s in symbols], k):
            if system[-1] not in ANIONS:
                continue
            for amounts in product(range(1, most + 1), repeat=k):
                if sum(amounts) <= atoms and gcd(*amounts) == 1:
                    found.append("".join(s + (str(n) if n > 1 else "") for s, n in zip(system, amounts, strict=True)))
    return found


def everything(space: Space) -> list[str]:
    return formula_text(decode(space, np.arange(space.size)))


@pytest.mark.parametrize(
    ("symbols", "least", "most", "atoms", "amount"),
    [(SMALL, 2, 4, 9, None), (SMALL, 3, 3, 12, 4), (("Na", "O"), 2, 2, 7, 5), (SMALL, 2, 5, 6, 2)],
)
def test_every_composition_has_one_index(
    symbols: tuple[str, ...], least: int, most: int, atoms: int, amount: int | None
) -> None:
    space = make_space(
        elements=symbols, min_elements=least, max_elements=most, max_atoms=atoms, max_amount=amount
    )  # fmt: skip
    found = everything(space)
    assert len(set(found)) == len(found) == space.size
    assert sorted(found) == sorted(expected(symbols, range(least, most + 1), atoms, amount or atoms - 1))
    assert reduced_keys(parse_column(found).compositions) == found


def test_the_first_indices_are_the_simplest_stoichiometries() -> None:
    space = make_space(elements=SMALL)
    atoms = decode(space, np.arange(space.size)).amounts.sum(axis=1)
    for family in families(space):
        assert np.all(np.diff(atoms[family.start : family.start + family.size]) >= 0)


def test_the_default_space_leaves_nothing_out_by_accident() -> None:
    space = make_space()
    assert space.size == sum(family.size for family in families(space)) > 3e8
    assert len(space.elements) == 78
    rng = np.random.default_rng(0)
    drawn = rng.choice(space.size, 20_000, replace=False)
    texts = formula_text(decode(space, drawn))
    assert len(set(texts)) == len(texts)
    assert reduced_keys(parse_column(texts).compositions) == texts


def test_no_index_beyond_the_space() -> None:
    space = make_space(elements=("Na", "Cl"))
    for index in (-1, space.size):
        with pytest.raises(IndexError, match="expected indices below"):
            decode(space, np.array([index]))


def test_a_file_holds_the_space(tmp_path: Path) -> None:
    space = make_space(elements=SMALL, states={"Fe": (2, 3)}, max_atoms=9, max_amount=5)
    path = tmp_path / "space.toml"
    path.write_text(text_of(space))
    assert read_space(path) == space
    catalog = open_catalog(str(path), virtual=True)
    assert (catalog.rows, catalog.sha256, catalog.space) == (space.size, space.sha256, space)
    assert open_catalog(str(path), limit=5, virtual=True).rows == 5
    other = make_space(elements=SMALL, states={"Fe": (3,)}, max_atoms=9, max_amount=5)
    assert other.sha256 != space.sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind = 1", 'expected kind = "compositions"'),
        ('kind = "compositions"\nmax_atom = 3\noxidation_states = {}', "unknown key 'max_atom'"),
        ('kind = "compositions"\noxidation_states = {Fe = "2"}', "lists of whole numbers"),
        ('kind = "compositions"\nmax_atoms = 4.5\noxidation_states = {Na = [1], Cl = [-1]}', "max_atoms: expected"),
        ('kind = "compositions"\noxidation_states = {Na = [1], Xx = [-1]}', "94 tabulated elements"),
        ('kind = "compositions"\noxidation_states = {Na = [1], Cl = [0]}', "Cl: expected oxidation states"),
        ("kind = ", "not valid TOML"),
    ],
)
def test_a_file_that_is_no_space(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "space.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        open_catalog(str(path), virtual=True)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"elements": ("Na", "K")}, "no composition of these elements can be neutral"),
        ({"elements": ("Na", "Ne")}, "Pauling electronegativity, got Ne"),
        ({"max_elements": 7, "max_atoms": 12}, "chemical systems of 6"),
        ({"max_atoms": 40}, "max_atoms: expected 4"),
        ({"min_elements": 1}, "min_elements"),
        ({"max_amount": 0}, "max_amount: expected at least 1"),
    ],
)
def test_spaces_that_cannot_be(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_space(**settings)  # type: ignore[arg-type]


def test_only_a_search_opens_one() -> None:
    with pytest.raises(UserError, match="virtual catalogue"):
        open_catalog("enumerate")


def test_build_writes_the_description(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "space.toml"
    words = ["catalogs", "build", "enumerate", "--elements", ",".join(SMALL), "--exclude", "Ti", "--out", str(out)]
    assert kakehashi.main([*words, "--states", "Fe=2,3", "--dry-run"]) == 0
    assert not out.exists()
    capsys.readouterr()
    assert kakehashi.main([*words, "--states", "Fe=2,3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    space = read_space(out)
    assert said["indices"] == space.size == sum(said["by_elements"].values())
    assert space == make_space(elements=[s for s in SMALL if s != "Ti"], states={"Fe": (2, 3)})
    assert kakehashi.main(words) == 2
    assert "exists" in capsys.readouterr().err
    assert kakehashi.main([*words, "--overwrite", "--states", "Fe=two"]) == 2
    assert "Fe=2,3" in capsys.readouterr().err
    assert kakehashi.main([*words, "--overwrite", "--max-atoms", "9.5"]) == 2
    assert "expected a whole number" in capsys.readouterr().err
    assert kakehashi.main([*words, "--overwrite"]) == 0
    assert f"{read_space(out).size:,} indices" in capsys.readouterr().out
