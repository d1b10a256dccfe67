"""One model: its design matrices, its fit, its inner predictions."""

import numpy as np
import pytest

from kakehashi.screen.transfer.plan import Plan, fit_plan, inner_predictions, layer_slice, mixture
from kakehashi.screen.validation.folds import inner_folds


@pytest.mark.parametrize("plan", [Plan("direct", "gp"), Plan("predictions", "ridge", gain=3.0)])
def test_descriptors_are_standardised_on_the_training_rows(planted, features, plan):
    rows = np.arange(5, 40)
    odd = features.raw.copy()
    odd[:5] *= 10
    one, other = (fit_plan(plan, b, planted.target.y, rows) for b in (features, features._replace(raw=odd)))
    for key, value in one.params[0].items():
        np.testing.assert_array_equal(value, other.params[0][key])


def test_depth_counts_from_the_output():
    layers = [np.full((2, 3), 0.0), np.full((2, 2), 1.0), np.full((2, 1), 2.0)]
    assert layer_slice(layers, 1).tolist() == [[2], [2]]
    assert layer_slice(layers, 2).tolist() == [[1, 1, 2]] * 2
    assert layer_slice(layers, 0).shape == layer_slice(layers, 9).shape == (2, 6)


def test_inner_errors_are_those_of_explicit_refits(planted, features):
    # The averaged frozen candidate, ridge: refit per inner fold and network with the penalty chosen on all rows.
    y, rows = planted.target.y, np.arange(5, 40)
    folds = inner_folds([planted.target.keys[i] for i in rows], 5, 1)
    plan = Plan("frozen", "ridge", 0, 1, (0, 2))
    inner = inner_predictions(plan, features, y, rows, folds)
    from sklearn.linear_model import Ridge

    for k, network in enumerate(plan.networks):
        x = layer_slice([f[rows] for f in features.layers[0][network]], 1)
        penalty = 1 / float(fit_plan(plan, features, y, rows).params[k]["prior"])
        for fold in range(5):
            out = folds == fold
            model = Ridge(alpha=penalty).fit(x[~out], y[rows][~out])
            np.testing.assert_allclose(inner[k, out], model.predict(x[out]), rtol=1e-6)


def test_mixture_moments():
    rng = np.random.default_rng(0)
    means, spreads, weights = np.array([[0.0], [3.0]]), np.array([[1.0], [0.5]]), np.array([1.0, 3.0])
    draws = np.where(rng.random(400_000) < 0.25, rng.normal(0, 1, 400_000), rng.normal(3, 0.5, 400_000))
    mean, spread = mixture(means, spreads, weights)
    assert mean[0] == pytest.approx(2.25)
    assert spread[0] == pytest.approx(draws.std(), rel=0.01)
