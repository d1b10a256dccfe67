"""Models without transfer: each learns, each is blind to what it is asked about, settings come from inside."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from catalogs.records import UserError
from screen.baselines import BASELINES, Baseline, ask, baselines_of, unfinished

RNG = np.random.default_rng(0)
RAW = RNG.normal(size=(60, 6)).astype(np.float32) * 10 + 100
Y = 5.0 + 0.1 * (RAW[:, 0].astype(float) - 100) + 0.05 * (RAW[:, 1].astype(float) - 100)
KEYS = [f"k{i}" for i in range(50)]
# Few settings and folds: what is tested does not depend on how many there are.
QUICK = {name: b._replace(grid=b.grid[: 12 if name == "elastic-net" else 1], inner=2) for name, b in BASELINES.items()}


@pytest.fixture(scope="module")
def found():
    with unfinished(), threadpool_limits(1, "blas"):
        return {name: ask(b, RAW[:50], Y[:50], RAW[50:], KEYS, 0) for name, b in QUICK.items()}


@pytest.mark.parametrize("name", BASELINES)
def test_each_learns_a_plain_dependence(found, name):
    mean = np.mean(np.abs(Y[50:] - Y[:50].mean()))
    assert np.mean(np.abs(found[name].mean - Y[50:])) < 0.6 * mean
    assert found[name].setting in QUICK[name].grid


@pytest.mark.parametrize("name", ["elastic-net", "boosting"])
def test_equal_seeds_give_equal_means(found, name):
    with unfinished(), threadpool_limits(1, "blas"):
        again = ask(QUICK[name], RAW[:50], Y[:50], RAW[50:], KEYS, 0)
    np.testing.assert_array_equal(again.mean, found[name].mean)
    assert again.inner_mae == found[name].inner_mae


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
    asked = []

    def shifted(x, y, setting, seed):
        asked.append((len(x), setting["by"]))
        return lambda new: np.full(len(new), y.mean() + setting["by"])

    grid = ({"by": 3.0}, {"by": 0.0}, {"by": -2.0})
    chosen = ask(Baseline("shifted", grid, shifted), RAW[:50], Y[:50], RAW[50:], KEYS, 0)
    assert chosen.setting == {"by": 0.0}
    assert asked.count((40, 0.0)) == 5
    assert asked[-1] == (50, 0.0)
    assert chosen.inner_mae == pytest.approx(np.mean(np.abs(Y[:50] - Y[:50].mean())), rel=0.1)
    np.testing.assert_allclose(chosen.mean, Y[:50].mean())


def test_inner_folds_never_split_a_group():
    seen = []

    def spy(x, y, setting, seed):
        seen.append(set(np.round(y)))
        return lambda new: np.zeros(len(new))

    y = np.repeat(np.arange(10.0), 5)
    ask(Baseline("spy", ({},), spy), RAW[:50], y, RAW[50:], [str(v) for v in y], 0)
    assert all(len(groups) == 8 for groups in seen[:-1])


def test_names():
    assert [b.name for b in baselines_of(["forest", "network", "forest"])] == ["random forest", "network"]
    assert baselines_of(["none"]) == ()
    with pytest.raises(UserError, match=r"--baselines: expected some of elastic-net, .*, got 'svm'"):
        baselines_of(["svm"])
