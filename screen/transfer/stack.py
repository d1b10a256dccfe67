"""The deployed stack: chosen candidates and their weights (Wolpert, 1992)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.heads.registry import LINES
from kakehashi.screen.transfer.features import Features
from kakehashi.screen.transfer.plan import Fitted, Plan, Rows, mixture, predict_plan
from kakehashi.screen.transfer.selection import CLOSED_FORM, Candidate, pick_best
from kakehashi.screen.transfer.weights import stack_weights


class StackColumn(NamedTuple):
    """A column of the stack.

    Direct or predictions per head, the best average or a late head per source, blocks of foundation networks per head.
    """

    kind: Literal["direct", "average", "late", "predictions", "foundation"]
    head: str = ""
    source: int = -1
    blocks: tuple[str, ...] = ()


class Stack(NamedTuple):
    """Fitted members and their weights.

    weights : (members,)
    inner_mae : the stack's own error inside its training rows
    left_out : names of candidates that did not earn a place
    """

    names: tuple[str, ...]
    members: tuple[Fitted, ...]
    weights: FloatArray
    inner_mae: float
    left_out: tuple[str, ...] = ()


def choose_columns(candidates: Sequence[Candidate], n_sources: int) -> dict[StackColumn, Candidate]:
    """Choose the candidate of every column of the stack.

    Direct heads; per source the best average and the late heads; per head the best predictions.
    """
    chosen = {StackColumn("direct", c.plan.head): c for c in candidates if c.plan.kind == "direct"}
    for s in range(n_sources):
        # Averages only: picking one network of many by 45 rows mostly picks luck, and its flattering inner error
        # would then earn it the largest weight. (A source with one network is its own average.)
        frozen = [
            c for c in candidates if c.plan.head in CLOSED_FORM and c.plan.kind == "frozen" and c.plan.source == s
        ]
        size = max((len(c.plan.networks) for c in frozen), default=0)
        if frozen:
            chosen[StackColumn("average", source=s)] = pick_best([c for c in frozen if len(c.plan.networks) == size])
        late = [c for c in candidates if c.plan.source == s and c.plan.head not in CLOSED_FORM]
        chosen |= {StackColumn("late", c.plan.head, s): c for c in late}
    for candidate in candidates:
        plan = candidate.plan
        if plan.kind == "foundation":
            chosen[StackColumn("foundation", plan.head, plan.source, plan.blocks)] = candidate
    for head in LINES:
        options = [c for c in candidates if c.plan.kind == "predictions" and c.plan.head == head]
        if options:
            chosen[StackColumn("predictions", head)] = pick_best(options)
    return chosen


def fit_stack(chosen: Sequence[Candidate], truth: FloatArray, fit: Callable[[Plan], Fitted]) -> Stack:
    """Fit chosen candidates and weight their inner predictions.

    truth : (n,) values of the training rows
    fit : fits a plan on them
    """
    table = np.stack([c.inner for c in chosen], axis=1)
    weights = stack_weights(table, truth)
    used = [i for i in range(len(chosen)) if weights[i] > 0]
    return Stack(
        tuple(chosen[i].name for i in used),
        tuple(fit(chosen[i].plan) for i in used),
        weights[used],
        float(np.mean(np.abs(table @ weights - truth))),
        tuple(candidate.name for candidate, weight in zip(chosen, weights, strict=True) if weight == 0),
    )


def predict_stack(stack: Stack, features: Features, rows: Rows) -> tuple[FloatArray, FloatArray]:
    """Predict with the weighted mixture of members.

    A member is itself a mixture, over its networks with equal weights.

    Returns
    -------
    mean and spread, (len(rows),) each
    """
    means, spreads = [], []
    for member in stack.members:
        mean, spread = predict_plan(member, features, rows)
        pooled = mixture(mean, spread, np.ones(len(mean)))
        means.append(pooled[0])
        spreads.append(pooled[1])
    mean, spread = mixture(np.stack(means), np.stack(spreads), stack.weights)
    return mean, spread
