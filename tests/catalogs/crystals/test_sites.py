"""Crystals by hand from JSON and lists: the numbers of pymatgen, and a reason for everything else."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from kakehashi.catalogs.crystals.sites import Sites, formula_of, of_json, of_lists, of_mapping, to_structure

SALT = Structure(Lattice.from_parameters(5, 6, 7, 80, 95, 100), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.25, 0.5]])
CUBE = [4.0, 0, 0, 0, 4, 0, 0, 0, 4]
ALLOY = Structure(Lattice.cubic(3), [{"Cu": 0.25, "Au": 0.75}], [[0, 0, 0]])


@pytest.mark.parametrize("structure", [SALT, ALLOY, SALT.copy().add_oxidation_state_by_element({"Na": 1, "Cl": -1})])
def test_json_gives_what_was_written(structure: Structure) -> None:
    sites = of_json(structure.to(fmt="json"))
    assert sites.lattice == tuple(structure.lattice.matrix.ravel().tolist())
    assert sites.positions == tuple(structure.frac_coords.ravel().tolist())
    assert formula_of(sites) == structure.composition.element_composition.formula
    assert to_structure(sites).to(fmt="cif") == structure.to(fmt="cif")


def test_six_parameters_are_a_lattice() -> None:
    found = json.loads(SALT.to(fmt="json"))
    del found["lattice"]["matrix"]
    np.testing.assert_allclose(of_mapping(found).lattice, SALT.lattice.matrix.ravel(), atol=1e-12)


def test_what_a_class_or_module_is_called_is_text() -> None:
    found = json.loads(SALT.to(fmt="json"))
    expected = of_mapping(found)
    found |= {"@module": "no.such.module", "@class": "Boom", "properties": {"x": {"@module": "os", "@class": "abort"}}}
    found["sites"][0]["properties"] = {"magmom": {"@module": "no.such.module", "@class": "Boom"}}
    assert of_mapping(found) == expected


def changed(**sites: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SALT.to(fmt="json"))
    found["sites"][1] |= sites
    return found


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([1], "expected an object with lattice and sites, got a list of 1"),
        ({"sites": []}, "at least one site"),
        (changed(abc=[0, 0]), "site 2: abc: expected 3 numbers, got a list of 2"),
        (changed(abc=[0, math.nan, 0]), "site 2: abc: expected a number, got nan"),
        (changed(abc=[0, 10**400, 0]), "a whole number of more than 20 digits"),
        (changed(abc=[0, True, 0]), "got True"),
        (changed(abc="000"), "abc: expected 3 numbers, got '000'"),
        (changed(species=[]), "site 2: expected a list 'species'"),
        (changed(species=[{"element": "Cl", "occu": 0}]), "occupancy 0 of Cl"),
        (changed(species=[{"element": "Cl", "occu": 0.6}, {"element": "Br", "occu": 0.6}]), "add up to 1.2"),
        (changed(species=[{"element": {"@module": "os"}, "occu": 1}]), "symbol of an element, got a mapping of 1"),
        (changed(species=[{"element": "\ud800", "occu": 1}]), r"got '\\ud800'"),
        ({**changed(), "lattice": None}, "expected an object 'lattice', got None"),
        ({**changed(), "lattice": {"matrix": [[1, 0, 0]]}}, "a matrix of three vectors"),
        ({**changed(), "lattice": {"matrix": [[1, 0, 0], [2, 0, 0], [0, 0, 1]]}}, "span a volume of 0 Å³"),
        ({**changed(), "lattice": {"matrix": [[1e300, 0, 0], [0, 1e300, 0], [0, 0, 1]]}}, "span a volume of inf Å³"),
        ({**changed(), "lattice": {"a": 1}}, "lattice: b: expected a number, got None"),
    ],
)
def test_what_is_no_structure_says_why(found: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        of_mapping(found)


def test_json_that_cannot_be_read_says_why() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        of_json('{"lattice": ')
    with pytest.raises(ValueError, match="nested too deep"):
        of_json('{"a":' * 100_000)


def test_lists_take_elements_ions_and_atomic_numbers() -> None:
    names = ["Na", "Fe3+", "Cl-", "Mn2.5+,spin=5", 8]
    found = of_lists(CUBE, names, [0.0] * 15)
    assert [shared[0][:2] for shared in found.species] == [
        ("Na", None), ("Fe", 3.0), ("Cl", -1.0), ("Mn", 2.5), ("O", None)
    ]  # fmt: skip
    for name in ("Na4", "NaCl", "", None, 0, 95, True, "na"):
        with pytest.raises(ValueError, match="species: expected the symbol of an element"):
            of_lists(CUBE, [name], [0.0] * 3)
    with pytest.raises(ValueError, match="the lattice: expected a number, got None"):
        of_lists([None] * 9, ["Na"], [0.0] * 3)
    with pytest.raises(ValueError, match="8 lattice numbers, 1 species, 3 coordinates"):
        of_lists([1.0] * 8, ["Na"], [0.0] * 3)


def test_a_label_cannot_add_to_a_file() -> None:
    sites = Sites((4.0, 0, 0, 0, 4, 0, 0, 0, 4), ((("Na", None, 1),),), (0.0, 0, 0), ("Na1\ndata_other",))
    text = to_structure(sites).to(fmt="cif")
    assert "other" not in text
    assert " Na0 " in text


def test_isotopes_keep_their_names_for_the_reader_of_formulas() -> None:
    sites = of_lists([4.0, 0, 0, 0, 4, 0, 0, 0, 4], ["Li", "D"], [0.0] * 6)
    assert formula_of(sites) == "Li1 D1"
