"""Groups of networks of nearly equal widths, which share one compiled program of training.

Layers are padded to the widest of a group. One group per depth computes half as much again as the networks need;
every further group costs a compilation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Widths = tuple[int, ...]
# Groups per depth at most, and networks that a group has on average at least.
MOST, LEAST = 3, 4


def widths_of_groups(drawn: Sequence[Widths], inputs: int) -> list[Widths]:
    """Padded widths of every network.

    Those of one depth are cut, in the order of their cost, where the padded cost is least.

    drawn : hidden widths by network; inputs : number of inputs

    >>> widths_of_groups([(4, 2), (9, 3), (3,)], 5)
    [(9, 3), (9, 3), (3,)]
    """
    padded: list[Widths] = [()] * len(drawn)
    for depth in {len(widths) for widths in drawn}:
        order = sorted(
            (i for i, widths in enumerate(drawn) if len(widths) == depth), key=lambda i: (cost(drawn[i], inputs), i)
        )
        groups = _cut([drawn[i] for i in order], max(1, min(MOST, len(order) // LEAST)), inputs)
        for start, stop in groups:
            for i in order[start:stop]:
                padded[i] = _widest([drawn[k] for k in order[start:stop]])
    return padded


def cost(widths: Widths, inputs: int) -> int:
    """Products per row of the layers of a network."""
    sizes = (inputs, *widths)
    return sum(a * b for a, b in pairwise(sizes))


def _widest(group: Sequence[Widths]) -> Widths:
    return tuple(max(layer) for layer in zip(*group, strict=True))


def _cut(ordered: Sequence[Widths], groups: int, inputs: int) -> list[tuple[int, int]]:
    """Ranges of at most so many groups with the least padded cost in all."""
    n = len(ordered)
    price = {(a, b): (b - a) * cost(_widest(ordered[a:b]), inputs) for a in range(n) for b in range(a + 1, n + 1)}
    # Least cost of the first b networks, with their ranges.
    best: dict[int, tuple[int, list[tuple[int, int]]]] = {b: (price[0, b], [(0, b)]) for b in range(1, n + 1)}
    for _ in range(groups - 1):
        best = {
            b: min(
                [best[b], *((best[a][0] + price[a, b], [*best[a][1], (a, b)]) for a in range(1, b))],
                key=lambda found: found[0],
            )
            for b in range(1, n + 1)
        }
    return best[n][1]
