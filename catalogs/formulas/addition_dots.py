"""Ambiguous dots in formulas.

A dot is a decimal point or adds a compound (`AlF3.3NaF` is cryolite, AlF3·3NaF).
"""

from __future__ import annotations

import re

ANIONS = frozenset(("H", "N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I"))
"""Elements that end a compound to which another may be added."""
ADDED = frozenset(("H", "N", "C", "O"))
"""First elements of added molecules."""

# Molecules bound in crystals: water, ammonia, acids.
_MOLECULE = re.compile(r"[(\[{]?(?:H2O|OH2|NH3|N2H4|HF|HCl|HBr|HI|HNO3|H2SO4|H3PO4|CH3CN)(?![a-z])")
# Molecules of carbon and hydrogen, and salts of ammonium: behind a compound only.
_ORGANIC = re.compile(r"[(\[{]?(?:C[0-9]*H|NH4|N2H5)(?![a-z])")
_OXIDE = re.compile(r"O(?![a-z])")
_COEFFICIENT = re.compile(r"[1-9][0-9]?")
_SYMBOL = re.compile(r"[A-Z][a-z]*")


def ambiguous_dot(before: str, after: str, digits: str, rest: str) -> bool:
    """Test whether an amount's dot may add a compound.

    Parameters
    ----------
    before : formula up to the symbol or bracket of the amount
    after : symbol or closing bracket of the amount
    digits : the amount
    rest : formula behind the amount

    >>> ambiguous_dot("Al", "F", "3.3", "NaF"), ambiguous_dot("", "Ti", "1.5", "O2")
    (True, False)
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
    """Test whether final water may have lost its dot.

    `MgCl26H2O` is MgCl2 with 6 H2O, not 26 Cl.

    Nobody writes an amount of 1, so that `O10H2O` and `O12H2O` are clear.
    """
    if rest != "H2O" or not digits.isdigit() or not (after in ANIONS or not after.isalpha()):
        return False
    splits = ((digits[:place], digits[place:]) for place in range(1, len(digits)))
    return any(amount not in ("0", "1") and count[0] != "0" and count != "1" for amount, count in splits)


def _adds_a_salt(first: str, whole: str, fraction: str, rest: str) -> bool:
    """Test whether two compounds of whole numbers meet at a dot.

    `AlF3.3NaF` is such a formula.

    Other decimals show that this one is a decimal too (`Bi2Te2.7Sn0.1Se0.3`), and nobody writes an amount of 1.
    """
    if whole == "1" or not _COEFFICIENT.fullmatch(fraction) or "." in first + rest:
        return False
    if len(set(_SYMBOL.findall(first))) < 2:
        return False
    second = _SYMBOL.findall(_level(rest))
    return len(second) > 1 and second[0] not in ANIONS and not ANIONS.isdisjoint(second[1:])


def _level(rest: str) -> str:
    """Cut a text at the bracket that closes around it."""
    depth = 0
    for position, character in enumerate(rest):
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            return rest[:position]
    return rest
