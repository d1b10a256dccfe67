"""SMILES texts, normalised and checked before RDKit sees them.

RDKit stops at a blank or an unknown character and returns the molecule before it, lets charges overflow, and takes
seconds and hundreds of megabytes over texts of a million characters.
"""

from __future__ import annotations

import re

from kakehashi.catalogs.files.plain_text import plain

MAX_LENGTH = 1000
"""Most characters of a SMILES."""
MAX_ATOMS = 250
"""Most atoms other than hydrogen; several descriptors take seconds beyond that."""

_BRACKET = r"\[(?:\*|(?:[A-Z][a-z]?|as|se|te|si|[bcnops])@{0,2}(?:H\d?)?(?:[+-]\d?|\+\+|--)?)\]"
_ATOM = rf"{_BRACKET}|Br|Cl|[BCNOPSFIbcnops*]"
_SMILES = re.compile(rf"(?:{_ATOM}|[-=#$:/\\()\d]|%\d\d)*+")
_ATOMS = re.compile(_ATOM)

# Attachment points under other names: [*:1], [1*], [R], [R2]; in a repeat unit also a pair of metals.
_LABEL = re.compile(r"\[(?:\d{0,3}\*|R\d{0,2})(?::\d{1,3})?\]")
_PAIRS = (("[Ce]", "[Th]"), ("[Cu]", "[Au]"))


def normalised(text: str, attachments: tuple[int, ...]) -> str:
    """Normalise a SMILES.

    Outer blanks go, characters become ASCII, attachment points become `*`.

    One [Ce] and one [Th], or one [Cu] and one [Au], are attachment points where two are allowed and no `*` is written.

    >>> normalised("[*:1]CC[R2]", (2,))
    '*CC*'
    """
    text = plain(text)
    if "[" not in text:
        return text
    text = _LABEL.sub("*", text)
    if 2 in attachments and "*" not in text:
        for pair in _PAIRS:
            if all(text.count(metal) == 1 for metal in pair):
                return text.replace(pair[0], "*").replace(pair[1], "*")
    return text


def check_text(text: str, attachments: tuple[int, ...]) -> None:
    """Check a normalised SMILES.

    attachments : allowed numbers of `*`

    Raises
    ------
    ValueError : refused, with the reason.
    """
    if not text:
        raise ValueError("empty SMILES")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"{len(text):,} characters, at most {MAX_LENGTH:,} are read")
    match = _SMILES.match(text)
    end = match.end() if match else 0
    if end < len(text):
        raise ValueError(_why_not_smiles(text, end))
    atoms = len(_ATOMS.findall(text)) - text.count("[H]")
    if atoms > MAX_ATOMS:
        raise ValueError(f"{atoms} atoms, at most {MAX_ATOMS} are read")
    if text.count("*") not in attachments:
        allowed = " or ".join(str(number) for number in attachments)
        raise ValueError(f"expected {allowed} attachment points (*), got {text.count('*')}")


def _why_not_smiles(text: str, position: int) -> str:
    rest = text[position:]
    bracket = re.match(r"\[([^\[\]]*)\]", rest)
    if rest[0] == ".":
        return "several fragments (a dot): give one connected molecule or repeat unit"
    if bracket and re.fullmatch(r"\d+[A-Za-z*].*", bracket[1]):
        return f"isotope [{bracket[1]}]: isotopes are not told apart here"
    if bracket and re.search(r":\d+$", bracket[1]):
        return f"atom number in [{bracket[1]}]: only attachment points may have numbers"
    if bracket:
        return f"bracket atom [{bracket[1]}] at character {position + 1} is not read"
    character = rest[0] if rest[0].isprintable() and rest[0].isascii() and rest[0] != " " else repr(rest[0])
    return f"character {position + 1}, {character}, is not SMILES"
