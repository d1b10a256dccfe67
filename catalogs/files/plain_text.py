"""Typographic variants of ASCII text.

These are outer blanks, subscript digits and full-width characters.
"""

from __future__ import annotations

import re

# White space of every script, as spreadsheets and web pages insert it, and characters without width.
BLANKS = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
BLANKS += "\u202f\u205f\u3000\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # the printable ASCII characters
_SUBSCRIPTS = {0x2080 + digit: ord("0") + digit for digit in range(10)}
_MIXED = re.compile("[\u2080-\u2089][.]?[0-9]|[0-9][.]?[\u2080-\u2089]")


def trimmed(text: str) -> str:
    """Strip outer blanks, also those without width."""
    return text.strip(BLANKS)


def plain(text: str) -> str:
    r"""Strip outer blanks and write typographic variants in ASCII.

    Subscript digits and full-width characters are replaced.

    >>> plain(" H₂O\u3000")
    'H2O'
    """
    text = trimmed(text)
    return text if text.isascii() else text.translate(_FULL_WIDTH).translate(_SUBSCRIPTS)


def plain_formula(text: str) -> str:
    """Apply `plain` to a formula.

    Raises
    ------
    ValueError : subscript and other digits side by side, which are two numbers (CuSO\N{SUBSCRIPT FOUR}5H2O).
    """
    text = trimmed(text)
    if text.isascii():
        return text
    text = text.translate(_FULL_WIDTH)
    mixed = _MIXED.search(text)
    if mixed:
        raise ValueError(
            f"subscript and other digits side by side at character {mixed.start() + 1}: one number or two? "
            "Write an adduct in brackets, '(H2O)5'"
        )
    return text.translate(_SUBSCRIPTS)
