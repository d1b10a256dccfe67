"""Composition descriptors of XenonPy (Liu et al. 2021), 290 columns, jitted.

Five weighted statistics of 58 element features: with n the amounts of a formula, w = n / sum(n) and E the
feature rows of its elements,

    ave = w.E      sum = n.E      var = w.(E - ave)^2      max, min over the elements present

and, on request, count (n per element), gmean = prod(E^n)^(1 / sum n) and hmean = sum(n) / (n.(1 / E)).

Differences are taken from the first element of the row, out of a table of differences rounded once: features
shared by all elements have a variance of exactly 0, and nearly equal ones a variance good to float32.
E[x^2] - ave^2 would be off by 24 % and negative.

Where XenonPy's optional blocks are odd:

- gmean is NaN where the product of a row is negative (an odd number of atoms with a negative
  `electron_affinity` or `gs_energy`) or undefined (a fractional amount of such an element), as in XenonPy,
  hence it depends on the size of the cell: SiO2 has none, Si2O4 has. One single atom keeps its sign. Unlike
  XenonPy, which multiplies the powers out, it does not overflow for large amounts.
- count keeps fractions: Li0.5CoO2 has 0.5 Li, where XenonPy truncates to 0.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from kakehashi.catalogs import elements as known
from kakehashi.catalogs.formulas import slots as formulas
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.screen.descriptors.descriptor import CompositionDescriptor
from kakehashi.screen.descriptors.registry import CONVENTIONS, Convention

Pooling = tuple[str, ...]

CLASSIC: Pooling = ("ave", "sum", "var", "max", "min")
ALL: Pooling = ("count", "ave", "sum", "var", "gmean", "hmean", "max", "min")

BATCH = 1024
"""Rows per call of the compiled program; recorded with results, because another shape rounds differently."""

WIDTHS = (4, 8, 16)
"""Numbers of slots a program is compiled for: a row runs in the smallest that holds its elements."""


def names(pooling: Pooling = CLASSIC) -> tuple[str, ...]:
    """Column labels as XenonPy writes them; plain symbols for counts.

    >>> names()[0], len(names())
    ('ave:atomic_number', 290)
    """
    _check(pooling)
    labels: list[str] = []
    for block in pooling:
        labels += known.SYMBOLS if block == "count" else [f"{block}:{name}" for name in known.FEATURES]
    return tuple(labels)


def normalise(compositions: Compositions, convention: Convention = "reduced") -> Compositions:
    """Amounts by a convention.

    `reduced`: smallest integers; `cell`: as given; `per-atom`: summing to 1.

    Only the ``sum:``, ``gmean:`` and count columns depend on it. Raises `ValueError` for `reduced` amounts
    that are no decimals (1/3), which have no smallest integers.
    """
    if convention == "cell":
        return compositions
    if convention == "reduced":
        return formulas.reduce(compositions)
    if convention == "per-atom":
        total = compositions.amounts.sum(axis=1, keepdims=True)
        amounts = np.divide(compositions.amounts, total, out=np.zeros_like(compositions.amounts), where=total > 0)
        return compositions._replace(amounts=amounts)
    raise UserError(f"expected a convention out of {', '.join(CONVENTIONS)}; got {convention!r}")


class Tables(NamedTuple):
    """Element features in float32; index 94 holds NaN for "no element".

    rows : (95, 58) features
    differences : (95 * 95, 58), row 95 i + j holding feature(j) - feature(i), rounded after the subtraction
    """

    rows: NDArray[np.float32] | jax.Array
    differences: NDArray[np.float32] | jax.Array


@functools.cache
def element_tables() -> Tables:
    """Tables of the 94 elements, 2.1 MB."""
    rows = np.pad(known.feature_table(), ((0, 1), (0, 0)), constant_values=np.nan)
    differences = (rows[None, :, :] - rows[:, None, :]).reshape(-1, rows.shape[1])
    return Tables(rows.astype(np.float32), differences.astype(np.float32))


def describe(
    elements: jax.Array, amounts: jax.Array, tables: Tables | None = None, pooling: Pooling = CLASSIC
) -> jax.Array:
    """Descriptors of a batch, (B, 290) float32, inside a jitted program.

    elements : (B, S) integers, S <= 16, used slots first, -1 in unused slots
    amounts : (B, S) float32, 0 in unused slots
    tables : `element_tables`, compiled in as constants if None

    A row without elements is NaN. The batch runs at the smallest width that holds all its rows; as unused
    slots change no bit, a row does not depend on its neighbours.
    """
    _check(pooling)
    tables = Tables(*map(jnp.asarray, element_tables() if tables is None else tables))
    slots = elements.shape[1]
    widths = [width for width in WIDTHS if width < slots] + [slots]
    used = jnp.max(jnp.sum(elements >= 0, axis=1, dtype=jnp.int32))
    branch = jnp.sum(used > jnp.asarray(widths[:-1], jnp.int32), dtype=jnp.int32)
    programs = [functools.partial(_pool, width=width, pooling=pooling) for width in widths]
    described: jax.Array = lax.switch(branch, programs, elements.astype(jnp.int32), amounts.astype(jnp.float32), tables)
    return described


def compute(
    compositions: Compositions, convention: Convention = "reduced", pooling: Pooling = CLASSIC
) -> NDArray[np.float32]:
    """Descriptors of n compositions, (n, width) float32.

    Computed in padded batches of `BATCH`.

    A row depends on its own slots only, bit by bit: not on its position, its neighbours or the fill of its
    batch. A row without elements is NaN.
    """
    elements, amounts = normalise(compositions, convention)
    out = np.empty((len(elements), len(names(pooling))), np.float32)
    tables = Tables(*map(jnp.asarray, element_tables()))
    pending: tuple[NDArray[np.intp], jax.Array] | None = None
    for members, width in _batches(elements):
        batch = np.full((BATCH, width), -1, np.int32), np.zeros((BATCH, width), np.float32)
        batch[0][: len(members)] = elements[members, :width]
        batch[1][: len(members)] = amounts[members, :width]
        running = members, _jitted(*batch, tables, width=width, pooling=pooling)
        if pending:  # copied while the next batch is already running
            out[pending[0]] = np.asarray(pending[1])[: len(pending[0])]
        pending = running
    if pending:
        out[pending[0]] = np.asarray(pending[1])[: len(pending[0])]
    return out


def _batches(elements: NDArray[np.int16]) -> Iterator[tuple[NDArray[np.intp], int]]:
    """Row numbers and width of each batch.

    The width depends on each row's own number of elements only.
    """
    used = (elements >= 0).sum(axis=1)
    for width, below in zip(WIDTHS, (-1, *WIDTHS), strict=False):
        members = np.flatnonzero((used > below) & (used <= width))
        for start in range(0, len(members), BATCH):
            yield members[start : start + BATCH], width


def _pool(elements: jax.Array, amounts: jax.Array, tables: Tables, *, width: int, pooling: Pooling) -> jax.Array:
    """Pool the first `width` slots in order, (B, S) to (B, columns)."""
    first = elements[:, :1]
    none = tables.rows.shape[0] - 1
    # An unused slot repeats the first element with amount 0, so that it changes nothing, without a mask.
    index = jnp.where(elements < 0, jnp.where(first < 0, none, first), elements)
    index = jnp.minimum(index, none)
    pair = index[:, :1] * (none + 1) + index
    E = [_gather(tables.rows, index[:, k]) for k in range(width)]
    step = [jnp.zeros_like(E[0])] + [_gather(tables.differences, pair[:, k]) for k in range(1, width)]
    n = [amounts[:, k : k + 1] for k in range(width)]
    total = _in_order(jnp.add, n)
    w = [n_k / total for n_k in n]
    shift = _in_order(jnp.add, map(jnp.multiply, w, step))
    ave = E[0] + shift

    def block(name: str) -> jax.Array:
        match name:
            case "ave":
                return ave
            case "sum":
                return total * ave
            case "var":
                return _in_order(jnp.add, (w_k * jnp.square(d - shift) for w_k, d in zip(w, step, strict=True)))
            case "max":
                return _in_order(jnp.maximum, E)
            case "min":
                return _in_order(jnp.minimum, E)
            case "count":
                kinds = jnp.arange(none, dtype=jnp.int32)[None, :]
                each = [jnp.where(elements[:, k : k + 1] == kinds, n[k], 0.0) for k in range(width)]
                return _in_order(jnp.add, each) * (total / total)  # NaN, not 0, without any element
            case "gmean":
                return _geometric_mean(E, n, total)
            case _:
                # 0 in unused slots, where n / E may be 0 / 0
                return total / _in_order(
                    jnp.add, (jnp.where(n_k > 0, n_k / e, 0.0) for n_k, e in zip(n, E, strict=True))
                )

    return jnp.concatenate([block(name) for name in pooling], axis=1)


_jitted = jax.jit(_pool, static_argnames=("width", "pooling"))


def _gather(table: NDArray[np.float32] | jax.Array, index: jax.Array) -> jax.Array:
    """Rows of a table, indices known to lie inside."""
    picked: jax.Array = jnp.asarray(table).at[index].get(mode="promise_in_bounds", wrap_negative_indices=False)
    return picked


def _in_order(operation: Callable[[jax.Array, jax.Array], jax.Array], terms: Iterable[jax.Array]) -> jax.Array:
    """Combine slots in a fixed order.

    Further unused slots then leave every bit as it was.
    """
    return functools.reduce(operation, terms)


def _geometric_mean(E: Sequence[jax.Array], n: Sequence[jax.Array], total: jax.Array) -> jax.Array:
    """Geometric mean by logarithms, prod(E^n)^(1 / total).

    The sign is worked out apart, NaN if there is none.
    """
    pairs = list(zip(E, n, strict=True))
    size = jnp.exp(_in_order(jnp.add, (jnp.where(k > 0, k / total * jnp.log(jnp.abs(e)), 0.0) for e, k in pairs)))
    negative = _in_order(jnp.add, (jnp.where(e < 0, k, 0.0) for e, k in pairs))
    broken = _in_order(jnp.logical_or, ((e < 0) & (k != jnp.floor(k)) for e, k in pairs))
    odd = negative % 2 == 1
    signed = jnp.where(odd & (size > 0), jnp.where(total == 1, -size, jnp.nan), size)
    return jnp.where(broken | jnp.isnan(total / total), jnp.nan, signed)


def _check(pooling: Pooling) -> None:
    unknown = [block for block in pooling if block not in ALL]
    if unknown or not pooling:
        raise UserError(f"expected descriptor blocks out of {', '.join(ALL)}; got {unknown or 'none'}")


xenonpy = CompositionDescriptor(
    names, describe, element_tables, compute=lambda compositions: compute(compositions, convention="cell")
)
