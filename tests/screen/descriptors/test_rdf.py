"""Radial distribution functions: XenonPy's own output, closed forms, and what a supercell does to each convention."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from kakehashi.catalogs.crystals.tables import parse_rows
from kakehashi.catalogs.records import Crystals, UserError
from kakehashi.screen.descriptors.rdf import names, rdf

GOLDEN = Path(__file__).parents[2] / "golden" / "xenonpy_golden_rdf.csv"


def crystals(*structures: Structure) -> Crystals:
    return parse_rows([{"structure": structure.to(fmt="json")} for structure in structures]).crystals


FACES = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def pair(a: float, first: str, second: str, place: float) -> Structure:
    return Structure(Lattice.cubic(a), [first] * 4 + [second] * 4, np.vstack([FACES, FACES + place]))


SALT = pair(5.6402, "Na", "Cl", 0.5)
SILICON = pair(5.431, "Si", "Si", 0.25)
POLONIUM = Structure(Lattice.cubic(3.35), ["Po"], [[0, 0, 0]])


def test_equal_to_xenonpy() -> None:
    with GOLDEN.open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert tuple(header[1:]) == names()
    expected = np.array([[float(cell) for cell in row[1:]] for row in rows])
    found = rdf(crystals(SALT, SILICON))
    assert found.shape == (2, 200)
    # The golden file is written with twelve digits.
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_150_columns_are_the_same_bins() -> None:
    cells = crystals(SALT, SILICON)
    np.testing.assert_array_equal(rdf(cells, 15.0, 150), rdf(cells)[:, :150])
    assert names(15.0, 150) == names()[:150]


def test_closed_form_of_simple_cubic() -> None:
    found = rdf(crystals(POLONIUM), 5.0, 50)[0]
    # 6 neighbours at a, 12 at a sqrt(2); none else below 5 Å (a sqrt(3) is 5.8).
    for count, distance in ((6, 3.35), (12, 3.35 * np.sqrt(2))):
        k = int(distance / 0.1)
        shell = 4 / 3 * np.pi * ((0.1 * (k + 1)) ** 3 - (0.1 * k) ** 3)
        np.testing.assert_allclose(found[k], count / shell * 3.35**3, rtol=1e-12)
    assert np.count_nonzero(found) == 2


def test_the_sum_grows_with_the_cell_and_the_mean_does_not() -> None:
    # A lattice constant whose distances are on no edge of a bin.
    cell = pair(5.6403, "Na", "Cl", 0.5)
    cells = crystals(cell, cell * (2, 1, 1), cell.get_primitive_structure())
    total, mean = rdf(cells), rdf(cells, sites="mean")
    np.testing.assert_allclose(total[1], 2 * total[0], rtol=1e-9)
    np.testing.assert_allclose(total[2], total[0] / 4, rtol=1e-9)
    np.testing.assert_allclose(mean[1:], mean[[0, 0]], rtol=1e-9)
    assert mean[0, 150:].mean() == pytest.approx(1.0, abs=0.05)


def test_budget_of_pairs_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = crystals(SALT, SILICON, POLONIUM)
    whole = rdf(cells)
    monkeypatch.setattr("kakehashi.screen.descriptors.rdf._PAIRS", 1)
    np.testing.assert_array_equal(rdf(cells), whole)


def test_settings_that_cannot_be() -> None:
    for settings in ({"sites": "max"}, {"r_max": 0.0}, {"n_bins": 0}):
        with pytest.raises(UserError, match="expected"):
            rdf(crystals(SALT), **settings)  # type: ignore[arg-type]
