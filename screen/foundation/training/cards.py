"""Cards of foundation networks: properties, terms of their data, errors on formulas never seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from kakehashi.screen.cache.machine import made_here
from kakehashi.screen.foundation.kept import KIND
from kakehashi.screen.foundation.record import Foundation, FoundationNetwork
from kakehashi.screen.foundation.training.fit import FOUNDATION_VERSION, FoundationSettings, Trained
from kakehashi.screen.foundation.training.tables import FoundationData
from kakehashi.screen.networks.cards import metrics_of
from kakehashi.screen.networks.evidence import errors

SPLIT = "hash folds: every formula by the networks that never saw it"


def foundation_card(data: FoundationData, settings: FoundationSettings, trained: Trained) -> dict[str, Any]:
    """Make the card of foundation networks.

    Errors are on the learned scale of each task (ln of its unit, its signed logarithm, ...).
    """
    foundation, network = trained.foundation, trained.foundation.full[0]
    licences = sorted({task.licence for task in data.tasks})
    count = sum(len(networks) for networks in foundation.sets)
    return {
        "kind": KIND,
        "name": data.name,
        "model_name": f"{data.name}: {count} networks of {len(data.tasks)} properties",
        "model_version": str(FOUNDATION_VERSION),
        "model_type": "NN",
        "model_params": parameters(network) * count,
        "n_estimators": count,
        "train_task": f"formula to {len(data.tasks)} properties",
        "test_task": SPLIT,
        "training_set": sorted({task.source for task in data.tasks}),
        "license": {"code": "BSD-3-Clause", "data": licences},
        "hyperparams": {**settings.course._asdict(), "widths": list(settings.course.widths), "seed": settings.seed},
        "notes": [f"not learned: {each.table}: {each.reason}" for each in data.left_out],
        "property": f"{len(data.tasks)} properties",
        "method": "foundation network",
        "descriptor": f"composition:{foundation.convention}",
        "convention": foundation.convention,
        "seed": settings.seed,
        "networks": count,
        "formulas": len(data.keys),
        "structure": structure(network),
        "parameters": parameters(network),
        "epochs": settings.course.epochs,
        "split": SPLIT,
        "tasks": [_task(data, trained, k) for k in range(len(data.tasks))],
        **made_here(),
    }


def parameters(network: FoundationNetwork) -> int:
    """Number of weights, gains, shifts and biases."""
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(network))


def structure(network: FoundationNetwork) -> str:
    """Sizes of all layers as text, e.g. 384-512-512-256-51."""
    sizes = (len(network.hidden[0].kernel), *(layer.kernel.shape[1] for layer in network.hidden), len(network.bias))
    return "-".join(map(str, sizes))


def check_foundation(card: Mapping[str, Any], foundation: Foundation) -> None:
    """Refuse a card that contradicts its networks.

    Raises
    ------
    ValueError : with the field, what the networks are and what the card says.
    """
    network = foundation.full[0]
    named = ("name", "table", "quantity", "unit", "transform", "rows", "source", "licence")
    pairs: list[tuple[str, Any, Any]] = [
        ("name", foundation.name, card["name"]),
        ("networks", sum(map(len, foundation.sets)), card["networks"]),
        ("formulas", len(foundation.formulas), card["formulas"]),
        ("convention", foundation.convention, card["convention"]),
        ("structure", structure(network), card["structure"]),
        ("parameters", parameters(network), card["parameters"]),
        ("tasks", [[getattr(task, name) for name in named] for task in foundation.tasks],
         [[task["property" if name == "quantity" else name] for name in named] for task in card["tasks"]]),
    ]  # fmt: skip
    for name, real, written in pairs:
        if real != written:
            raise ValueError(f"{name}: the card says {str(written)[:200]!r}, its networks {str(real)[:200]!r}")


def _task(data: FoundationData, trained: Trained, k: int) -> dict[str, Any]:
    """Record of a task: what it is, and its errors in all and by fold."""
    task, foundation = data.tasks[k], trained.foundation
    known = np.isfinite(data.y[:, k])
    truth, guess = (np.asarray(v[known, k], np.float64) * task.scale for v in (data.y, trained.held_out))
    about = {**task._asdict(), "property": task.quantity}
    del about["quantity"]
    return {
        **about,
        "held_out": int(known.sum()),
        "metrics": metrics_of(errors(truth, guess)),
        "mae_by_fold": _numbers(foundation.errors[k] * task.scale),
        "training_mae_by_fold": _numbers(foundation.training_errors[k] * task.scale),
    }


def _numbers(values: Any) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]
