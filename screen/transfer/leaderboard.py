"""The leaderboard of nested cross-validation, best model first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.transfer.rows import Row


class Entry(NamedTuple):
    """A leaderboard row with its held-out errors.

    Every choice was made inside the training rows.

    mae, mae_std, rmse : on the fitted scale; mae_std is the standard error of mae over compounds
    mae_unit : mean absolute error in the target's unit
    optimism : nested error minus the error seen during selection
    coverage_90 : of its 90 % intervals; NaN where none were made
    beats_direct : its mae is below that of the best model without transfer
    """

    name: str
    source: str
    networks: int
    depth: str
    head: str
    mae: float
    mae_std: float
    mae_unit: float
    rmse: float
    r2: float
    spearman: float
    coverage_90: float
    optimism: float
    beats_direct: bool


def rank_entries(
    rows: Mapping[str, Row],
    y: FloatArray,
    log: bool,
    predictions: dict[str, FloatArray],
    inside: dict[str, list[float]],
    fitted: NDArray[np.int64],
    covered: dict[str, float],
) -> tuple[Entry, ...]:
    """Measure and rank the rows, best first.

    rows : by name
    y : (n,) held-out values; predictions : (n,) of them, by row
    inside, fitted : error seen during selection, and rows it was seen on, per split
    covered : coverage of the intervals of the models that have them
    """
    error = {name: float(np.mean(np.abs(y - p))) for name, p in predictions.items()}
    bar = min(error[name] for name in predictions if rows[name].direct)
    board = []
    for name, p in predictions.items():
        row = rows[name]
        inner = float(np.average(inside[name], weights=fitted))
        board.append(
            Entry(
                name=name,
                source=row.source,
                networks=row.networks,
                depth=row.depth,
                head=row.head,
                mae=error[name],
                mae_std=float(np.std(np.abs(y - p), ddof=1) / np.sqrt(len(y))),
                mae_unit=float(np.mean(np.abs(np.exp(y) - np.exp(p)))) if log else error[name],
                rmse=float(np.sqrt(np.mean((y - p) ** 2))),
                r2=float(1 - np.sum((y - p) ** 2) / np.sum((y - y.mean()) ** 2)),
                spearman=_spearman(y, p),
                coverage_90=covered.get(name, float("nan")),
                optimism=error[name] - inner,
                beats_direct=bool(not row.direct and error[name] < bar),
            )
        )
    return tuple(sorted(board, key=lambda entry: entry.mae))


def _spearman(a: FloatArray, b: FloatArray) -> float:
    from scipy.stats import spearmanr

    return float("nan") if np.ptp(b) == 0 else float(spearmanr(a, b).statistic)
