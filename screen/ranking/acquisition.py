"""Acquisition functions for single experiments, and diverse batches of them.

All values are on the fitted scale (ln for a target fitted as ln) and oriented so that larger is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtri

from kakehashi.catalogs.records import Compositions
from kakehashi.screen.ranking.acquisition_names import Acquisition

FloatArray = NDArray[np.float64]
# Standard deviations below which the leading terms of the tail are exact in float64.
_FAR_TAIL = -1e4


class NormalLaws(NamedTuple):
    """Normal distributions of n candidates: mean and standard deviation (n,).

    Not finite where an interval gives none.
    """

    mean: FloatArray
    sigma: FloatArray


def normal_through(mean: Any, lower: Any, upper: Any, *, level: float, log: bool) -> NormalLaws:
    """Normal distributions with given central intervals of probability `level`.

    >>> float(normal_through([2.0], [1.0], [3.0], level=0.9, log=False).sigma[0].round(3))
    0.608

    log : whether the intervals are symmetric in ln(value); the law is that of ln(value) then
    """
    forward = np.log if log else np.asarray
    with np.errstate(divide="ignore", invalid="ignore"):
        centre, low, high = (forward(np.asarray(values, np.float64)) for values in (mean, lower, upper))
        # A bound that under- or overflowed does not count; without one, both bounds give the same width.
        half = np.where(np.isfinite(low), centre - low, high - centre)
    return NormalLaws(centre, half / ndtri(0.5 + level / 2))


def log_expected_improvement(law: NormalLaws, best: float) -> FloatArray:
    """Logarithm (n,) of the expected improvement E[max(Y - best, 0)].

    -inf where no improvement is possible.

    The closed form of Jones, Schonlau & Welch (1998), sigma (phi(z) + z Phi(z)) with z = (mean - best) / sigma, taken
    in logarithms (Ament et al., 2023): far below the best its value underflows, and its order with it.
    """
    gain = law.mean - best
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = np.where(law.sigma > 0, gain / law.sigma, 0.0)
        certain = np.log(np.maximum(gain, 0.0))
        spread = np.log(law.sigma) + _log_tail(z)
    return np.where(law.sigma > 0, spread, certain)


def expected_improvement(law: NormalLaws, best: float) -> FloatArray:
    """Expected improvement E[max(Y - best, 0)], (n,).

    Jones, Schonlau & Welch (1998).

    >>> float(expected_improvement(NormalLaws(np.array([0.0]), np.array([1.0])), best=0.0)[0].round(4))
    0.3989
    """
    return np.asarray(np.exp(log_expected_improvement(law, best)), np.float64)


def probability_above(law: NormalLaws, best: float) -> FloatArray:
    """Probability P(Y > best), (n,).

    >>> float(probability_above(NormalLaws(np.array([1.0]), np.array([2.0])), best=1.0)[0])
    0.5
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(law.sigma > 0, (law.mean - best) / law.sigma, np.where(law.mean > best, np.inf, -np.inf))
    return np.asarray(np.exp(log_ndtr(z)), np.float64)


def acquisition_values(law: NormalLaws, by: Acquisition, *, best: float, level: float) -> FloatArray:
    """Values (n,) that order candidates: ln EI, chance to beat the best, upper bound, or variance.

    The upper bound is that of the central interval of probability `level`.
    """
    if by == "improvement":
        return log_expected_improvement(law, best)
    if by == "chance":
        return probability_above(law, best)
    return law.mean + ndtri(0.5 + level / 2) * law.sigma if by == "upper" else law.sigma**2


def pick_apart(order: Iterable[int], size: int, clash: Callable[[int, int], bool]) -> list[int]:
    """First rows of an order, at most `size`, no two of which clash.

    >>> pick_apart([3, 4, 8, 1], 3, lambda i, j: abs(i - j) < 2)
    [3, 8, 1]
    """
    picked: list[int] = []
    for i in order:
        if len(picked) == size:
            break
        if not any(clash(int(i), j) for j in picked):
            picked.append(int(i))
    return picked


def pick_diverse(order: Sequence[int] | NDArray[np.intp], rows: Compositions, size: int, apart: float) -> list[int]:
    """First rows of an order that differ in composition.

    At most `size` rows, one per chemical system, any two at least `apart`.

    apart : share of the atoms that would have to be exchanged to turn one composition into the other
    """
    distance = _exchange(rows)
    return pick_apart(
        order,
        size,
        lambda i, j: bool(np.array_equal(rows.elements[i], rows.elements[j])) or distance(i, j) < apart,
    )


def _exchange(rows: Compositions) -> Callable[[int, int], float]:
    """Distance function: share of atoms two rows would exchange.

    Half the absolute difference of atomic fractions, summed over the elements.
    """

    def shares(i: int) -> dict[int, float]:
        used = rows.elements[i] >= 0
        amounts = rows.amounts[i][used] / rows.amounts[i][used].sum()
        return dict(zip(rows.elements[i][used].tolist(), amounts.tolist(), strict=True))

    def distance(i: int, j: int) -> float:
        a, b = shares(i), shares(j)
        return 0.5 * sum(abs(a.get(element, 0.0) - b.get(element, 0.0)) for element in a.keys() | b.keys())

    return distance


def _log_tail(z: FloatArray) -> FloatArray:
    """Logarithm of phi(z) + z Phi(z), without cancellation below zero."""
    density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    above = np.log(np.exp(density) + z * np.exp(log_ndtr(z)))
    # phi + z Phi = phi (1 - |z| Phi / phi), the ratio by the scaled complementary error function.
    middle = density + np.log1p(z * np.sqrt(np.pi / 2) * erfcx(-z / np.sqrt(2)))
    far = density - 2 * np.log(-z)
    return np.asarray(np.where(z > -1, above, np.where(z > _FAR_TAIL, middle, far)), np.float64)
