"""CIF: sites that contradict the declared formula are refused, and so is what the reader only guessed."""

from __future__ import annotations

import warnings

import pytest
from pymatgen.core import Lattice, Structure

from kakehashi.catalogs.crystals.cif_reader import check_formula, read_cif
from kakehashi.catalogs.crystals.sites import Sites, formula_of


def cif(sites: str, formula: str | None = None, symmetry: str = "_symmetry_space_group_name_H-M 'P 1'") -> str:
    """A cubic cell with sites `label symbol x y z occupancy`."""
    declared = f"_chemical_formula_sum '{formula}'\n" if formula else ""
    cell = "".join(f"_cell_length_{v} 6\n" for v in "abc") + "".join(
        f"_cell_angle_{v} 90\n" for v in ("alpha", "beta", "gamma")
    )
    names = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    loop = "loop_\n" + "".join(f"_atom_site_{name}\n" for name in names)
    return f"data_x\n{declared}{cell}{symmetry}\n{loop}" + "\n".join(sites.strip().split("; ")) + "\n"


SALT = "Na1 Na 0 0 0 1; Cl1 Cl 0.5 0.5 0.5 1"
HYDROXIDE = "Mg1 Mg 0 0 0 1; O1 O 0.2 0.6 0.22 1; O2 O 0.7 0.3 0.78 1"


@pytest.mark.parametrize(
    ("sites", "formula"),
    [
        (SALT, "Na Cl"), (SALT, "Cl4 Na4"), (SALT, "NaCl"), (SALT, None), (SALT, "?"), (SALT, "Na1 Cl1.0"),
        ("Fe1 Fe 0 0 0 0.947; O1 O .5 .5 .5 1", "Fe0.95 O"),
        ("Fe1 Fe 0 0 0 0.912(13); O1 O .5 .5 .5 1", "Fe0.92(1) O1"),
        ("Mg1 Mg 0 0 0 .333; Nb1 Nb 0 0 0 .667; O1 O .5 .5 .5 1", "Mg0.33 Nb0.67 O1"),
        ("Mg1 Mg 0 0 0 .3333; Nb1 Nb 0 0 0 .6667; O1 O .5 .5 .5 1", "Mg1 Nb2 O3"),
    ],
)  # fmt: skip
def test_sites_that_agree_are_read(sites: str, formula: str | None) -> None:
    assert formula_of(read_cif(cif(sites, formula)))


@pytest.mark.parametrize(
    ("sites", "formula", "words"),
    [
        (HYDROXIDE, "H2 Mg O2", r"its sites are Mg1 O2, but its _chemical_formula_sum is 'H2 Mg O2'"),
        (SALT, "Na2 Cl", "its sites are Na1 Cl1, but"),
        (SALT, "Na Cl2 O0", "cannot be read .zero amount"),
        (SALT, "Na Clx", "cannot be read"),
        ("Fe1 Fe 0 0 0 0.90; O1 O .5 .5 .5 1", "Fe0.95 O", "Fe0.9 O1"),
        ("Na1 Na 0 0 0 1.2; Cl1 Cl .5 .5 .5 1", "Na Cl", "occupancies of a site add up to 1.2, more than 1"),
        ("H1 H 0 0 0 .8; O1 O 0 0 0 .2; Na1 Na .5 .5 .5 1", None, "hydrogens share the site of an oxygen"),
        ("D1 D 0 0 0 1; Li1 Li .5 .5 .5 1", "D Li", "isotope D: isotopes are not supported, write H"),
        ("Na1 Na 0 0 0 .; Cl1 Cl .5 .5 .5 1", None, "_atom_site_occupancy of Na1 is '.', not a number"),
        ("Na1 Na 0 0 0 ?; Cl1 Cl .5 .5 .5 1", None, "_atom_site_occupancy of Na1 is '.', not a number"),
        ("Na1 Na 0 0 0 -1; Cl1 Cl .5 .5 .5 1", None, "less than none"),
        ("Na1 Na 0 0 . 1; Cl1 Cl .5 .5 .5 1", "Na Cl", "_atom_site_fract_z of Na1 is '.'"),
        ("Na1 Na 0 0 ? 1; Cl1 Cl .5 .5 .5 1", "Na Cl", "could not convert string to float"),
        ("O1 OH 0 0 0 1; Na1 Na .5 .5 .5 1", "Na O H", "its sites are Na1, but"),
        ("O1 OH 0 0 0 1; Na1 Na .5 .5 .5 1", None, "the reader guessed .*OH parsed as"),
        ("C1 CA 0 0 0 1; O1 O .5 .5 .5 1", None, "the reader guessed .*CA parsed as Ca"),
    ],
)  # fmt: skip
def test_sites_that_disagree_or_were_guessed_are_refused(sites: str, formula: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_cif(cif(sites, formula))


def test_a_guess_that_the_formula_confirms_stands() -> None:
    assert formula_of(read_cif(cif("CA1 CA 0 0 0 1; O1 O .5 .5 .5 1", "Ca O"))) == "Ca1 O1"


def test_one_lost_site_of_many_is_seen() -> None:
    full = Structure(Lattice.cubic(6), ["Na"], [[0, 0, 0]]) * (5, 5, 5)
    lost = full.copy()
    lost.append("Cl", [0.05, 0.05, 0.05])
    species = tuple(((site.specie.symbol, None, 1),) for site in lost)
    sites = Sites(tuple(lost.lattice.matrix.ravel()), species, tuple(lost.frac_coords.ravel()))
    check_formula("Na250 Cl2", sites)
    with pytest.raises(ValueError, match="atoms are missing"):
        check_formula("Na124 Cl", sites)


def test_no_symmetry_at_all_is_a_guess() -> None:
    with pytest.raises(ValueError, match="names no symmetry"):
        read_cif(cif(SALT, "Na Cl", symmetry=""))


def test_one_structure_at_a_time() -> None:
    with pytest.raises(ValueError, match="a CIF of 2 structures where one was expected"):
        read_cif(cif(SALT) + cif(SALT))
    with pytest.raises(ValueError, match="expected CIF with a data_ block"):
        read_cif("no crystal")
    with pytest.raises(ValueError, match="the CIF has no _atom_site_label"):
        read_cif(cif(SALT).replace("_atom_site_label", "_atom_site_name"))


@pytest.mark.parametrize("symprec", [None, 0.01])
def test_what_pymatgen_writes_is_read_as_it_reads_it(symprec: float | None) -> None:
    spinel = Structure.from_spacegroup(
        227, Lattice.cubic(8.1), ["Mg", "Al", "O"], [[0.125] * 3, [0.5] * 3, [0.264] * 3]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = spinel.to(fmt="cif", symprec=symprec)
        expected = Structure.from_str(text, fmt="cif")
    found = read_cif(text)
    assert found.positions == tuple(expected.frac_coords.ravel().tolist())
    assert found.lattice == tuple(expected.lattice.matrix.ravel().tolist())
    assert formula_of(found) == expected.composition.formula == "Mg16 Al8 O32"  # this setting of the group
