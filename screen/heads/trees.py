"""Sums of trees from scikit-learn as arrays of `forest`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from kakehashi.screen.heads import forest
from kakehashi.screen.heads.drawn import Setting
from kakehashi.screen.heads.head import FloatArray, Params


def grow_forest(x: FloatArray, y: FloatArray, setting: Setting) -> Params:
    """Fit a random forest (Breiman, 2001).

    trees : number; tried : columns per split, at most all
    """
    return forest.flatten(_forest(x, y, setting))


def out_of_bag(x: FloatArray, y: FloatArray, setting: Setting) -> FloatArray:
    """Out-of-bag predictions (n,) of the training rows."""
    return forest.out_of_bag(_forest(x, y, setting), x, y)


def _forest(x: FloatArray, y: FloatArray, setting: Setting) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    tried = min(int(setting["tried"]), x.shape[1])
    model = RandomForestRegressor(setting["trees"], max_features=tried, random_state=forest.SEED, n_jobs=1)
    return model.fit(np.asarray(x, np.float32), y)


def grow_boosting(x: FloatArray, y: FloatArray, setting: Setting) -> Params:
    """Fit gradient boosting (Friedman, 2001).

    rounds : trees of at most `depth`, each added with weight `rate`
    subsample : share of the rows a tree sees (Friedman, 2002); columns : share of the columns tried per split
    """
    from sklearn.ensemble import GradientBoostingRegressor

    offset = y.mean()
    model = GradientBoostingRegressor(
        n_estimators=setting["rounds"],
        learning_rate=setting["rate"],
        max_depth=setting["depth"],
        subsample=setting.get("subsample", 1.0),
        max_features=setting["columns"],
        init="zero",
        random_state=forest.SEED,
    )
    model.fit(np.asarray(x, np.float32), y - offset)
    params = forest.flatten(SimpleNamespace(estimators_=model.estimators_[:, 0]))
    # The arrays are read as a mean over trees: the sum of the rounds is the mean of as many times each.
    return {**params, "value": offset + setting["rate"] * setting["rounds"] * params["value"]}


def predict(params: Params, x: Any) -> tuple[Any, Any]:
    """Mean over trees at x (m, p), held-out error as spread."""
    mean = forest.predict(params, x)[0]
    # Boosted trees correct each other: how they scatter says nothing about the error of their sum.
    return mean, 0.0 * mean + params["noise"]
