"""Training of all sets of networks: one that sees every formula, and one for each fold."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import feature_table
from kakehashi.screen.cache.keep import machine_facts
from kakehashi.screen.cache.packing import content_hash
from kakehashi.screen.descriptors.compositions import normalise
from kakehashi.screen.descriptors.element_roots import element_roots
from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.descriptors.scaling import Scaling
from kakehashi.screen.foundation.folds import formula_hash, hash_folds
from kakehashi.screen.foundation.forward import outputs, predictions
from kakehashi.screen.foundation.inputs import CONVENTION, foundation_inputs, foundation_scaling
from kakehashi.screen.foundation.record import FOLDS, Foundation, FoundationNetwork
from kakehashi.screen.foundation.training.parts import trained_or_kept
from kakehashi.screen.foundation.training.tables import FoundationData
from kakehashi.screen.foundation.training.train import CHUNK, FoundationCourse, chunks, rounded, train_network
from kakehashi.screen.networks.features import unit_scales
from kakehashi.screen.progress import Stage, no_stage

# Raise when the same data and settings would give other networks.
FOUNDATION_VERSION = 1
# Training rows, evenly spaced, on which the spread of hidden units is measured.
SCALE_ROWS = 20_000

FloatArray = NDArray[np.float64]


class FoundationSettings(NamedTuple):
    """What decides the networks beside the data.

    networks : per set; seed : of all draws
    """

    networks: int = 3
    seed: int = 0
    course: FoundationCourse = FoundationCourse()


class Trained(NamedTuple):
    """A foundation, and what its networks predict of formulas they never saw.

    held_out : (n, k) predictions of every formula by the networks of its fold, standardised
    parts : folder of the kept networks, which may be removed once the foundation is kept
    warnings : why networks could not be kept for a later call
    """

    foundation: Foundation
    held_out: NDArray[np.float32]
    parts: Path = Path()
    warnings: tuple[str, ...] = ()


def foundation_key(data: FoundationData, settings: FoundationSettings) -> str:
    """Sha256 of all that decides the networks, whatever the machine."""
    # The last bit of a logarithm differs among processors.
    tasks = tuple(
        task._replace(centre=round(task.centre, 5), scale=round(task.scale, 5), width=round(task.width, 5))
        for task in data.tasks
    )
    return content_hash(
        {
            "version": FOUNDATION_VERSION,
            "name": data.name,
            "keys": data.keys,
            "inputs": normalise(data.compositions, CONVENTION),
            "y": data.y,
            "tasks": tasks,
            "settings": settings,
            "chunk": CHUNK,
            "features": feature_table(),
        }
    )


def train_foundation(
    data: FoundationData, settings: FoundationSettings, parts: Path, stage: Stage = no_stage
) -> Trained:
    """Train, or go on training, the networks of every set.

    parts : folder of the folders in which every network is kept as it ends
    """
    raw = describe(data.compositions, CONVENTION)
    scaling = foundation_scaling(raw)
    x = foundation_inputs(scaling, raw, element_roots(data.compositions))
    folds = hash_folds(data.keys)
    # More networks of the same settings go on from fewer.
    run = content_hash({"key": foundation_key(data, settings._replace(networks=0)), **machine_facts()})
    folder = parts / run[:16]
    draws = chunks(len(x), settings.course) * CHUNK * settings.course.batch
    held_x, held_y = jnp.asarray(x), jnp.asarray(data.y)
    sets: list[tuple[FoundationNetwork, ...]] = []
    warnings: list[str] = []
    with stage(f"foundation {data.name}", draws * settings.networks * (FOLDS + 1)) as advance:
        for held in range(-1, FOLDS):
            rows = np.flatnonzero(folds != held)
            networks = []
            for number in range(settings.networks):
                seed = (settings.seed, held + 1, number)

                def train(seed: tuple[int, ...] = seed, rows: NDArray[np.int64] = rows) -> FoundationNetwork:
                    return train_network(seed, held_x, held_y, rows, settings.course, advance)  # type: ignore[arg-type]

                part = trained_or_kept(folder, run, (held + 1, number), train)
                if part.reused:
                    advance(draws)
                warnings += [part.warning] if part.warning else []
                networks.append(rounded(part.network))
            sets.append(tuple(networks))
    found = _measured(data, x, folds, sets, scaling)
    return found._replace(parts=folder, warnings=tuple(dict.fromkeys(warnings)))


def _measured(
    data: FoundationData,
    x: NDArray[np.float32],
    folds: NDArray[np.int64],
    sets: list[tuple[FoundationNetwork, ...]],
    scaling: Scaling,
) -> Trained:
    """Foundation of trained sets, with the errors of its folds."""
    y = data.y
    errors, training = np.full((2, y.shape[1], FOLDS), np.nan)
    held_out = np.empty_like(y)
    scales = []
    for held in range(-1, FOLDS):
        rows = np.flatnonzero(folds != held)
        shown = rows[np.unique(np.linspace(0, len(rows) - 1, SCALE_ROWS).astype(np.int64))]
        layer = outputs(sets[held + 1], x[shown]).layer
        scales.append(unit_scales([layer])[0])
        if held < 0:
            continue
        guess = predictions(sets[held + 1], x)
        hidden = np.flatnonzero(folds == held)
        held_out[hidden] = guess[hidden]
        errors[:, held] = _mean_errors(y[hidden], guess[hidden])
        training[:, held] = _mean_errors(y[rows], guess[rows])
    foundation = Foundation(
        data.name,
        data.tasks,
        scaling,
        sets[0],
        tuple(sets[1:]),
        tuple(scales),
        np.sort(formula_hash(data.keys)),
        errors,
        training,
        CONVENTION,
    )
    return Trained(foundation, held_out)


def _mean_errors(y: NDArray[np.float32], guess: NDArray[np.float32]) -> FloatArray:
    """Mean absolute error (k,) of every task, NaN where no row has a value."""
    known = np.isfinite(y)
    total = np.where(known, np.abs(guess - np.where(known, y, 0)), 0).sum(axis=0, dtype=np.float64)
    counts = known.sum(axis=0)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)
