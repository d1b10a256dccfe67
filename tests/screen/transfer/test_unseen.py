"""Compounds as formulas that no network has seen: by the networks of their hash fold, without known values."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from kakehashi.screen.foundation.folds import formula_hash, hash_folds
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.foundation.known import KnownValues
from kakehashi.screen.foundation.view import FULL
from kakehashi.screen.heads import gp
from kakehashi.screen.networks.source import Library
from kakehashi.screen.transfer import fit, nested
from kakehashi.screen.transfer.fit import judge_rows, transfer
from kakehashi.screen.transfer.members import Member
from kakehashi.screen.transfer.nested import cross_validate, predict_fold, unseen_splits
from kakehashi.screen.transfer.problem import deal_inner, pose_problem
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT
from kakehashi.screen.transfer.selection import Heads
from kakehashi.screen.transfer.unseen import choose_splitting, measure_unseen
from kakehashi.screen.validation.folds import splits_of
from kakehashi.screen.validation.intervals import conformal_quantile, difficulty

NOTHING = Library((), "reduced", 0)
ROWS = np.arange(40)
CHEAP = Heads(
    ("ridge",),
    (),
    (),
    foundation=(Member("ridge", ("descriptors", "layer", "predictions")), Member("gp", ("layer", "predictions"))),
)


def posed(planted, knowledge):
    problem, _ = pose_problem(NOTHING, planted.target, inner=3, seed=0, heads=("ridge",), knowledge=knowledge)
    return problem._replace(heads=CHEAP)


@pytest.fixture(scope="module")
def numbered(small_foundation):
    """Networks whose predictions are the number of their set."""

    def constant(network, number):
        return network._replace(kernel=np.zeros_like(network.kernel), bias=np.full(3, number, np.float32))

    return small_foundation._replace(
        full=tuple(constant(n, 0) for n in small_foundation.full),
        folds=tuple(tuple(constant(n, k) for n in own) for k, own in enumerate(small_foundation.folds, start=1)),
    )


@pytest.fixture
def asked(monkeypatch):
    """What `predict_fold` was asked: the set of networks, training rows and held-out rows."""
    calls = []

    def spy(features, y, rows, held, *rest, **words):
        (number,) = np.unique(features.foundation.predictions)
        calls.append((int(number), rows, held))
        return predict_fold(features, y, rows, held, *rest, **words)

    monkeypatch.setattr(nested, "predict_fold", spy)
    return calls


@pytest.mark.parametrize("given", [False, True])
def test_held_out_compounds_are_predicted_by_networks_that_never_saw_them(planted, numbered, asked, given):
    problem = posed(planted, Knowledge(numbered))
    outer = np.arange(40) % 4
    blind = unseen_splits(problem, splits_of(outer) if given else None, 5)
    with ThreadPoolExecutor(1) as pool:
        found = cross_validate(problem, blind.splits, pool, networks=blind.networks)
    assert np.isfinite(found.predictions[CHOSEN]).all()
    own = hash_folds(planted.target.keys)
    assert sorted(np.concatenate([held for _, _, held in asked])) == list(range(40))
    for number, rows, held in asked:
        assert set(own[held]) == {number - 1}
        if given:
            (fold,) = set(outer[held])
            np.testing.assert_array_equal(rows, np.flatnonzero(outer != fold))
        else:
            np.testing.assert_array_equal(rows, np.flatnonzero(own != number - 1))
    folds = blind.folds(40)
    for number, split in enumerate(blind.splits):
        assert set(folds[split.held]) == {number}


def test_no_splits_where_nothing_was_seen_or_too_little_is_left(planted, numbered):
    problem = posed(planted, Knowledge(numbered._replace(formulas=np.empty(0, np.uint64))))
    assert unseen_splits(problem, None, 5) is None
    assert unseen_splits(posed(planted, Knowledge(numbered)), None, 40) is None
    assert unseen_splits(posed(planted, None), None, 5) is None


def test_held_out_compounds_never_see_hidden_values(planted, small_foundation, known_values):
    """With all networks they know what candidates know; to networks of a fold they are in no table."""
    problem = posed(planted, Knowledge(small_foundation, known_values, np.array([0.1, 0.3, 0.0])))
    held = np.arange(10, 30)
    there = np.isfinite(problem.known.values)
    hidden = problem.known.hidden & there
    assert 0 < hidden[held].sum() < there[held].sum()
    for networks in range(6):
        predictions = problem.features_for(held, networks).foundation.predictions
        own = problem.views.views[networks].predictions
        out = np.isin(ROWS, held)[:, None]
        known = there & ~(out & (hidden | (networks > 0)))
        np.testing.assert_array_equal(predictions, np.where(known, problem.known.values, own))


def test_members_on_foundation_networks_are_blind_to_held_out_values(planted, small_foundation, known_values):
    y, held, rows = planted.target.y, np.arange(8), np.arange(8, 40)
    problem = posed(planted, Knowledge(small_foundation, known_values))
    wild = y.copy()
    wild[held] = 1e3
    features, inner = problem.features_for(held, 2), deal_inner(problem, rows)
    one, other = (predict_fold(features, v, rows, held, inner, [], CHEAP, alone=True).means for v in (y, wild))
    assert {"small: gp on layer + predictions", "small: ridge on descriptors + layer + predictions"} < set(one)
    for name in one:
        for a, b in zip(one[name], other[name], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shared", [3, 40])
def test_the_target_under_another_name_gives_nothing_away(planted, small_foundation, shared):
    """Its column is blank everywhere, and networks of each hash fold predict what they never saw."""
    first, second, third = small_foundation.tasks
    foundation = small_foundation._replace(tasks=(first, second._replace(centre=3.0, scale=1.0), third))
    keys, y = planted.target.keys, planted.target.values
    order = np.argsort(formula_hash(keys[:shared]))
    values = np.full((shared, 3), np.nan, np.float32)
    values[:, 1] = (y[:shared] - 3.0)[order]
    problem = posed(planted, Knowledge(foundation, KnownValues(formula_hash(keys[:shared])[order], values)))
    assert "gap may be the target under another name" in problem.alias_note
    assert np.isnan(problem.known.values).all()
    for networks in range(6):
        predictions = problem.features_for(np.arange(5), networks).foundation.predictions
        assert (predictions[:, 1] == 0).all()
        assert (predictions[:, 0] != 0).all()


@pytest.mark.parametrize("given", [False, True])
def test_a_model_of_an_aliased_target_is_measured_by_networks_that_never_saw_it(
    planted, numbered, asked, given, monkeypatch
):
    target = replace(planted.target, folds=np.arange(40) % 4) if given else planted.target
    keys = target.keys
    order = np.argsort(formula_hash(keys))
    values = np.full((40, 3), np.nan, np.float32)
    # The third column of the networks stays: it tells which set was asked.
    values[:, 0] = np.clip((np.log(target.values - target.values.min() + 9) - 2) / 1, -3.9, 3.9)[order]
    numbered = numbered._replace(tasks=(numbered.tasks[0]._replace(centre=2.0, scale=1.0), *numbered.tasks[1:]))
    target = replace(target, values=target.values - target.values.min() + 9)
    monkeypatch.setattr(fit, "pose_problem", lambda *a, **w: _cheap(pose_problem(*a, **w)))
    monkeypatch.setattr(nested, "predict_fold", _spied(asked))
    knowledge = Knowledge(numbered, KnownValues(formula_hash(keys)[order], values))
    model = transfer(NOTHING, target, outer=4, inner=3, heads=("ridge",), knowledge=knowledge)
    assert "stiffness may be the target under another name" in model.warnings[0]
    own = hash_folds(keys)
    for number, rows, held in asked:
        assert set(own[held]) == {number - 1}
        outside = target.folds != target.folds[held[0]] if given else own != own[held[0]]
        np.testing.assert_array_equal(rows, np.flatnonzero(outside))
    assert model.unseen.interval == model.interval == model.unseen_interval


def _cheap(posed):
    problem, reference = posed
    return problem._replace(heads=CHEAP), reference


def _spied(calls):
    def spy(features, y, rows, held, *rest, **words):
        (number,) = np.unique(features.foundation.predictions[held, 2])
        calls.append((int(number), rows, held))
        return predict_fold(features, y, rows, held, *rest, **words)

    return spy


def test_an_alias_is_measured_by_networks_that_never_saw(planted, small_foundation):
    problem = posed(planted, Knowledge(small_foundation))
    folds = np.arange(40) % 4
    asked = choose_splitting(problem._replace(alias_note=""), folds, splits_of(folds), anew=True)
    assert asked.folds is folds
    assert asked.networks is None
    assert asked.unseen is not None
    alias = choose_splitting(problem._replace(alias_note="the target itself"), folds, splits_of(folds), anew=True)
    np.testing.assert_array_equal(alias.folds, asked.unseen.folds(40))
    assert alias.networks == asked.unseen.networks
    assert alias.unseen is None
    none = choose_splitting(posed(planted, None), folds, splits_of(folds), anew=True)
    assert none.unseen is None
    assert none.networks is None


def test_error_and_intervals_of_unseen_formulas(planted, small_foundation):
    problem = posed(planted, Knowledge(small_foundation))
    blind = unseen_splits(problem, None, 5)
    with ThreadPoolExecutor(1) as pool:
        found = cross_validate(problem, blind.splits, pool, networks=blind.networks)
    y = planted.target.y
    unseen = measure_unseen(y, found, blind.folds(40), 0.3)
    wrong, direct = (np.abs(y - found.predictions[name]) for name in (CHOSEN, DIRECT))
    assert unseen.mae == pytest.approx(wrong.mean(), rel=1e-12)
    assert unseen.direct_mae == pytest.approx(direct.mean(), rel=1e-12)
    ratios = wrong / difficulty(found.spreads[CHOSEN], found.distance, 0.3)
    assert unseen.interval == conformal_quantile(ratios)
    # Of some compounds alone, those that splits hold out.
    some = np.flatnonzero(hash_folds(planted.target.keys) < 2)
    folds = np.where(hash_folds(planted.target.keys) < 2, hash_folds(planted.target.keys), -1)
    fewer = measure_unseen(y, found, folds, 0.3, some)
    assert fewer.mae == pytest.approx(wrong[some].mean(), rel=1e-12)
    assert fewer.gain.difference == pytest.approx(
        np.mean([(direct - wrong)[folds == k].mean() for k in (0, 1)]), rel=0.5, abs=1e-3
    )


def test_shuffled_networks_never_help(planted, small_foundation, monkeypatch):
    """What the networks say of a compound is given to another one: 60 draws, no verdict that they help."""
    monkeypatch.setattr(gp, "LENGTHS", (1.0,))
    monkeypatch.setattr(gp, "MIXTURES", (0.5,))
    problem = posed(planted, Knowledge(small_foundation))
    # A few descriptors: decompositions of all 290 would take most of the time.
    raw = problem.features.raw[:, :40]
    problem = problem._replace(
        heads=CHEAP._replace(foundation=CHEAP.foundation[1:]), features=problem.features._replace(raw=raw)
    )
    folds = np.arange(40) % 5
    helps = []
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(1) as pool:
        for draw in range(60):
            order = np.random.default_rng(draw).permutation(40)
            view = problem.views.views[FULL]
            mixed = view._replace(layer=view.layer[order], predictions=view.predictions[order])
            shuffled = problem._replace(views=problem.views._replace(views=(mixed, *problem.views.views[1:])))
            found = cross_validate(shuffled, splits_of(folds), pool)
            helps.append(judge_rows(problem.target, folds, found, 0.9, None)[1].helps)
    assert helps.count(True) == 0
