"""What an experiment is worth: closed forms against drawing, tails, and batches that do not repeat themselves."""

import numpy as np
import pytest
from scipy.stats import norm

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.screen.ranking.acquisition import (
    NormalLaws,
    acquisition_values,
    expected_improvement,
    log_expected_improvement,
    normal_through,
    pick_diverse,
    probability_above,
)


def law(mean: object, sigma: object) -> NormalLaws:
    return NormalLaws(np.atleast_1d(np.asarray(mean, float)), np.atleast_1d(np.asarray(sigma, float)))


@pytest.mark.parametrize(
    ("mean", "sigma", "best"), [(1.0, 0.5, 0.2), (0.0, 2.0, 1.0), (-1.0, 0.7, 0.5), (3.0, 1.0, 3.0)]
)
def test_expected_improvement_and_chance_are_what_drawing_gives(mean: float, sigma: float, best: float) -> None:
    drawn = mean + sigma * np.random.default_rng(0).standard_normal(2_000_000)
    gain = np.maximum(drawn - best, 0.0)
    error = gain.std() / np.sqrt(len(gain))
    assert abs(expected_improvement(law(mean, sigma), best)[0] - gain.mean()) < 4 * error
    assert probability_above(law(mean, sigma), best)[0] == pytest.approx((drawn > best).mean(), abs=2e-3)


def test_a_certain_value_improves_by_its_gain() -> None:
    certain = law([1.0, 2.0, 5.0], [0.0, 0.0, 0.0])
    np.testing.assert_allclose(expected_improvement(certain, 2.0), [0.0, 0.0, 3.0], rtol=1e-14)
    np.testing.assert_array_equal(probability_above(certain, 2.0), [0.0, 0.0, 1.0])


def test_the_logarithm_keeps_the_order_where_the_value_underflows() -> None:
    hopeless = law(-np.arange(1.0, 5.0) * 50, np.ones(4))
    assert not expected_improvement(hopeless, 0.0).any()
    assert np.isfinite(log_expected_improvement(hopeless, 0.0)).all()
    assert (np.diff(log_expected_improvement(hopeless, 0.0)) < 0).all()


@pytest.mark.parametrize("at", [-1.0, -1e4])
def test_the_pieces_of_the_logarithm_meet(at: float) -> None:
    near = at * np.array([1 - 1e-9, 1 + 1e-9])
    below, above = log_expected_improvement(law(near, [1.0, 1.0]), 0.0)
    slope = norm.cdf(at) / expected_improvement(law(at, 1.0), 0.0)[0] if at > -30 else -at
    assert below - above == pytest.approx(slope * (near[0] - near[1]), rel=1e-3, abs=1e-7)


def test_deep_in_the_tail_it_is_the_integral() -> None:
    z = -12.0
    gain = np.linspace(0.0, 5.0, 200_001)
    expected = np.trapezoid(gain * norm.pdf(gain - z), gain)
    assert expected_improvement(law(z, 1.0), 0.0)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("log", [False, True])
def test_the_law_has_the_interval_it_was_made_from(log: bool) -> None:
    centre, sigma = np.array([0.3, 2.0]), np.array([0.4, 1.5])
    back = np.exp if log else np.asarray
    low, high = (back(norm.ppf(q, centre, sigma)) for q in (0.05, 0.95))
    found = normal_through(back(centre), low, high, level=0.9, log=log)
    np.testing.assert_allclose(found.mean, centre, rtol=1e-12)
    np.testing.assert_allclose(found.sigma, sigma, rtol=1e-12)
    np.testing.assert_allclose(
        acquisition_values(found, "upper", best=0.0, level=0.9), np.log(high) if log else high, rtol=1e-12
    )
    np.testing.assert_allclose(acquisition_values(found, "variance", best=0.0, level=0.9), sigma**2, rtol=1e-12)


def test_a_bound_that_left_the_floats_is_replaced_by_the_other() -> None:
    found = normal_through([10.0, 10.0, 10.0], [0.0, 5.0, 0.0], [20.0, np.inf, np.inf], level=0.9, log=True)
    np.testing.assert_allclose(found.sigma[:2], np.log(2) / norm.ppf(0.95), rtol=1e-12)
    assert np.isinf(found.sigma[2])


def test_a_batch_has_one_per_system_and_no_near_duplicates() -> None:
    texts = ["GaN", "Ga2N3", "Ga99AlN100", "AlN", "PbTe", "SiC"]
    rows = parse_column(texts).compositions
    name = lambda picked: [texts[i] for i in picked]
    assert name(pick_diverse(range(6), rows, 6, 0.1)) == ["GaN", "AlN", "PbTe", "SiC"]
    assert name(pick_diverse(range(6), rows, 6, 0.0)) == ["GaN", "Ga99AlN100", "AlN", "PbTe", "SiC"]
    # GaN and AlN share half their atoms.
    assert name(pick_diverse(range(6), rows, 6, 0.51)) == ["GaN", "PbTe", "SiC"]
    assert name(pick_diverse(range(6), rows, 6, 0.5)) == ["GaN", "AlN", "PbTe", "SiC"]
    assert name(pick_diverse([4, 1, 0, 2], rows, 2, 0.1)) == ["PbTe", "Ga2N3"]
