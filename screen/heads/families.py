"""Model families of Table 1 of Liu, Yamada & Wu (2021).

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
random pyramids of `screen.networks.pyramid` (third setup) or, for structures, crystal graph networks. Where the paper
trained hundreds of models of a family with random settings and reported the best, a few draws compete
by cross-validation.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from kakehashi.screen.heads import elastic_net, forest, pyramids, trees
from kakehashi.screen.heads.drawn import Setting, drawn
from kakehashi.screen.heads.head import FloatArray, Params

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
    """One setting; its networks are averaged."""
    rng = np.random.default_rng([_SEED, number])
    drawn_widths = []
    for _ in range(MEMBERS):
        depth = int(rng.integers(*layers, endpoint=True))
        end = int(rng.integers(*last, endpoint=True))
        between = np.sort(rng.integers(end, first, depth - 1, endpoint=True))[::-1]
        drawn_widths.append((*(int(width) for width in between), end))
    return [{"widths": tuple(drawn_widths), "penalty": PENALTY}]


def _half_to_all(n: int, setting: Setting) -> Setting:
    """Trees and columns per split, half to all of n rows."""
    return {name: max(1, round(n * (0.5 + 0.5 * setting[name]))) for name in ("trees", "tried")}


def _grow_by_size(x: FloatArray, y: FloatArray, setting: Setting) -> Params:
    return trees.grow_forest(x, y, _half_to_all(len(y), setting))


def _out_of_bag_by_size(x: FloatArray, y: FloatArray, setting: Setting) -> FloatArray:
    return trees.out_of_bag(x, y, _half_to_all(len(y), setting))


def _shares() -> list[Setting]:
    rng = np.random.default_rng([_SEED, 8])
    return [{"trees": float(rng.uniform()), "tried": float(rng.uniform())} for _ in range(DRAWS)]


_forest = partial(
    drawn, grow=trees.grow_forest, left_out=trees.out_of_bag, predict=trees.predict, ceiling=forest.ceiling
)
_network = partial(drawn, grow=pyramids.grow, predict=pyramids.predict, ceiling=pyramids.ceiling)

rf_1 = _forest("rf-1", _forests((100, 800), (20, 100), 1))
rf_2 = _forest("rf-2", _forests((50, 500), (50, 500), 2))
gb = drawn("gb", _boosting(), trees.grow_boosting, trees.predict, forest.ceiling)
en = drawn("en", _linear(), elastic_net.grow, elastic_net.predict, elastic_net.ceiling)
nn_1 = _network("nn-1", _pyramids((3, 4), 400, (10, 30), 5))
nn_2 = _network("nn-2", _pyramids((3, 4), 1640, (10, 30), 6))
nn_3 = _network("nn-3", _pyramids((3, 6), 348, (5, 30), 7))
tl_1 = drawn("tl-1", _shares(), _grow_by_size, trees.predict, forest.ceiling, left_out=_out_of_bag_by_size, depth=1)
