"""What a comparison says in words: does transfer help, and which procedure should be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import PropertyTable
from screen.holdouts import Held
from screen.rows import CHOSEN, DIRECT, Row
from screen.statistics import Paired, paired_test

FloatArray = NDArray[np.float64]
# One-sided: a difference this unlikely without one counts.
SIGNIFICANCE = 0.05


class Judgement(NamedTuple):
    """The verdict on transfer and the procedure to use.

    helps : None where the difference could be chance, or no source was given
    chosen_mae, direct_mae : of the transferred procedure and of the best direct model, picked with hindsight
    against_best : error of that direct model minus the procedure's; against_own : of the same procedure without sources
    recommended : a row of the leaderboard that is a whole procedure
    """

    helps: bool | None
    chosen_mae: float
    direct_name: str
    direct_mae: float
    against_best: Paired
    against_own: Paired
    recommended: str
    text: str
    recommendation: str


def judge(
    target: PropertyTable,
    held: Held,
    wrong: Mapping[str, FloatArray],
    rows: Mapping[str, Row],
    board: Sequence[tuple[str, float]],
    transferred: bool,
) -> Judgement:
    """Judge the deployed procedure from absolute errors (n,) per row; `board` : names and errors, best first."""
    maes = dict(board)
    best = next(name for name, _ in board if rows[name].direct)
    against_best = paired_test(wrong[best] - wrong[CHOSEN], held.splits)
    against_own = paired_test(wrong[DIRECT] - wrong[CHOSEN], held.splits)
    helps = verdict(against_best) if transferred else None
    recommended = CHOSEN if transferred and maes[CHOSEN] <= maes[DIRECT] else DIRECT
    return Judgement(
        helps=helps,
        chosen_mae=maes[CHOSEN],
        direct_name=best,
        direct_mae=maes[best],
        against_best=against_best,
        against_own=against_own,
        recommended=recommended,
        text=_text(target, held, maes, best, against_best, against_own, helps, transferred),
        recommendation=_recommendation(maes, best, recommended, transferred),
    )


def verdict(test: Paired) -> bool | None:
    """Whether the difference is there and positive; None where it could be chance."""
    if np.isnan(test.p_value) or test.p_value / 2 > SIGNIFICANCE or test.difference == 0:
        return None
    return test.difference > 0


def _text(
    target: PropertyTable,
    held: Held,
    maes: Mapping[str, float],
    best: str,
    against_best: Paired,
    against_own: Paired,
    helps: bool | None,
    transferred: bool,
) -> str:
    scale = f"ln({target.quantity})" if target.log else (target.unit or "the target's unit")
    n = sum(len(split.held) for split in held.splits)
    where = f"{n} held-out compounds ({held.text})"
    if not transferred:
        return (
            f"No transfer: no source was given. MAE {maes[DIRECT]:.3g} in {scale} for the stack of direct models,"
            f" {maes[best]:.3g} for the best single row ({best}); {where}."
        )
    heading = {
        True: "Transfer helps here",
        False: "Transfer does not help here",
        None: "No measurable difference between transfer and the best model without it",
    }[helps]
    return (
        f"{heading}: MAE {maes[CHOSEN]:.3g} in {scale} with transfer, {maes[best]:.3g} for the best without"
        f" ({best}, picked with hindsight), {_words(against_best)}; against the same stack without sources"
        f" ({maes[DIRECT]:.3g}) {_words(against_own)}; {where}."
    )


def _words(test: Paired) -> str:
    more = "lower" if test.difference >= 0 else "higher"
    if np.isnan(test.p_value):
        return f"{abs(test.difference):.2g} {more}"
    return f"{abs(test.difference):.2g} ± {test.standard_error:.2g} {more} (p = {test.p_value:.2g}, by {test.by})"


def _recommendation(maes: Mapping[str, float], best: str, recommended: str, transferred: bool) -> str:
    """One sentence."""
    other = ""
    if maes[best] < maes[recommended] and best != recommended:
        other = f"; {best} erred {maes[best]:.3g}, but was picked with hindsight"
    if recommended == CHOSEN:
        return (
            f"Use these sources: the whole procedure, its choices included, errs {maes[CHOSEN]:.3g} on held-out"
            f" compounds, without sources {maes[DIRECT]:.3g}{other}."
        )
    if not transferred:
        return f"The stack of direct models errs {maes[DIRECT]:.3g} on held-out compounds{other}."
    return (
        f"Leave these sources out: the stack of direct models errs {maes[DIRECT]:.3g} on held-out compounds,"
        f" with sources {maes[CHOSEN]:.3g}{other}."
    )
