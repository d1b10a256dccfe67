"""Learning curve: error on the same held-out compounds by training size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from kakehashi.screen.foundation.view import FULL
from kakehashi.screen.transfer.nested import FoldResult, predict_fold
from kakehashi.screen.transfer.problem import Problem, deal_inner
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT, direct_row
from kakehashi.screen.transfer.selection import CLOSED_FORM
from kakehashi.screen.validation.folds import Split

LEAST, STEPS = 10, 5


class CurvePoint(NamedTuple):
    """Held-out error of a model at one training size.

    On the fitted scale.

    n : compounds fitted on per split
    mae, mae_std : mean absolute error, and its standard error over compounds
    """

    n: int
    model: str
    mae: float
    mae_std: float


def sizes_of(splits: Sequence[Split]) -> tuple[int, ...]:
    """Choose training sizes, evenly spaced in logarithm.

    From `LEAST` to all compounds of the smallest split.
    """
    most = min(len(split.rows) for split in splits)
    return tuple(int(n) for n in np.unique(np.round(np.geomspace(min(LEAST, most), most, STEPS))))


def learning_curve(
    problem: Problem,
    splits: Sequence[Split],
    sizes: Sequence[int],
    pool: Executor,
    progress: Callable[[int], None],
    networks: Sequence[int] | None = None,
) -> tuple[CurvePoint, ...]:
    """Measure the stack and the direct models by training size.

    The compounds of a smaller size are among those of a larger one. Heads without a closed form are left out: they are
    fitted hundreds of times.

    networks : set of foundation networks, per split; by default those that saw every formula
    """
    heads = problem.heads
    closed = heads._replace(
        direct=tuple(h for h in heads.direct if h in CLOSED_FORM) or heads.direct,
        late=(),
        foundation=tuple(member for member in heads.foundation if member.head in CLOSED_FORM),
    )
    sets = [FULL] * len(splits) if networks is None else networks
    y = problem.target.y
    tasks = [(size, k) for size in sizes for k in range(len(splits))]

    def measure(job: tuple[int, int]) -> FoldResult:
        size, k = job
        rows, held = splits[k]
        subset = np.sort(np.random.default_rng([problem.seed, k]).permutation(rows)[:size])
        result = predict_fold(
            problem.features_for(held, sets[k]), y, subset, held, deal_inner(problem, subset), problem.names, closed
        )
        progress(1)
        return result

    results = dict(zip(tasks, pool.map(measure, tasks), strict=True))
    held = np.concatenate([split.held for split in splits])
    points = []
    for size in sizes:
        models = (
            [CHOSEN] * bool(problem.names or problem.views)
            + [DIRECT]
            + [direct_row(head).name for head in closed.direct]
        )
        for model in models:
            means = np.concatenate([results[size, k].means[model][0] for k in range(len(splits))])
            errors = np.abs(means - y[held])
            points.append(
                CurvePoint(size, model, float(errors.mean()), float(errors.std(ddof=1) / np.sqrt(len(errors))))
            )
    return tuple(points)
