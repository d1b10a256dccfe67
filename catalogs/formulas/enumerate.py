"""Enumeration of charge-balanced compositions.

They are candidates beyond the known compounds.

Every formula is neutral in one assignment of common oxidation states, with every cation of lower Pauling
electronegativity than every anion. Such a compound need not be stable, or exist.

Order (fixed, without randomness): every chemical system first gives its smallest composition, then its second
smallest, and so on. Within such a round the systems, listed by atomic numbers, are visited in golden-ratio
strides, so that a list cut anywhere is spread evenly over the chemistry. Binaries and ternaries come before
quaternaries; a shorter list is the beginning of a longer one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import INDEX, ORDER, RADIOACTIVE, SYMBOLS
from kakehashi.catalogs.formulas.slots import SLOTS, formula_text, parse_column, reduced_keys
from kakehashi.catalogs.records import Compositions, UserError

MAX_ATOMS = 12
MAX_CATIONS = 4  # of one element, in binaries and ternaries
MAX_CATIONS_QUATERNARY = 2
_NOBLE = frozenset(("He", "Ne", "Ar", "Kr", "Xe", "Rn"))
_LEFT_OUT = _NOBLE | (RADIOACTIVE - {"Th", "U"})

Table = NDArray[np.int16]


class Ion(NamedTuple):
    """Element in one oxidation state; `charge` is absolute."""

    element: int
    charge: int
    electronegativity: float


def charge_balanced(n: int, exclude: Collection[str] = ()) -> list[str]:
    """List the first n charge-balanced reduced formulas.

    Their order is that of the module.

    Parameters
    ----------
    n : number of formulas
    exclude : formulas to leave out, in any notation

    Raises
    ------
    UserError : fewer than n exist.
    """
    if n < 0:
        raise UserError(f"expected a number of compositions of at least 0, got {n}")
    cations, anions = _ions()
    known = _known(exclude)
    formulas: list[str] = []
    for family in _families(cations, anions):
        # excluded formulas may all stand at the front
        enough = n - len(formulas) + len(known)
        texts = formula_text(Compositions(family.elements[:enough], family.amounts[:enough]))
        formulas.extend(formula for formula in texts if formula not in known)
        if len(formulas) >= n:
            break
    if len(formulas) < n:
        raise UserError(f"expected at most {len(formulas)} charge-balanced compositions, got {n}: ask for fewer")
    return formulas[:n]


def _ions() -> tuple[list[Ion], list[Ion]]:
    """List cations and anions by atomic number.

    Cations come in every common positive state, anions in their lowest.
    """
    from pymatgen.core.periodic_table import Element

    cations: list[Ion] = []
    anions: list[Ion] = []
    for symbol in SYMBOLS:
        if symbol in _LEFT_OUT:  # also keeps pymatgen from warning that noble gases have no electronegativity
            continue
        element = Element(symbol)
        states = element.common_oxidation_states
        cations.extend(Ion(INDEX[symbol], int(q), float(element.X)) for q in states if q > 0)
        if min(states, default=0) < 0:
            anions.append(Ion(INDEX[symbol], -int(min(states)), float(element.X)))
    return cations, anions


def _known(exclude: Collection[str]) -> frozenset[str]:
    """Reduce the excluded formulas to keys.

    Texts that are no formulas are dropped.
    """
    parsed = parse_column(list(exclude))
    fine = np.flatnonzero(parsed.reasons == "")
    elements, amounts = parsed.compositions
    return frozenset(reduced_keys(Compositions(elements[fine], amounts[fine])))


def _families(cations: list[Ion], anions: list[Ion]) -> Iterator[Compositions]:
    small = [
        _neutral(cations, 1, anions, 1, MAX_ATOMS),
        _neutral(cations, 2, anions, 1, MAX_CATIONS),
        _neutral(cations, 1, anions, 2, MAX_CATIONS),
    ]
    yield _ordered(np.unique(np.concatenate(small), axis=0))  # MnSeI2 is Mn Se|I2 and Mn|Se I2
    yield _ordered(_neutral(cations, 3, anions, 1, MAX_CATIONS_QUATERNARY))


def _neutral(cations: list[Ion], kinds: int, anions: list[Ion], others: int, most: int) -> Table:
    """Enumerate charge-balanced compositions of `kinds` cations and `others` anions.

    Cations have up to `most` atoms each; the last anion balances the charge.

    Returns
    -------
    (m, 8) four elements in slot order, -1 where unused, then their counts
    """
    positive = _choices(cations, kinds)
    tables = []
    for chosen in combinations(anions, others):
        weakest = min(anion.electronegativity for anion in chosen)
        lower = positive[(positive[:, :, 2] < weakest).all(axis=1)]
        elements = lower[:, :, 0].astype(np.int16)
        charges = lower[:, :, 1].astype(np.int16)
        last = chosen[-1]
        for count in product(range(1, most + 1), repeat=kinds):
            for first in product(range(1, MAX_ATOMS), repeat=others - 1):
                spent = sum(k * anion.charge for k, anion in zip(first, chosen, strict=False))
                number, remainder = np.divmod(charges @ np.array(count, np.int16) - spent, last.charge)
                total = number + sum(count) + sum(first)
                good = (remainder == 0) & (number > 0) & (total <= MAX_ATOMS)
                tables.append(_rows(elements[good], count, [ion.element for ion in chosen], first, number[good]))
    return np.unique(np.concatenate(tables), axis=0)


def _choices(ions: list[Ion], kinds: int) -> NDArray[np.float64]:
    """List all choices of ions, (m, kinds, 3).

    The ions of a choice are of different elements.
    """
    pairs = [pick for pick in combinations(ions, kinds) if len({ion.element for ion in pick}) == kinds]
    return np.array(pairs, np.float64).reshape(-1, kinds, 3)


def _rows(elements: Table, count: tuple[int, ...], anions: list[int], first: tuple[int, ...], number: Table) -> Table:
    kinds = len(count)
    table = np.full((len(elements), 8), 0, np.int16)
    table[:, :4] = -1
    table[:, :kinds] = elements
    table[:, 4 : 4 + kinds] = count
    width = kinds + len(anions)
    table[:, kinds:width] = anions
    table[:, 4 + kinds : 3 + width] = first
    table[:, 3 + width] = number
    table = table[np.gcd.reduce(table[:, 4:], axis=1) == 1]
    rank = np.where(table[:, :4] >= 0, np.array(ORDER, np.int16)[table[:, :4]], len(ORDER))
    slots = np.argsort(rank, axis=1, kind="stable")
    return np.take_along_axis(table, np.concatenate([slots, slots + 4], axis=1), axis=1)


def _ordered(table: Table) -> Compositions:
    """Sort compositions into the module's order."""
    systems, system = np.unique(np.sort(table[:, :4], axis=1), axis=0, return_inverse=True)
    system = system.reshape(-1)
    atoms = table[:, 4:].sum(axis=1)
    by_system = np.lexsort((*table.T[::-1], atoms, system))
    starts = np.searchsorted(system[by_system], np.arange(len(systems)))
    turn = np.empty(len(table), np.int64)
    turn[by_system] = np.arange(len(table)) - starts[system[by_system]]
    order = np.lexsort((_strides(len(systems))[system], turn))
    elements = np.full((len(table), SLOTS), -1, np.int16)
    amounts = np.zeros((len(table), SLOTS))
    elements[:, :4] = table[order, :4]
    amounts[:, :4] = table[order, 4:]
    return Compositions(elements, amounts)


def _strides(n: int) -> NDArray[np.int64]:
    """Permute range(n) so that neighbours spread.

    The permutation is that of the golden-ratio sequence.
    """
    golden = (np.arange(n) * ((np.sqrt(5.0) - 1.0) / 2.0)) % 1.0
    return np.argsort(np.argsort(golden, kind="stable"), kind="stable")
