"""Scales of values and the way back."""

import numpy as np
import pytest

from kakehashi.screen.foundation.record import FoundationTask
from kakehashi.screen.foundation.transforms import CLIP, choose, in_unit, spread, standardised, transformed

RNG = np.random.default_rng(0)
VALUES = {
    "identity": RNG.normal(3, 2, 500),
    "ln": np.exp(RNG.normal(0, 2, 500)),
    "signed log": np.concatenate([RNG.normal(0, 0.01, 480), RNG.normal(0, 5, 20)]),
}


def task(values, transform, width):
    centre, scale = spread(transformed(values, transform, width), transform)
    return FoundationTask("t", "t", "t", "t", "", transform, centre, scale, width, len(values), "", "", 0)


@pytest.mark.parametrize("kind", VALUES)
def test_values_choose_their_scale_and_come_back(kind):
    values = VALUES[kind]
    transform, width = choose(values)
    assert transform == kind
    about = task(values, transform, width)
    z = standardised(about, values)
    inside = np.abs(z) < CLIP
    assert inside.mean() > 0.9
    np.testing.assert_allclose(in_unit(about, z[inside]), values[inside], rtol=1e-9, atol=1e-12)
    assert np.median(z) == pytest.approx(0, abs=1e-9)
    assert np.abs(z).max() <= CLIP


def test_spread_of_a_normal_distribution_is_its_standard_deviation():
    centre, scale = spread(np.random.default_rng(1).normal(5, 2, 200_000), "identity")
    assert (centre, scale) == (pytest.approx(5, abs=0.02), pytest.approx(2, rel=0.01))


def test_rare_shares_stay_inside_the_clip():
    shares = np.r_[np.zeros(990), np.ones(10)]
    about = task(shares, "share", 1.0)
    assert standardised(about, np.array([0.0, 0.5, 1.0])).tolist() == [0.0, 2.0, 4.0]
    assert in_unit(about, np.array([4.0])).tolist() == [1.0]
