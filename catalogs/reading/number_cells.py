"""Number notations of a cell, and words for missing values.

A notation is read only if it means one number. Whether a comma is a decimal sign is decided for a whole column, in
`catalogs.reading.number_columns`.
"""

from __future__ import annotations

import re
from typing import Literal

from kakehashi.catalogs.files.plain_text import trimmed
from kakehashi.catalogs.quantities import unit_or_none
from kakehashi.catalogs.shown import shortened

Decimal = Literal[".", ","]

# Words for a missing value in tables of people, statistics packages and spreadsheets, in lower case.
MISSING = frozenset(
    (
        "",
        "nan",
        "na",
        "n/a",
        "n.a.",
        "#n/a",
        "#n/a n/a",
        "#na",
        "<na>",
        "null",
        "none",
        "-",
        "--",
        "---",
        "–",
        "—",
        "?",
        ".",
    )
)
_MINUS = str.maketrans(
    dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FULLWIDTH HYPHEN-MINUS}", "-")
)
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_GROUPS: dict[
    Decimal, re.Pattern[str]
] = {  # three digits at a time: 1,200.5 or 1.200,5; a narrow or no-break space and an apostrophe go with both
    ".": re.compile(r"([+-]?[1-9]\d{0,2})((?:,\d{3})+|(?:[\u00a0\u2009\u202f'’]\d{3})+)(\.\d*)?((?:[eEdD][+-]?\d+)?)"),
    ",": re.compile(r"([+-]?[1-9]\d{0,2})((?:\.\d{3})+|(?:[\u00a0\u2009\u202f'’]\d{3})+)(,\d*)?((?:[eEdD][+-]?\d+)?)"),
}
_POWER = re.compile(r"(\S+?)\s*[×xX*·⋅]\s*10(?:(?:\^|\*\*)\s*([({]?)([+-]?\d+)[)}]?|([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))")
_FORTRAN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))[dD]([+-]?\d+)")
_NUMBER = r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?"


def is_missing(cell: str) -> bool:
    """Test for a missing value: empty, NA, #N/A, a dash ...

    >>> is_missing(" n/a "), is_missing("0")
    (True, False)
    """
    return trimmed(cell).lower() in MISSING


def number_or_none(cell: str) -> float | None:
    """Parse a plain number, None if it is none.

    `1_000` is none.
    """
    if "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def read_number(cell: str, decimal: Decimal = ".") -> float | None:
    """Parse a number in any notation, None if it is none.

    Besides the plain notation: typographic minus signs, digits in groups of three, Fortran's 1.5D+01, 1.5×10^3, and
    with `decimal` "," a comma before the decimals.

    >>> read_number("1,200.5"), read_number("1.200,5", ","), read_number("<0.5")
    (1200.5, 1200.5, None)
    """
    text = trimmed(cell).translate(_MINUS)
    if power := _POWER.fullmatch(text):
        exponent = power[3] if power[3] is not None else power[4].translate(_SUPERSCRIPT)
        text = f"{power[1]}e{exponent}"
        if not re.fullmatch(_NUMBER, text):
            return None
    if grouped := _GROUPS[decimal].fullmatch(text):
        text = grouped[1] + re.sub(r"\D", "", grouped[2]) + (grouped[3] or "") + grouped[4]
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    if fortran := _FORTRAN.fullmatch(text):
        text = f"{fortran[1]}e{fortran[2]}"
    return number_or_none(text)


def notation(cell: str, decimal: Decimal = ".") -> str:
    """Name a number's notation, "" for a plain one."""
    text = trimmed(cell)
    if number_or_none(text.replace(decimal, ".")) is not None:
        return ""
    if any(mark in text for mark in ",\u00a0\u2009\u202f'’") or text.count(".") > 1:
        return "commas or groups of digits"
    if _POWER.fullmatch(text.translate(_MINUS)):
        return "powers of ten"
    return "Fortran exponents" if "d" in text.lower() else "typographic signs"


# Patterns of cells that are no numbers, and advice; the first match counts.
_UNCERTAIN: tuple[tuple[str, str], ...] = (
    (
        rf"(?:[<>≤≥]=?|less than|below|above|more than)\s*{_NUMBER}.*",
        "'{cell}' is a bound, not a value: leave the cell empty or write the value that was measured",
    ),
    (
        rf"{_NUMBER}\s*(?:±|\+/-|\+-|\(\+/-\)|\\pm).*",
        "'{cell}' is a value with its uncertainty: write the value alone, and the uncertainty in a column of its own",
    ),
    (
        rf"{_NUMBER}\s*\(\d+\.?\d*\).*",
        "'{cell}' has its uncertainty in brackets: write the value alone, and the uncertainty in a column of its own",
    ),
)
_OTHERS: tuple[tuple[str, str], ...] = (
    (r"#[A-Za-z0-9/]+[!?]?", "'{cell}' is an error of a spreadsheet: correct its formula or leave the cell empty"),
    (
        rf"{_NUMBER}\s*(?:-|–|—|\.\.\.?|…|\bto\b|~)\s*{_NUMBER}.*",
        "'{cell}' is a range: write one value, and its ends in columns of their own",
    ),
    (rf"(?:~|≈|∼|ca\.?|approx\.?|about)\s*{_NUMBER}.*", "'{cell}' is a rough value: write the number alone"),
    (r"[+-]?\d{1,3}(?:[.,]\d{3})+", "'{cell}' can have decimals or thousands: write it without groups of digits"),
    (_NUMBER, "'{cell}' has another decimal sign than other cells: use one of point and comma throughout"),
    (
        rf"{_NUMBER}\s*[A-Za-z°µμÅ%].*",
        "'{cell}' has more than a number: write the number alone, its unit in the header",
    ),
    (rf"{_NUMBER}\s*[*†‡§]+", "'{cell}' has a mark behind it: write the number alone"),
)
PLAIN_ADVICE = "leave the cell empty where a value is missing"


def advice(cell: str) -> str:
    """Advise on a cell that is no number."""
    text = trimmed(cell).translate(_MINUS)
    for pattern, sentence in (*_UNCERTAIN, *_OTHERS):
        if re.fullmatch(pattern, text, re.IGNORECASE):
            return sentence.format(cell=shortened(cell))
    if unit_or_none(text) is not None:
        return f"'{shortened(cell)}' is a unit: write it in the header, and take out a row of units"
    return PLAIN_ADVICE


def resembles_number(cell: str) -> bool:
    """Test for a number, a bound, or a value with uncertainty.

    Columns of measurements hold these.
    """
    text = trimmed(cell).translate(_MINUS)
    return any(read_number(cell, sign) is not None for sign in _GROUPS) or any(
        re.fullmatch(pattern, text, re.IGNORECASE) for pattern, _ in _UNCERTAIN
    )
