"""Elastic net (Zou & Hastie, 2005), a sparse linear model."""

from __future__ import annotations

from typing import Any

import numpy as np

from kakehashi.screen.heads.drawn import Setting, drawn
from kakehashi.screen.heads.head import FloatArray, Params
from kakehashi.screen.networks.pyramid import matmul


def grow(x: FloatArray, y: FloatArray, setting: Setting) -> Params:
    """Fit with an L1 ratio and a relative penalty.

    share : of the smallest penalty that leaves no coefficient
    """
    from sklearn.linear_model import ElasticNet

    offset, scale = y.mean(), y.std() or 1.0
    centre = x.mean(axis=0)
    z = (y - offset) / scale
    most = np.abs((x - centre).T @ z).max() / (len(y) * setting["l1_ratio"]) or 1.0
    model = ElasticNet(
        alpha=setting["share"] * most, l1_ratio=setting["l1_ratio"], fit_intercept=False, max_iter=20_000, tol=1e-3
    )
    model.fit(x - centre, z)
    return {"centre": centre, "coefficients": scale * model.coef_, "intercept": np.float64(offset)}


def predict(params: Params, x: Any) -> tuple[Any, Any]:
    """Mean at x (m, p), held-out error as spread."""
    mean = matmul(x - params["centre"][None, :], params["coefficients"]) + params["intercept"]
    return mean, 0.0 * mean + params["noise"]


def ceiling(params: Params) -> float:
    """Infinity, unless nothing was learned."""
    return float("inf") if np.any(params["coefficients"]) else float(params["intercept"])


elastic_net = drawn(
    "elastic-net",
    [{"l1_ratio": ratio, "share": share} for ratio in (0.1, 0.5, 0.9) for share in (0.01, 0.03, 0.1, 0.3)],
    grow,
    predict,
    ceiling,
)
"""With settings of ours, on a grid."""
