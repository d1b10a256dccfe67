"""The sites of a crystal as plain numbers, and reading them from lists and from JSON without any decoder.

A decoder of JSON may import what the text names; here a name is text and nothing else.
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
"""Symbol (D apart from H), oxidation state where one is given, occupancy."""

_SYMBOL = re.compile(r"[A-Z][a-z]?")
# An element, or an ion as pymatgen writes one: Fe, Fe3+, Fe2.5+, Cl-, Mn3+,spin=5.
_ION = re.compile(r"([A-Z][a-z]?)(?:(\d*\.?\d*)([+-]))?(?:,spin=-?\d+(?:\.\d+)?)?")
_LABEL = re.compile(r"[A-Za-z0-9_+*'()-]{1,20}")
_FULL = 1 + 1e-8  # pymatgen's tolerance
_LEAST = 1e-6  # Å³, of a cell


class Sites(NamedTuple):
    """A crystal of n sites.

    lattice : 9 numbers, Å, one row vector after the other; species : per site those that share it; positions : 3 n
    fractional coordinates; labels : per site, where a CIF has them
    """

    lattice: tuple[float, ...]
    species: tuple[tuple[Species, ...], ...]
    positions: tuple[float, ...]
    labels: tuple[str, ...] | None = None


def of_lists(lattice: Any, species: Any, positions: Any) -> Sites:
    """Check three list columns: lattice, one species per site, coordinates; ValueError with the reason."""
    if len(lattice) != 9 or len(positions) != 3 * len(species):
        raise ValueError(f"{len(lattice)} lattice numbers, {len(species)} species, {len(positions)} coordinates")
    found = Sites(
        tuple(_number(value, "the lattice") for value in lattice),
        tuple((_ion(name),) for name in species),
        tuple(_number(value, "a coordinate") for value in positions),
    )
    return with_volume(found)


def of_json(text: str) -> Sites:
    """Read the JSON text of a pymatgen structure; ValueError with the reason."""
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deep") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    return of_mapping(found)


def of_mapping(structure: Any) -> Sites:
    """Read lattice, species and fractional coordinates of a pymatgen structure as a mapping; all else is left alone.

    Raises
    ------
    ValueError : what was expected, and what came.
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
        species.append(_shared(site.get("species"), number))
        positions += _numbers(site.get("abc"), 3, f"site {number}: abc")
        if isinstance(label := site.get("label"), str):
            labels.append(label)
    named = tuple(labels) if len(labels) == len(sites) else None
    return with_volume(Sites(_lattice(structure.get("lattice")), tuple(species), tuple(positions), named))


def with_volume(sites: Sites) -> Sites:
    """The same sites; ValueError where the lattice is flat."""
    a, b, c, d, e, f, g, h, i = sites.lattice
    volume = abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))
    if not (_LEAST < volume < math.inf):
        raise ValueError(f"lattice: its vectors span a volume of {volume:g} Å³")
    return sites


def amounts(sites: Sites) -> dict[str, float]:
    """Atoms of each element in the cell, in the order of the sites."""
    ions: dict[tuple[str, float | None], float] = {}
    for shared in sites.species:
        for symbol, charge, occupancy in shared:
            ions[symbol, charge] = ions.get((symbol, charge), 0.0) + occupancy
    found: dict[str, float] = {}
    for (symbol, _), amount in ions.items():
        found[symbol] = found.get(symbol, 0.0) + amount
    return found


def formula_of(sites: Sites) -> str:
    """Formula of the cell, e.g. "Na4 Cl4"; what is no tabulated element is left for the reader of formulas to name."""
    found = amounts(sites)
    if found.keys() - INDEX.keys():
        return " ".join(f"{symbol}{amount:g}" for symbol, amount in found.items())
    from pymatgen.core.composition import Composition

    return str(Composition(found).formula)


def to_structure(sites: Sites) -> Structure:
    """The same as a structure of pymatgen."""
    from pymatgen.core.periodic_table import Element
    from pymatgen.core.periodic_table import Species as Ion
    from pymatgen.core.structure import Structure

    def element(symbol: str, charge: float | None) -> Element | Ion:
        return Element(symbol) if charge is None else Ion(symbol, charge)

    lattice, places = ([v[i : i + 3] for i in range(0, len(v), 3)] for v in (sites.lattice, sites.positions))
    species = [{element(symbol, charge): part for symbol, charge, part in shared} for shared in sites.species]
    labels = [label if label and _LABEL.fullmatch(label) else None for label in sites.labels or ()]
    return Structure(lattice, species, places, labels=labels or None)


def in_words(error: BaseException) -> str:
    """A reason of one line; a plain ValueError, as the readers raise, needs no name."""
    text = " ".join(str(error).split())[:200]
    return text if type(error) is ValueError and text else f"{type(error).__name__}: {text}"


def of_answer(answer: Any) -> tuple[Sites | None, str]:
    """Sites and "", or None and the reason, of an answer of `structure_text` that has been JSON."""
    if isinstance(answer, str):
        return None, answer
    lattice, species, positions, labels = answer
    shared = tuple(tuple((symbol, charge, part) for symbol, charge, part in site) for site in species)
    return Sites(tuple(lattice), shared, tuple(positions), None if labels is None else tuple(labels)), ""


def _lattice(found: Any) -> tuple[float, ...]:
    if not isinstance(found, Mapping):
        raise ValueError(f"expected an object 'lattice', got {_short(found)}")
    if "matrix" in found:
        matrix = found["matrix"]
        if not isinstance(matrix, list) or len(matrix) != 3:
            raise ValueError("lattice: expected a matrix of three vectors")
        return tuple(value for vector in matrix for value in _numbers(vector, 3, "lattice"))
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    six = [_number(found.get(name), f"lattice: {name}") for name in names]
    from pymatgen.core.lattice import Lattice

    return tuple(Lattice.from_parameters(*six).matrix.ravel().tolist())


def _shared(found: Any, number: int) -> tuple[Species, ...]:
    """Species of one site of a mapping."""
    if not isinstance(found, list) or not found or not all(isinstance(each, Mapping) for each in found):
        raise ValueError(f"site {number}: expected a list 'species' of objects, got {_short(found)}")
    shared = []
    for each in found:
        symbol, charge = each.get("element"), each.get("oxidation_state")
        if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol):
            raise ValueError(f"site {number}: expected the symbol of an element, got {_short(symbol)}")
        part = _number(each.get("occu"), f"site {number}: occu")
        if not part > 0:
            raise ValueError(f"site {number}: occupancy {part:g} of {symbol}")
        state = None if charge is None else _number(charge, f"site {number}: oxidation_state")
        shared.append((symbol, state, each["occu"]))  # 1 stays 1: files written of it say so
    if (total := math.fsum(part for _, _, part in shared)) > _FULL:
        raise ValueError(f"site {number}: occupancies add up to {total:g}")
    return tuple(shared)


def _ion(name: Any) -> Species:
    """Species of a list column: an element, an ion, or an atomic number."""
    if isinstance(name, int) and not isinstance(name, bool) and 0 < name <= len(SYMBOLS):
        return SYMBOLS[name - 1], None, 1
    match = _ION.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise ValueError(f"species: expected the symbol of an element, got {_short(name)}")
    if match[3] is None:
        return match[1], None, 1
    return match[1], float(match[3] + (match[2] or "1")), 1


def _numbers(found: Any, many: int, what: str) -> list[float]:
    if not isinstance(found, Sequence) or isinstance(found, str) or len(found) != many:
        raise ValueError(f"{what}: expected {many} numbers, got {_short(found)}")
    return [_number(value, what) for value in found]


def _number(value: Any, what: str) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(number := float(value)):
            return number
    except OverflowError:
        pass
    raise ValueError(f"{what}: expected a number, got {_short(value)}")


def _short(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple):
        return f"a {'mapping' if isinstance(value, Mapping) else 'list'} of {len(value)}"
    if isinstance(value, int) and abs(value) > 10**20:
        return "a whole number of more than 20 digits"
    return ascii(value)[:60]
