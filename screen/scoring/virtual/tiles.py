"""Charge balance of the compositions of a virtual catalogue, tile by tile on the device.

A composition passes if each of its elements can take one of its oxidation states so that the charges sum to zero and
every cation has a lower Pauling electronegativity than every anion. Elements stand by rising electronegativity, so the
cations are the first few: for every such split the charges that the cations can have together, as bits of a word, are
compared with those of the anions.

A tile is a rectangle of the table (amounts x systems) of a family (`catalogs.candidates.space`), filtered by one call
of a program.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.candidates.space import Family, Space, electronegativities, families
from kakehashi.catalogs.elements import INDEX
from kakehashi.screen.device import platform
from kakehashi.screen.scoring.cut import cut

VECTOR = 128
_WORD = 32
# Bits of an element's code: bit q for each positive state q, then for each negative one, then the rank of its
# electronegativity, then one bit for excluded elements.
_STATES = 10
_RANK, _BANNED = 2 * _STATES, 2 * _STATES + 8


class Tile(NamedTuple):
    """First row and system of a tile, and its first index."""

    row: int
    system: int
    start: int


class TileLayout(NamedTuple):
    """Size of a family's tiles, static in programs.

    Every tile has `rows` x `systems` compositions.

    words : words of the sets of charges; cation, anion : the largest charge of an ion
    batch : rows of a batch of candidates
    """

    kinds: int
    rows: int
    systems: int
    row_count: int
    system_count: int
    words: int
    cation: int
    anion: int
    batch: int

    @property
    def places(self) -> int:
        """Compositions of a tile, rounded up to whole batches."""
        return -(-self.rows * self.systems // self.batch) * self.batch


class FilteredTile(NamedTuple):
    """Tile whose filter is running: nothing of it has been waited for.

    mask : (rows x systems,) of candidates; counts : of the unbalanced and banned others
    places, passing : as in `TileCandidates`, where the device lists them itself
    """

    tile: Tile
    mask: jax.Array
    counts: jax.Array
    places: jax.Array | None
    passing: jax.Array | None


class TileCandidates(NamedTuple):
    """Candidates of a tile and counts of the compositions filtered out.

    places : (Layout.places,) int32, row x systems + system within the tile, ascending; zeros after the last one
    """

    passing: int
    unbalanced: int
    banned: int
    places: jax.Array


def tile_layouts(space: Space) -> tuple[TileLayout, ...]:
    """Tile layout of every family of a space."""
    cation, anion = (max(max(sign * q for q in states) for states in space.states) for sign in (1, -1))
    words = (space.max_atoms - 1) * anion // _WORD + 1
    size, all_layouts = cut(), []
    for family in families(space):
        many = max(len(family.systems), 1)
        # Tiles of equal width in whole vectors: a few columns left over make a program ten times slower.
        systems = -(-many // -(-many // size.tile) // VECTOR) * VECTOR
        rows = max(1, min(size.tile // systems, len(family.amounts)))
        all_layouts.append(
            TileLayout(
                family.kinds, rows, systems, len(family.amounts), len(family.systems), words, cation, anion, size.rows
            )
        )
    return tuple(all_layouts)


def element_codes(space: Space, banned: Collection[str]) -> NDArray[np.uint32]:
    """Codes (elements,) holding oxidation states, rank and exclusion of each element."""
    values = electronegativities(space.elements)
    ranks = np.unique(values, return_inverse=True)[1]
    out = (ranks << _RANK).astype(np.uint32)
    for place, (element, states) in enumerate(zip(space.elements, space.states, strict=True)):
        for q in states:
            out[place] |= np.uint32(1 << (q if q > 0 else _STATES - q))
        if element in {INDEX[symbol] for symbol in banned if symbol in INDEX}:
            out[place] |= np.uint32(1 << _BANNED)
    return out


def padded_tables(family: Family, layout: TileLayout) -> dict[str, Any]:
    """Systems (kinds, n) and amounts (kinds, m), padded to whole tiles."""
    systems = np.pad(family.systems.T, ((0, 0), (0, -layout.system_count % layout.systems)))
    amounts = np.pad(family.amounts.T, ((0, 0), (0, -layout.row_count % layout.rows)), constant_values=1)
    return {"systems": systems, "amounts": amounts}


def cut_tiles(family: Family, layout: TileLayout, start: int, stop: int) -> Iterator[Tile]:
    """Tiles of a family with an index in [start, stop)."""
    first, last = max(start - family.start, 0), min(stop - family.start, family.size)
    if first >= last:
        return
    n = layout.system_count
    for row in range(first // n // layout.rows * layout.rows, (last - 1) // n + 1, layout.rows):
        for system in range(0, n, layout.systems):
            head = row * n + system
            tail = head + (layout.rows - 1) * n + layout.systems
            if head < last and tail > first:
                yield Tile(row, system, family.start + head)


def filter_tile(layout: TileLayout, arrays: dict[str, Any], tile: Tile, start: int, stop: int) -> TileCandidates:
    """Candidates of a tile with an index in [start, stop)."""
    return read_tile(layout, begin_tile(layout, arrays, tile, start, stop))


def begin_tile(layout: TileLayout, arrays: dict[str, Any], tile: Tile, start: int, stop: int) -> FilteredTile:
    """Send the filter of a tile to the device, without waiting for it."""
    # Relative to the tile, to fit into 32 bits.
    span = layout.rows * layout.system_count + layout.systems
    low, high = max(start - tile.start, 0), min(stop - tile.start, span)
    mask, counts = _filter_mask(layout, arrays, tile.row, tile.system, low, high)
    listed = (None, None) if platform() == "cpu" else _list_places(mask, layout.places)
    return FilteredTile(tile, mask, counts, *listed)


def read_tile(layout: TileLayout, filtered: FilteredTile) -> TileCandidates:
    """Wait for the filter of a tile; its candidates."""
    mask = filtered.mask
    unbalanced, banned = (int(count) for count in filtered.counts)
    if filtered.places is not None and filtered.passing is not None:
        return TileCandidates(int(filtered.passing), unbalanced, banned, filtered.places)
    # On a CPU the host shares the mask and lists places thirty times as fast as the compiled program.
    passing_places = np.flatnonzero(np.asarray(mask))
    places = np.zeros(layout.places, np.int32)
    places[: len(passing_places)] = passing_places
    return TileCandidates(len(passing_places), unbalanced, banned, jnp.asarray(places))


@functools.partial(jax.jit, static_argnums=0)
def _filter_mask(
    layout: TileLayout, arrays: dict[str, Any], row: Any, system: Any, low: Any, high: Any
) -> tuple[jax.Array, jax.Array]:
    """Mask (rows x systems,) of candidates, and counts of the others.

    Counts are of unbalanced and of banned compositions.
    """
    rows = row + jnp.arange(layout.rows, dtype=jnp.int32)[:, None]
    systems = system + jnp.arange(layout.systems, dtype=jnp.int32)[None, :]
    offset = (rows - row) * layout.system_count + (systems - system)
    in_range = (offset >= low) & (offset < high) & (rows < layout.row_count) & (systems < layout.system_count)
    elements = jax.lax.dynamic_slice_in_dim(arrays["systems"], system, layout.systems, axis=1)
    amounts = jax.lax.dynamic_slice_in_dim(arrays["amounts"], row, layout.rows, axis=1).astype(jnp.uint32)
    ions = [arrays["codes"][elements[i].astype(jnp.int32)][None, :] for i in range(layout.kinds)]
    balanced = _is_balanced(ions, [amounts[i][:, None] for i in range(layout.kinds)], layout)
    banned = functools.reduce(jnp.bitwise_or, ions) >> _BANNED != 0
    counts = jnp.stack([jnp.sum(in_range & ~balanced, dtype=jnp.int32), jnp.sum(in_range & banned, dtype=jnp.int32)])
    return (in_range & balanced & ~banned).reshape(-1), counts


def _is_balanced(ions: list[jax.Array], amounts: list[jax.Array], layout: TileLayout) -> jax.Array:
    """True where some split into cations and anions balances.

    The cations are the first elements.
    """
    kinds = len(ions)
    # Before any ion the only possible charge is zero.
    zero = [jnp.uint32(1 if word == 0 else 0) for word in range(layout.words)]
    cations, anions = [zero], [zero]
    for i in range(kinds - 1):
        cations.append(_add_ions(cations[-1], ions[i], amounts[i], layout.cation))
        j = kinds - 1 - i
        anions.append(_add_ions(anions[-1], ions[j] >> _STATES, amounts[j], layout.anion))
    ranks = [(ion >> _RANK) & 0xFF for ion in ions]
    balanced: jax.Array = jnp.bool_(False)
    for split in range(1, kinds):
        shared = [a & b for a, b in zip(cations[split], anions[kinds - split], strict=True)]
        balanced |= (functools.reduce(jnp.bitwise_or, shared) != 0) & (ranks[split - 1] < ranks[split])
    return balanced


def _add_ions(before: list[jax.Array], states: jax.Array, amount: jax.Array, largest: int) -> list[jax.Array]:
    """Possible charges, one per bit, after `amount` more ions.

    Charges beyond the last bit are dropped.
    """
    moved, after = before, [jnp.uint32(0)] * len(before)
    for q in range(1, largest + 1):
        moved = _shift_bits(moved, amount)
        allowed = jnp.uint32(0) - ((states >> q) & 1)
        after = [word | (charge_bits & allowed) for word, charge_bits in zip(after, moved, strict=True)]
    return after


def _shift_bits(words: list[jax.Array], by: jax.Array) -> list[jax.Array]:
    """Bits of several words moved up by 1 to 31.

    The lowest word comes first.
    """
    low = [jnp.uint32(0), *(word >> (_WORD - by) for word in words[:-1])]
    return [(word << by) | carry for word, carry in zip(words, low, strict=True)]


@functools.partial(jax.jit, static_argnums=1)
def _list_places(mask: jax.Array, size: int) -> tuple[jax.Array, jax.Array]:
    """Indices of the candidates, padded to `size`, and their number."""
    return jnp.nonzero(mask, size=size, fill_value=0)[0].astype(jnp.int32), jnp.sum(mask, dtype=jnp.int32)
