"""One verdict: every door says the same of the same differences, by the corrected test, in one table of sentences."""

from dataclasses import replace

import numpy as np
import pytest

from kakehashi.catalogs.numbers import number
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.evaluation.evaluate import assemble_evaluation
from kakehashi.screen.evaluation.holdouts import hold_out
from kakehashi.screen.networks.source import Library
from kakehashi.screen.report.sections import verdict as shown_in_report
from kakehashi.screen.transfer import rows as makers
from kakehashi.screen.transfer.fit import judge_rows
from kakehashi.screen.transfer.nested import CrossValidated
from kakehashi.screen.transfer.permutation import PermutedErrors, PermutedRowErrors
from kakehashi.screen.transfer.problem import Problem, folds_text, outer_folds
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT
from kakehashi.screen.transfer.selection import Heads
from kakehashi.screen.transfer.verdict import ADVICE, HEADLINES, decide, verdict_record
from kakehashi.screen.validation.folds import splits_of
from kakehashi.screen.validation.intervals import interval_coverage, intervals_by_fold
from kakehashi.screen.validation.statistics import paired_test

SOURCE = makers.Origin(0, "a source", 4)
ROWS = (
    makers.MEAN, makers.direct_row("ridge"), makers.direct_row("gp"), makers.selected_row(SOURCE),
    makers.direct_stack_row(("ridge", "gp")), makers.chosen_row([SOURCE], ("ridge", "gp")),
)  # fmt: skip


def problem_of(seed):
    """A random target, folds, and held-out predictions of every row, some of the rows better than others."""
    rng = np.random.default_rng(seed)
    whole = load_table("volume_per_atom")
    n = int(rng.integers(20, 60))
    pick = rng.choice(len(whole), n, replace=False)
    target = replace(
        whole, ids=tuple(whole.ids[i] for i in pick), materials=tuple(whole.materials[i] for i in pick),
        keys=tuple(whole.keys[i] for i in pick), compositions=whole.compositions.take(pick),
        values=rng.normal(size=n), log=False, rows=n, rejected=(),
    )  # fmt: skip
    folds = outer_folds(target, int(rng.integers(2, 11)), seed)
    sizes = dict(zip((row.name for row in ROWS), rng.uniform(0.2, 1.0, len(ROWS)), strict=True))
    lucky = rng.normal(0, 0.3, folds.max() + 1)[folds]  # what a fitted model does to all of its fold
    predictions = {
        row.name: target.y + sizes[row.name] * rng.normal(size=n) + (lucky if row.name == CHOSEN else 0) for row in ROWS
    }
    flat = {row.name: np.ones(n) for row in ROWS}
    inside = {row.name: [0.1] * (folds.max() + 1) for row in ROWS}
    return target, folds, CrossValidated({row.name: row for row in ROWS}, predictions, flat, inside, np.ones(n))


def both_doors(target, folds, measured, seed):
    """The verdicts of `screen` and of `evaluate`."""
    spread, distance = measured.spreads[CHOSEN], measured.distance
    found = intervals_by_fold(target.y, measured.predictions[CHOSEN], spread, distance, folds)
    _, screened = judge_rows(target, folds, measured, interval_coverage(found.ratios, folds), None)
    held = hold_out(target, "formula", folds.max() + 1, seed)
    np.testing.assert_array_equal(held.folds, folds)
    problem = Problem(target, None, None, ["a source"], Heads(("ridge", "gp"), (), ("ridge", "gp")), 5, seed)
    nulls = PermutedRowErrors(np.ones(20), np.ones(20), {}, {-1: np.ones(20), 0: np.ones(20)})
    evaluated = assemble_evaluation(problem, Library((), "reduced", 0), held, measured, nulls, (), {}, ("ridge", "gp"))
    return screened, evaluated.verdict


@pytest.mark.parametrize("decade", range(5))
def test_both_doors_say_the_same_of_fifty_random_problems(decade):
    for seed in range(10 * decade, 10 * decade + 10):
        screened, evaluated = both_doors(*problem_of(seed), seed)
        assert screened == evaluated
        in_report = shown_in_report(verdict_record(screened), False, "")
        assert in_report["headline"] == HEADLINES[screened.helps]
        assert screened.text.startswith(in_report["headline"] + ": held-out MAE ")
        assert in_report["advice"] == screened.recommendation


def test_all_three_verdicts_and_all_advice_are_met():
    found = [judge_rows(*problem_of(seed), 0.9, None)[1] for seed in range(50)]
    assert {one.helps for one in found} == {True, False, None}
    openings = {text.partition(":")[0] for text in ADVICE.values()}
    assert {one.recommendation.partition(":")[0] for one in found} == openings


def test_the_rule_is_the_corrected_test_and_the_words_hold_its_figures():
    for seed in range(20):
        target, folds, measured = problem_of(seed)
        found = judge_rows(target, folds, measured, 0.9, None)[1]
        wrong = {name: np.abs(target.y - mean) for name, mean in measured.predictions.items()}
        test = paired_test(wrong[found.direct_name] - wrong[CHOSEN], splits_of(folds))
        assert (found.difference, found.standard_error, found.p_value) == test[:3]
        likely = test.p_value / 2 > 0.05
        assert found.helps is (None if likely else bool(test.difference > 0))
        assert f"{number(abs(test.difference), 2)} ± {number(test.standard_error, 2)}" in found.text
        assert f"p = {number(test.p_value, 2)} by {test.units} {test.by}" in found.text
        assert f"{len(target)} held-out compounds ({folds_text(target, folds)})" in found.text
        own = paired_test(wrong[DIRECT] - wrong[CHOSEN], splits_of(folds))
        assert ("may be chance" in found.recommendation) is (decide(own) is None)
        first = ("With transfer", "Without transfer") if decide(own) is None else ("Use", "Leave")
        assert found.recommendation.startswith(first[found.recommended != CHOSEN])


def test_what_may_be_chance_is_not_advised():
    for seed in range(50):
        found = judge_rows(*problem_of(seed), 0.9, None)[1]
        sure = found.recommendation.startswith(("Use", "Leave"))
        assert sure is (decide(found.without_sources) is not None)
        told = " Measurable against the same procedure without transfer, not against "
        apart = found.helps is None and found.direct_name != DIRECT
        assert (told in found.recommendation) is (found.recommendation.startswith("Use") and apart)


def test_a_lucky_fold_does_not_make_a_verdict():
    # The whole gain is one fold's: by compounds it is three standard errors, by folds nothing.
    target, _, measured = problem_of(3)
    n = len(target)
    folds = np.arange(n) % 5
    gain = np.where(folds == 0, 1.0, 0.0)
    steady = {row.name: target.y + 1.0 for row in ROWS}
    measured = measured._replace(
        predictions={**steady, CHOSEN: target.y + 1.0 - gain}, inside={row.name: [0.1] * 5 for row in ROWS}
    )
    found = judge_rows(target, folds, measured, 0.9, None)[1]
    assert gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(n)
    assert found.helps is None
    assert found.text.startswith("No measurable difference: ")


def test_shuffled_values_are_said_and_nothing_else_changes():
    target, folds, measured = problem_of(5)
    plain = judge_rows(target, folds, measured, 0.9, None)[1]
    told = judge_rows(target, folds, measured, 0.9, PermutedErrors(np.full(20, 0.8), np.full(20, 0.5), 7))[1]
    assert told.text == plain.text + (
        " With shuffled target values the best of 7 networks errs 0.8 (5th percentile 0.8), though it looks like 0.5"
        " when it is chosen."
    )
    assert told._replace(text="", null_mae=None, null_mae_p5=None, null_looks=None) == plain._replace(text="")


def test_without_sources_nothing_is_judged():
    target, folds, measured = problem_of(6)
    bare = makers.chosen_row([], ("ridge", "gp"))
    rows = {name: row for name, row in measured.rows.items() if row.direct} | {CHOSEN: bare}
    predictions = {name: measured.predictions[name] for name in rows} | {CHOSEN: measured.predictions[DIRECT]}
    found = judge_rows(target, folds, measured._replace(rows=rows, predictions=predictions), 0.9, None)[1]
    assert found.helps is None
    assert found.text.startswith("No transfer: no source was given. Held-out MAE ")
    assert found.recommended == DIRECT
    assert found.recommendation.startswith("The stack of direct models errs ")
    assert verdict_record(found)["without_sources"]["difference"] == 0
