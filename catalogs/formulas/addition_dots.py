"""Dots that may add a second compound (`AlF3.3NaF` is cryolite, AlF3·3NaF) where a decimal point could stand."""

from __future__ import annotations

import re

ANIONS = frozenset(("H", "N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I"))
"""Elements that end a compound a second one may be added to."""
ADDED = frozenset(("H", "N", "C", "O"))
"""Elements that the molecules below begin with."""

# Molecules that crystals bind: water, ammonia, acids.
_MOLECULE = re.compile(r"[(\[{]?(?:H2O|OH2|NH3|N2H4|HF|HCl|HBr|HI|HNO3|H2SO4|H3PO4|CH3CN)(?![a-z])")
# Alcohols and whatever else of carbon and hydrogen, and salts of ammonium: behind a compound only.
_ORGANIC = re.compile(r"[(\[{]?(?:C[0-9]*H|NH4|N2H5)(?![a-z])")
_OXIDE = re.compile(r"O(?![a-z])")
_COEFFICIENT = re.compile(r"[1-9][0-9]?")
_SYMBOL = re.compile(r"[A-Z][a-z]*")


def ambiguous_dot(before: str, after: str, digits: str, rest: str) -> bool:
    """Whether the dot in an amount can as well add a compound.

    before : the formula up to what the amount belongs to
    after : the symbol or closing bracket that the amount belongs to
    rest : the formula behind the amount
    """
    whole, dot, fraction = digits.partition(".")
    if not dot or whole == "0":
        return False
    if _MOLECULE.match(rest) or (after == "O" and rest[:1].isupper() and _OXIDE.search(rest)):
        return True
    if after in ANIONS or not after.isalpha():
        return bool(_ORGANIC.match(rest)) or _adds_a_salt(before + after, whole, fraction, rest)
    return False


def lost_dot(after: str, digits: str, rest: str) -> bool:
    """Whether water at the end may have lost its dot: `MgCl26H2O` would be 26 Cl, and is MgCl2 with 6 H2O.

    Nobody writes an amount of 1, so that `O10H2O` and `O12H2O` are what they say.
    """
    if rest != "H2O" or not digits.isdigit() or not (after in ANIONS or not after.isalpha()):
        return False
    parts = ((digits[:place], digits[place:]) for place in range(1, len(digits)))
    return any(one not in ("0", "1") and other[0] != "0" and other != "1" for one, other in parts)


def _adds_a_salt(first: str, whole: str, fraction: str, rest: str) -> bool:
    """Whether two compounds of whole numbers meet at a dot: `AlF3` and `NaF`, three each.

    Other decimals in a formula say that this one is a decimal too (`Bi2Te2.7Sn0.1Se0.3`), and nobody writes an
    amount of 1.
    """
    if whole == "1" or not _COEFFICIENT.fullmatch(fraction) or "." in first + rest:
        return False
    if len(set(_SYMBOL.findall(first))) < 2:
        return False
    second = _SYMBOL.findall(_level(rest))
    return len(second) > 1 and second[0] not in ANIONS and not ANIONS.isdisjoint(second[1:])


def _level(rest: str) -> str:
    """Return the part of a text before the bracket that closes around it."""
    depth = 0
    for position, character in enumerate(rest):
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            return rest[:position]
    return rest
