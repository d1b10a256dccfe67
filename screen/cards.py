"""Cards of kept networks and models: what they are, what they learned from, how far they can be believed.

The fields are those of a matbench-discovery model card as far as they apply, and per network the errors that
XenonPy.MDL lets its users query (`catalogs.model_index`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from screen.evidence import METRICS, SPLIT, errors
from screen.library import Library, Source, summary
from screen.machine import made_here
from screen.networks import Network
from screen.transfer import Model


def networks_card(library: Library, hyperparameters: dict[str, Any], model_version: int) -> dict[str, Any]:
    """The card of the networks of one source."""
    (source,) = library.sources
    about = summary(source)
    molecules = library.convention not in ("reduced", "cell", "per-atom")
    what = f"{len(source.networks)} fully connected networks of decreasing width"
    return {
        "kind": "networks",
        "model_name": f"{source.name}: {what}",
        "model_version": str(model_version),
        "model_type": "NN",
        "model_params": sum(parameters(network) for network in source.networks),
        "n_estimators": len(source.networks),
        "train_task": f"{'SMILES' if molecules else 'formula'} to {about['quantity']}",
        "test_task": SPLIT,
        "targets": [task.quantity for task in source.tasks],
        "training_set": [task.citation for task in source.tasks],
        "license": {"code": "BSD-3-Clause", "data": about["licence"]},
        "hyperparams": hyperparameters,
        "notes": list(source.notes),
        "property": about["quantity"],
        **about,
        "networks": len(source.networks),
        "descriptor": f"{'smiles' if molecules else 'composition'}:{library.convention}",
        "convention": library.convention,
        "seed": library.seed,
        "tasks": [
            {"name": t.name, "property": t.quantity, "unit": t.unit, "log": t.log, "rows": t.used,
             "source": t.citation, "licence": t.licence, "sha256": t.sha256} for t in source.tasks
        ],
        "split": SPLIT if source.evidence is not None else None,
        "entries": [_entry(source, i) for i in range(len(source.networks))],
        **made_here(),
    }  # fmt: skip


def model_card(model: Model) -> dict[str, Any]:
    """The card of a transferred model; its errors are those of nested cross-validation."""
    target = model.target
    found = errors(target.y, model.out_of_fold.mean)
    return {
        "kind": "model", "model_name": f"{target.name}: stack of transferred and direct models",
        "property": target.quantity, "unit": target.unit, "log": target.log,
        "source": target.source, "licence": target.licence, "rows": target.rows, "used": len(target),
        "sources": [source.name for source in model.library.sources],
        "stacks": [source.checkpoint.key if source.checkpoint else None for source in model.library.sources],
        "descriptor": f"{'composition' if target.molecules is None else 'smiles'}:{model.library.convention}",
        "convention": model.library.convention, "seed": model.seed, "verdict": model.verdict.text,
        "split": "nested cross-validation: every compound predicted while it was held out",
        "metrics": _scores(found), "held_out": len(target), **made_here(),
    }  # fmt: skip


def parameters(network: Network) -> int:
    """Weights and biases, without those of inputs the network does not see."""
    first = network.hidden[0].kernel
    unseen = int(np.count_nonzero(~first.any(axis=1))) * int(first.shape[1])
    return sum(int(layer.kernel.size + layer.bias.size) for layer in (*network.hidden, network.output)) - unseen


def structure(network: Network) -> str:
    """Sizes of all layers, as XenonPy.MDL names its models: 290-187-151-110-102-1."""
    return "-".join(str(n) for n in (len(network.hidden[0].kernel), *network.widths, len(network.output.bias)))


def _entry(source: Source, i: int) -> dict[str, Any]:
    network, evidence = source.networks[i], source.evidence
    scores: Sequence[Any] = [] if evidence is None else evidence.scores[i]
    return {
        "structure": structure(network), "parameters": parameters(network), "epochs": network.epochs,
        "held_out": [] if evidence is None else evidence.rows[i].tolist(),
        "metrics": [_scores(task) for task in scores],
    }  # fmt: skip


def _scores(values: Sequence[float]) -> dict[str, float | None]:
    return {name: float(v) if np.isfinite(v) else None for name, v in zip(METRICS, values, strict=True)}
