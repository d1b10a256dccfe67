"""Random forest (Breiman, 2001): fitted by scikit-learn, kept and evaluated as arrays.

The trees are flattened so that a right child follows its left sibling: one step down is a comparison and an addition,
the same in NumPy and in JAX. scikit-learn compares float32 inputs with float64 thresholds; rounding a threshold down
to float32 keeps every comparison, and comparing both as integers in the order of the floats keeps it where a compiler
flushes denormals to zero, as XLA does. So every row ends in the leaf scikit-learn puts it in.

A forest averages training values: it cannot predict above the largest of them.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from screen.heads.head import FloatArray, Head, Params, namespace

# The paper's second transfer setup (Liu, Yamada & Wu, 2021, Table 1): 200 trees, sqrt(n features) tried per split.
TREES = 200
MAX_FEATURES = "sqrt"
SEED = 0
# Threshold of a leaf: no input goes to its right.
_STAY = np.iinfo(np.int32).max


def fit(x: FloatArray, y: FloatArray) -> Params:
    """Fit on x (n, p), y (n,), and flatten the trees."""
    return flatten(_grow(x, y))


def flatten(forest: Any) -> Params:
    """Arrays of a fitted scikit-learn forest, all trees one after the other.

    roots : (trees,); feature, left : (nodes,) int32; threshold : (nodes,) int32, `ordered` float32;
    value : (nodes,) float64; steps : (depth of the deepest tree, 0), a shape because shapes are static under jit
    """
    parts: list[dict[str, NDArray[Any]]] = []
    roots, start, depth = [], 0, 0
    for estimator in forest.estimators_:
        part, levels = _flatten_tree(estimator.tree_, start)
        parts.append(part)
        roots.append(start)
        start += len(part["feature"])
        depth = max(depth, levels)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {**joined, "roots": np.asarray(roots, np.int32), "steps": np.empty((depth, 0), np.float32)}


def predict(params: Params, x: Any) -> tuple[Any, Any]:
    """Mean over trees and their standard deviation at x (m, p); NaN where an input is not finite."""
    xp = namespace(x)
    values = xp.asarray(params["value"])[leaves(params, x)]
    # scikit-learn adds tree after tree; a pairwise sum differs in the last bits.
    mean = np.cumsum(values, axis=1)[:, -1] / values.shape[1] if xp is np else values.mean(axis=1)
    unknown = xp.where(xp.isfinite(x).all(axis=1), 0.0, xp.nan)
    return mean + unknown, values.std(axis=1) + unknown


def leaves(params: Params, x: Any) -> Any:
    """(m, trees) the node each row of x (m, p) ends in."""
    xp = namespace(x)
    keys = ordered(x)
    rows = xp.arange(x.shape[0])[:, None]
    node = xp.broadcast_to(xp.asarray(params["roots"])[None, :], (x.shape[0], len(params["roots"])))
    feature, threshold, left = (xp.asarray(params[name]) for name in ("feature", "threshold", "left"))
    for _ in range(params["steps"].shape[0]):
        node = left[node] + (keys[rows, feature[node]] > threshold[node])
    return node


def ordered(x: Any) -> Any:
    """Integers in the order of x as float32 (denormals included; -0 just below 0)."""
    if isinstance(x, jax.Array):
        bits = jax.lax.bitcast_convert_type(x.astype(jnp.float32), jnp.int32)
        return jnp.where(bits < 0, bits ^ jnp.int32(_STAY), bits)
    plain = np.ascontiguousarray(x, np.float32).view(np.int32)
    return np.where(plain < 0, plain ^ np.int32(_STAY), plain)


def ceiling(params: Params) -> float:
    """Largest mean over trees: each tree at its largest leaf."""
    edges = np.append(params["roots"], len(params["value"]))
    return float(np.mean([params["value"][a:b].max() for a, b in itertools.pairwise(edges)]))


def cross_validate(x: FloatArray, y: FloatArray, _folds: NDArray[np.int64]) -> FloatArray:
    """Out-of-bag means (n,): every row by the trees that did not draw it (Breiman, 1996), in one fit.

    Rows are one composition each, so bags split no group; the folds are not needed.
    """
    grown = _grow(x, y)
    values = np.stack([tree.predict(np.asarray(x, np.float32)) for tree in grown.estimators_])
    drawn = np.stack([np.bincount(rows, minlength=len(y)) > 0 for rows in grown.estimators_samples_])
    left_out = (~drawn).sum(axis=0)
    total = np.where(drawn, 0.0, values).sum(axis=0)
    # A row that every tree drew (one in 10^40) is as good as unknown.
    return np.asarray(np.where(left_out > 0, total / np.maximum(left_out, 1), y.mean()))


def _grow(x: FloatArray, y: FloatArray) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES, max_features=MAX_FEATURES, random_state=SEED, n_jobs=1)
    return forest.fit(np.asarray(x, np.float32), y)


def _flatten_tree(tree: Any, start: int) -> tuple[dict[str, NDArray[Any]], int]:
    """One tree in breadth-first order from node number `start`, and its depth. A leaf is its own left child."""
    n = tree.node_count
    place, taken, depth = np.zeros(n, np.int64), 1, 0
    level = np.zeros(1, np.int64)
    while len(inner := level[tree.children_left[level] >= 0]):
        place[tree.children_left[inner]] = taken + 2 * np.arange(len(inner))
        place[tree.children_right[inner]] = place[tree.children_left[inner]] + 1
        taken += 2 * len(inner)
        level = np.stack([tree.children_left[inner], tree.children_right[inner]], axis=1).reshape(-1)
        depth += 1
    leaf = tree.children_left < 0
    rounded = tree.threshold.astype(np.float32)
    below = np.where(rounded > tree.threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    # The sum turns a threshold of -0 into 0: both stand for one number, but not as integers.
    out = {
        "feature": np.where(leaf, 0, tree.feature).astype(np.int32),
        "threshold": np.where(leaf, _STAY, ordered(below + np.float32(0))).astype(np.int32),
        "left": (start + np.where(leaf, place, place[tree.children_left])).astype(np.int32),
        "value": tree.value[:, 0, 0].astype(np.float64),
    }
    order = np.empty(n, np.int64)
    order[place] = np.arange(n)
    return {name: values[order] for name, values in out.items()}, depth


forest = Head("forest", fit, predict, ceiling, cross_validate)
