"""Random forest (Breiman, 2001), fitted by scikit-learn, evaluated as arrays.

The trees are flattened so that a right child follows its left sibling: one step down is a comparison and an addition,
the same in NumPy and in JAX. Trees of at most `BITS` leaves are not walked in JAX: every test of a tree that sends a
row to the right strikes the leaves under its left child out of a bit vector, and the first leaf that remains is the
row's (Lucchese et al., 2015), which compiles to plain vector instructions over rows.

scikit-learn compares float32 inputs with float64 thresholds; rounding a threshold down to float32 keeps every
comparison, and comparing both as integers in the order of the floats keeps it where a compiler flushes denormals to
zero, as XLA does. So every row ends in the leaf scikit-learn puts it in.

A forest averages training values: it cannot predict above the largest of them.
"""

from __future__ import annotations

import functools
import threading
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from kakehashi.screen.heads.head import FloatArray, Head, Params, namespace

# The paper's second transfer setup (Liu, Yamada & Wu, 2021, Table 1): 200 trees, sqrt(n features) tried per split.
TREES = 200
MAX_FEATURES = "sqrt"
SEED = 0
# Threshold of a leaf: no input goes to its right.
_STAY = np.iinfo(np.int32).max
# Most leaves of a tree that is kept as bit vectors, and leaves per word.
BITS, _WORD = 64, 32
# Rows per chunk: their inputs stay in the processor's cache while tree after tree reads them.
_ROWS = 256
# scikit-learn swaps the filters of warnings while it grows a forest; they belong to the whole process, and two threads
# that do so at once leave each other's behind.
_ALONE = threading.Lock()


def fit(x: FloatArray, y: FloatArray) -> Params:
    """Fit a forest on x (n, p), y (n,)."""
    return flatten(_grow(x, y))


def flatten(forest: Any) -> Params:
    """Flatten a scikit-learn forest into arrays.

    roots : (trees,); feature, left : (nodes,) int32, a leaf is its own left child; threshold : (nodes,) int32,
    `ordered` float32; value : (nodes,) float64; steps : (depth of the deepest tree, 0), a shape because shapes are
    static under jit; exits : (trees, leaves) the leaves from left to right, the first repeated at the end;
    inner : (trees, tests) inner nodes, filled up with leaves; masks : (trees, tests, words) int32, the bits of the
    leaves a row may still reach when it goes to the right there. No tests where a tree is too large for bits.
    """
    trees = [estimator.tree_ for estimator in forest.estimators_]
    counts = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *counts[:-1]])
    owner = np.repeat(np.arange(len(trees)), counts)
    children = np.concatenate([np.stack([tree.children_left, tree.children_right], axis=1) for tree in trees])
    leaf = children[:, 0] < 0
    children = np.where(leaf[:, None], np.arange(len(leaf))[:, None], children + roots[owner][:, None])
    shape = _shape(children, leaf, roots)
    exact = np.concatenate([tree.threshold for tree in trees])
    rounded = exact.astype(np.float32)
    below = np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    # The sum turns a threshold of -0 into 0: both stand for one number, but not as integers.
    nodes = {
        "feature": np.where(leaf, 0, np.concatenate([tree.feature for tree in trees])).astype(np.int32),
        "threshold": np.where(leaf, _STAY, ordered(below + np.float32(0))).astype(np.int32),
        "left": shape.place[children[:, 0]].astype(np.int32),
        "value": np.concatenate([tree.value[:, 0, 0] for tree in trees]).astype(np.float64),
    }
    order = np.argsort(shape.place)
    return {
        **{name: values[order] for name, values in nodes.items()},
        **_bit_vectors(children, leaf, roots, owner, shape),
        "roots": shape.place[roots].astype(np.int32),
        "steps": np.empty((shape.depth, 0), np.float32),
    }


def predict(params: Params, x: Any) -> tuple[Any, Any]:
    """Mean and standard deviation over trees at x (m, p).

    NaN where an input is not finite.
    """
    xp = namespace(x)
    if xp is jnp and params["masks"].shape[1]:
        values = _first_left(params, x, jnp.asarray(params["value"])[jnp.asarray(params["exits"])])
    else:
        values = xp.asarray(params["value"])[leaves(params, x)]
    # scikit-learn adds tree after tree; a pairwise sum differs in the last bits.
    mean = np.cumsum(values, axis=1)[:, -1] / values.shape[1] if xp is np else values.mean(axis=1)
    unknown = xp.where(xp.isfinite(x).all(axis=1), 0.0, xp.nan)
    return mean + unknown, values.std(axis=1) + unknown


def leaves(params: Params, x: Any) -> Any:
    """Leaves (m, trees) that rows of x (m, p) end in."""
    xp = namespace(x)
    if xp is jnp and params["masks"].shape[1]:
        return _first_left(params, x, jnp.asarray(params["exits"]))
    keys = ordered(x)
    rows = xp.arange(x.shape[0])[:, None]
    node = xp.broadcast_to(xp.asarray(params["roots"])[None, :], (x.shape[0], len(params["roots"])))
    feature, threshold, left = (xp.asarray(params[name]) for name in ("feature", "threshold", "left"))
    for _ in range(params["steps"].shape[0]):
        node = _take(left, node) + (_take(keys, (rows, _take(feature, node))) > _take(threshold, node))
    return node


def _first_left(params: Params, x: jax.Array, table: jax.Array) -> jax.Array:
    """Entries (m, trees) of the leaves of rows, by bit vectors.

    table : (trees, leaves)
    """
    inner, masks = jnp.asarray(params["inner"]), jnp.asarray(params["masks"])
    tests = _take(jnp.asarray(params["feature"]), inner), _take(jnp.asarray(params["threshold"]), inner)

    def block(keys: jax.Array) -> jax.Array:
        return jnp.asarray(lax.map(functools.partial(_one_tree, keys), (*tests, masks, table)))

    m, p = x.shape
    if m % _ROWS:
        return block(ordered(x).T).T
    entries = lax.map(lambda rows: block(ordered(rows).T), x.reshape(-1, _ROWS, p))
    return jnp.moveaxis(entries, 1, 2).reshape(m, -1)


def _one_tree(keys: jax.Array, tree: tuple[jax.Array, jax.Array, jax.Array, jax.Array]) -> jax.Array:
    """Entries (m,) of one tree's leaves, keys (p, m)."""
    feature, threshold, masks, entries = tree
    words = [jnp.full(keys.shape[1], -1, jnp.int32)] * masks.shape[1]
    # Written out, not scanned: so all tests of a tree are one loop over rows, kept in registers.
    for k in range(masks.shape[0]):
        right = lax.dynamic_index_in_dim(keys, feature[k], 0, keepdims=False) > threshold[k]
        words = [word & jnp.where(right, mask, -1) for word, mask in zip(words, masks[k], strict=True)]
    first = jnp.zeros(keys.shape[1], jnp.int32)
    for w, word in reversed(list(enumerate(words))):
        first = jnp.where(word != 0, w * _WORD + lax.population_count((word & -word) - 1), first)
    return jnp.asarray(_take(entries, first))


def _take(table: Any, index: Any) -> Any:
    """table[index], whose indices are known to lie inside it."""
    if isinstance(table, jax.Array):
        return table.at[index].get(mode="promise_in_bounds", wrap_negative_indices=False)
    return table[index]


def ordered(x: Any) -> Any:
    """Integers in the order of x as float32.

    Denormals included; -0 just below 0.
    """
    if isinstance(x, jax.Array):
        bits = jax.lax.bitcast_convert_type(x.astype(jnp.float32), jnp.int32)
        return jnp.where(bits < 0, bits ^ jnp.int32(_STAY), bits)
    plain = np.ascontiguousarray(x, np.float32).view(np.int32)
    return np.where(plain < 0, plain ^ np.int32(_STAY), plain)


def ceiling(params: Params) -> float:
    """Mean over trees of their largest leaves."""
    return float(params["value"][params["exits"]].max(axis=1).mean())


def cross_validate(x: FloatArray, y: FloatArray, _folds: NDArray[np.int64]) -> FloatArray:
    """Out-of-bag means (n,) from one fit (Breiman, 1996).

    Rows are one composition each, so bags split no group; the folds are not needed.
    """
    return out_of_bag(_grow(x, y), x, y)


def out_of_bag(grown: Any, x: FloatArray, y: FloatArray) -> FloatArray:
    """Out-of-bag predictions (n,) of a fitted scikit-learn forest."""
    values = np.stack([tree.predict(np.asarray(x, np.float32)) for tree in grown.estimators_])
    drawn = np.stack([np.bincount(rows, minlength=len(y)) > 0 for rows in grown.estimators_samples_])
    left_out = (~drawn).sum(axis=0)
    total = np.where(drawn, 0.0, values).sum(axis=0)
    # A row that every tree drew (one in 10^40) is as good as unknown.
    return np.asarray(np.where(left_out > 0, total / np.maximum(left_out, 1), y.mean()))


def _grow(x: FloatArray, y: FloatArray) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES, max_features=MAX_FEATURES, random_state=SEED, n_jobs=1)
    with _ALONE:
        return forest.fit(np.asarray(x, np.float32), y)


class _Shape(NamedTuple):
    """Layout of the nodes.

    place : (nodes,) number in breadth-first order, siblings side by side
    first, size : (nodes,) first leaf under a node, counted from the left within its tree, and how many
    """

    place: NDArray[np.int64]
    first: NDArray[np.int64]
    size: NDArray[np.int64]
    depth: int


def _shape(children: NDArray[np.int64], leaf: NDArray[np.bool_], roots: NDArray[np.int64]) -> _Shape:
    """All trees level by level; children (nodes, 2)."""
    place, levels, taken = np.zeros(len(leaf), np.int64), [], len(roots)
    place[roots] = np.arange(taken)
    level = roots
    while len(inner := level[~leaf[level]]):
        levels.append(inner)
        level = children[inner].reshape(-1)
        place[level] = taken + np.arange(len(level))
        taken += len(level)
    size, first = np.ones(len(leaf), np.int64), np.zeros(len(leaf), np.int64)
    for inner in reversed(levels):
        size[inner] = size[children[inner]].sum(axis=1)
    for inner in levels:
        left, right = children[inner].T
        first[left] = first[inner]
        first[right] = first[inner] + size[left]
    return _Shape(place, first, size, len(levels))


def _bit_vectors(
    children: NDArray[np.int64],
    leaf: NDArray[np.bool_],
    roots: NDArray[np.int64],
    owner: NDArray[np.int64],
    shape: _Shape,
) -> Params:
    """The tables `exits`, `inner` and `masks` of `flatten`."""
    trees, most = len(roots), int(shape.size[roots].max())
    ends = np.flatnonzero(leaf)
    exits = np.zeros((trees, most), np.int32)
    exits[owner[ends], shape.first[ends]] = shape.place[ends]
    beyond = np.arange(most)[None, :] >= shape.size[roots][:, None]
    exits = np.where(beyond, exits[:, :1], exits)
    tests = most - 1 if most <= BITS else 0
    inner = np.broadcast_to(exits[:, :1], (trees, tests)).copy()
    masks = np.full((trees, tests, -(-most // _WORD)), -1, np.int32)
    if tests:
        nodes = np.flatnonzero(~leaf)
        slot = np.arange(len(nodes)) - np.searchsorted(owner[nodes], owner[nodes])
        inner[owner[nodes], slot] = shape.place[nodes]
        start = shape.first[nodes]
        stop = start + shape.size[children[nodes, 0]]
        for w in range(masks.shape[2]):
            bit = w * _WORD + np.arange(_WORD)
            reached = (bit[None, :] < start[:, None]) | (bit[None, :] >= stop[:, None])
            packed = np.packbits(reached, axis=1, bitorder="little").view("<i4")
            masks[owner[nodes], slot, w] = packed[:, 0]
    return {"exits": exits, "inner": inner, "masks": masks}


forest = Head("forest", fit, predict, ceiling, cross_validate)
