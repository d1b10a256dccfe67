"""Properties that are the target under another name are found; others are not."""

import numpy as np
import pytest

from kakehashi.screen.foundation.aliased import find_aliases
from kakehashi.screen.foundation.transforms import standardised

N = 60


@pytest.fixture
def world(small_foundation):
    """A target like the first property, networks that predict nothing of it, and no compound they saw."""
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(4.0, 0.4, N))
    return {
        "foundation": small_foundation, "values": values, "y": values, "predictions": rng.normal(size=(N, 3)),
        "seen": np.zeros(N, bool), "known": np.full((N, 3), np.nan),
    }  # fmt: skip


def test_an_unrelated_property_is_none(world):
    world["known"] = np.random.default_rng(1).normal(size=(N, 3))
    world["seen"][:] = True
    found = find_aliases(**world)
    assert not found.tasks.any()
    assert found.note == ""


@pytest.mark.parametrize("shared", [3, 5, 40])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("factor", [1.0, 1e-3])
def test_known_values_of_the_target_are_found(world, small_foundation, shared, log, factor):
    """As a copy or in another unit, even where a few formulas alone are shared."""
    world["known"][:shared, 0] = standardised(small_foundation.tasks[0], world["values"][:shared]).astype(np.float32)
    world["values"] = factor * world["values"]
    world["y"] = np.log(world["values"]) if log else world["values"]
    found = find_aliases(**world)
    assert np.flatnonzero(found.tasks).tolist() == [0]
    assert "stiffness may be the target under another name" in found.note


@pytest.mark.parametrize(("log", "shared"), [(True, 3), (True, 5), (True, 40), (False, 40)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_known_logarithms_of_the_target_are_found(world, small_foundation, log, shared, sign):
    raw = sign * np.log(world["values"])
    world["known"][:shared, 1] = standardised(small_foundation.tasks[1], raw[:shared]).astype(np.float32)
    world["y"] = np.log(world["values"]) if log else world["values"]
    assert np.flatnonzero(find_aliases(**world).tasks).tolist() == [1]


def test_three_values_that_are_equal_or_unlike_are_no_evidence(world):
    """Of three points with two of them equal every line goes through all."""
    world["values"][:3] = world["y"][:3] = [1.0, 1.0, 2.0]
    world["known"][:3, 2] = [0.0, 0.0, 1.0]
    assert not find_aliases(**world).tasks.any()
    rng = np.random.default_rng(2)
    for _ in range(300):
        world["known"][:3] = rng.normal(size=(3, 3))
        world["values"] = world["y"] = np.exp(rng.normal(size=N))
        assert not find_aliases(**world).tasks.any()


def test_predictions_of_seen_compounds_tell_without_known_values(world, small_foundation):
    truth = standardised(small_foundation.tasks[0], world["values"])
    world["predictions"][:, 0] = truth + 0.1 * np.random.default_rng(3).normal(size=N)
    assert not find_aliases(**world).tasks.any()  # nothing was seen
    world["seen"][:40] = True
    assert np.flatnonzero(find_aliases(**world).tasks).tolist() == [0]


def test_all_that_is_one_quantity_with_the_target_goes(world, small_foundation):
    first, second, third = small_foundation.tasks
    world["foundation"] = small_foundation._replace(tasks=(first, second._replace(alias=first.alias), third))
    world["known"][:20, 0] = standardised(first, world["values"][:20])
    assert find_aliases(**world).tasks.tolist() == [True, True, False]
