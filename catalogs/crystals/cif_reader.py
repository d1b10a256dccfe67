"""CIF parser: pymatgen's, with guesses and missing atoms refused.

A warning of the parser is a guess. It stands where the composition declared in the file confirms it, and is the reason
for refusal otherwise.
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
# Warnings about ordinary files, which are no guesses about their atoms.
_HARMLESS = re.compile(
    r"fractional coordinates rounded to ideal values|Spacegroup from \S+ used|1-line symmetry op P1 CIF"
    r"|Keys changed to match new magCIF"
)
_NO_SYMMETRY = "Defaulting to P1"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:\(\d*\)?)?")
_PARTIAL = 0.01  # an occupancy and the formula made of it are each rounded
_EXACT = 1e-6


def read_cif(text: str) -> Sites:
    """Read the one structure of a CIF.

    Raises
    ------
    ValueError : no structure, several, or one that the parser had to guess.
    """
    blocks = cif_blocks(text)
    if not blocks:
        raise ValueError("no structure: expected CIF with a data_ block of cell and atoms")
    if len(blocks) > 1:
        raise ValueError(f"a CIF of {len(blocks)} structures where one was expected: give each a row of its own")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cells, structure, remarks = _parse(blocks[0])
    remarks += [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    _check_cells(cells)
    sites = of_structure(structure)
    declared = next((str(v).strip() for k, v in cells.items() if k.lower() == FORMULA), "")
    declared = "" if declared in ("?", ".") else declared
    if declared:
        check_formula(declared, sites)
    if any(structure.site_properties.get("implicit_hydrogens") or ()):
        raise ValueError("hydrogens share the site of an oxygen: the reader would leave them out")
    for remark in dict.fromkeys(" ".join(line.split()) for line in remarks):
        if _NO_SYMMETRY in remark:
            raise ValueError(
                "the CIF names no symmetry: where all atoms are listed, add _space_group_name_H-M_alt 'P 1'"
            )
        if not declared and not _HARMLESS.search(remark):
            raise ValueError(f"the reader guessed ({remark[:120]}) and no {FORMULA} confirms it")
    return sites


def of_structure(structure: Any) -> Sites:
    """Convert a pymatgen structure.

    Elements are taken by name: pymatgen gives deuterium the symbol of hydrogen.
    """

    def species(ion: Any, occupancy: float) -> Species:
        element = getattr(ion, "element", ion)
        state = getattr(ion, "oxi_state", None) if element is not ion else None
        whole = isinstance(occupancy, int)  # 1 stays 1: files written of it say so
        return str(getattr(element, "name", element.symbol)), state, occupancy if whole else float(occupancy)

    return Sites(
        tuple(structure.lattice.matrix.ravel().tolist()),
        tuple(tuple(species(ion, occupancy) for ion, occupancy in site.species.items()) for site in structure),
        tuple(structure.frac_coords.ravel().tolist()),
        tuple(site.label for site in structure),
    )


def check_formula(declared: str, sites: Sites) -> None:
    """Refuse sites that contradict the declared formula.

    Any multiple of the formula agrees.

    Tolerance: none for whole amounts, half the last digit of a decimal in the formula, and for partially occupied
    sites the larger of 1% and half the last digit of their occupancies.

    Raises
    ------
    ValueError : with the composition of the sites and the declared one.
    """
    present = amounts(sites)
    for symbol in present:
        parse(symbol)  # an isotope, or no element: the reason is that of a formula
    text = re.sub(r"(?<=\d)\(\d+\)", "", " ".join(declared.split()))
    try:
        formula = parse(text)
    except ValueError as error:
        raise ValueError(f"{FORMULA} {declared!r} cannot be read ({error}): nothing confirms the sites") from None
    if present.keys() == formula.keys():
        slack = _slack(sites)
        ranges = [
            ((present[e] - slack[e]) / (amount + _half(amount)), (present[e] + slack[e]) / (amount - _half(amount)))
            for e, amount in formula.items()
        ]
        if max(low for low, _ in ranges) <= min(high for _, high in ranges) * (1 + _EXACT):
            return
    raise ValueError(
        f"its sites are {_formula(present)}, but its {FORMULA} is {declared!r}: atoms are missing, or the formula is"
        " wrong"
    )


def _parse(block: str) -> tuple[dict[str, Any], Any, list[str]]:
    """Parse a block into cells, structure and the parser's remarks."""
    from pymatgen.io.cif import CifParser

    try:
        parser: Any = CifParser.from_str(block, check_cif=False)  # `check_formula` does, and refuses
        (structure,) = parser.parse_structures(primitive=False, on_error="raise")
    except (KeyError, ValueError) as error:
        raise ValueError(_cause(error)) from None
    (cells,) = parser.as_dict().values()
    return cells, structure, list(parser.warnings)


def _cause(error: Exception) -> str:
    """Name the cause of a parser's error."""
    cause = error.__cause__ or error
    if isinstance(cause, KeyError):
        return f"the CIF has no {cause.args[0]}"
    if (match := re.match(r"Occupancy (\S+) exceeded tolerance", str(cause))) is not None:
        return f"occupancies of a site add up to {float(match[1]):g}, more than 1"
    return " ".join(str(cause).split())


def _check_cells(cells: Mapping[str, Any]) -> None:
    """Refuse unknown coordinates and occupancies.

    The parser would take them for 0 or 1.
    """
    labels = _column(cells.get("_atom_site_label"))
    for name in ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy"):
        for row, cell in enumerate(_column(cells.get(name))):
            if not _NUMBER.fullmatch(cell):
                site = labels[row] if row < len(labels) else f"site {row + 1}"
                raise ValueError(f"{name} of {site} is '{cell[:20]}', not a number")
            if name.endswith("occupancy") and cell.startswith("-"):
                raise ValueError(f"{name} of {labels[row]} is {cell}: less than none")


def _column(cells: Any) -> list[str]:
    return [str(cell) for cell in cells] if isinstance(cells, list) else [] if cells is None else [str(cells)]


def _slack(sites: Sites) -> dict[str, float]:
    """Bound the rounding error of each element's amount.

    It comes from occupancies with few digits.
    """
    errors: dict[str, float] = {}
    for species in sites.species:
        for symbol, _, occupancy in species:
            rounding = 0.0 if occupancy == 1 else max(_PARTIAL * occupancy, _half(occupancy, least=2))
            errors[symbol] = errors.get(symbol, 0.0) + rounding
    return errors


def _half(amount: float, least: int = 0) -> float:
    """Return half a unit of an amount's last decimal.

    It is 0 for whole amounts.

    least : decimals that are assumed where it has fewer
    """
    decimals = f"{amount:.9f}".rstrip("0").partition(".")[2]
    return 0.5 * 10.0 ** -max(len(decimals), least) if decimals else 0.0


def _formula(amounts: Mapping[str, float]) -> str:
    return " ".join(f"{symbol}{amount:g}" for symbol, amount in amounts.items())
