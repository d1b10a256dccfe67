"""Scoring a catalogue partition by partition: read, quarantine, score unique compositions once, fan out, write.

Partitions are independent, so that anything that is called like `map` can run them (`Executor`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import pyarrow as pa

from kakehashi.catalogs.candidates.candidates import REFUSED
from kakehashi.catalogs.records import Inputs
from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.descriptors.materials import describe, kind_of, kind_of_table
from kakehashi.screen.scoring import sparse
from kakehashi.screen.scoring.batches import Scores, score, score_described
from kakehashi.screen.scoring.columns import QUARANTINE, SCORES, Part, environment, score_columns
from kakehashi.screen.scoring.prepare import Scorer, prepare
from kakehashi.screen.scoring.virtual.search import Search
from kakehashi.screen.transfer.fit import Model

# Large enough that a snapshot of the Materials Project is one partition, small enough for any machine.
PARTITION_ROWS = 262_144
# Molecules described at a time: a partition's descriptors would take gigabytes. Whole batches, so that none is padded.
DESCRIBED_ROWS = 8 * BATCH
# Attachment points of a candidate given as SMILES: a repeat unit.
ATTACHMENTS = 2

Executor = Callable[["Scoring", Iterable[pa.Table]], Iterator[Part]]


class Scoring(NamedTuple):
    """What every partition is scored with, and the sha256 of all that its scores depend on.

    search : what is looked for where partitions are ranges of a virtual catalogue
    """

    model: Model
    scorer: Scorer
    sha256: str
    search: Search | None = None

    def __call__(self, rows: pa.Table) -> Part:
        """Score one partition."""
        if kind_of_table(self.model.target).structural:
            from kakehashi.screen.scoring.structures import score_structures

            return score_structures(self.model, rows)
        if self.search is not None:
            from kakehashi.screen.scoring.virtual.best import best_of

            return best_of(self.model, self.scorer, self.search, rows)
        return score_partition(self.model, self.scorer, rows)

    def on_host(self) -> Scoring:
        """The same with plain arrays, to be sent elsewhere."""
        return self._replace(scorer=self.scorer._replace(arrays=jax.device_get(self.scorer.arrays)))

    def on_device(self) -> Scoring:
        """The same with arrays on the default device."""
        return self._replace(scorer=self.scorer._replace(arrays=jax.device_put(self.scorer.arrays)))


def in_turn(scoring: Scoring, tables: Iterable[pa.Table]) -> Iterator[Part]:
    """Run the partitions in this process, one after the other."""
    return (scoring(rows) for rows in tables)


def deploy(model: Model, search: Search | None = None) -> Scoring:
    """Make a model ready to score, without the networks and heads that its scorer already holds or does not need.

    search : what to look for in a virtual catalogue
    """
    if kind_of_table(model.target).structural:  # its networks are those of `graph`, and its stack is asked as it is
        from kakehashi.screen.scoring.structures import fingerprint

        return Scoring(model, Scorer((), (), (), False, {}), fingerprint(model))
    scorer = prepare(model)
    light = model._replace(
        library=model.library._replace(sources=()), stack=model.stack._replace(members=()), leaderboard=()
    )
    return Scoring(light, scorer, _sha256(light, scorer, search), search)


def _sha256(model: Model, scorer: Scorer, search: Search | None) -> str:
    domain = model.domain
    facts = [
        environment(), scorer.plans, scorer.sparse and sparse.ROWS,
        model.library.convention, model.target.log, list(model.target.keys),
        [float(v) for v in (model.interval, model.usual_spread, model.ceiling)],
        sorted(domain.counts), sorted(domain.classes), jax.tree.structure(scorer.arrays),
        *([] if search is None else [search]),
    ]  # fmt: skip
    digest = hashlib.sha256(repr(facts).encode())
    for leaf in [*jax.tree.leaves(scorer.arrays), domain.target_elements, domain.source_elements]:
        values = np.ascontiguousarray(leaf)
        digest.update(f"{values.dtype.str} {values.shape} ".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def score_partition(model: Model, scorer: Scorer, rows: pa.Table) -> Part:
    """Score one table with text columns `id` and `formula`; its own other columns travel along.

    A formula that cannot be read, or whose score is not finite, goes to quarantine with the reason.
    """
    kind, choice = kind_of_table(model.target), model.library.convention
    given, reasons = kind.parse(rows["formula"], ATTACHMENTS)
    if REFUSED in rows.column_names:
        refused = rows[REFUSED].to_numpy()
        reasons = np.where(refused != "", refused, reasons)
        rows = rows.drop_columns([REFUSED])
    good = np.flatnonzero(reasons == "")
    given = given.take(good)
    keys = pa.array(kind.keys(given, choice), pa.string()).dictionary_encode()
    inverse = keys.indices.to_numpy()
    first = np.unique(inverse, return_index=True)[1]
    columns, finite = _scored(model, scorer, given.take(first))
    fanned = {name: values[inverse] for name, values in columns.items()}

    kept = finite[inverse]
    reasons[good[~kept]] = "the prediction is not a finite number"
    scored = rows.take(pa.array(good[kept]))
    for field in SCORES:
        scored = scored.append_column(field, pa.array(fanned[field.name][kept], field.type))
    bad = np.flatnonzero(reasons != "")
    quarantine = rows.select(["id", "formula"]).take(pa.array(bad)).cast(QUARANTINE.remove(2))
    quarantine = quarantine.append_column("reason", pa.array(reasons[bad].tolist(), pa.string()))
    return Part(scored, quarantine)


def _scored(model: Model, scorer: Scorer, given: Inputs) -> tuple[dict[str, Any], Any]:
    """Score columns of distinct materials, and which rows are finite."""
    kind = kind_of(given)
    reduced, texts = kind.label(given)
    if kind.slots:
        found = score(scorer, kind.normalise(given, model.library.convention))
    else:
        found = _described(model, scorer, given, len(texts))
    return score_columns(model, reduced, texts, found)


def _described(model: Model, scorer: Scorer, given: Inputs, n: int) -> Scores:
    """Scores of n materials, described `DESCRIBED_ROWS` at a time."""
    parts = []
    for start in range(0, max(n, 1), DESCRIBED_ROWS):  # once without any, for the types of the columns
        rows = given.take(np.arange(start, min(start + DESCRIBED_ROWS, n)))
        parts.append(score_described(scorer, describe(rows, model.library.convention)))
    mean, spread, distance, nearest = zip(*parts, strict=True)
    return Scores(*map(np.concatenate, (mean, spread, distance, nearest)))
