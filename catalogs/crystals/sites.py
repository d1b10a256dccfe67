"""Sites of a crystal as plain numbers.

They are read from lists and from pymatgen's JSON.

No decoder is used: one may import what the text names, and here a name is only text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kakehashi.catalogs.elements import INDEX, SYMBOLS

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

Species = tuple[str, float | None, float]
"""Symbol (deuterium is D), oxidation state or None, occupancy."""

_SYMBOL = re.compile(r"[A-Z][a-z]?")
# An element, or an ion as pymatgen writes one: Fe, Fe3+, Fe2.5+, Cl-, Mn3+,spin=5.
_ION = re.compile(r"([A-Z][a-z]?)(?:(\d*\.?\d*)([+-]))?(?:,spin=-?\d+(?:\.\d+)?)?")
_LABEL = re.compile(r"[A-Za-z0-9_+*'()-]{1,20}")
_FULL = 1 + 1e-8  # pymatgen's tolerance
_LEAST = 1e-6  # Å³, of a cell


class Sites(NamedTuple):
    """Sites of one crystal.

    lattice : (9,) row vectors in Å
    species : (n,) the species that share each site
    positions : (3 n,) fractional coordinates
    labels : (n,) names of the sites in a CIF, else None
    """

    lattice: tuple[float, ...]
    species: tuple[tuple[Species, ...], ...]
    positions: tuple[float, ...]
    labels: tuple[str, ...] | None = None


def of_lists(lattice: Any, species: Any, positions: Any) -> Sites:
    """Read the three list columns of a structure.

    Parameters
    ----------
    lattice : (9,) row vectors in Å
    species : (n,) symbols, ions or atomic numbers
    positions : (3 n,) fractional coordinates

    Raises
    ------
    ValueError : with the reason.

    >>> of_lists([5, 0, 0, 0, 5, 0, 0, 0, 5], ["Na+"], [0, 0, 0]).species
    ((('Na', 1.0, 1),),)
    """
    if len(lattice) != 9 or len(positions) != 3 * len(species):
        raise ValueError(f"{len(lattice)} lattice numbers, {len(species)} species, {len(positions)} coordinates")
    sites = Sites(
        tuple(_number(value, "the lattice") for value in lattice),
        tuple((_ion(name),) for name in species),
        tuple(_number(value, "a coordinate") for value in positions),
    )
    return with_volume(sites)


def of_json(text: str) -> Sites:
    """Read the JSON text of a pymatgen structure.

    Raises
    ------
    ValueError : with the reason.
    """
    try:
        structure = json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deep") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    return of_mapping(structure)


def of_mapping(structure: Any) -> Sites:
    """Read a pymatgen structure as a mapping.

    Only lattice, species and fractional coordinates are read.

    Raises
    ------
    ValueError : with what was expected, and what came.
    """
    if not isinstance(structure, Mapping):
        raise ValueError(f"expected an object with lattice and sites, got {_short(structure)}")
    sites = structure.get("sites")
    if not isinstance(sites, list) or not sites:
        raise ValueError("expected a list 'sites' with at least one site")
    species, positions, labels = [], [], []
    for number, site in enumerate(sites, 1):
        if not isinstance(site, Mapping):
            raise ValueError(f"site {number}: expected an object, got {_short(site)}")
        species.append(_site_species(site.get("species"), number))
        positions += _numbers(site.get("abc"), 3, f"site {number}: abc")
        if isinstance(label := site.get("label"), str):
            labels.append(label)
    named = tuple(labels) if len(labels) == len(sites) else None
    return with_volume(Sites(_lattice(structure.get("lattice")), tuple(species), tuple(positions), named))


def with_volume(sites: Sites) -> Sites:
    """Return the sites; raise ValueError for a flat lattice."""
    a, b, c, d, e, f, g, h, i = sites.lattice
    volume = abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
    if not (_LEAST < volume < math.inf):
        raise ValueError(f"lattice: its vectors span a volume of {volume:g} Å³")
    return sites


def amounts(sites: Sites) -> dict[str, float]:
    """Count the atoms of each element in the cell.

    Elements are in the order of the sites.
    """
    ions: dict[tuple[str, float | None], float] = {}
    for species in sites.species:
        for symbol, charge, occupancy in species:
            ions[symbol, charge] = ions.get((symbol, charge), 0.0) + occupancy
    elements: dict[str, float] = {}
    for (symbol, _), amount in ions.items():
        elements[symbol] = elements.get(symbol, 0.0) + amount
    return elements


def formula_of(sites: Sites) -> str:
    """Write the formula of the cell, e.g. "Na4 Cl4".

    Symbols that are no tabulated elements stay in it, for `formulas.grammar` to refuse by name.
    """
    elements = amounts(sites)
    if elements.keys() - INDEX.keys():
        return " ".join(f"{symbol}{amount:g}" for symbol, amount in elements.items())
    from pymatgen.core.composition import Composition

    return str(Composition(elements).formula)


def to_structure(sites: Sites) -> Structure:
    """Convert to a pymatgen structure."""
    from pymatgen.core.periodic_table import Element
    from pymatgen.core.periodic_table import Species as Ion
    from pymatgen.core.structure import Structure

    def element(symbol: str, charge: float | None) -> Element | Ion:
        return Element(symbol) if charge is None else Ion(symbol, charge)

    lattice, places = ([v[i : i + 3] for i in range(0, len(v), 3)] for v in (sites.lattice, sites.positions))
    species = [{element(symbol, charge): share for symbol, charge, share in site} for site in sites.species]
    labels = [label if label and _LABEL.fullmatch(label) else None for label in sites.labels or ()]
    return Structure(lattice, species, places, labels=labels or None)


def in_words(error: BaseException) -> str:
    """Write an error in one line.

    A plain ValueError, as the parsers here raise, goes without its name.
    """
    text = " ".join(str(error).split())[:200]
    return text if type(error) is ValueError and text else f"{type(error).__name__}: {text}"


def of_answer(answer: Any) -> tuple[Sites | None, str]:
    """Decode a worker's answer.

    Returns sites and "", or None and the reason.
    """
    if isinstance(answer, str):
        return None, answer
    lattice, species, positions, labels = answer
    tuples = tuple(tuple((symbol, charge, share) for symbol, charge, share in site) for site in species)
    return Sites(tuple(lattice), tuples, tuple(positions), None if labels is None else tuple(labels)), ""


def _lattice(lattice: Any) -> tuple[float, ...]:
    if not isinstance(lattice, Mapping):
        raise ValueError(f"expected an object 'lattice', got {_short(lattice)}")
    if "matrix" in lattice:
        matrix = lattice["matrix"]
        if not isinstance(matrix, list) or len(matrix) != 3:
            raise ValueError("lattice: expected a matrix of three vectors")
        return tuple(value for vector in matrix for value in _numbers(vector, 3, "lattice"))
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    six = [_number(lattice.get(name), f"lattice: {name}") for name in names]
    from pymatgen.core.lattice import Lattice

    return tuple(Lattice.from_parameters(*six).matrix.ravel().tolist())


def _site_species(entries: Any, number: int) -> tuple[Species, ...]:
    """Read the species of one site of a mapping."""
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, Mapping) for entry in entries):
        raise ValueError(f"site {number}: expected a list 'species' of objects, got {_short(entries)}")
    species = []
    for entry in entries:
        symbol, charge = entry.get("element"), entry.get("oxidation_state")
        if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol):
            raise ValueError(f"site {number}: expected the symbol of an element, got {_short(symbol)}")
        occupancy = _number(entry.get("occu"), f"site {number}: occu")
        if not occupancy > 0:
            raise ValueError(f"site {number}: occupancy {occupancy:g} of {symbol}")
        state = None if charge is None else _number(charge, f"site {number}: oxidation_state")
        species.append((symbol, state, entry["occu"]))  # 1 stays 1: files written of it say so
    if (total := math.fsum(occupancy for _, _, occupancy in species)) > _FULL:
        raise ValueError(f"site {number}: occupancies add up to {total:g}")
    return tuple(species)


def _ion(name: Any) -> Species:
    """Read a species: an element, an ion or an atomic number."""
    if isinstance(name, int) and not isinstance(name, bool) and 0 < name <= len(SYMBOLS):
        return SYMBOLS[name - 1], None, 1
    match = _ION.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise ValueError(f"species: expected the symbol of an element, got {_short(name)}")
    if match[3] is None:
        return match[1], None, 1
    return match[1], float(match[3] + (match[2] or "1")), 1


def _numbers(values: Any, count: int, where: str) -> list[float]:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != count:
        raise ValueError(f"{where}: expected {count} numbers, got {_short(values)}")
    return [_number(value, where) for value in values]


def _number(value: Any, where: str) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(number := float(value)):
            return number
    except OverflowError:
        pass
    raise ValueError(f"{where}: expected a number, got {_short(value)}")


def _short(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple):
        return f"a {'mapping' if isinstance(value, Mapping) else 'list'} of {len(value)}"
    if isinstance(value, int) and abs(value) > 10**20:
        return "a whole number of more than 20 digits"
    return ascii(value)[:60]
