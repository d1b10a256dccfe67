"""Sets of networks: they learn, never see their fold, and go on where they stopped."""

from __future__ import annotations

from contextlib import contextmanager

import jax
import numpy as np
import pytest

from kakehashi.screen.descriptors.scaling import Scaling
from kakehashi.screen.foundation.folds import hash_folds
from kakehashi.screen.foundation.forward import outputs, predictions
from kakehashi.screen.foundation.inputs import inputs_of
from kakehashi.screen.foundation.training import fit
from kakehashi.screen.foundation.training.fit import FoundationSettings, foundation_key, train_foundation
from kakehashi.screen.foundation.training.parts import remove_parts
from kakehashi.screen.foundation.training.train import FoundationCourse, train_network

SHORT = FoundationSettings(2, 3, FoundationCourse(widths=(8, 4), epochs=1, batch=32))


def bits(networks):
    return [leaf.tobytes() for leaf in jax.tree.leaves(networks)]


def test_both_tasks_are_learned_from_formulas_and_on_formulas_never_seen(planted_data, planted_foundation):
    foundation = planted_foundation.foundation
    for name in ("a:linear", "b:wide (eV)"):
        k = [task.name for task in foundation.tasks].index(name)
        known = np.isfinite(planted_data.y[:, k])
        truth = planted_data.y[known, k]
        alone = np.abs(truth - np.median(truth)).mean()
        x = inputs_of(foundation.scaling, planted_data.compositions)
        seen = np.abs(predictions(foundation.full, x)[known, k] - truth).mean()
        assert seen < 0.25 * alone
        assert foundation.errors[k].mean() < 0.5 * alone
        assert foundation.training_errors[k].mean() < foundation.errors[k].mean()


def test_errors_and_scales_are_those_of_the_networks(planted_data, planted_foundation):
    foundation = planted_foundation.foundation
    folds, x = hash_folds(planted_data.keys), inputs_of(foundation.scaling, planted_data.compositions)
    for fold in range(5):
        guess, held = predictions(foundation.folds[fold], x), folds == fold
        np.testing.assert_array_equal(planted_foundation.held_out[held], guess[held])
        off = np.abs(guess - planted_data.y)
        np.testing.assert_allclose(foundation.errors[:, fold], np.nanmean(off[held], axis=0), rtol=1e-5)
        np.testing.assert_allclose(foundation.training_errors[:, fold], np.nanmean(off[~held], axis=0), rtol=1e-5)
        layer = outputs(foundation.folds[fold], x[~held]).layer
        np.testing.assert_allclose(foundation.scales[fold + 1], layer.std(axis=0), rtol=1e-4)
    assert len(foundation.scales) == 6
    assert foundation.convention == "reduced"


@pytest.mark.fault
def test_a_fold_of_garbage_changes_nothing_in_its_own_networks(planted_data, tmp_path):
    folds = hash_folds(planted_data.keys)
    garbage = planted_data.y.copy()
    rows = folds == 2
    garbage[rows] = np.where(np.isfinite(garbage[rows]), 4.0, np.nan)
    first = train_foundation(planted_data, SHORT, tmp_path / "a").foundation
    second = train_foundation(planted_data._replace(y=garbage), SHORT, tmp_path / "b").foundation
    same = [bits(one) == bits(other) for one, other in zip(first.sets, second.sets, strict=True)]
    # Full, then folds 0 to 4: the values of fold 2 reach all others.
    assert same == [False, False, False, True, False, False]


def test_a_training_that_was_stopped_goes_on_bit_by_bit(planted_data, tmp_path, monkeypatch):
    trained = []

    def counted(seed, *rest):
        if len(trained) == 5 and seed not in trained:
            raise KeyboardInterrupt
        trained.append(seed)
        return train_network(seed, *rest)

    monkeypatch.setattr(fit, "train_network", counted)
    with pytest.raises(KeyboardInterrupt):
        train_foundation(planted_data, SHORT, tmp_path / "a")
    assert len(trained) == 5
    monkeypatch.setattr(fit, "train_network", lambda seed, *rest: trained.append(seed) or train_network(seed, *rest))
    resumed = train_foundation(planted_data, SHORT, tmp_path / "a")
    assert len(trained) == len({*trained}) == 12
    whole = train_foundation(planted_data, SHORT, tmp_path / "b")
    assert bits(resumed.foundation.sets) == bits(whole.foundation.sets)
    assert resumed.held_out.tobytes() == whole.held_out.tobytes()
    # Another network per set is trained beside those that are there.
    train_foundation(planted_data, SHORT._replace(networks=3), tmp_path / "a")
    assert len(trained) == 12 + 12 + 6
    remove_parts(resumed.parts)
    assert not (tmp_path / "a").exists()


@pytest.mark.fault
def test_a_damaged_part_is_trained_again(planted_data, tmp_path):
    settings = SHORT._replace(networks=1)
    first = train_foundation(planted_data, settings, tmp_path)
    path = next(first.parts.iterdir()) / "stack.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    second = train_foundation(planted_data, settings, tmp_path)
    assert len(second.warnings) == 1
    assert "damaged" in second.warnings[0]
    assert bits(second.foundation.sets) == bits(first.foundation.sets)


def test_progress_counts_every_draw(planted_data, tmp_path):
    done = []

    @contextmanager
    def stage(name, total):
        done.append((name, total))
        yield lambda draws: done.append(draws)

    for _ in range(2):
        done.clear()
        train_foundation(planted_data, SHORT, tmp_path, stage)
        name, total = done[0]
        assert name == f"foundation {planted_data.name}"
        assert sum(done[1:]) == total > 0


def test_the_key_depends_on_data_and_settings_alone(planted_data):
    key = foundation_key(planted_data, SHORT)
    assert key == foundation_key(planted_data._replace(warnings=("x",), left_out=()), SHORT)
    others = [
        foundation_key(planted_data, SHORT._replace(seed=4)),
        foundation_key(planted_data, SHORT._replace(course=SHORT.course._replace(dropout=0.2))),
        foundation_key(planted_data._replace(y=planted_data.y + np.float32(1e-3)), SHORT),
        foundation_key(planted_data._replace(name="other"), SHORT),
    ]
    assert len({key, *others}) == 5


def test_scaling_is_of_signed_logarithms(planted_foundation):
    scaling = planted_foundation.foundation.scaling
    assert isinstance(scaling, Scaling)
    assert scaling.mean.shape == scaling.scale.shape == (290,)
