"""The record of a composition descriptor, and its padded batches."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions

# Elements, amounts and tables, NumPy or jax, to descriptors.
Describe = Callable[[Any, Any, Any], jax.Array]


class CompositionDescriptor(NamedTuple):
    """A descriptor of compositions as pure functions.

    names : () to the labels of the columns
    describe : elements (B, S) int32 with -1 in unused slots, amounts (B, S) float32, tables, to (B, width) float32;
        traceable by jax, a row a function of its own slots alone
    tables : () to the arrays that `describe` reads, passed to the compiled program
    compute : compositions to (n, width) float32, where something beats `describe` in batches; the same numbers
    """

    names: Callable[[], tuple[str, ...]]
    describe: Describe
    tables: Callable[[], Any] = tuple
    compute: Callable[[Compositions], NDArray[np.float32]] | None = None


@functools.cache
def compiled(describe: Describe) -> Describe:
    """Jitted program of a descriptor, one for each."""
    return jax.jit(describe)


def compute_in_batches(
    descriptor: CompositionDescriptor, compositions: Compositions, batch: int
) -> NDArray[np.float32]:
    """Descriptors (n, width) float32, `batch` rows at a time.

    The last batch is padded with its first row.
    """
    elements, amounts = compositions.elements.astype(np.int32), compositions.amounts.astype(np.float32)
    out = np.empty((len(elements), len(descriptor.names())), np.float32)
    program, tables = compiled(descriptor.describe), descriptor.tables()
    for start in range(0, len(elements), batch):
        rows = min(batch, len(elements) - start)
        chosen = np.where(np.arange(batch) < rows, np.arange(start, start + batch), start)
        out[start : start + rows] = np.asarray(program(elements[chosen], amounts[chosen], tables))[:rows]
    return out
