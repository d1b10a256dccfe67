"""The verdict on transfer, for `screen`, `evaluate`, their reports and `next`.

The rule is the corrected paired test by folds (Nadeau & Bengio, 2003), one-sided at 5 %: the absolute errors of the
whole transferred procedure against those of the best model without transfer. That model is picked with hindsight, which
favours it: "helps" is said against the odds. One table of sentences words it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kakehashi.catalogs.numbers import number
from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.transfer.leaderboard import Entry
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT, Row
from kakehashi.screen.validation.statistics import Paired, paired_test

if TYPE_CHECKING:
    from kakehashi.screen.transfer.permutation import PermutedErrors
    from kakehashi.screen.validation.folds import Split

# A difference counts when one as large in its direction has at most this probability without any.
SIGNIFICANCE = 0.05

# First words: of a positive difference, a negative one, or one that could be chance.
HEADLINES = {
    True: "Transfer helps here",
    False: "Transfer does not help here",
    None: "No measurable difference",
}
WITH_SOURCES = (
    "{headline}: held-out MAE {chosen} in {scale} with transfer, {best} for the best model without ({name}, picked with"
    " hindsight), {against_best}; {against_own} than the same stack without transfer ({own}); {n} held-out compounds"
    " ({where})."
)
WITHOUT_SOURCES = (
    "No transfer: no source was given. Held-out MAE {own} in {scale} for the stack of direct models, {best} for the"
    " best single row ({name}); {n} held-out compounds ({where})."
)
SHUFFLED = (
    " With shuffled target values the best of {networks} errs {mae} (5th percentile {low}), though it looks"
    " like {looks} when it is chosen."
)
# What to do, by whether sources help the procedure and whether that could be chance.
ADVICE = {
    (True, False): "Use transfer: the whole procedure, its choices included, errs {chosen} on held-out compounds,"
    " without transfer {own}{other}.{hindsight}",
    (
        True,
        True,
    ): "With transfer or without: the difference may be chance (more known values would tell). The"
    " whole procedure, its choices included, errs {chosen} on held-out compounds with it, {own} without{other}.",
    (False, False): "Leave transfer out: the stack of direct models errs {own} on held-out compounds, with transfer"
    " {chosen}{other}.",
    (False, True): "Without transfer or with: the difference may be chance (more known values would tell). The"
    " stack of direct models errs {own} on held-out compounds, the whole procedure with transfer {chosen}{other}.",
}
# Of sources that help the procedure, where the best model without transfer cannot be told from it.
HINDSIGHT = (
    " Measurable against the same procedure without transfer, not against {name} ({best}), picked with hindsight."
)
NO_ADVICE = "The stack of direct models errs {own} on held-out compounds{other}."
OTHER = "; {name} erred {best}, but was picked with hindsight"


class Verdict(NamedTuple):
    """The verdict on transfer, and the procedure to use.

    Errors on the fitted scale.

    helps : None where the difference could be chance, or no source was given
    chosen_mae, direct_mae : of the transferred procedure, and of the best model without transfer
    difference, standard_error, p_value, units, by : error of that model minus the procedure's (`statistics.Paired`)
    coverage_90, optimism : of the procedure: of its intervals, and its error minus what its selection saw
    null_mae, null_mae_p5, null_looks : on shuffled target values, the held-out error of the best of all networks
        (mean and 5th percentile over permutations), and the mean error with which it is chosen; None without that test
    without_sources : error of the same procedure without sources minus the procedure's
    recommended : a row of the leaderboard that is a whole procedure
    """

    helps: bool | None
    chosen_mae: float
    direct_name: str
    direct_mae: float
    difference: float
    standard_error: float
    p_value: float
    units: int
    by: str
    coverage_90: float
    optimism: float
    null_mae: float | None
    null_mae_p5: float | None
    null_looks: float | None
    without_sources: Paired
    recommended: str
    text: str
    recommendation: str


def judge_transfer(
    target: PropertyTable,
    splits: Sequence[Split],
    where: str,
    wrong: Mapping[str, FloatArray],
    rows: Mapping[str, Row],
    board: Sequence[Entry],
    *,
    coverage_90: float,
    null: PermutedErrors | None = None,
) -> Verdict:
    """Judge the whole procedure by its errors on held-out compounds.

    Parameters
    ----------
    splits, where : the held-out compounds, and the same in words.
    wrong : by name of a row, (n,) absolute errors, NaN where no split holds a compound.
    rows : by name.
    board : all rows, best first.
    coverage_90 : of the procedure's intervals.
    null : errors on shuffled values, if measured.
    """
    standing = {row.name: row for row in board}
    best = next(row for row in board if rows[row.name].direct)
    chosen, direct = standing[CHOSEN], standing[DIRECT]
    transferred = rows[CHOSEN].networks > 0
    against_best = paired_test(wrong[best.name] - wrong[CHOSEN], splits)
    against_own = paired_test(wrong[DIRECT] - wrong[CHOSEN], splits)
    helps = decide(against_best) if transferred else None
    better = transferred and chosen.mae <= direct.mae
    recommended = chosen if better else direct
    other = OTHER if best.mae < recommended.mae and best.name != recommended.name else ""
    words = {
        "headline": HEADLINES[helps],
        "scale": f"ln({target.quantity})" if target.log else (target.unit or "the target's unit"),
        "chosen": number(chosen.mae, 3), "own": number(direct.mae, 3), "best": number(best.mae, 3), "name": best.name,
        "against_best": describe_difference(against_best), "against_own": describe_difference(against_own),
        "n": f"{sum(len(split.held) for split in splits):,}", "where": where,
    }  # fmt: skip
    words["other"] = other.format(**words)
    words["hindsight"] = HINDSIGHT.format(**words) if helps is None and best.name != DIRECT else ""
    text = (WITH_SOURCES if transferred else WITHOUT_SOURCES).format(**words)
    advice = ADVICE[better, decide(against_own) is None] if transferred else NO_ADVICE
    return Verdict(
        helps=helps,
        chosen_mae=chosen.mae,
        direct_name=best.name,
        direct_mae=best.mae,
        **against_best._asdict(),
        coverage_90=coverage_90,
        optimism=chosen.optimism,
        null_mae=float(null.mae.mean()) if null else None,
        null_mae_p5=float(np.quantile(null.mae, 0.05)) if null else None,
        null_looks=float(null.selected_mae.mean()) if null else None,
        without_sources=against_own,
        recommended=recommended.name,
        text=text + (_shuffled(null) if null else ""),
        recommendation=advice.format(**words),
    )


def decide(test: Paired) -> bool | None:
    """Decide whether a difference is positive; None for chance.

    >>> decide(Paired(0.2, 0.05, 0.003, 10, "folds"))
    True
    >>> decide(Paired(0.2, 0.2, 0.34, 10, "folds")) is None
    True
    """
    if np.isnan(test.p_value) or test.p_value / 2 > SIGNIFICANCE or test.difference == 0:
        return None
    return test.difference > 0


def describe_difference(test: Paired) -> str:
    """Describe a difference, its standard error and p value.

    >>> describe_difference(Paired(0.2, 0.05, 0.003, 10, "folds"))
    '0.2 ± 0.05 lower (1 s.e.; p = 0.003 by 10 folds)'
    """
    more = "lower" if test.difference >= 0 else "higher"
    if np.isnan(test.p_value):
        return f"{number(abs(test.difference), 2)} {more}"
    error, p = number(test.standard_error, 2), number(test.p_value, 2)
    return f"{number(abs(test.difference), 2)} ± {error} {more} (1 s.e.; p = {p} by {test.units} {test.by})"


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON values."""
    plain = {**verdict._asdict(), "without_sources": finite_only(verdict.without_sources._asdict())}
    return finite_only(plain)


def finite_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace numbers that are not finite by None.

    >>> finite_only({"mae": 0.2, "p_value": float("nan")})
    {'mae': 0.2, 'p_value': None}
    """
    return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in values.items()}


def _shuffled(null: PermutedErrors) -> str:
    figures = (null.mae.mean(), np.quantile(null.mae, 0.05), null.selected_mae.mean())
    mae, low, looks = (number(float(figure), 3) for figure in figures)
    return SHUFFLED.format(
        networks=f"{null.networks:,} network{'s' * (null.networks != 1)}", mae=mae, low=low, looks=looks
    )
