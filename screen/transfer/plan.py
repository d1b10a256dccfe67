"""A model before and after fitting: its inputs and its head.

- direct: the descriptors, standardised on the training rows where the head does not see their blocks; no transfer.
- frozen: frozen features of one source's networks, a head per network, their means averaged.
- finetuned: the last layers of one source's networks, trained further on the target, their means averaged.
- stacked: frozen features of several sources side by side, network i of each, a head per i, their means averaged.
- foundation: blocks of columns of foundation networks, perhaps beside the descriptors, all standardised.
- predictions: the descriptors with every source's averaged predictions as more columns, enlarged by `gain`
  so that the penalty of the head spares it (stacked generalisation; Wolpert, 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.budget import blocks
from kakehashi.screen.descriptors.scaling import Scaling, fit_scaling, standardise
from kakehashi.screen.heads.finetune import starting_from
from kakehashi.screen.heads.head import Head, Params, out_of_fold
from kakehashi.screen.heads.registry import HEADS
from kakehashi.screen.heads.tuned import tuned_from
from kakehashi.screen.transfer.features import Features
from kakehashi.screen.transfer.members import Block
from kakehashi.screen.validation.folds import Folds

# The last hidden layer (the paper's first setup), the last two, all of them (its second).
DEPTHS = (1, 2, 0)
GAINS = (1.0, 3.0, 10.0)

Kind = Literal["direct", "frozen", "stacked", "finetuned", "predictions", "foundation"]
# Kinds whose columns are scaled on the training rows.
SCALED = ("direct", "predictions", "foundation")
Rows = NDArray[np.int64]


class Plan(NamedTuple):
    """A model before it is fitted.

    source, networks : indices of the source and of its networks (of every source's where stacked)
    depth : last hidden layers used, 0 for all
    gain : factor of the source predictions
    blocks : columns beside foundation networks
    """

    kind: Kind
    head: str
    source: int = -1
    depth: int = 0
    networks: tuple[int, ...] = ()
    gain: float = 0.0
    blocks: tuple[Block, ...] = ()


class Fitted(NamedTuple):
    """A plan with fitted parameters.

    params : one set per network of a source, else one
    scaling : of the descriptors or blocks, fitted on the training rows; None where networks make the features, or the
        head scales blocks itself
    """

    plan: Plan
    params: tuple[Params, ...]
    scaling: Scaling | None


def layer_slice(layers: Sequence[Any], depth: int) -> Any:
    """Join the last `depth` layers; all for 0, or where there are fewer.

    >>> layer_slice([np.zeros((2, 3)), np.ones((2, 1))], 1).tolist()
    [[1.0], [1.0]]
    """
    chosen = layers[-depth:] if depth else layers
    return np.concatenate(chosen, axis=1)


def design_matrices(plan: Plan, features: Features, rows: Rows, scaling: Scaling | None) -> list[FloatArray]:
    """Design matrices of a plan, (len(rows), p) each.

    One per network of a source, else one.
    """
    if plan.kind == "frozen":
        layers = features.layers[plan.source]
        return [layer_slice([f[rows] for f in layers[i]], plan.depth) for i in plan.networks]
    if plan.kind == "stacked":
        parts = [[layer_slice([f[rows] for f in own[i]], plan.depth) for own in features.layers] for i in plan.networks]
        return [np.hstack(part) for part in parts]
    if plan.kind == "finetuned":
        return [np.asarray(features.trunks[plan.source][i][rows], np.float64) for i in plan.networks]
    if HEADS[plan.head].blocked is not None:
        return [np.asarray(features.raw[rows], np.float64)]
    if scaling is None:
        raise ValueError("descriptors need a scaling")
    if plan.kind == "foundation":
        return [_standardised(scaling, foundation_columns(plan, features, rows))]
    x = np.asarray(standardise(scaling, features.raw[rows]), np.float64)
    return [x if plan.kind == "direct" else np.hstack([x, plan.gain * features.predictions[rows]])]


def _standardised(scaling: Scaling, columns: FloatArray) -> FloatArray:
    """Standardise columns (n, width) in their place, block by block."""
    for block in blocks(*columns.shape):
        columns[block] = standardise(scaling, columns[block])
    return columns


def foundation_columns(plan: Plan, features: Features, rows: Rows) -> FloatArray:
    """Join the blocks of a plan for some compounds, (len(rows), width), not standardised."""
    if features.foundation is None:
        raise ValueError("foundation columns need a view")
    columns = {"descriptors": features.raw, **features.foundation._asdict()}
    return np.hstack([np.asarray(columns[name][rows], np.float64) for name in plan.blocks])


def heads_of(plan: Plan, features: Features) -> list[Head]:
    """Heads of a plan, one per design matrix.

    Fine-tuning starts from a network of its own.
    """
    if plan.head == "tuned" and features.foundation is not None:
        return [tuned_from(features.foundation.networks)]
    if plan.kind == "finetuned":
        return [starting_from(features.networks[plan.source][i]) for i in plan.networks]
    blocked = HEADS[plan.head].blocked
    if blocked is not None:
        return [blocked.on_groups(features.groups)]
    return [HEADS[plan.head]] * max(1, len(plan.networks))


def fit_plan(plan: Plan, features: Features, y: FloatArray, rows: Rows) -> Fitted:
    """Fit a plan's head on some rows."""
    scaling = _scaling(plan, features, rows)
    pairs = zip(heads_of(plan, features), design_matrices(plan, features, rows, scaling), strict=True)
    return Fitted(plan, tuple(head.fit(x, y[rows]) for head, x in pairs), scaling)


def predict_plan(fitted: Fitted, features: Features, rows: Rows) -> tuple[FloatArray, FloatArray]:
    """Predict some rows; means and spreads, (networks, len(rows)) each."""
    head = HEADS[fitted.plan.head]
    pairs = [
        head.predict(params, x)
        for params, x in zip(fitted.params, design_matrices(fitted.plan, features, rows, fitted.scaling), strict=True)
    ]
    return np.stack([m for m, _ in pairs]), np.stack([s for _, s in pairs])


def inner_predictions(plan: Plan, features: Features, y: FloatArray, rows: Rows, folds: Folds) -> FloatArray:
    """Out-of-fold means on the training rows, (networks, len(rows))."""
    pairs = zip(
        heads_of(plan, features), design_matrices(plan, features, rows, _scaling(plan, features, rows)), strict=True
    )
    return np.stack([out_of_fold(head, x, y[rows], folds) for head, x in pairs])


def _scaling(plan: Plan, features: Features, rows: Rows) -> Scaling | None:
    if plan.kind not in SCALED or HEADS[plan.head].blocked is not None:
        return None
    if plan.head == "tuned":  # the network's own inputs stay as they are
        width = foundation_columns(plan, features, rows[:1]).shape[1]
        return Scaling(np.zeros(width, np.float32), np.ones(width, np.float32))
    return fit_scaling(foundation_columns(plan, features, rows) if plan.kind == "foundation" else features.raw[rows])


def mixture(means: Any, spreads: Any, weights: Any) -> tuple[Any, Any]:
    """Mean and standard deviation of a mixture of normals, (m,) each.

    means, spreads : (k, m); weights : (k,)

    >>> mixture(np.array([[0.0], [2.0]]), np.zeros((2, 1)), np.ones(2))
    (array([1.]), array([1.]))
    """
    total = weights.sum()
    mean = (weights[:, None] * means).sum(axis=0) / total
    second = (weights[:, None] * (spreads**2 + (means - mean[None, :]) ** 2)).sum(axis=0) / total
    return mean, second**0.5
