"""Format shares, times and formulas for reading, safe to place in HTML."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.numbers import MISSING, number

KNOWN = frozenset(SYMBOLS)
_FORMULA = re.compile(r"(?:[A-Z][a-z]?|[()\[\] ]|\d+(?:\.\d+)?)+")
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)")


def percent(part: float, whole: float) -> str:
    """Share in percent.

    >>> percent(21, 50), percent(1, 2000)
    ('42%', '<0.1%')
    """
    if whole <= 0:
        return MISSING
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1%"
    return f"{share:.0f}%" if share >= 10 else f"{share:.1f}%".replace(".0%", "%")


def figure(value: Any, digits: int = 3) -> str:
    """Number with final zeros, for columns of figures."""
    return number(value, digits, keep=True)


def with_unit(label: str, unit: str) -> str:
    """Label with its unit in brackets, if it has one.

    >>> with_unit("predicted", "K")
    'predicted (K)'
    """
    if not unit:
        return label
    unit = unit.replace(" ", "\u00a0")
    return f"{label} [{unit}]" if "(" in unit else f"{label} ({unit})"


def elements(formula: str) -> list[str]:
    """Element symbols in order of appearance, each once.

    [] for a text that is no formula.

    >>> elements("Ca(OH)2")
    ['Ca', 'O', 'H']
    """
    if not _FORMULA.fullmatch(formula):
        return []
    symbols = _SYMBOL.findall(formula)
    return list(dict.fromkeys(symbols)) if all(symbol in KNOWN for symbol in symbols) else []


def formula(text: Any) -> Markup:
    """Formula with subscripts.

    Other texts (a SMILES) are unchanged.

    An element listed twice (`CC1CC1`) marks a text as something other than a formula.
    """
    if text is None:
        return Markup(MISSING)
    plain = str(text)
    symbols = _SYMBOL.findall(plain)
    if not elements(plain) or len(symbols) != len(set(symbols)):
        return escape(plain)
    return Markup("").join(
        Markup("<sub>{}</sub>").format(part) if k % 2 else escape(part) for k, part in enumerate(_AMOUNT.split(plain))
    )


def words(name: Any) -> str:
    """Words of a name with underscores.

    >>> words("thermal_conductivity")
    'thermal conductivity'
    """
    return "" if name is None else str(name).replace("_", " ").strip()


def moment(value: Any) -> str:
    """Time in ISO format as `2026-01-31 14:05 UTC`.

    Other texts are unchanged.
    """
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return parsed.strftime("%Y-%m-%d %H:%M") + (" UTC" if parsed.utcoffset() == timedelta(0) else "")


def duration(seconds: Any) -> str:
    """Duration in words.

    >>> duration(0.42), duration(185)
    ('0.42 s', '3 min 5 s')
    """
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return MISSING
    if seconds < 10:
        return f"{number(float(seconds), 2)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
