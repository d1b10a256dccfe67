"""Fine-tuning: last layers of a source's network, trained on the target.

As in Liu, Yamada & Wu (2021): the first layers stay, the last hidden layer and the output go on from where
pre-training left them, and training stops where a validation split no longer improves. The target is first brought
to the network's own output by a straight line, so that training starts from the source's prediction and not from a
network that is wrong about the unit. Every validation split gives a member of an ensemble; their disagreement and
their errors on the rows they did not train on give the spread.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.heads.head import FloatArray, Head, Params, namespace
from kakehashi.screen.networks.pyramid import NEGATIVE_SLOPE, Network, leaky, matmul

# Adam (Kingma & Ba, 2015) on all training rows at once, at a third of the pre-training rate.
RATE = 1e-3
STEPS = 400
PATIENCE = 40
SPLITS = 4
_BETAS, _EPSILON = (0.9, 0.999), 1e-8

Weights = dict[str, Any]


def starting_from(network: Network) -> Head:
    """Make the head that fine-tunes a network.

    x is what enters its last hidden layer.
    """
    return finetune._replace(fit=functools.partial(_fit, network))


def predict(params: Params, x: Any) -> tuple[Any, Any]:
    """Mean over members, and spread, at x (m, p)."""
    xp = namespace(x)
    members = xp.stack(
        [
            forward({name: params[name][k] for name in ("kernel", "bias", "out", "constant")}, params, x)
            for k in range(len(params["constant"]))
        ]
    )
    means = members * params["slope"] + params["offset"]
    return means.mean(axis=0), xp.sqrt(means.var(axis=0) + params["noise"] ** 2)


def forward(weights: Any, frame: Any, x: Any) -> Any:
    """Outputs (m,) of the retrained layers.

    frame : the normalisation the last hidden layer may have
    """
    z = matmul(x, weights["kernel"]) + weights["bias"][None, :]
    z = z * frame["scale"][None, :] + frame["shift"][None, :]
    return matmul(leaky(z), weights["out"]) + weights["constant"]


def ceiling(params: Params) -> float:
    """Infinity, unless nothing was learned."""
    return float("inf") if float(params["slope"]) > 0 else float(params["offset"])


def _fit(network: Network, x: FloatArray, y: FloatArray) -> Params:
    layer, n = network.hidden[-1], len(y)
    rows = np.asarray(x, np.float32)
    ones = np.ones_like(layer.bias)
    frame = {
        "scale": ones if layer.scale is None else layer.scale,
        "shift": 0 * ones if layer.shift is None else layer.shift,
    }
    start: Weights = {
        "kernel": layer.kernel,
        "bias": layer.bias,
        "out": network.output.kernel[:, 0],
        "constant": network.output.bias[0],
    }
    slope, offset = y.std(), y.mean()
    goal = np.asarray((y - offset) / (slope if slope > 0 else 1.0), np.float32)
    start = _aligned(start, forward(start, frame, rows), goal)
    # The rows are dealt to the splits in a fixed shuffled order: no two fits differ by chance.
    split = np.random.default_rng(0).permutation(np.arange(n) % min(SPLITS, n))
    members = [_train(start, frame, rows, goal, split == k) for k in range(min(SPLITS, n))]
    errors = np.concatenate(
        [(forward(w, frame, rows) - goal)[split == k] for k, w in enumerate(members)], dtype=np.float64
    )
    return {
        **{name: np.stack([member[name] for member in members]) for name in start},
        **frame,
        "slope": np.float64(slope),
        "offset": np.float64(offset),
        "noise": np.float64(slope * np.sqrt(np.mean(errors**2))),
    }


def _aligned(start: Weights, guess: NDArray[np.float32], goal: NDArray[np.float32]) -> Weights:
    """Rescale the output layer to the goal by least squares."""
    centred = guess - guess.mean()
    spread = float(centred @ centred)
    slope = np.float32(centred @ goal / spread if spread > 1e-12 else 0.0)
    constant = slope * (start["constant"] - guess.mean()) + goal.mean()
    return {**start, "out": slope * start["out"], "constant": np.float32(constant)}


def _train(
    start: Weights,
    frame: dict[str, NDArray[np.float32]],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    held: NDArray[np.bool_],
) -> Weights:
    """Train, and return the weights of least held-out error."""
    weights, best, best_loss, waited = dict(start), start, np.inf, 0
    first = {name: np.zeros_like(value) for name, value in start.items()}
    second = {name: np.zeros_like(value) for name, value in start.items()}
    inside, outside = x[~held], y[~held]
    for step in range(1, STEPS + 1):
        loss = float(np.mean((forward(weights, frame, x[held]) - y[held]) ** 2))
        if loss < best_loss:
            best, best_loss, waited = dict(weights), loss, 0
        elif (waited := waited + 1) >= PATIENCE:
            break
        gradient = _gradient(weights, frame, inside, outside)
        rate = np.float32(RATE * np.sqrt(1 - _BETAS[1] ** step) / (1 - _BETAS[0] ** step))
        for name, slope in gradient.items():
            first[name] = _BETAS[0] * first[name] + (1 - _BETAS[0]) * slope
            second[name] = _BETAS[1] * second[name] + (1 - _BETAS[1]) * slope**2
            weights[name] = weights[name] - rate * first[name] / (np.sqrt(second[name]) + _EPSILON)
    return best


def _gradient(
    weights: Weights, frame: dict[str, NDArray[np.float32]], x: NDArray[np.float32], y: NDArray[np.float32]
) -> Weights:
    """Gradient of the mean squared error."""
    z = (x @ weights["kernel"] + weights["bias"]) * frame["scale"] + frame["shift"]
    bend = np.where(z >= 0, np.float32(1.0), np.float32(NEGATIVE_SLOPE))
    active = z * bend
    error = 2 * (active @ weights["out"] + weights["constant"] - y) / np.float32(len(y))
    back = error[:, None] * weights["out"][None, :] * bend * frame["scale"]
    return {"kernel": x.T @ back, "bias": back.sum(axis=0), "out": active.T @ error, "constant": error.sum()}


def _needs_a_network(x: FloatArray, y: FloatArray) -> Params:
    raise ValueError("fine-tuning starts from a network: use starting_from(network)")


finetune = Head("finetune", _needs_a_network, predict, ceiling)
