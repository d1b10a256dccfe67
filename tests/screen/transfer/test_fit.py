"""Transfer on a planted world: it helps where it must, never where it cannot, and nothing leaks."""

from dataclasses import replace

import numpy as np
import pytest

from kakehashi.screen.networks.crystal.network import CrystalNetwork
from kakehashi.screen.networks.source import Library
from kakehashi.screen.transfer import fit as module
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.rows import CHOSEN
from kakehashi.screen.transfer.selection import Heads

NOTHING = Library((), "reduced", 0)

BOTH = Heads(("ridge", "gp"), ("ridge", "gp"), ("ridge", "gp"))


def entry(model, name):
    return next(e for e in model.leaderboard if e.name == name)


@pytest.fixture(scope="session")
def shuffled_model(planted, shuffled_library):
    return transfer(shuffled_library, planted.target, outer=5, inner=5)


def test_a_good_source_helps(planted_model):
    verdict = planted_model.verdict
    assert verdict.helps is True
    assert verdict.chosen_mae < 0.7 * verdict.direct_mae
    assert verdict.text.startswith("Transfer helps here: held-out MAE ")
    assert verdict.difference == pytest.approx(verdict.direct_mae - verdict.chosen_mae)
    assert planted_model.warnings == ()


def test_a_shuffled_source_does_not(shuffled_model):
    verdict = shuffled_model.verdict
    assert verdict.helps is not True
    assert not verdict.text.startswith("Transfer helps")


def test_a_library_that_saw_the_target_is_said_so(planted, planted_library):
    (source,) = planted_library.sources
    seen = Library((source._replace(keys=source.keys | set(planted.target.keys[:7])),), "reduced", 0)
    (warning,) = module.caveats(seen, planted.target)
    assert "planted_source saw 7 of the target's 40 formulas" in warning
    assert module.caveats(planted_library, planted.target) == ()


def test_notes_count_rows_and_leave_crystal_graphs_out(planted, planted_library, monkeypatch):
    """Polymorphs are a row each; of crystal graph networks all serve."""
    monkeypatch.setattr(module, "FROZEN_GP_ROWS", 39)
    polymorphs = replace(planted.target, keys=tuple(planted.target.keys[:20]) * 2)
    unseen = Library((planted_library.sources[0]._replace(keys=frozenset()),), "reduced", 0)
    (note,) = module.caveats(unseen, polymorphs)
    assert note.startswith("40 target compounds: of each source the first")
    graphs = (CrystalNetwork(*[None] * len(CrystalNetwork._fields)),)
    assert module.caveats(Library((unseen.sources[0]._replace(networks=graphs),), "reduced", 0), polymorphs) == ()


def test_held_out_values_never_influence_their_own_prediction(planted, planted_library, planted_model):
    found = planted_model.out_of_fold
    held = found.folds == 2
    wild = planted.target.values.copy()
    wild[held] = np.random.default_rng(0).normal(50, 20, held.sum())
    again = transfer(planted_library, replace(planted.target, values=wild), outer=5, inner=5).out_of_fold
    np.testing.assert_array_equal(again.folds, found.folds)
    np.testing.assert_array_equal(again.mean[held], found.mean[held])
    np.testing.assert_array_equal(again.spread[held], found.spread[held])
    # The others are fitted on the wild values, so they must move: the test can tell.
    assert (np.abs(again.mean[~held] - found.mean[~held]) > 0.01).all()


def test_out_of_fold_intervals_come_from_the_other_folds(planted, planted_model):
    found, y = planted_model.out_of_fold, planted.target.y
    scale = (found.spread + planted_model.usual_spread) * (1 + found.distance)
    ratios = np.abs(y - found.mean) / scale
    for fold in np.unique(found.folds):
        held = found.folds == fold
        others = np.sort(ratios[~held])
        factor = others[min(len(others), int(np.ceil((len(others) + 1) * 0.9))) - 1]
        np.testing.assert_allclose(found.upper[held] - found.mean[held], factor * scale[held], rtol=1e-9)
        np.testing.assert_allclose(found.mean[held] - found.lower[held], factor * scale[held], rtol=1e-9)
    assert planted_model.interval == pytest.approx(np.sort(ratios)[36])  # ceil(41 * 0.9) = 37th of 40
    inside = np.mean((found.lower <= y) & (y <= found.upper))
    assert entry(planted_model, CHOSEN).coverage_90 == pytest.approx(inside)
    assert inside > 0.75


def test_the_leaderboard_says_what_was_predicted(planted, planted_model):
    y, found = planted.target.y, planted_model.out_of_fold
    own = entry(planted_model, CHOSEN)
    assert own.mae == pytest.approx(np.mean(np.abs(y - found.mean))) == pytest.approx(own.mae_unit)
    assert own.rmse == pytest.approx(np.sqrt(np.mean((y - found.mean) ** 2)))
    assert own.r2 == pytest.approx(1 - np.sum((y - found.mean) ** 2) / np.sum((y - y.mean()) ** 2))
    assert own.beats_direct
    assert [e.mae for e in planted_model.leaderboard] == sorted(e.mae for e in planted_model.leaderboard)
    folds = found.folds
    mean = entry(planted_model, "mean of the training values")
    assert mean.mae == pytest.approx(np.mean([abs(y[i] - y[folds != folds[i]].mean()) for i in range(40)]))
    assert not mean.beats_direct
    bar = min(e.mae for e in planted_model.leaderboard if e.source == "none")
    assert all(e.beats_direct == (e.mae < bar and e.source != "none") for e in planted_model.leaderboard)
    assert {e.head for e in planted_model.leaderboard} == {"ridge", "gp", "mean", "selected", "ridge + gp"}


def test_selecting_one_network_is_optimistic(planted, shuffled_library):
    # On pure noise the winner's inner error flatters it; over several seeds the optimism is positive.
    noise = np.random.default_rng(0).normal(size=(4, 40))
    optimism = [
        entry(
            transfer(shuffled_library, replace(planted.target, values=v), outer=5, inner=5),
            "shuffled_source: best single network",
        ).optimism
        for v in noise
    ]
    assert np.mean(optimism) > 0


def test_noise_is_never_transferable(planted, planted_library):
    for seed in range(2):
        noise = np.random.default_rng(100 + seed).normal(size=40)
        verdict = transfer(planted_library, replace(planted.target, values=noise), outer=5, inner=5).verdict
        assert verdict.helps is not True


def test_the_same_twice_and_another_seed(planted, planted_library, planted_model):
    again = transfer(planted_library, planted.target, outer=5, inner=5)
    np.testing.assert_array_equal(again.out_of_fold.mean, planted_model.out_of_fold.mean)
    np.testing.assert_array_equal(again.stack.weights, planted_model.stack.weights)
    assert again.verdict == planted_model.verdict
    other = transfer(NOTHING, planted.target, outer=5, inner=5, seed=1)
    assert (other.out_of_fold.folds != again.out_of_fold.folds).any()


def test_without_sources_there_are_direct_models_only(planted):
    model = transfer(NOTHING, planted.target, outer=5, inner=5)
    assert all(e.source == "none" or e.name == CHOSEN for e in model.leaderboard)
    assert model.verdict.helps is not True
    assert model.ceiling == np.inf


def test_logarithmic_targets_are_measured_in_both_units(planted):
    table = replace(planted.target, values=np.exp(planted.target.values), log=True)
    model = transfer(NOTHING, table, outer=5, inner=5)
    own = entry(model, CHOSEN)
    y, mean = table.y, model.out_of_fold.mean
    assert own.mae == pytest.approx(np.mean(np.abs(y - mean)))
    assert own.mae_unit == pytest.approx(np.mean(np.abs(np.exp(y) - np.exp(mean))))


def test_small_units_lose_nothing(planted, planted_library, planted_model):
    # Thermal expansion in 1/K: 1e-5 and smaller.
    model = transfer(planted_library, replace(planted.target, values=1e-6 * planted.target.values), outer=5, inner=5)
    np.testing.assert_allclose(model.out_of_fold.mean, 1e-6 * planted_model.out_of_fold.mean, rtol=1e-5)
    np.testing.assert_allclose(model.out_of_fold.upper, 1e-6 * planted_model.out_of_fold.upper, rtol=1e-5)
    assert model.verdict.helps is True
    assert " 0 " not in model.verdict.text
    assert "0.000" not in model.verdict.text
