"""Cards of kept networks: inputs, training data, held-out errors.

The fields are those of a matbench-discovery model card as far as they apply, and per network the errors that
XenonPy.MDL lets its users query (`catalogs.models.index`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from kakehashi.screen.cache.machine import made_here
from kakehashi.screen.descriptors.materials import kind_of_choice
from kakehashi.screen.networks.crystal.network import CrystalNetwork, atom_features, is_structural
from kakehashi.screen.networks.evidence import METRICS, SPLIT
from kakehashi.screen.networks.pyramid import Network
from kakehashi.screen.networks.source import Library, Source, summary

TEXTS = {"composition": "formula", "smiles": "SMILES", "structure": "structure"}
_METHODS = {"NN": "fully connected network", "GNN": "crystal graph network"}


def networks_card(library: Library, hyperparameters: dict[str, Any], model_version: int) -> dict[str, Any]:
    """Make the card of the networks of one source."""
    (source,) = library.sources
    about = summary(source)
    sees, what, kind = _inputs(library)
    return {
        "kind": "networks",
        "model_name": f"{source.name}: {len(source.networks)} {what}",
        "model_version": str(model_version),
        "model_type": kind,
        "model_params": sum(parameters(network) for network in source.networks),
        "n_estimators": len(source.networks),
        "train_task": f"{TEXTS[sees]} to {about['quantity']}",
        "test_task": SPLIT,
        "targets": [task.quantity for task in source.tasks],
        "training_set": [task.citation for task in source.tasks],
        "license": {"code": "BSD-3-Clause", "data": about["licence"]},
        "hyperparams": hyperparameters,
        "notes": list(source.notes),
        "property": about["quantity"],
        **about,
        "networks": len(source.networks),
        "method": _METHODS[kind],
        "descriptor": f"{sees}:{library.convention}",
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


def _inputs(library: Library) -> tuple[str, str, str]:
    """Name of the inputs, description, and kind of networks.

    The kind is NN or GNN, as matbench-discovery names it.
    """
    if is_structural(library.sources[0].networks):
        return "structure", "crystal graph networks", "GNN"
    return kind_of_choice(library.convention).name, "fully connected networks of decreasing width", "NN"


def parameters(network: Network | CrystalNetwork) -> int:
    """Number of weights and biases.

    Those of inputs the network does not see are left out.
    """
    if isinstance(network, CrystalNetwork):
        return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(network.params))
    first = network.hidden[0].kernel
    unseen = int(np.count_nonzero(~first.any(axis=1))) * int(first.shape[1])
    return sum(int(layer.kernel.size + layer.bias.size) for layer in (*network.hidden, network.output)) - unseen


def layer_sizes(network: Network | CrystalNetwork) -> tuple[int, ...]:
    """Inputs, hidden layers and outputs.

    Of crystal graph networks, features per atom, convolutions, hidden layer, output.
    """
    if isinstance(network, CrystalNetwork):
        width, convolutions, hidden = network.shape
        return (atom_features().shape[1], *[width] * convolutions, hidden, 1)
    return (len(network.hidden[0].kernel), *network.widths, len(network.output.bias))


def structure(network: Network | CrystalNetwork) -> str:
    """Sizes of all layers as text, e.g. 290-187-151-1.

    As XenonPy.MDL names its models.
    """
    return "-".join(str(n) for n in layer_sizes(network))


def _entry(source: Source, i: int) -> dict[str, Any]:
    network, evidence = source.networks[i], source.evidence
    scores: Sequence[Any] = [] if evidence is None else evidence.scores[i]
    return {
        "structure": structure(network), "layers": len(layer_sizes(network)) - 2,
        "parameters": parameters(network), "epochs": network.epochs,
        "held_out": [] if evidence is None else evidence.rows[i].tolist(),
        "metrics": [metrics_of(task) for task in scores],
    }  # fmt: skip


def metrics_of(values: Sequence[float]) -> dict[str, float | None]:
    """Errors by name, None where not finite."""
    return {name: float(v) if np.isfinite(v) else None for name, v in zip(METRICS, values, strict=True)}
