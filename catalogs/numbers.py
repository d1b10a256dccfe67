"""Numbers as people read them: in terminals, reports and sentences alike."""

from __future__ import annotations

import math
from typing import Any

MISSING = "–"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, digits: int = 4, keep: bool = False) -> str:
    """Number with `digits` significant digits.

    A dash for None.

    keep : leave final zeros (48.10), so that the decimal points of a column meet

    >>> number(0.0123456), number(34630), number(1.2e-5)
    ('0.01235', '34,630', '1.2×10⁻⁵')
    """
    if value is None or value != value:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return str(value).replace("-", "−")
    if value == 0:
        return f"{0:.{digits - 1}f}" if keep else "0"
    rounded = float(f"{value:.{digits - 1}e}")
    exponent = math.floor(math.log10(abs(rounded)))
    if -4 <= exponent < 6:
        text = f"{rounded:,.{max(digits - 1 - exponent, 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text and not keep else text
    else:
        mantissa = f"{rounded:.{digits - 1}e}".split("e")[0]
        mantissa = mantissa if keep else mantissa.rstrip("0").rstrip(".")
        text = f"{mantissa}×10" + str(exponent).translate(_SUPERSCRIPT)
    return text.replace("-", "−")


def interval(lower: Any, upper: Any, digits: int = 3) -> str:
    """Both ends of an interval.

    >>> interval(1441.0, 2030.5)
    '1,440 to 2,030'
    """
    return f"{number(lower, digits)} to {number(upper, digits)}"
