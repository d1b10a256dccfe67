"""Models without transfer: what the descriptors alone give to the learners most people would reach for first.

Each is a name, a grid of settings and a function that fits one of them. The setting is chosen by inner cross-validation
on the training rows of every outer fold, as everything else is. (Ridge regression and Gaussian processes on the
descriptors are heads, `screen.heads`; they belong to the stack that is deployed.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import UserError
from screen.folds import Folds, inner_folds
from screen.scaling import fit_scaling, standardise

FloatArray = NDArray[np.float64]
Predict = Callable[[FloatArray], FloatArray]
Setting = Mapping[str, Any]
# Above this many compounds the inner cross-validation of a baseline has 3 folds: each one fits the whole grid.
MANY, FEW_FOLDS = 1_000, 3


class Baseline(NamedTuple):
    """A model of y from descriptors.

    grid : settings to choose among; one is taken as it is
    fit : (x (n, p) standardised, y (n,), setting, seed) -> predict, of x (m, p) the means (m,)
    inner : folds that choose the setting
    """

    name: str
    grid: tuple[Setting, ...]
    fit: Callable[[FloatArray, FloatArray, Setting, int], Predict]
    inner: int = 5


class Chosen(NamedTuple):
    """A fitted baseline's means (m,) of the held rows, its setting, and the error with which that was chosen."""

    mean: FloatArray
    setting: Setting
    inner_mae: float


def ask(
    baseline: Baseline,
    raw: NDArray[np.float32],
    y: FloatArray,
    held: NDArray[np.float32],
    keys: Sequence[str],
    seed: int,
) -> Chosen:
    """Choose a setting and fit on raw (n, p) descriptors and y (n,), then predict the rows of held (m, p).

    keys : (n,) groups that the inner folds do not split
    """
    folds = inner_folds(keys, baseline.inner if len(y) <= MANY else FEW_FOLDS, seed + 1)
    errors = [inner_error(baseline, setting, raw, y, folds, seed) for setting in baseline.grid]
    best = int(np.argmin(errors))
    return Chosen(_predicted(baseline, baseline.grid[best], raw, y, held, seed), baseline.grid[best], errors[best])


def inner_error(
    baseline: Baseline, setting: Setting, raw: NDArray[np.float32], y: FloatArray, folds: Folds, seed: int
) -> float:
    """Cross-validated mean absolute error of a setting."""
    guesses = np.empty(len(y))
    for fold in np.unique(folds):
        out = folds == fold
        guesses[out] = _predicted(baseline, setting, raw[~out], y[~out], raw[out], seed)
    return float(np.mean(np.abs(guesses - y)))


def _predicted(
    baseline: Baseline, setting: Setting, raw: NDArray[np.float32], y: FloatArray, held: NDArray[np.float32], seed: int
) -> FloatArray:
    # The scaling belongs to the model: it is fitted on its training rows alone.
    scaling = fit_scaling(raw)
    x, new = (np.asarray(standardise(scaling, rows), np.float64) for rows in (raw, held))
    return np.asarray(baseline.fit(x, y, setting, seed)(new), np.float64)


def _elastic_net(x: FloatArray, y: FloatArray, setting: Setting, seed: int) -> Predict:
    """Elastic net (Zou & Hastie, 2005); the penalty is a share of the smallest that leaves no coefficient."""
    from sklearn.linear_model import ElasticNet

    scale = y.std() or 1.0
    z = (y - y.mean()) / scale
    most = np.abs((x - x.mean(axis=0)).T @ z).max() / (len(y) * setting["l1_ratio"]) or 1.0
    model = ElasticNet(
        alpha=setting["share"] * most, l1_ratio=setting["l1_ratio"], max_iter=20_000, tol=1e-3, selection="cyclic"
    )
    return _unscaled(model.fit(x, z).predict, scale, y.mean())


def _forest(x: FloatArray, y: FloatArray, setting: Setting, seed: int) -> Predict:
    """Random forest (Breiman, 2001)."""
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(n_estimators=200, random_state=seed, n_jobs=1, **setting)
    return _plain(model.fit(x, y).predict)


def _boosting(x: FloatArray, y: FloatArray, setting: Setting, seed: int) -> Predict:
    """Gradient boosting with subsampling (Friedman, 2002)."""
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(subsample=0.7, max_features="sqrt", random_state=seed, **setting)
    return _plain(model.fit(x, y).predict)


def _network(x: FloatArray, y: FloatArray, setting: Setting, seed: int) -> Predict:
    """The mean of a few networks trained on the target alone, penalised, by a quasi-Newton method."""
    from sklearn.neural_network import MLPRegressor

    scale = y.std() or 1.0
    z = (y - y.mean()) / scale
    model = functools.partial(
        MLPRegressor, hidden_layer_sizes=(32, 8), solver="lbfgs", alpha=setting["alpha"], max_iter=150
    )
    members = [model(random_state=seed + k).fit(x, z) for k in range(3)]
    return _unscaled(lambda new: np.mean([member.predict(new) for member in members], axis=0), scale, y.mean())


def _plain(predict: Any) -> Predict:
    return lambda new: np.asarray(predict(new), np.float64)


def _unscaled(predict: Any, scale: float, offset: float) -> Predict:
    return lambda new: scale * predict(new) + offset


ELASTIC_NET = Baseline(
    "elastic net",
    tuple({"l1_ratio": ratio, "share": share} for ratio in (0.1, 0.5, 0.9) for share in (0.01, 0.03, 0.1, 0.3)),
    _elastic_net,
)
FOREST = Baseline("random forest", tuple({"max_features": part} for part in ("sqrt", 1 / 3)), _forest, inner=3)
BOOSTING = Baseline(
    "gradient boosting",
    (
        {"n_estimators": 100, "learning_rate": 0.1, "max_depth": 2},
        {"n_estimators": 300, "learning_rate": 0.05, "max_depth": 3},
    ),
    _boosting,
)
NETWORK = Baseline("network", tuple({"alpha": alpha} for alpha in (0.1, 1.0)), _network, inner=3)

# By the word that stands for it on the command line.
BASELINES = {"elastic-net": ELASTIC_NET, "forest": FOREST, "boosting": BOOSTING, "network": NETWORK}


def baselines_of(words: Sequence[str]) -> tuple[Baseline, ...]:
    """The baselines asked for by name; `none` asks for none.

    Raises
    ------
    UserError : an unknown name.
    """
    if tuple(words) == ("none",):
        return ()
    for word in words:
        if word not in BASELINES:
            raise UserError(f"--baselines: expected some of {', '.join(BASELINES)}, or none, got {word!r}")
    return tuple(BASELINES[word] for word in dict.fromkeys(words))
