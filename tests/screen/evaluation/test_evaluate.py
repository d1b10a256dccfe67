"""Evaluation on a planted world: the figures are those of the folds, nothing held out is seen, sources are judged."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from kakehashi.catalogs.numbers import number
from kakehashi.screen.evaluation.evaluate import evaluate
from kakehashi.screen.foundation.folds import formula_hash, hash_folds
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.foundation.known import KnownValues
from kakehashi.screen.foundation.transforms import standardised
from kakehashi.screen.heads import gp
from kakehashi.screen.networks.source import Library
from kakehashi.screen.transfer import selection
from kakehashi.screen.transfer.members import Member
from kakehashi.screen.transfer.permutation import permute_rows, permute_selection
from kakehashi.screen.transfer.problem import Problem, pose_problem
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT
from kakehashi.screen.validation.folds import splits_of
from kakehashi.screen.validation.statistics import paired_test

RIDGE = ("ridge",)
ELASTIC = ("elastic-net",)


def row(found, name):
    return next(r for r in found.rows if r.entry.name == name)


@pytest.fixture(scope="module")
def found(planted, planted_library):
    return evaluate(planted_library, planted.target, outer=5, inner=5, heads=RIDGE, baselines=ELASTIC, curve=True)


def test_a_good_source_is_recommended(found):
    assert found.verdict.helps is True
    assert found.verdict.recommended == CHOSEN
    assert found.verdict.text.startswith("Transfer helps here: held-out MAE ")
    assert found.verdict.recommendation.startswith("Use transfer: the whole procedure")
    assert row(found, CHOSEN).entry.beats_direct


def test_a_baseline_that_grows_with_the_square_is_left_out_with_a_note(planted, monkeypatch):
    monkeypatch.setattr(selection, "BLOCK_ROWS", 39)
    left = evaluate(
        Library((), "reduced", 0), planted.target, outer=2, inner=2, heads=RIDGE, baselines=("block-gp", *ELASTIC)
    )
    assert set(left.settings) == {"elastic-net"}
    assert "40 target compounds: baseline block-gp was left out, which serves up to 39" in left.warnings


def test_a_shuffled_source_is_not(planted, shuffled_library):
    found = evaluate(shuffled_library, planted.target, outer=5, inner=5, heads=RIDGE, baselines=())
    assert found.verdict.helps is not True
    assert not found.verdict.text.startswith("Transfer helps")


def test_rows_are_those_of_the_model_that_screen_deploys(planted, planted_library):
    from kakehashi.screen.transfer.fit import transfer

    one = evaluate(planted_library, planted.target, outer=5, inner=5, heads=RIDGE, baselines=())
    other = transfer(planted_library, planted.target, outer=5, inner=5, heads=RIDGE)
    for entry in other.leaderboard:
        mine = row(one, entry.name).entry
        assert (mine.mae, mine.rmse, mine.r2, mine.optimism) == (entry.mae, entry.rmse, entry.r2, entry.optimism)
    own = row(one, CHOSEN)
    assert own.entry.coverage_90 == other.verdict.coverage_90
    np.testing.assert_array_equal(one.lower, other.out_of_fold.lower)
    assert own.width_90 == pytest.approx(np.mean(other.out_of_fold.upper - other.out_of_fold.lower))


def test_every_figure_follows_from_the_predictions(planted, found):
    y = planted.target.y
    best = min(
        (r for r in found.rows if r.entry.name.startswith(("direct", "stack of direct"))), key=lambda r: r.entry.mae
    )
    wrong = {name: np.abs(y - p) for name, p in found.predictions.items()}
    assert [r.entry.mae for r in found.rows] == sorted(r.entry.mae for r in found.rows)
    for r in found.rows:
        p = found.predictions[r.entry.name]
        assert r.entry.mae == pytest.approx(wrong[r.entry.name].mean())
        assert r.entry.mae_std == pytest.approx(wrong[r.entry.name].std(ddof=1) / np.sqrt(40))
        if r.entry.name != "mean of the training values":
            assert r.entry.spearman == pytest.approx(stats.spearmanr(y, p).statistic)
        test = paired_test(wrong[best.entry.name] - wrong[r.entry.name], found.held.splits)
        assert r.difference == pytest.approx(best.entry.mae - r.entry.mae)
        if r is not best:
            assert (r.p_value, r.difference_std) == (test.p_value, test.standard_error)
            assert r.p_holm >= r.p_value
    assert np.isnan(best.p_value)
    assert row(found, "direct elastic-net").entry.head == "elastic-net"


def test_baselines_are_blind_to_what_is_held_out(planted, planted_library, found):
    held = found.held.splits[1].held
    wild = planted.target.values.copy()
    wild[held] = 1e3
    again = evaluate(planted_library, replace(planted.target, values=wild), outer=5, inner=5, heads=RIDGE,
                     baselines=ELASTIC)  # fmt: skip
    for name, p in found.predictions.items():
        np.testing.assert_array_equal(again.predictions[name][held], p[held])
    others = np.delete(np.arange(40), held)
    assert (again.predictions["direct elastic-net"][others] != found.predictions["direct elastic-net"][others]).all()


def test_nulls_agree_with_the_null_of_the_verdict(planted, planted_library):
    problem, _ = pose_problem(planted_library, planted.target, inner=5, seed=0, heads=RIDGE)
    folds = np.arange(40) % 5
    nulls = permute_rows(problem.features, planted.target.y, splits_of(folds), 0)
    old = permute_selection(problem.features, planted.target.y, folds, 0)
    np.testing.assert_allclose(nulls.best[-1], old.mae, rtol=1e-12)
    np.testing.assert_array_equal(nulls.best[0], nulls.best[-1])  # one source is all sources
    assert sorted(nulls.averaged) == [(0, 0), (0, 1), (0, 2)]
    # The mean of four heads on noise errs less than the luckiest one.
    assert nulls.averaged[0, 0].mean() < nulls.best[0].mean()


def test_a_good_model_is_far_from_its_null(found):
    assert row(found, CHOSEN).null_p == pytest.approx(1 / 21)
    assert row(found, CHOSEN).null_mae > 1.5 * row(found, CHOSEN).entry.mae
    assert row(found, "mean of the training values").null_p > 0.1


def test_the_learning_curve_falls_and_ends_at_all_compounds(found):
    sizes = sorted({p.n for p in found.curve})
    assert sizes[0] == 10
    assert sizes[-1] == 32
    error = {(p.n, p.model): p.mae for p in found.curve}
    assert error[32, DIRECT] < error[10, DIRECT]
    # With all compounds of every split the curve is the leaderboard.
    assert error[32, CHOSEN] == pytest.approx(row(found, CHOSEN).entry.mae, rel=1e-9)


def test_each_source_alone(planted, planted_library, shuffled_library):
    both = Library((*planted_library.sources, *shuffled_library.sources), "reduced", 0)
    found = evaluate(both, planted.target, outer=5, inner=5, heads=RIDGE, baselines=())
    one, other = (row(found, f"{name}: stack with direct models") for name in ("planted_source", "shuffled_source"))
    one, other = one.entry, other.entry
    assert (one.source, one.networks) == ("planted_source", 4)
    assert one.mae < other.mae
    # Without predictions of the sources among its inputs, a source is the only one its stack has seen.
    alone = evaluate(Library(planted_library.sources, "reduced", 0), planted.target, outer=5, inner=5, heads=RIDGE,
                     baselines=())  # fmt: skip
    assert alone.predictions.keys() >= {CHOSEN, DIRECT}
    assert not any(name.endswith("stack with direct models") for name in alone.predictions)


def test_extrapolation_has_one_split_and_no_intervals(planted, planted_library):
    found = evaluate(planted_library, planted.target, holdout="top", top=0.25, inner=5, heads=RIDGE, baselines=())
    own = row(found, CHOSEN)
    assert np.isnan(own.entry.coverage_90)
    assert np.isfinite(own.p_value)
    assert "by 10 compounds" in found.verdict.text
    assert np.isfinite(found.predictions[CHOSEN]).sum() == 10


def test_a_head_of_the_stack_is_no_baseline_beside_itself(planted, planted_library):
    found = evaluate(planted_library, planted.target, outer=2, inner=2, heads=RIDGE, baselines=("ridge", "ridge"))
    assert sum(row.entry.name == "direct ridge" for row in found.rows) == 1
    assert found.settings == {}


def test_the_settings_a_baseline_chose_are_kept(found):
    assert list(found.settings) == ["elastic-net"]
    assert len(found.settings["elastic-net"]) == 5
    assert {frozenset(setting) for setting in found.settings["elastic-net"]} == {frozenset({"l1_ratio", "share"})}


CHEAP = (Member("gp", ("layer", "predictions")),)


@pytest.fixture
def cheap(monkeypatch):
    """One member on foundation networks."""
    monkeypatch.setattr(selection, "MEMBERS", CHEAP)
    monkeypatch.setattr(gp, "MIXTURES", (0.5,))


@pytest.mark.usefixtures("cheap")
def test_both_errors_are_measured_and_said(planted, small_foundation):
    found = evaluate(
        Library((), "reduced", 0), planted.target, outer=4, inner=3, heads=("ridge", "gp"), baselines=(),
        knowledge=Knowledge(small_foundation),
    )  # fmt: skip
    assert "small: gp on layer + predictions" in {r.entry.name for r in found.rows}
    assert (
        f"For formulas that no foundation network has seen it errs {number(found.unseen.mae, 3)}" in found.verdict.text
    )
    np.testing.assert_array_equal(
        found.unseen.folds, np.unique(hash_folds(planted.target.keys), return_inverse=True)[1]
    )
    assert found.unseen.mae == pytest.approx(np.abs(found.unseen.mean - planted.target.y).mean(), rel=1e-12)


@pytest.mark.usefixtures("cheap")
def test_an_aliased_target_is_measured_by_hash_folds_alone_its_curve_too(planted, small_foundation, monkeypatch):
    keys, y = planted.target.keys, planted.target.values
    task = small_foundation.tasks[1]._replace(centre=float(y.mean()), scale=float(y.std()))
    foundation = small_foundation._replace(tasks=(small_foundation.tasks[0], task, small_foundation.tasks[2]))
    order = np.argsort(formula_hash(keys))
    values = np.full((40, 3), np.nan, np.float32)
    values[:, 1] = standardised(task, y)[order]
    asked = []
    features_for = Problem.features_for

    def spy(self, held, networks=0):
        asked.append((networks, held))
        return features_for(self, held, networks)

    monkeypatch.setattr(Problem, "features_for", spy)
    found = evaluate(
        Library((), "reduced", 0), planted.target, outer=4, inner=3, heads=("ridge", "gp"), baselines=(), curve=True,
        knowledge=Knowledge(foundation, KnownValues(formula_hash(keys)[order], values)),
    )  # fmt: skip
    assert "gap may be the target under another name" in found.warnings[0]
    assert found.unseen is None
    own = hash_folds(keys)
    for networks, held in asked:
        assert set(own[held]) == ({networks - 1} if networks else set())
    assert len({networks for networks, _ in asked}) == len(np.unique(own)) + 1  # and the shuffled values
    assert CHOSEN in {point.model for point in found.curve}
