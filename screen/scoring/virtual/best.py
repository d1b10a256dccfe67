"""The best of a range of indices of a virtual catalogue, found on the device.

Indices are decoded and filtered a tile at a time (`tiles`); those that pass are gathered into full batches (`gather`)
and predicted by the ordinary programs, so that their scores are bit for bit those of the same formulas in a file; the
best so far stay on the device. Nothing but counts comes back to the host before the end, when the best few get formulas
and all columns of a ranking.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from kakehashi.catalogs.candidates.catalog import VIRTUAL
from kakehashi.catalogs.candidates.space import Space, decode
from kakehashi.catalogs.formulas.slots import formula_text
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.screen.descriptors.registry import amounts_convention
from kakehashi.screen.scoring.batches import Predictions, predict_batches
from kakehashi.screen.scoring.columns import QUARANTINE, SCORES, ScoredPartition, score_columns
from kakehashi.screen.scoring.device_model import DeviceModel
from kakehashi.screen.scoring.programs import Columns
from kakehashi.screen.scoring.virtual.gather import Candidates, gather_candidates
from kakehashi.screen.scoring.virtual.search import DOMAINS, MOST_INDICES, IndexCounts, Search
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.validation.domain import FAR, VERY_FAR
from kakehashi.screen.validation.intervals import LEVEL, difficulty

# Rows selected beyond `top`: the host, which makes the ranking, rounds interval bounds differently, so that rows near
# the end could swap.
SLACK = 32
# Batches sent to the device before the first of them is waited for.
QUEUED = 8
UNSCORABLE = "the prediction is not a finite number"


class BestRows(NamedTuple):
    """Best rows so far, best first, ties by place.

    merit, place, columns : (k,) or tuples of (k,); counts, ends : counts and extremes of all rows
    """

    merit: jax.Array
    place: jax.Array
    columns: Columns
    counts: jax.Array
    ends: jax.Array


class ScoredBatch(NamedTuple):
    """Batch on the device: columns, places, verdicts, and rows in use.

    place : index within the partition
    """

    columns: Columns
    place: jax.Array
    verdict: jax.Array
    used: int


def score_best(model: Model, device_model: DeviceModel, search: Search, rows: pa.Table) -> ScoredPartition:
    """Best rows of a range of indices, and counts of all.

    rows : one row with `start` and `stop`
    """
    start, stop = int(rows["start"][0].as_py()), int(rows["stop"][0].as_py())
    limits = _limits(model, search)
    criteria = search.by, search.minimise, tuple(name in search.domains for name in DOMAINS)
    top = _no_rows(search.top + SLACK)
    queued: deque[jax.Array] = deque()
    counts = IndexCounts(visited=stop - start)
    for batch, seen in _score_batches(model, device_model, search, start, stop):
        counts += seen
        if batch is not None:
            top = _merge_best(criteria, limits, top, batch)
            queued.append(top.merit)
            if len(queued) > QUEUED:  # bounds the work and memory queued on the device, and lets it never run dry
                queued.popleft().block_until_ready()
    merit, place, best_columns, numbers, ends = jax.device_get(top)
    unscorable, *others = (int(number) for number in numbers)
    counts = counts._replace(unscorable=unscorable)
    names = ("scored", "inside", "edge", "out", "at_ceiling", "refused")
    counts = counts._replace(**dict(zip(names, others, strict=True)))
    if counts.scored:
        counts = counts._replace(low=float(ends[0]), high=float(ends[1]))
    n = int(np.sum(merit > -np.inf))
    mean, spread, distance, nearest = (column[:n] for column in best_columns)
    columns = Predictions(
        mean.astype(np.float64), spread.astype(np.float64), distance.astype(np.float64), nearest.astype(np.int64)
    )
    compositions, texts, table = _name_indices(search.space, start + place[:n].astype(np.int64))
    scores, _ = score_columns(model, compositions, texts, columns, virtual=True)
    for field in SCORES:
        table = table.append_column(field, pa.array(scores[field.name], field.type))
    aside = QUARANTINE.empty_table()
    if unscorable:
        bad = _find_unscorable(model, device_model, search, limits, start, stop)
        _, _, unscored = _name_indices(search.space, bad)
        aside = unscored.select(["id", "formula"]).append_column(
            QUARANTINE.field("reason"), pa.array([UNSCORABLE] * len(bad), pa.string())
        )
    return ScoredPartition(table, aside.cast(QUARANTINE), counts)


def _name_indices(space: Space, indices: Any) -> tuple[Compositions, list[str], pa.Table]:
    """Compositions, formulas and leading columns of some indices."""
    compositions = decode(space, indices)
    texts = formula_text(compositions)
    # Padded to the width of the largest index, so that texts sort like indices.
    width = len(str(space.size - 1))
    labels = [f"{index:0{width}d}" for index in indices.tolist()]
    columns = (pa.array(values, pa.string()) for values in (labels, texts, ["enumerated"] * len(texts)))
    return compositions, texts, pa.Table.from_arrays(list(columns), schema=VIRTUAL)


def _score_batches(
    model: Model, device_model: DeviceModel, search: Search, start: int, stop: int
) -> Iterator[tuple[ScoredBatch | None, IndexCounts]]:
    """Scored batches of a range of indices, with counts of the indices passed by since the batch before."""
    if stop - start > MOST_INDICES:
        raise UserError(
            f"--partition-rows: expected partitions of at most {MOST_INDICES:,} indices, got {stop - start:,}"
        )
    known = {"target": jnp.asarray(model.domain.target_elements), "source": jnp.asarray(model.domain.source_elements)}
    per_atom = amounts_convention(model.library.convention) == "per-atom"
    sent: deque[Candidates] = deque()
    passed = [IndexCounts()]

    def slots() -> Iterator[tuple[jax.Array, jax.Array]]:
        for gathered in gather_candidates(search, model.domain, start, stop, per_atom=per_atom):
            if isinstance(gathered, IndexCounts):
                passed.append(gathered)
                continue
            sent.append(gathered)
            yield gathered.slots.elements, gathered.slots.amounts

    for columns in predict_batches(device_model, slots()):
        batch, used = sent.popleft()
        verdict = _judge_batch(known, batch.elements, batch.strange, columns[2])
        yield ScoredBatch(columns, batch.place, verdict, used), sum(passed, IndexCounts())
        passed.clear()
    yield None, sum(passed, IndexCounts())


@jax.jit
def _judge_batch(arrays: dict[str, Any], elements: jax.Array, strange: jax.Array, distance: jax.Array) -> jax.Array:
    """Position in `DOMAINS` of each row, by the rules of `domain.judge`."""
    unseen = (elements >= 0) & ~arrays["target"][elements]
    unknown = unseen & ~arrays["source"][elements]
    against = jnp.any(unseen, axis=1).astype(jnp.int32) + strange + (distance > FAR)
    out = jnp.any(unknown, axis=1) | (distance > VERY_FAR) | (against >= 2)
    return jnp.where(out, 2, against)


def _limits(model: Model, search: Search) -> dict[str, Any]:
    """Constants of merits and counts.

    Rounded so that comparisons match double precision.
    """
    ceiling = model.ceiling - 1e-6 * max(abs(model.ceiling), float(np.ptp(model.target.y)))
    lowest = np.float32(ceiling)
    largest = np.float32(np.log(np.finfo(np.float64).max)) if model.target.log else np.float32(np.inf)
    return {
        "interval": np.float32(model.unseen_interval),
        "usual": np.float32(model.usual_spread),
        "threshold": np.float32(search.threshold or 0.0),
        "quantile": np.float32(ndtri(0.5 + LEVEL / 2)),
        "ceiling": lowest if lowest >= ceiling else np.nextafter(lowest, np.float32(np.inf)),
        "largest": np.nextafter(largest, np.float32(0)) if model.target.log else largest,
    }


def _no_rows(k: int) -> BestRows:
    zero = jnp.zeros(k, jnp.float32)
    return BestRows(
        jnp.full(k, -jnp.inf), jnp.zeros(k, jnp.int32), (zero, zero, zero, jnp.zeros(k, jnp.int32)),
        jnp.zeros(7, jnp.int32), jnp.array([jnp.inf, -jnp.inf], jnp.float32),
    )  # fmt: skip


def _split_finite(limits: dict[str, Any], batch: ScoredBatch) -> tuple[jax.Array, jax.Array]:
    """Masks of rows in use with a finite score, and without."""
    mean, spread = batch.columns[:2]
    used = jnp.arange(len(mean), dtype=jnp.int32) < batch.used
    fine = jnp.isfinite(mean) & jnp.isfinite(spread) & (mean <= limits["largest"])
    return used & fine, used & ~fine


@functools.partial(jax.jit, static_argnums=0)
def _merge_best(
    criteria: tuple[str, bool, tuple[bool, ...]], limits: dict[str, Any], top: BestRows, batch: ScoredBatch
) -> BestRows:
    """Merge a batch into the best rows so far."""
    by, minimise, domains = criteria
    mean, spread, distance, _ = batch.columns
    fine, bad = _split_finite(limits, batch)
    allowed = jnp.asarray(domains)[batch.verdict]
    half = limits["interval"] * difficulty(spread, distance, limits["usual"])
    match by:
        case "lower":
            value = mean - half
        case "upper":
            value = mean + half
        case "probability":
            value = (mean - limits["threshold"]) / jnp.maximum(half / limits["quantile"], 1e-12)
        case _:
            value = mean
    merit = jnp.where(fine & allowed, jnp.maximum(-value if minimise else value, np.finfo(np.float32).min), -jnp.inf)
    best, rows = jax.lax.top_k(jnp.concatenate([top.merit, merit]), len(top.merit))
    place, columns = jax.tree.map(
        lambda old, new: jnp.concatenate([old, new])[rows],
        (top.place, top.columns),
        (batch.place, batch.columns),
    )
    each = [bad, fine, *(fine & (batch.verdict == i) for i in range(3)), fine & (mean >= limits["ceiling"])]
    counts = jnp.stack([jnp.sum(mask, dtype=jnp.int32) for mask in [*each, fine & ~allowed]])
    ends = jnp.stack([
        jnp.minimum(top.ends[0], jnp.min(jnp.where(fine, mean, jnp.inf))),
        jnp.maximum(top.ends[1], jnp.max(jnp.where(fine, mean, -jnp.inf))),
    ])  # fmt: skip
    return BestRows(best, place, columns, top.counts + counts, ends)


def _find_unscorable(
    model: Model, device_model: DeviceModel, search: Search, limits: dict[str, Any], start: int, stop: int
) -> Any:
    """Indices (n,) without a finite score.

    By a second pass, as there are hardly ever any.
    """
    indices = []
    for batch, _ in _score_batches(model, device_model, search, start, stop):
        if batch is not None:
            bad = np.asarray(_split_finite(limits, batch)[1])
            indices.append(np.asarray(batch.place)[bad].astype(np.int64) + start)
    return np.concatenate(indices)
