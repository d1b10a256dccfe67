"""The model families of Table 1 of Liu, Yamada & Wu (2021), by name, with the ranges its note gives.

| name | family | here |
|---|---|---|
| rf-1, rf-2 | random forests: 100-800 trees of 20-100 columns per split; 50-500 of 50-500 | as given |
| gb | gradient boosting: learning rate 0.1-1, depth 3-10, 50-200 rounds | as given; a third of the columns per split |
| en | elastic net: any penalty, mixing 0-1 | penalties as shares of the largest useful one; mixing from 0.05 |
| nn-1, nn-2, nn-3 | pyramids: 3-4 hidden layers from at most 400 (1,640) to 10-30; 3-6 from 348 to at least 5 |
  L-BFGS with a penalty for 1,000 to 4,000 epochs of stochastic descent; two networks averaged, none picked |
| tl-1 | a forest on the last hidden layer; trees, columns per split from half to all of the training rows | as given |
| tl-2 | a forest of 200 trees, the square root of the columns per split, on all hidden layers | the head `forest` |

The first seven serve descriptors, without transfer; tl-1 and tl-2 frozen features. The networks behind those are the
random pyramids of `screen.networks` (third setup) or, for structures, crystal graph networks. Where the paper trained
hundreds of models of a family with random settings and reported the best, a few draws compete by cross-validation.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from screen.heads import elastic_net, forest, pyramids, trees
from screen.heads.drawn import Setting, drawn
from screen.heads.head import FloatArray, Head, Params

DRAWS = 3
# An elastic net costs next to nothing.
LINEAR_DRAWS = 8
MEMBERS = 2
PENALTY = 1.0
_SEED = 2021


def _forests(trees_between: tuple[int, int], tried: tuple[int, int], number: int) -> list[Setting]:
    rng = np.random.default_rng([_SEED, number])
    return [
        {
            "trees": int(rng.integers(*trees_between, endpoint=True)),
            "tried": int(rng.integers(*tried, endpoint=True)),
        }
        for _ in range(DRAWS)
    ]


def _boosting() -> list[Setting]:
    rng = np.random.default_rng([_SEED, 3])
    return [
        {
            "rate": float(rng.uniform(0.1, 1.0)),
            "depth": int(rng.integers(3, 10, endpoint=True)),
            "rounds": int(rng.integers(50, 200, endpoint=True)),
            "columns": 1 / 3,
        }
        for _ in range(DRAWS)
    ]


def _linear() -> list[Setting]:
    rng = np.random.default_rng([_SEED, 4])
    return [
        {"l1_ratio": float(rng.uniform(0.05, 1.0)), "share": float(10 ** rng.uniform(-2, -0.3))}
        for _ in range(LINEAR_DRAWS)
    ]


def _pyramids(layers: tuple[int, int], first: int, last: tuple[int, int], number: int) -> list[Setting]:
    """One setting: the networks are averaged, not chosen among."""
    rng = np.random.default_rng([_SEED, number])
    drawn_widths = []
    for _ in range(MEMBERS):
        depth = int(rng.integers(*layers, endpoint=True))
        end = int(rng.integers(*last, endpoint=True))
        between = np.sort(rng.integers(end, first, depth - 1, endpoint=True))[::-1]
        drawn_widths.append((*(int(width) for width in between), end))
    return [{"widths": tuple(drawn_widths), "penalty": PENALTY}]


def _half_to_all(n: int, setting: Setting) -> Setting:
    """Trees and columns per split, from half to all of n training rows."""
    return {name: max(1, round(n * (0.5 + 0.5 * setting[name]))) for name in ("trees", "tried")}


def _grow_by_size(x: FloatArray, y: FloatArray, setting: Setting) -> Params:
    return trees.grow_forest(x, y, _half_to_all(len(y), setting))


def _out_of_bag_by_size(x: FloatArray, y: FloatArray, setting: Setting) -> FloatArray:
    return trees.out_of_bag(x, y, _half_to_all(len(y), setting))


def _shares() -> list[Setting]:
    rng = np.random.default_rng([_SEED, 8])
    return [{"trees": float(rng.uniform()), "tried": float(rng.uniform())} for _ in range(DRAWS)]


def _heads() -> dict[str, Head]:
    of_trees: dict[str, Any] = {"predict": trees.predict, "ceiling": forest.ceiling}
    of_forests = {**of_trees, "left_out": trees.out_of_bag}
    network = partial(drawn, grow=pyramids.grow, predict=pyramids.predict, ceiling=pyramids.ceiling, frozen=False)
    found = [
        drawn("rf-1", _forests((100, 800), (20, 100), 1), trees.grow_forest, frozen=False, **of_forests),
        drawn("rf-2", _forests((50, 500), (50, 500), 2), trees.grow_forest, frozen=False, **of_forests),
        drawn("gb", _boosting(), trees.grow_boosting, frozen=False, **of_trees),
        drawn("en", _linear(), elastic_net.grow, elastic_net.predict, elastic_net.ceiling, frozen=False),
        network("nn-1", _pyramids((3, 4), 400, (10, 30), 5)),
        network("nn-2", _pyramids((3, 4), 1640, (10, 30), 6)),
        network("nn-3", _pyramids((3, 6), 348, (5, 30), 7)),
        drawn("tl-1", _shares(), _grow_by_size, left_out=_out_of_bag_by_size, direct=False, depth=1, **of_trees),
        forest.forest._replace(name="tl-2", direct=False),
    ]
    return {head.name: head for head in found}


FAMILIES = _heads()

NETWORK = drawn(
    "network",
    [{"widths": ((32, 8),) * 3, "penalty": 1.0, "iterations": 150}],
    pyramids.grow,
    pyramids.predict,
    pyramids.ceiling,
    frozen=False,
)
"""Three small networks on the descriptors, averaged."""

BOOSTING = drawn(
    "boosting",
    [{"rate": 0.05, "depth": depth, "rounds": 300, "columns": "sqrt", "subsample": 0.7} for depth in (3, 5)],
    trees.grow_boosting,
    trees.predict,
    forest.ceiling,
    frozen=False,
)
"""Gradient boosting with settings of ours: many small steps on random rows and columns."""
