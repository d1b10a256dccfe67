"""POSCAR parser: pymatgen's, with made-up elements and left-out atoms refused."""

from __future__ import annotations

import warnings

from kakehashi.catalogs.crystals.cif_reader import of_structure
from kakehashi.catalogs.crystals.sites import Sites

# Warnings about selective dynamics, which is no part of a structure.
_HARMLESS = ("selective dynamics", "Selective dynamics", "Selective Dynamics")
_NO_ELEMENTS = "the POSCAR names no elements: write their symbols in a line above the counts, as VASP 5 does"


def is_poscar(text: str) -> bool:
    """Test whether lines 2 to 5 are a scale and three vectors."""
    lines = [line.split() for line in text.splitlines()[1:5]]
    try:
        counts = [len([float(word) for word in line]) for line in lines]
    except ValueError:
        return False
    return counts in ([1, 3, 3, 3], [3, 3, 3, 3])


def read_poscar(text: str) -> Sites:
    """Read a POSCAR.

    Raises
    ------
    ValueError : as `check_poscar`, or a guess of the parser.
    """
    check_poscar(text)
    from pymatgen.io.vasp.inputs import Poscar

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        structure = Poscar.from_str(text, read_velocities=False).structure
    for remark in (str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)):
        if not any(words in remark for words in _HARMLESS):
            text = " ".join(remark.split())
            raise ValueError(_NO_ELEMENTS if "false names" in remark else f"the reader guessed: {text}")
    return of_structure(structure)


def check_poscar(text: str) -> None:
    """Refuse a POSCAR that the parser would complete or cut.

    Raises
    ------
    ValueError : no symbols; symbols and counts that differ in number; symbols beside the positions that contradict
        the counts; fewer or more positions than the counts.
    """
    lines = text.rstrip().split("\n")
    place = 5
    symbols: list[str] = []
    while place < len(lines) and (words := lines[place].split()) and not words[0].isdigit():
        symbols += words
        place += 1
    if len(lines) <= place or not lines[place].split():
        raise ValueError("no counts of atoms in the POSCAR")
    counts: list[int] = []
    while place < len(lines) and (words := lines[place].split()) and words[0].isdigit():
        counts += _whole(words, place)
        place += 1
        if not symbols or len(counts) >= len(symbols):
            break
    if symbols and len(symbols) != len(counts):
        raise ValueError(f"{len(symbols)} symbols of elements, but {len(counts)} counts of atoms")
    selective = place < len(lines) and lines[place].strip()[:1] in ("s", "S")
    first = place + (2 if selective else 1)
    atoms = sum(counts)
    if not atoms:
        raise ValueError("the POSCAR counts no atoms")
    if len(lines) - first < atoms:
        raise ValueError(f"{max(len(lines) - first, 0)} positions for {atoms} atoms")
    if not symbols:
        _check_named(counts, [line.split()[6 if selective else 3 :] for line in lines[first : first + atoms]])
    following = lines[first + atoms].split() if len(lines) > first + atoms else []
    if len(following) >= 3 and all(_is_number(word) for word in following[:3]):
        raise ValueError(f"more positions than the {atoms} atoms that are counted")


def _check_named(counts: list[int], symbols: list[list[str]]) -> None:
    """Check the symbols beside the positions.

    Each count has one symbol, which is not a flag T or F of selective dynamics.
    """
    if not all(symbols) or any(len(words) > 1 and set(words[:3]) <= {"T", "F"} for words in symbols):
        raise ValueError(_NO_ELEMENTS)
    start = 0
    for count in counts:
        kinds = sorted({words[0] for words in symbols[start : start + count]})
        if len(kinds) > 1:
            raise ValueError(f"{count} atoms of one kind are called {' and '.join(kinds)}")
        start += count


def _whole(words: list[str], place: int) -> list[int]:
    """Read the counts of a line; a remark may follow."""
    counts: list[int] = []
    for word in words:
        if word[0] in "!#":
            break
        if not word.isdigit():
            raise ValueError(f"line {place + 1} of the POSCAR: expected counts of atoms, got {word[:20]!r}")
        counts.append(int(word))
    return counts


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
