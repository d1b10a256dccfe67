"""How the error falls with the number of known values: the same held-out compounds, fewer to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from kakehashi.screen.transfer.nested import FoldResult, predict_fold
from kakehashi.screen.transfer.problem import Problem, deal_inner
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT, direct_row
from kakehashi.screen.transfer.selection import CLOSED_FORM
from kakehashi.screen.validation.folds import Split

LEAST, STEPS = 10, 5


class CurvePoint(NamedTuple):
    """Held-out error of a model fitted on n compounds per split; mae_std over compounds; fitted scale."""

    n: int
    model: str
    mae: float
    mae_std: float


def sizes_of(splits: Sequence[Split]) -> tuple[int, ...]:
    """Training sizes from `LEAST` to all compounds of the smallest split, evenly spaced in logarithm."""
    most = min(len(split.rows) for split in splits)
    return tuple(int(n) for n in np.unique(np.round(np.geomspace(min(LEAST, most), most, STEPS))))


def learning_curve(
    problem: Problem,
    splits: Sequence[Split],
    sizes: Sequence[int],
    pool: Executor,
    progress: Callable[[int], None],
) -> tuple[CurvePoint, ...]:
    """Error of the transferred stack, of the direct stack and of each direct head, by size.

    The compounds of a smaller size are among those of a larger one. Heads without a closed form are left out: they are
    fitted hundreds of times.
    """
    heads = problem.heads
    closed = heads._replace(direct=tuple(h for h in heads.direct if h in CLOSED_FORM) or heads.direct, late=())
    y = problem.target.y
    jobs = [(size, k) for size in sizes for k in range(len(splits))]

    def ask(job: tuple[int, int]) -> FoldResult:
        size, k = job
        rows, held = splits[k]
        few = np.sort(np.random.default_rng([problem.seed, k]).permutation(rows)[:size])
        found = predict_fold(problem.features, y, few, held, deal_inner(problem, few), problem.names, closed)
        progress(1)
        return found

    results = dict(zip(jobs, pool.map(ask, jobs), strict=True))
    held = np.concatenate([split.held for split in splits])
    points = []
    for size in sizes:
        models = [CHOSEN] * bool(problem.names) + [DIRECT] + [direct_row(head).name for head in closed.direct]
        for model in models:
            means = np.concatenate([results[size, k].means[model][0] for k in range(len(splits))])
            wrong = np.abs(means - y[held])
            points.append(CurvePoint(size, model, float(wrong.mean()), float(wrong.std(ddof=1) / np.sqrt(len(wrong)))))
    return tuple(points)
