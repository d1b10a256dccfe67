"""Scales on which values of very different kinds are learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.descriptors.scaling import signed_logarithm
from kakehashi.screen.foundation.record import FoundationTask

TRANSFORMS = ("identity", "ln", "signed log", "share")
# Ratio of the 99th to the 1st percentile of positive values above which their logarithm is learned.
SPAN = 30.0
# Ratio of the 99th percentile to the mean of deviations from the median above which tails are heavy.
TAIL = 6.0
# Deviations beyond which values are clipped.
CLIP = 4.0

FloatArray = NDArray[np.float64]


def choose(values: FloatArray) -> tuple[str, float]:
    """Choose the transform of values (n,), and the width inside a signed logarithm.

    >>> choose(np.array([1.0, 10.0, 100.0]))
    ('ln', 1.0)
    """
    low, high = np.quantile(values, [0.01, 0.99])
    if (values > 0).all() and high > SPAN * low:
        return "ln", 1.0
    deviations = np.abs(values - np.median(values))
    mean = float(deviations.mean())
    if np.quantile(deviations, 0.99) > TAIL * mean > 0:
        return "signed log", mean
    return "identity", 1.0


def transformed(values: FloatArray, transform: str, width: float) -> FloatArray:
    """Values on the scale of a transform."""
    if transform == "ln":
        return np.asarray(np.log(values))
    if transform == "signed log":
        return np.asarray(signed_logarithm(values / width))
    return values


def spread(values: FloatArray, transform: str) -> tuple[float, float]:
    """Centre and scale of transformed values (n,).

    The median, and the mean absolute deviation as a normal distribution's standard deviation. Of a share the scale
    keeps 1 inside the clip.
    """
    centre = float(np.median(values))
    scale = float(np.mean(np.abs(values - centre)) * np.sqrt(np.pi / 2))
    return centre, max(scale, 1 / CLIP) if transform == "share" else scale


def standardised(task: FoundationTask, values: FloatArray) -> FloatArray:
    """Values (n,) of a task's quantity as the networks learn them, clipped."""
    z = (transformed(np.asarray(values, np.float64), task.transform, task.width) - task.centre) / task.scale
    return np.clip(z, -CLIP, CLIP)


def in_unit(task: FoundationTask, z: FloatArray) -> FloatArray:
    """Standardised predictions (n,) in the unit of a task's quantity."""
    values = np.asarray(z, np.float64) * task.scale + task.centre
    if task.transform == "ln":
        return np.asarray(np.exp(values))
    if task.transform == "signed log":
        return np.asarray(np.sign(values) * np.expm1(np.abs(values)) * task.width)
    return values
