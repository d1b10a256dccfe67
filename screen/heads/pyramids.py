"""Pyramid networks fitted to the target itself, averaged.

Trained by a quasi-Newton method with a penalty, which on tens to thousands of rows reaches in seconds what thousands of
epochs of stochastic descent do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kakehashi.screen.heads.drawn import Setting, drawn
from kakehashi.screen.heads.head import FloatArray, Params, namespace
from kakehashi.screen.networks.pyramid import matmul

ITERATIONS = 60


def grow(x: FloatArray, y: FloatArray, setting: Setting) -> Params:
    """Fit one network per entry of `widths`.

    widths : tuples of hidden widths, input side first; penalty : L2
    iterations : of the quasi-Newton method, at most
    """
    from sklearn.neural_network import MLPRegressor

    offset, scale = y.mean(), y.std() or 1.0
    z = (y - offset) / scale
    params: Params = {"offset": np.float64(offset), "slope": np.float64(scale)}
    for k, widths in enumerate(setting["widths"]):
        model = MLPRegressor(
            hidden_layer_sizes=widths,
            solver="lbfgs",
            alpha=setting["penalty"],
            max_iter=setting.get("iterations", ITERATIONS),
            random_state=k,
        ).fit(x, z)
        for layer, (kernel, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
            params[f"kernel_{k}_{layer}"], params[f"bias_{k}_{layer}"] = kernel, bias
    return params


def predict(params: Params, x: Any) -> tuple[Any, Any]:
    """Mean over networks at x (m, p), and spread.

    The spread joins their disagreement and the held-out error.
    """
    xp = namespace(x)
    members: list[Any] = []
    while f"kernel_{len(members)}_0" in params:
        members.append(_forward(params, len(members), x, xp))
    means = xp.stack(members) * params["slope"] + params["offset"]
    return means.mean(axis=0), xp.sqrt(means.var(axis=0) + params["noise"] ** 2)


def _forward(params: Params, k: int, x: Any, xp: Any) -> Any:
    layers = sum(name.startswith(f"kernel_{k}_") for name in params)
    for layer in range(layers):
        x = matmul(x, params[f"kernel_{k}_{layer}"]) + params[f"bias_{k}_{layer}"][None, :]
        x = xp.maximum(x, 0.0) if layer < layers - 1 else x
    return x[:, 0]


def ceiling(params: Params) -> float:
    """Infinity: piecewise linear in its inputs."""
    return float("inf")


network = drawn("network", [{"widths": ((32, 8),) * 3, "penalty": 1.0, "iterations": 150}], grow, predict, ceiling)
"""Three small networks on the descriptors, averaged."""
