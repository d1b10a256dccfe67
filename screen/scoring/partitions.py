"""Scoring a catalogue partition by partition: read, quarantine, score unique compositions once, fan out, write.

Partitions are independent, so that anything that is called like `map` can run them (`Executor`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import pyarrow as pa

from kakehashi.catalogs.candidates.candidates import REFUSED
from kakehashi.catalogs.formulas.slots import formula_text, parse_column, reduce, reduced_keys
from kakehashi.catalogs.records import Compositions, Crystals, Inputs, Molecules
from kakehashi.screen.descriptors.composition import BATCH, normalise
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.scoring import sparse
from kakehashi.screen.scoring.batches import Predictions, predict_compositions, predict_descriptors
from kakehashi.screen.scoring.columns import SCORES, ScoredPartition, score_columns, scoring_environment, set_aside
from kakehashi.screen.scoring.device_model import DeviceModel, prepare_model
from kakehashi.screen.scoring.virtual.search import Search
from kakehashi.screen.transfer.fit import Model

# Large enough that a snapshot of the Materials Project is one partition, small enough for any machine.
PARTITION_ROWS = 262_144
# Molecules described at a time: a partition's descriptors would take gigabytes. Whole batches, so that none is padded.
DESCRIBED_ROWS = 8 * BATCH

Executor = Callable[["PartitionScorer", Iterable[pa.Table]], Iterator[ScoredPartition]]


class PartitionScorer(NamedTuple):
    """What every partition is scored with, and the sha256 of all that its scores depend on.

    search : what is looked for where partitions are ranges of a virtual catalogue
    """

    model: Model
    device_model: DeviceModel
    sha256: str
    search: Search | None = None

    def __call__(self, rows: pa.Table) -> ScoredPartition:
        """Score one partition."""
        if self.model.target.crystals is not None:
            from kakehashi.screen.scoring.structures import score_structures

            return score_structures(self.model, rows)
        if self.search is not None:
            from kakehashi.screen.scoring.virtual.best import score_best

            return score_best(self.model, self.device_model, self.search, rows)
        return score_partition(self.model, self.device_model, rows)

    def on_host(self) -> PartitionScorer:
        """The same with plain arrays, to be sent elsewhere."""
        return self._replace(device_model=self.device_model._replace(arrays=jax.device_get(self.device_model.arrays)))

    def on_device(self) -> PartitionScorer:
        """The same with arrays on the default device."""
        return self._replace(device_model=self.device_model._replace(arrays=jax.device_put(self.device_model.arrays)))


def score_serially(scorer: PartitionScorer, tables: Iterable[pa.Table]) -> Iterator[ScoredPartition]:
    """Run the partitions in this process, one after the other."""
    return (scorer(rows) for rows in tables)


def make_scorer(model: Model, search: Search | None = None) -> PartitionScorer:
    """Make a model ready to score, without the networks and heads that its scorer already holds or does not need.

    search : what to look for in a virtual catalogue
    """
    if model.target.crystals is not None:  # its networks are those of `graph`, and its stack is asked as it is
        from kakehashi.screen.scoring.structures import hash_model

        return PartitionScorer(model, DeviceModel((), (), (), False, {}), hash_model(model))
    device_model = prepare_model(model)
    light = model._replace(
        library=model.library._replace(sources=()), stack=model.stack._replace(members=()), leaderboard=()
    )
    return PartitionScorer(light, device_model, _sha256(light, device_model, search), search)


def _sha256(model: Model, device_model: DeviceModel, search: Search | None) -> str:
    domain = model.domain
    facts = [
        scoring_environment(), device_model.plans, device_model.sparse and sparse.ROWS,
        model.library.convention, model.target.log, list(model.target.keys),
        [float(v) for v in (model.interval, model.usual_spread, model.ceiling)],
        sorted(domain.counts), sorted(domain.classes), jax.tree.structure(device_model.arrays),
        *([] if search is None else [search]),
    ]  # fmt: skip
    digest = hashlib.sha256(repr(facts).encode())
    for leaf in [*jax.tree.leaves(device_model.arrays), domain.target_elements, domain.source_elements]:
        values = np.ascontiguousarray(leaf)
        digest.update(f"{values.dtype.str} {values.shape} ".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def score_partition(model: Model, device_model: DeviceModel, rows: pa.Table) -> ScoredPartition:
    """Score one table with text columns `id` and `formula`; its own other columns travel along.

    A formula that cannot be read, or whose score is not finite, goes to quarantine with the reason.
    """
    given, reasons = _read(model, rows["formula"])
    if REFUSED in rows.column_names:
        refused = rows[REFUSED].to_numpy()
        reasons = np.where(refused != "", refused, reasons)
        rows = rows.drop_columns([REFUSED])
    good = np.flatnonzero(reasons == "")
    given = given.take(good)
    keys = pa.array(_keys(given, model.library.convention), pa.string()).dictionary_encode()
    inverse = keys.indices.to_numpy()
    first = np.unique(inverse, return_index=True)[1]
    columns, finite = _scored(model, device_model, given.take(first))
    fanned = {name: values[inverse] for name, values in columns.items()}

    kept = finite[inverse]
    reasons[good[~kept]] = "the prediction is not a finite number"
    scored = rows.take(pa.array(good[kept]))
    for field in SCORES:
        scored = scored.append_column(field, pa.array(fanned[field.name][kept], field.type))
    return ScoredPartition(scored, set_aside(rows, reasons))


def _read(model: Model, texts: pa.ChunkedArray) -> tuple[Inputs, Any]:
    """What the texts of a catalogue say, row by row, and why a row cannot be read ("" where it can)."""
    if model.target.molecules is None:
        parsed = parse_column(texts)
        return parsed.compositions, np.asarray(parsed.reasons, dtype=object)
    from kakehashi.catalogs.molecules import polymers

    units = polymers.parse_column(texts, guarded=True)
    return units.molecules, np.asarray(units.reasons, dtype=object)


def _keys(given: Inputs, convention: str) -> Sequence[str]:
    """What tells materials apart for the model."""
    if isinstance(given, Molecules):
        return given.keys
    given = given.compositions if isinstance(given, Crystals) else given
    return formula_text(given) if convention == "cell" else reduced_keys(given)


def _names(given: Inputs) -> tuple[Compositions, Sequence[str]]:
    """Reduced compositions, and the text each material is known by."""
    if not isinstance(given, Molecules):
        reduced = reduce(given.compositions if isinstance(given, Crystals) else given)
        return reduced, formula_text(reduced)
    from kakehashi.catalogs.molecules import polymers

    return reduce(polymers.atoms(given)), given.keys


def _scored(model: Model, device_model: DeviceModel, given: Inputs) -> tuple[dict[str, Any], Any]:
    """Score columns of distinct materials, and which rows are finite."""
    reduced, texts = _names(given)
    if isinstance(given, Compositions):
        found = predict_compositions(device_model, normalise(given, model.library.convention))  # type: ignore[arg-type]  # checked before
    else:
        found = _described(model, device_model, given, len(texts))
    return score_columns(model, reduced, texts, found)


def _described(model: Model, device_model: DeviceModel, given: Inputs, n: int) -> Predictions:
    """Scores of n materials, described `DESCRIBED_ROWS` at a time."""
    parts = []
    for start in range(0, max(n, 1), DESCRIBED_ROWS):  # once without any, for the types of the columns
        rows = given.take(np.arange(start, min(start + DESCRIBED_ROWS, n)))
        parts.append(predict_descriptors(device_model, describe(rows, model.library.convention)))
    mean, spread, distance, nearest = zip(*parts, strict=True)
    return Predictions(*map(np.concatenate, (mean, spread, distance, nearest)))
