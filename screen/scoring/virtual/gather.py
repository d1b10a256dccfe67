"""Candidates of a range of indices in full batches, gathered across tiles and families on the device.

The filter of the next tile runs while candidates of the one before are decoded: the host waits for numbers of
candidates alone, and these are there when it asks.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kakehashi.catalogs.candidates.space import Family, families
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.scoring.cut import cut
from kakehashi.screen.scoring.virtual.search import IndexCounts, Search
from kakehashi.screen.scoring.virtual.tiles import (
    FilteredTile,
    TileLayout,
    begin_tile,
    cut_tiles,
    element_codes,
    padded_tables,
    read_tile,
    tile_layouts,
)
from kakehashi.screen.validation.domain import Domain, new_stoichiometry


class Slots(NamedTuple):
    """Candidates on the device.

    elements, amounts : (rows, kinds), -1 and 0 in unused slots; strange : (rows,) stoichiometry new to the target
    place : (rows,) index within the partition
    """

    elements: jax.Array
    amounts: jax.Array
    strange: jax.Array
    place: jax.Array


class Candidates(NamedTuple):
    """Full batch of candidates, of which `used` are meant."""

    slots: Slots
    used: int


class _SentTile(NamedTuple):
    layout: TileLayout
    arrays: dict[str, Any]
    filtered: FilteredTile


def gather_candidates(
    search: Search, domain: Domain, start: int, stop: int, *, per_atom: bool
) -> Iterator[Candidates | IndexCounts]:
    """Batches of the candidates with an index in [start, stop), in order, and counts of the others tile by tile.

    per_atom : amounts sum to one
    """
    batch, filled = cut().rows, 0
    held = _empty(2 * batch, max(family.kinds for family in families(search.space)))
    for sent, _ in pairwise(chain(_send_tiles(search, domain, start, stop), (None,))):
        assert sent is not None
        layout, arrays, filtered = sent
        found = read_tile(layout, filtered)
        yield IndexCounts(unbalanced=found.unbalanced, banned=found.banned)
        tile = filtered.tile
        for first in range(0, found.passing, batch):
            at = first, tile.row, tile.system, tile.start - start, filled
            held = _add_slots(layout, per_atom, held, arrays, found.places, *at)
            filled += min(batch, found.passing - first)
            if filled >= batch:
                full, held = _take_batch(held)
                filled -= batch
                yield Candidates(full, batch)
    if filled:
        yield Candidates(_take_batch(held)[0], filled)


def _send_tiles(search: Search, domain: Domain, start: int, stop: int) -> Iterator[_SentTile]:
    """Tiles of all families with an index in [start, stop), their filters sent to the device."""
    space = search.space
    codes = jnp.asarray(element_codes(space, search.banned))
    for family, layout in zip(families(space), tile_layouts(space), strict=True):
        tiles = list(cut_tiles(family, layout, start, stop))
        if not tiles:
            continue
        tables = {**padded_tables(family, layout), "strange": _new_to_target(domain, family, layout)}
        tables["known"] = np.array(space.elements, np.int32)
        arrays = {**jax.tree.map(jnp.asarray, tables), "codes": codes}
        for tile in tiles:
            yield _SentTile(layout, arrays, begin_tile(layout, arrays, tile, start, stop))


def _new_to_target(domain: Domain, family: Family, layout: TileLayout) -> Any:
    """Mask of the amounts of a family that are new to the target, padded to whole tiles."""
    n, kinds = family.amounts.shape
    elements = np.broadcast_to(np.arange(kinds, dtype=np.int16), (n, kinds))
    counts = np.full(n, kinds)
    new_count, new_class = new_stoichiometry(domain, Compositions(elements, family.amounts.astype(float)), counts)
    return np.pad(new_count | new_class, (0, -layout.row_count % layout.rows))


def _empty(rows: int, kinds: int) -> Slots:
    return Slots(
        jnp.full((rows, kinds), -1, jnp.int32), jnp.zeros((rows, kinds), jnp.float32), jnp.zeros(rows, bool),
        jnp.zeros(rows, jnp.int32),
    )  # fmt: skip


@functools.partial(jax.jit, static_argnums=(0, 1))
def _add_slots(
    layout: TileLayout,
    per_atom: bool,
    held: Slots,
    arrays: dict[str, Any],
    places: jax.Array,
    first: Any,
    row: Any,
    system: Any,
    ahead: Any,
    filled: Any,
) -> Slots:
    """Slots with a batch of a tile's candidates written after the first `filled` rows.

    places : of the candidates within the tile, from `first` on; ahead : indices from the start of the partition to the
    tile
    """
    place = jax.lax.dynamic_slice_in_dim(places, first, layout.batch)
    r, s = row + place // layout.systems, system + place % layout.systems
    elements = arrays["known"][arrays["systems"][:, s].T.astype(jnp.int32)]
    amounts = arrays["amounts"][:, r].T.astype(jnp.float32)
    if per_atom:
        amounts = amounts / jnp.sum(amounts, axis=1, keepdims=True)
    more = (0, 0), (0, held.elements.shape[1] - layout.kinds)
    new = Slots(
        jnp.pad(elements, more, constant_values=-1), jnp.pad(amounts, more), arrays["strange"][r],
        ahead + (r - row) * layout.system_count + s - system,
    )  # fmt: skip
    grown: Slots = jax.tree.map(lambda old, part: jax.lax.dynamic_update_slice_in_dim(old, part, filled, 0), held, new)
    return grown


@jax.jit
def _take_batch(held: Slots) -> tuple[Slots, Slots]:
    """First half of the rows, and the slots with the second half in its place."""
    half = len(held.place) // 2
    return jax.tree.map(lambda x: x[:half], held), jax.tree.map(lambda x: jnp.concatenate([x[half:], x[:half]]), held)
