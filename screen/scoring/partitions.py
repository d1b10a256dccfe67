"""Score a catalogue partition by partition, each distinct composition once.

A partition is read, rows that cannot be read go to quarantine, distinct compositions are predicted, and their scores
are copied to all rows. Partitions are independent, so that anything called like `map` can run them (`Executor`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.candidates.catalog import REFUSED
from kakehashi.catalogs.records import Compositions, Inputs
from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.descriptors.materials import describe, kind_of, kind_of_table
from kakehashi.screen.device_names import EXACT, Precision
from kakehashi.screen.networks.precision import describe_products
from kakehashi.screen.scoring import sparse
from kakehashi.screen.scoring.batches import (
    Predictions,
    measure_distances,
    predict_compositions,
    predict_descriptors,
)
from kakehashi.screen.scoring.columns import (
    PREDICTED,
    SCORES,
    ScoredPartition,
    score_columns,
    scoring_environment,
    set_aside,
)
from kakehashi.screen.scoring.cut import cut
from kakehashi.screen.scoring.device_model import DeviceModel, prepare_model
from kakehashi.screen.scoring.virtual.search import Search
from kakehashi.screen.scoring.within import predict_within
from kakehashi.screen.transfer.fit import Model

# One partition for a snapshot of the Materials Project, and small enough for any machine's memory.
PARTITION_ROWS = 262_144
# Partitions of a catalogue for each worker, so that none waits long for the last; never fewer than `SHARES` in all, so
# that runs with a few workers resume each other. Least rows: workers start, compile and send for less in vain.
PER_WORKER, SHARES = 4, 16
LEAST_ROWS, LEAST_UNITS = 8 * BATCH, BATCH
# Molecules described at a time: descriptors of a partition would take gigabytes. Whole batches need no padding.
DESCRIBED_ROWS = 8 * BATCH
# Attachment points of a candidate given as SMILES: a repeat unit.
ATTACHMENTS = 2

Executor = Callable[["PartitionScorer", Iterable[pa.Table]], Iterator[ScoredPartition]]


def partition_size(rows: int, most: int, workers: int | None, *, smiles: bool = False) -> int:
    """Rows of a partition: whole batches of the device, a few partitions for every worker.

    Without workers a partition is as large as can be, because a composition is scored once in each.

    most : rows at most; smiles : whether rows are described by RDKit, which costs most of their time

    >>> partition_size(1_000_000, 262_144, None), partition_size(1_000_000, 262_144, 2)
    (262144, 63488)
    >>> partition_size(140_000, 262_144, 2), partition_size(140_000, 262_144, 64)
    (9216, 8192)
    >>> partition_size(674, 262_144, 2, smiles=True), partition_size(20_000, 262_144, 2, smiles=True)
    (1024, 2048)
    """
    if not workers:
        return most
    share = -(-rows // max(SHARES, PER_WORKER * workers))
    batch = cut().described if smiles else cut().rows
    whole = -(-share // batch) * batch
    return min(most, max(LEAST_UNITS if smiles else LEAST_ROWS, whole))


class PartitionScorer(NamedTuple):
    """Function that scores a partition, with a sha256.

    The sha256 is that of everything its scores depend on.

    search : search of a virtual catalogue, where partitions are ranges of its indices
    in_domain : predict only what is not out of the domain
    """

    model: Model
    device_model: DeviceModel
    sha256: str
    search: Search | None = None
    in_domain: bool = False

    def __call__(self, rows: pa.Table) -> ScoredPartition:
        """Score one partition."""
        if kind_of_table(self.model.target).structural:
            from kakehashi.screen.scoring.structures import score_structures

            return score_structures(self.model, rows)
        if self.search is not None:
            from kakehashi.screen.scoring.virtual.best import score_best

            return score_best(self.model, self.device_model, self.search, rows)
        return score_partition(self.model, self.device_model, rows, in_domain=self.in_domain)

    def within_domain(self) -> PartitionScorer:
        """Copy that leaves what is out of the domain without a prediction.

        The same where everything is predicted in any case: structures, and a search, which keeps none of them.
        """
        if self.search is not None or kind_of_table(self.model.target).structural:
            return self
        sha256 = hashlib.sha256(f"{self.sha256} in domain".encode()).hexdigest()
        return self._replace(sha256=sha256, in_domain=True)

    def on_host(self) -> PartitionScorer:
        """Copy with NumPy arrays, to be sent to another process."""
        return self._replace(device_model=self.device_model._replace(arrays=jax.device_get(self.device_model.arrays)))

    def on_device(self) -> PartitionScorer:
        """Copy with arrays on the default device."""
        return self._replace(device_model=self.device_model._replace(arrays=jax.device_put(self.device_model.arrays)))


def score_serially(scorer: PartitionScorer, tables: Iterable[pa.Table]) -> Iterator[ScoredPartition]:
    """Score partitions in this process, one after the other."""
    return (scorer(rows) for rows in tables)


def make_scorer(model: Model, search: Search | None = None, precision: Precision = EXACT) -> PartitionScorer:
    """Make a model ready to score partitions.

    Networks and heads that the device model holds already, or does not need, are left out.

    search : search of a virtual catalogue; precision : of the products of networks
    """
    if kind_of_table(model.target).structural:  # crystal networks and their stack predict without a device model
        from kakehashi.screen.scoring.structures import hash_model

        return PartitionScorer(model, DeviceModel((), (), (), False, {}), hash_model(model))
    device_model = prepare_model(model, precision)
    knowledge = model.knowledge
    if knowledge is not None:
        knowledge = knowledge._replace(foundation=knowledge.foundation._replace(full=(), folds=(), scales=()))
    light = model._replace(
        library=model.library._replace(sources=()), stack=model.stack._replace(members=()), leaderboard=(),
        knowledge=knowledge,
    )  # fmt: skip
    return PartitionScorer(light, device_model, _sha256(light, device_model, search), search)


def _sha256(model: Model, device_model: DeviceModel, search: Search | None) -> str:
    domain = model.domain
    facts = [
        scoring_environment(), device_model.plans, device_model.sparse and sparse.ROWS,
        model.library.convention, model.target.log, list(model.target.keys),
        [float(v) for v in (model.interval, model.unseen_interval, model.usual_spread, model.ceiling)],
        sorted(domain.counts), sorted(domain.classes), jax.tree.structure(device_model.arrays),
        *([] if search is None else [search]),
        *([] if device_model.precision == EXACT else [describe_products(device_model.precision)]),
    ]  # fmt: skip
    digest = hashlib.sha256(repr(facts).encode())
    # Which formulas the networks saw decides intervals, known values stand in for predictions.
    known = [] if model.knowledge is None else [model.knowledge.foundation.formulas, *(model.knowledge.known or ())]
    for leaf in [*jax.tree.leaves(device_model.arrays), domain.target_elements, domain.source_elements, *known]:
        values = np.ascontiguousarray(leaf)
        digest.update(f"{values.dtype.str} {values.shape} ".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def score_partition(
    model: Model, device_model: DeviceModel, rows: pa.Table, *, in_domain: bool = False
) -> ScoredPartition:
    """Score a table with text columns `id` and `formula`.

    Other columns travel along.

    in_domain : what is out of the domain gets a verdict, and null for a prediction

    A formula that cannot be read, or whose score is not finite, goes to quarantine with the reason.
    """
    kind, choice = kind_of_table(model.target), model.library.convention
    materials, reasons = kind.parse(rows["formula"], ATTACHMENTS)
    if REFUSED in rows.column_names:
        refused = rows[REFUSED].to_numpy()
        reasons = np.where(refused != "", refused, reasons)
        rows = rows.drop_columns([REFUSED])
    good = np.flatnonzero(reasons == "")
    materials = materials.take(good)
    keys = pa.array(kind.keys(materials, choice), pa.string()).dictionary_encode()
    inverse = keys.indices.to_numpy()
    first = np.unique(inverse, return_index=True)[1]
    distinct = _score_distinct(model, device_model, materials.take(first), in_domain)
    finite, without = distinct.finite, ~distinct.predicted[inverse]
    row_columns = {name: values[inverse] for name, values in distinct.columns.items()}

    usable = finite[inverse]
    reasons[good[~usable]] = "the prediction is not a finite number"
    scored = rows.take(pa.array(good[usable]))
    for field in SCORES:
        mask = without[usable] if field.name in PREDICTED else None
        scored = scored.append_column(field, pa.array(row_columns[field.name][usable], field.type, mask=mask))
    return ScoredPartition(scored, set_aside(rows, reasons))


class _Distinct(NamedTuple):
    """Score columns of n distinct materials, and masks of usable and of predicted rows."""

    columns: dict[str, Any]
    finite: NDArray[np.bool_]
    predicted: NDArray[np.bool_]


def _score_distinct(model: Model, device_model: DeviceModel, materials: Inputs, in_domain: bool) -> _Distinct:
    kind = kind_of(materials)
    reduced, texts = kind.label(materials)
    known, predicted = None, np.ones(len(texts), bool)
    if kind.slots:
        known = model.knowledge.known.of(texts) if model.knowledge and model.knowledge.known else None
        normalised = kind.normalise(materials, model.library.convention)
        if in_domain:
            slots = normalised.elements.astype(np.int32), normalised.amounts.astype(np.float32)
            predict = lambda at: predict_compositions(
                device_model, normalised.take(at), None if known is None else known[at]
            )
            predictions, predicted = predict_within(model, reduced, measure_distances(device_model, *slots), predict)
        else:
            predictions = predict_compositions(device_model, normalised, known)
    else:
        predictions, predicted = _predict_described(model, device_model, materials, reduced, in_domain)
    columns, finite = score_columns(model, reduced, texts, predictions, known)
    return _Distinct(columns, finite | ~predicted, predicted)


def _predict_described(
    model: Model, device_model: DeviceModel, materials: Inputs, reduced: Compositions, in_domain: bool
) -> tuple[Predictions, NDArray[np.bool_]]:
    """Predictions for n materials, described `DESCRIBED_ROWS` at a time, and mask of those predicted.

    reduced : their reduced compositions
    """
    n = len(reduced.elements)
    parts, masks = [], []
    for start in range(0, max(n, 1), DESCRIBED_ROWS):  # an empty table passes once, for the types of its columns
        at = np.arange(start, min(start + DESCRIBED_ROWS, n))
        raw = describe(materials.take(at), model.library.convention)
        if in_domain:
            predict = lambda rows, raw=raw: predict_descriptors(device_model, raw[rows])
            part, mask = predict_within(model, reduced.take(at), measure_distances(device_model, raw), predict)
        else:
            part, mask = predict_descriptors(device_model, raw), np.ones(len(at), bool)
        parts.append(part)
        masks.append(mask)
    mean, spread, distance, nearest = zip(*parts, strict=True)
    return Predictions(*map(np.concatenate, (mean, spread, distance, nearest))), np.concatenate(masks)
