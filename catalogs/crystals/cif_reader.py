"""One structure of a CIF by pymatgen's reader, and what that reader lets pass: guesses, and atoms that go missing.

What the reader warns of is a guess of its own. It stands where the composition that the file declares confirms it, and
is the reason for refusal where nothing does.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

from kakehashi.catalogs.crystals.cif_blocks import cif_blocks
from kakehashi.catalogs.crystals.sites import Sites, Species, amounts
from kakehashi.catalogs.formulas.grammar import parse

FORMULA = "_chemical_formula_sum"
# Said of every ordinary file, and no guess about what it holds.
_HARMLESS = re.compile(
    r"fractional coordinates rounded to ideal values|Spacegroup from \S+ used|1-line symmetry op P1 CIF"
    r"|Keys changed to match new magCIF"
)
_NO_SYMMETRY = "Defaulting to P1"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:\(\d*\)?)?")
_PARTIAL = 0.01  # an occupancy and the formula made of it are each rounded
_EXACT = 1e-6


def read_cif(text: str) -> Sites:
    """Sites of the one structure in a text; ValueError with the reason where there is none, or not this one alone."""
    blocks = cif_blocks(text)
    if not blocks:
        raise ValueError("no structure: expected CIF with a data_ block of cell and atoms")
    if len(blocks) > 1:
        raise ValueError(f"a CIF of {len(blocks)} structures where one was expected: give each a row of its own")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cells, structure, said = _parse(blocks[0])
    said += [str(each.message) for each in caught if issubclass(each.category, UserWarning)]
    _check_cells(cells)
    sites = of_structure(structure)
    declared = next((str(v).strip() for k, v in cells.items() if k.lower() == FORMULA), "")
    declared = "" if declared in ("?", ".") else declared
    if declared:
        check_formula(declared, sites)
    if any(structure.site_properties.get("implicit_hydrogens") or ()):
        raise ValueError("hydrogens share the site of an oxygen: the reader would leave them out")
    for text in dict.fromkeys(" ".join(line.split()) for line in said):
        if _NO_SYMMETRY in text:
            raise ValueError(
                "the CIF names no symmetry: where all atoms are listed, add _space_group_name_H-M_alt 'P 1'"
            )
        if not declared and not _HARMLESS.search(text):
            raise ValueError(f"the reader guessed ({text[:120]}) and no {FORMULA} confirms it")
    return sites


def of_structure(structure: Any) -> Sites:
    """Sites of a structure of pymatgen; its symbol of deuterium is that of hydrogen, its name is not."""

    def species(found: Any, part: float) -> Species:
        element = getattr(found, "element", found)
        state = getattr(found, "oxi_state", None) if element is not found else None
        whole = isinstance(part, int)  # 1 stays 1: files written of it say so
        return str(getattr(element, "name", element.symbol)), state, part if whole else float(part)

    return Sites(
        tuple(structure.lattice.matrix.ravel().tolist()),
        tuple(tuple(species(found, part) for found, part in site.species.items()) for site in structure),
        tuple(structure.frac_coords.ravel().tolist()),
        tuple(site.label for site in structure),
    )


def check_formula(declared: str, sites: Sites) -> None:
    """Refuse sites whose elements or ratios are not those declared; other multiples of the formula are the same.

    Whole amounts are exact. A decimal of the formula counts to half its last digit, what partly occupied sites add up
    to, to 1% or half the last digit of their occupancies.

    Raises
    ------
    ValueError : with the composition of the sites and the declared one.
    """
    found = amounts(sites)
    for symbol in found:
        parse(symbol)  # an isotope, or no element: the reason is that of a formula
    text = re.sub(r"(?<=\d)\(\d+\)", "", " ".join(declared.split()))
    try:
        said = parse(text)
    except ValueError as error:
        raise ValueError(f"{FORMULA} {declared!r} cannot be read ({error}): nothing confirms the sites") from None
    if found.keys() == said.keys():
        slack = _slack(sites)
        ranges = [
            ((found[e] - slack[e]) / (said[e] + _half(said[e])), (found[e] + slack[e]) / (said[e] - _half(said[e])))
            for e in said
        ]
        if max(low for low, _ in ranges) <= min(high for _, high in ranges) * (1 + _EXACT):
            return
    raise ValueError(
        f"its sites are {_words(found)}, but its {FORMULA} is {declared!r}: atoms are missing, or the formula is wrong"
    )


def _parse(block: str) -> tuple[dict[str, Any], Any, list[str]]:
    """Cells of a block, its structure, and what the reader has to say."""
    from pymatgen.io.cif import CifParser

    try:
        parser: Any = CifParser.from_str(block, check_cif=False)  # `check_formula` does, and refuses
        (structure,) = parser.parse_structures(primitive=False, on_error="raise")
    except (KeyError, ValueError) as error:
        raise ValueError(_cause(error)) from None
    (cells,) = parser.as_dict().values()
    return cells, structure, list(parser.warnings)


def _cause(error: Exception) -> str:
    """Say what the reader's own error is about."""
    cause = error.__cause__ or error
    if isinstance(cause, KeyError):
        return f"the CIF has no {cause.args[0]}"
    if (match := re.match(r"Occupancy (\S+) exceeded tolerance", str(cause))) is not None:
        return f"occupancies of a site add up to {float(match[1]):g}, more than 1"
    return " ".join(str(cause).split())


def _check_cells(cells: Mapping[str, Any]) -> None:
    """Refuse unknown coordinates and occupancies, which the reader takes for 0 or 1."""
    labels = _column(cells.get("_atom_site_label"))
    for name in ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy"):
        for row, cell in enumerate(_column(cells.get(name))):
            if not _NUMBER.fullmatch(cell):
                whose = labels[row] if row < len(labels) else f"site {row + 1}"
                raise ValueError(f"{name} of {whose} is '{cell[:20]}', not a number")
            if name.endswith("occupancy") and cell.startswith("-"):
                raise ValueError(f"{name} of {labels[row]} is {cell}: less than none")


def _column(cells: Any) -> list[str]:
    return [str(cell) for cell in cells] if isinstance(cells, list) else [] if cells is None else [str(cells)]


def _slack(sites: Sites) -> dict[str, float]:
    """By element, how far from the truth rounded occupancies may have taken its amount."""
    found: dict[str, float] = {}
    for shared in sites.species:
        for symbol, _, part in shared:
            rounded = 0.0 if part == 1 else max(_PARTIAL * part, _half(part, least=2))
            found[symbol] = found.get(symbol, 0.0) + rounded
    return found


def _half(amount: float, least: int = 0) -> float:
    """Half a unit of the last decimal of an amount, of `least` decimals if it has fewer; 0 for whole ones."""
    decimals = f"{amount:.9f}".rstrip("0").partition(".")[2]
    return 0.5 * 10.0 ** -max(len(decimals), least) if decimals else 0.0


def _words(found: Mapping[str, float]) -> str:
    return " ".join(f"{symbol}{amount:g}" for symbol, amount in found.items())
