"""The leaderboard of nested cross-validation and the verdict on transfer, with the statistics behind both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import PropertyTable
from screen.null import Null
from screen.rows import Row

FloatArray = NDArray[np.float64]

# A difference counts when it exceeds this many standard errors (one-sided 95 %).
DECISIVE = 1.645


class Entry(NamedTuple):
    """One model, measured on held-out compounds with every choice made inside the training rows.

    mae, mae_std, rmse : on the fitted scale; mae_std is the standard error of mae over compounds
    mae_unit : mean absolute error in the target's unit
    optimism : nested error minus the error seen during selection
    coverage_90 : of its 90 % intervals; NaN where none were made
    beats_direct : whether its mae is below that of the best model without transfer
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


class Verdict(NamedTuple):
    """Does transfer help? `difference` = error of the best direct model minus that of the chosen one.

    optimism : error of the chosen model minus what its selection saw
    null_mae, null_mae_p5, null_looks : on shuffled target values, the held-out error of the best of all networks
        (mean and 5th percentile over permutations), and the mean error with which it is chosen; None without networks
    """

    helps: bool | None
    chosen_mae: float
    direct_name: str
    direct_mae: float
    difference: float
    standard_error: float
    coverage_90: float
    optimism: float
    null_mae: float | None
    null_mae_p5: float | None
    null_looks: float | None
    text: str


def entries(
    rows: Mapping[str, Row],
    y: FloatArray,
    log: bool,
    predictions: dict[str, FloatArray],
    inside: dict[str, list[float]],
    fitted: NDArray[np.int64],
    covered: dict[str, float],
) -> tuple[Entry, ...]:
    """Leaderboard entries, best first.

    rows : by name; y : (n,) held-out values, `predictions` (n,) of them
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


def judge_transfer(
    target: PropertyTable,
    predictions: dict[str, FloatArray],
    chosen: str,
    rows: Mapping[str, Row],
    board: tuple[Entry, ...],
    null: Null | None,
) -> Verdict:
    """Compare the chosen model with the best direct one, compound by compound; without sources nothing is judged.

    The best direct model is picked with hindsight, which favours it: "helps" is said against the odds.
    """
    y = target.y
    direct = min((e for e in board if rows[e.name].direct), key=lambda e: e.mae)
    own = next(e for e in board if e.name == chosen)
    gain = np.abs(y - predictions[direct.name]) - np.abs(y - predictions[chosen])
    difference, error = float(gain.mean()), float(np.std(gain, ddof=1) / np.sqrt(len(gain)))
    helps: bool | None = None
    if null and abs(difference) > DECISIVE * error and difference != 0:
        helps = difference > 0
    scale = f"ln({target.quantity})" if target.log else (target.unit or "the target's unit")
    wording = {
        True: "Transfer helps here",
        False: "Transfer does not help here",
        None: "No measurable difference",
    }
    more = "lower" if difference >= 0 else "higher"
    text = (
        f"{wording[helps]}: held-out MAE {own.mae:.3g} in {scale} with transfer, {direct.mae:.3g} for the best model"
        f" without ({direct.name}), i.e. {abs(difference):.2g} ± {error:.2g} (1 s.e., {len(y)} compounds) {more}."
    )
    if null is None:
        text = (
            f"No transfer: no source was given. Held-out MAE {own.mae:.3g} in {scale} for the stack of direct models,"
            f" {direct.mae:.3g} for the best single one ({direct.name}); {len(y)} compounds."
        )
    else:
        text += (
            f" With shuffled target values the best of {null.networks} networks errs {null.mae.mean():.3g} (5th"
            f" percentile {np.quantile(null.mae, 0.05):.3g}), though it looks like {null.looks.mean():.3g} when it is"
            " chosen."
        )
    return Verdict(
        helps=helps,
        chosen_mae=own.mae,
        direct_name=direct.name,
        direct_mae=direct.mae,
        difference=difference,
        standard_error=error,
        coverage_90=own.coverage_90,
        optimism=own.optimism,
        null_mae=float(null.mae.mean()) if null else None,
        null_mae_p5=float(np.quantile(null.mae, 0.05)) if null else None,
        null_looks=float(null.looks.mean()) if null else None,
        text=text,
    )


def _spearman(a: FloatArray, b: FloatArray) -> float:
    from scipy.stats import spearmanr

    return float("nan") if np.ptp(b) == 0 else float(spearmanr(a, b).statistic)
