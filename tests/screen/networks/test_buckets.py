"""Groups of networks: everything fits, like shares with like, and the padding is the least there is."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np

from kakehashi.screen.networks.buckets import LEAST, MOST, cost, widths_of_groups
from kakehashi.screen.networks.pyramid import draw_widths


def drawn(count: int, inputs: int = 290) -> list[tuple[int, ...]]:
    return [draw_widths(np.random.default_rng([0, i]), inputs) for i in range(count)]


def test_every_network_fits_into_few_shapes() -> None:
    for count in (1, 5, 16, 50):
        nets = drawn(count)
        padded = widths_of_groups(nets, 290)
        for widths, wide in zip(nets, padded, strict=True):
            assert len(widths) == len(wide)
            assert all(w <= p for w, p in zip(widths, wide, strict=True))
        for depth in {len(widths) for widths in nets}:
            of_depth = sum(len(widths) == depth for widths in nets)
            assert len({wide for wide in padded if len(wide) == depth}) <= max(1, min(MOST, of_depth // LEAST))


def test_the_order_of_networks_decides_nothing() -> None:
    nets = drawn(30)
    padded = dict(zip(nets, widths_of_groups(nets, 290), strict=True))
    assert dict(zip(nets[::-1], widths_of_groups(nets[::-1], 290), strict=True)) == padded


def test_the_cut_is_the_best_of_all() -> None:
    nets = [widths for widths in drawn(60) if len(widths) == 4][:12]
    order = sorted(nets, key=lambda widths: cost(widths, 290))

    def total(cuts: tuple[int, ...]) -> int:
        ends = (0, *cuts, len(order))
        groups = [order[a:b] for a, b in pairwise(ends)]
        return sum(len(g) * cost(tuple(np.max(g, axis=0).tolist()), 290) for g in groups)

    least = min(total(cuts) for cuts in combinations(range(1, 12), 2))
    found = sum(cost(wide, 290) for wide in widths_of_groups(nets, 290))
    assert found == least < total(())


def test_fifty_networks_are_padded_by_less_than_a_third() -> None:
    nets = drawn(50)
    needed = sum(cost(widths, 290) for widths in nets)
    widest = {len(w): tuple(np.max([n for n in nets if len(n) == len(w)], axis=0).tolist()) for w in nets}
    assert sum(cost(wide, 290) for wide in widths_of_groups(nets, 290)) < 1.33 * needed
    assert sum(cost(widest[len(w)], 290) for w in nets) > 1.4 * needed
