"""Virtual catalogues: compositions by index, decoded when needed, never a file.

Order: first by the number of elements; then by the amounts, those of fewer atoms first; then by the elements. So the
first indices are the simplest stoichiometries of all chemical systems.

Elements stand in the order of formulas, by rising Pauling electronegativity, and amounts have no common divisor: every
index is one reduced formula, and no formula has two. Systems whose most electronegative element has no negative
oxidation state cannot be neutral and have no index; the others may still fail a test of charge balance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import INDEX, ORDER, RADIOACTIVE, SYMBOLS
from kakehashi.catalogs.files.toml_text import read_toml
from kakehashi.catalogs.formulas.slots import SLOTS
from kakehashi.catalogs.records import Compositions, UserError

NAME = "enumerate"
KIND = "compositions"
MIN_ELEMENTS, MAX_ELEMENTS, MAX_ATOMS = 2, 4, 12
# Noble gases have no electronegativity; of the radioactive elements only these two are handled in any amount.
LEFT_OUT = frozenset(("He", "Ne", "Ar", "Kr", "Xe", "Rn")) | (RADIOACTIVE - {"Th", "U"})
# Systems of one number of elements, at most: they are held as tables of a byte per element.
MOST_SYSTEMS = 1 << 24
# Charges are summed as bits of a word, which bounds the atoms.
MOST_ATOMS = 32

States = tuple[int, ...]


class Space(NamedTuple):
    """Reduced compositions of some elements.

    elements : indices of elements in the order of formulas
    states : oxidation states of each element
    amount : largest amount of one element
    """

    elements: tuple[int, ...]
    states: tuple[States, ...]
    min_elements: int
    max_elements: int
    max_atoms: int
    amount: int

    @property
    def size(self) -> int:
        """Count the compositions."""
        return sum(family.size for family in families(self))

    @property
    def sha256(self) -> str:
        """Hash the definition."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


class Family(NamedTuple):
    """Compositions of `kinds` elements.

    index = start + row of amounts x number of systems + number of the system

    systems : (systems, kinds) uint8 places in `Space.elements`, ascending
    amounts : (rows, kinds) uint8
    """

    start: int
    kinds: int
    systems: NDArray[np.uint8]
    amounts: NDArray[np.uint8]

    @property
    def size(self) -> int:
        """Count the compositions."""
        return len(self.systems) * len(self.amounts)


def electronegativities(elements: Collection[int]) -> list[float]:
    """Return the Pauling electronegativity of each element."""
    from pymatgen.core.periodic_table import Element

    return [float(Element(SYMBOLS[i]).X) for i in elements]


def make_space(
    *,
    elements: Collection[str] = (),
    exclude: Collection[str] = (),
    states: Mapping[str, Collection[int]] | None = None,
    min_elements: int = MIN_ELEMENTS,
    max_elements: int = MAX_ELEMENTS,
    max_atoms: int = MAX_ATOMS,
    max_amount: int | None = None,
) -> Space:
    """Make a space of compositions.

    elements : symbols; all that have an electronegativity and last, if none are given
    states : oxidation states by symbol; pymatgen's common ones where it says nothing

    Raises
    ------
    UserError : an unknown symbol, a number that cannot be, or a space that is empty or too wide.

    Examples
    --------
    >>> space = make_space(elements=["Ga", "As"], max_elements=2, max_atoms=5)
    >>> space.size, decode(space, np.arange(2)).amounts[:, :2].tolist()
    (9, [[1.0, 1.0], [1.0, 2.0]])

    """
    given_states = dict(states or {})
    for symbol in (*elements, *exclude, *given_states):
        if symbol not in INDEX:
            raise UserError(f"expected one of the 94 tabulated elements (H to Pu), got {symbol!r}")
    if noble := sorted(set(elements) & {"He", "Ne", "Ar", "Kr", "Xe", "Rn"}):
        raise UserError(f"expected elements with a Pauling electronegativity, got {', '.join(noble)}")
    symbols = elements or [symbol for symbol in SYMBOLS if symbol not in LEFT_OUT]
    chosen = sorted({INDEX[s] for s in symbols} - {INDEX[s] for s in exclude}, key=lambda i: ORDER[i])
    amount = max_atoms - 1 if max_amount is None else max_amount
    if not 2 <= min_elements <= max_elements:
        raise UserError(f"expected 2 <= min_elements <= max_elements, got {min_elements} and {max_elements}")
    if not max_elements <= max_atoms <= MOST_ATOMS:
        raise UserError(f"max_atoms: expected {max_elements} (the elements) to {MOST_ATOMS}, got {max_atoms}")
    if amount < 1:
        raise UserError(f"max_amount: expected at least 1, got {amount}")
    by_element = tuple(_states(SYMBOLS[i], given_states) for i in chosen)
    space = Space(tuple(chosen), by_element, min_elements, max_elements, max_atoms, min(amount, max_atoms - 1))
    for kinds in range(min_elements, max_elements + 1):
        if comb(len(chosen), kinds) > 8 * MOST_SYSTEMS or (count := _count_systems(space, kinds)) > MOST_SYSTEMS:
            many = comb(len(chosen), kinds) if comb(len(chosen), kinds) > 8 * MOST_SYSTEMS else count
            raise UserError(
                f"{many:,} chemical systems of {kinds} out of {len(chosen)} elements: expected at most"
                f" {MOST_SYSTEMS:,}; give fewer elements or a smaller max_elements"
            )
    if not space.size:
        raise UserError("no composition of these elements can be neutral: give elements that form anions too")
    return space


def _states(symbol: str, given_states: Mapping[str, Collection[int]]) -> States:
    from pymatgen.core.periodic_table import Element

    charges = given_states.get(symbol, Element(symbol).common_oxidation_states)
    states = tuple(sorted({int(q) for q in charges} - {0}))
    if not states or max(abs(q) for q in states) > 9:
        raise UserError(f"{symbol}: expected oxidation states of 1 to 9, or -1 to -9, got {list(charges)}")
    return states


def _leaders(space: Space) -> list[int]:
    """Return the places of elements that can be anions."""
    return [place for place, states in enumerate(space.states) if min(states) < 0]


def _count_systems(space: Space, kinds: int) -> int:
    return sum(comb(place, kinds - 1) for place in _leaders(space))


@lru_cache(4)
def families(space: Space) -> tuple[Family, ...]:
    """Return the families of a space, in index order."""
    parts, start = [], 0
    for kinds in range(space.min_elements, space.max_elements + 1):
        family = Family(start, kinds, _systems(space, kinds), _amounts(kinds, space.max_atoms, space.amount))
        parts.append(family)
        start += family.size
    return tuple(parts)


def _systems(space: Space, kinds: int) -> NDArray[np.uint8]:
    """List the choices of elements, by the most electronegative one."""
    parts = []
    for leader in _leaders(space):
        rest = _choices(leader, kinds - 1)
        parts.append(np.hstack([rest, np.full((len(rest), 1), leader, np.uint8)]))
    return np.concatenate(parts) if parts else np.empty((0, kinds), np.uint8)


def _choices(n: int, kinds: int) -> NDArray[np.uint8]:
    """List ascending choices out of n, (m, kinds), lexicographically."""
    table = np.empty((1, 0), np.uint8)
    for _ in range(kinds):
        last = table[:, -1].astype(np.int64) if table.shape[1] else np.full(1, -1)
        more = n - 1 - last
        ends = np.cumsum(more)
        new = np.arange(more.sum()) - np.repeat(ends - more, more) + np.repeat(last, more) + 1
        table = np.hstack([np.repeat(table, more, axis=0), new.astype(np.uint8)[:, None]])
    return table


@cache
def _amounts(kinds: int, atoms: int, most: int) -> NDArray[np.uint8]:
    """List coprime amounts, (m, kinds), fewest atoms first.

    Then lexicographically.
    """
    parts = []
    for total in range(kinds, atoms + 1):
        ends = np.array(list(combinations(range(1, total), kinds - 1)), np.int64).reshape(-1, kinds - 1)
        edges = np.pad(np.pad(ends, ((0, 0), (1, 0))), ((0, 0), (0, 1)), constant_values=total)
        split = np.diff(edges, axis=1)
        parts.append(split[(np.gcd.reduce(split, axis=1) == 1) & (split.max(axis=1) <= most)])
    return np.concatenate(parts).astype(np.uint8)


def decode(space: Space, indices: NDArray[np.int64]) -> Compositions:
    """Return the compositions of some indices; IndexError outside the space."""
    if len(indices) and not (indices.min() >= 0 and indices.max() < space.size):
        raise IndexError(f"expected indices below {space.size}, got {indices.min()} to {indices.max()}")
    elements = np.full((len(indices), SLOTS), -1, np.int16)
    amounts = np.zeros((len(indices), SLOTS))
    known = np.array(space.elements, np.int16)
    for family in families(space):
        mine = np.flatnonzero((indices >= family.start) & (indices < family.start + family.size))
        row, system = np.divmod(indices[mine] - family.start, max(1, len(family.systems)))
        elements[mine, : family.kinds] = known[family.systems[system]]
        amounts[mine, : family.kinds] = family.amounts[row]
    return Compositions(elements, amounts)


def text_of(space: Space) -> str:
    """Write a space as TOML for `read_space`."""
    lines = [
        "# A virtual catalogue of compositions; score it with kakehashi screen --catalog FILE",
        f'kind = "{KIND}"',
        f"min_elements = {space.min_elements}",
        f"max_elements = {space.max_elements}",
        f"max_atoms = {space.max_atoms}",
        f"max_amount = {space.amount}",
        "",
        "[oxidation_states]",
        *(f"{SYMBOLS[i]} = {list(states)}" for i, states in zip(space.elements, space.states, strict=True)),
    ]
    return "\n".join(lines) + "\n"


def read_space(path: Path) -> Space:
    """Read a space from TOML; UserError says what is wrong."""
    read = read_toml(path)
    numbers = ("min_elements", "max_elements", "max_atoms", "max_amount")
    if read.get("kind") != KIND:
        raise UserError(f'{path}: expected kind = "{KIND}", as `kakehashi catalogs build enumerate` writes it')
    if other := sorted(set(read) - {"kind", "oxidation_states", *numbers}):
        raise UserError(f"{path}: unknown key {other[0]!r}; known keys: kind, oxidation_states, {', '.join(numbers)}")
    states = read.get("oxidation_states")
    if not isinstance(states, dict) or not all(_whole_numbers(value) for value in states.values()):
        raise UserError(f"{path}: oxidation_states: expected a table of lists of whole numbers, e.g. Fe = [2, 3]")
    for name in numbers:
        if name in read and not _whole_numbers([read[name]]):
            raise UserError(f"{path}: {name}: expected a whole number, got {read[name]!r}")
    try:
        return make_space(
            elements=tuple(states), states=states, **{name: read[name] for name in numbers if name in read}
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _whole_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(v, int) and not isinstance(v, bool) for v in values)
