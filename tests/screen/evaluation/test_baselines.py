"""Models without transfer: each learns, each is blind to what it is asked about, settings come from inside."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from kakehashi.screen.evaluation.baselines import predict_baseline
from kakehashi.screen.heads import elastic_net
from kakehashi.screen.heads.drawn import drawn, unfinished
from kakehashi.screen.heads.head import Head
from kakehashi.screen.heads.registry import DEFAULT_BASELINES, HEADS

RNG = np.random.default_rng(0)
RAW = RNG.normal(size=(60, 6)).astype(np.float32) * 10 + 100
Y = 5.0 + 0.1 * (RAW[:, 0].astype(float) - 100) + 0.05 * (RAW[:, 1].astype(float) - 100)
KEYS = [f"k{i}" for i in range(50)]


@pytest.fixture(scope="module")
def found():
    with unfinished(), threadpool_limits(1, "blas"):
        return {
            name: predict_baseline(HEADS[name], RAW[:50], Y[:50], RAW[50:], KEYS, 0)
            for name in ("elastic-net", "network")
        }


@pytest.mark.parametrize("name", ["elastic-net", "network"])
def test_each_learns_a_plain_dependence(found, name):
    mean = np.mean(np.abs(Y[50:] - Y[:50].mean()))
    assert name in DEFAULT_BASELINES
    assert np.mean(np.abs(found[name].mean - Y[50:])) < 0.6 * mean
    assert (found[name].spread > 0).all()


def test_equal_seeds_give_equal_means(found):
    with unfinished(), threadpool_limits(1, "blas"):
        again = predict_baseline(HEADS["elastic-net"], RAW[:50], Y[:50], RAW[50:], KEYS, 0)
    np.testing.assert_array_equal(again.mean, found["elastic-net"].mean)
    assert (again.inner_mae, again.setting) == (found["elastic-net"].inner_mae, found["elastic-net"].setting)


def test_elastic_net_is_scikit_learns_on_standardised_columns(found):
    from sklearn.linear_model import ElasticNet

    setting = found["elastic-net"].setting
    raw = RAW.astype(float)
    x = (raw[:50] - raw[:50].mean(axis=0)) / raw[:50].std(axis=0)
    z = (Y[:50] - Y[:50].mean()) / Y[:50].std()
    # The smallest penalty without a coefficient, checked to be that.
    most = np.abs(x.T @ z).max() / 50 / setting["l1_ratio"]
    assert not ElasticNet(alpha=1.001 * most, l1_ratio=setting["l1_ratio"], tol=1e-9).fit(x, z).coef_.any()
    assert ElasticNet(alpha=0.99 * most, l1_ratio=setting["l1_ratio"], tol=1e-9).fit(x, z).coef_.any()
    model = ElasticNet(alpha=setting["share"] * most, l1_ratio=setting["l1_ratio"], tol=1e-9).fit(x, z)
    new = (raw[50:] - raw[:50].mean(axis=0)) / raw[:50].std(axis=0)
    np.testing.assert_allclose(found["elastic-net"].mean, model.predict(new) * Y[:50].std() + Y[:50].mean(),
                               atol=2e-3)  # fmt: skip


def test_the_setting_is_chosen_inside_and_its_error_is_the_inner_one():
    def shifted(x, y, setting):
        return {"value": np.float64(y.mean() + setting["by"])}

    def predict(params, x):
        mean = np.full(len(x), params["value"])
        return mean, 0 * mean + params["noise"]

    grid = [{"by": 3.0}, {"by": 0.0}, {"by": -2.0}]
    asked = predict_baseline(
        drawn("shifted", grid, shifted, predict, elastic_net.ceiling), RAW[:50], Y[:50], RAW[50:], KEYS, 0
    )
    assert asked.setting == {"by": 0.0}
    assert asked.inner_mae == pytest.approx(np.mean(np.abs(Y[:50] - Y[:50].mean())), rel=0.1)
    np.testing.assert_allclose(asked.mean, Y[:50].mean())


def test_inner_folds_never_split_a_group():
    seen = []

    def fit(x, y):
        seen.append(set(np.round(y)))
        return {}

    y = np.repeat(np.arange(10.0), 5)
    spy = Head("spy", fit, lambda params, x: (np.zeros(len(x)), np.ones(len(x))), lambda params: 0.0)
    predict_baseline(spy, RAW[:50], y, RAW[50:], [str(v) for v in y], 0)
    assert sorted(len(groups) for groups in seen[:-1]) == [6, 7, 7]
    assert len(seen[-1]) == 10
