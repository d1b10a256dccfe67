"""Columns of scored and of quarantined candidates, for every kind of material."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions
from kakehashi.screen.device import current
from kakehashi.screen.foundation.folds import was_seen
from kakehashi.screen.scoring.batches import Predictions
from kakehashi.screen.scoring.cut import cut
from kakehashi.screen.scoring.virtual.search import IndexCounts
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.validation.domain import judge_domain
from kakehashi.screen.validation.intervals import difficulty

# Fixed types let a partition without scores be joined with others.
SCORES = pa.schema(
    [("reduced_formula", pa.string()), ("mean", pa.float64()), ("lower", pa.float64()), ("upper", pa.float64()),
     ("spread", pa.float64()), ("at_ceiling", pa.bool_()), ("domain", pa.string()), ("domain_reason", pa.string()),
     ("nearest_training", pa.string()), ("distance", pa.float64()), ("formula_seen", pa.bool_()),
     ("known_values", pa.int64())]
)  # fmt: skip
# Those that a row without a prediction has no value of.
PREDICTED = ("mean", "lower", "upper", "spread", "at_ceiling")
QUARANTINE = pa.schema([("id", pa.string()), ("formula", pa.string()), ("reason", pa.string())])


class ScoredPartition(NamedTuple):
    """One scored partition: rows in = `scores` rows + `quarantine` rows.

    counts : outcome of all indices, for a virtual catalogue, whose `scores` are the best alone
    """

    scores: pa.Table
    quarantine: pa.Table
    counts: IndexCounts | None = None


def set_aside(rows: pa.Table, reasons: NDArray[np.object_]) -> pa.Table:
    """Return what goes to quarantine: of the rows of a catalogue those with a reason (n,) that is not ""."""
    bad = np.flatnonzero(reasons != "")
    aside = rows.select(["id", "formula"]).take(pa.array(bad)).cast(QUARANTINE.remove(2))
    return aside.append_column("reason", pa.array(reasons[bad].tolist(), pa.string()))


def scoring_environment() -> str:
    """Versions and device that the bits of a score depend on."""
    return f"kakehashi {version('kakehashi')}, jax {jax.__version__}, {current().platform}, batches of {cut().rows}"


def score_columns(
    model: Model,
    reduced: Compositions,
    texts: Sequence[str],
    predictions: Predictions,
    known: NDArray[np.float32] | None = None,
    *,
    virtual: bool = False,
) -> tuple[dict[str, Any], Any]:
    """Score columns of n materials, and mask of finite rows.

    `formula_seen` says whether the foundation networks learned from the formula, which error and interval follow;
    null without such networks.

    reduced, texts : their reduced compositions and names
    known : (n, k) known values that took part, NaN where unknown
    virtual : of a virtual catalogue, whose rows all have the intervals of formulas never seen
    """
    verdicts = judge_domain(model.domain, reduced, predictions.distance)
    seen = was_seen(model.knowledge.foundation, texts) if model.knowledge else None
    factor = np.where(seen, model.interval, model.unseen_interval) if seen is not None else model.interval
    half = (model.unseen_interval if virtual else factor) * difficulty(
        predictions.spread, predictions.distance, model.usual_spread
    )
    back = np.exp if model.target.log else np.asarray
    with np.errstate(over="ignore"):
        mean, lower, upper = (back(v) for v in (predictions.mean, predictions.mean - half, predictions.mean + half))
    names = np.asarray(model.target.keys, dtype=object)
    columns = {
        "reduced_formula": np.asarray(texts, dtype=object),
        "mean": mean,
        "lower": lower,
        "upper": upper,
        "spread": predictions.spread,
        # Single precision: a mean of leaves may fall short of the ceiling by rounding.
        "at_ceiling": predictions.mean >= model.ceiling - 1e-6 * max(abs(model.ceiling), float(np.ptp(model.target.y)))
        if np.isfinite(model.ceiling)
        else np.zeros(len(mean), bool),
        "domain": verdicts.domain,
        "domain_reason": verdicts.reason,
        "nearest_training": names[predictions.nearest],
        "distance": predictions.distance,
        "formula_seen": np.full(len(mean), None, object) if seen is None else seen,
        "known_values": np.zeros(len(mean), np.int64) if known is None else np.isfinite(known).sum(axis=1),
    }
    return columns, np.isfinite(mean) & np.isfinite(predictions.spread)
