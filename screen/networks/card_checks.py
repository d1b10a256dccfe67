"""Check of a card against its networks.

People read the card; the networks compute.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kakehashi.screen.networks.cards import parameters, structure
from kakehashi.screen.networks.source import Library


def check_against(card: Mapping[str, Any], library: Library) -> None:
    """Refuse a card that contradicts its networks.

    Raises
    ------
    ValueError : with the field, what the networks are and what the card says.
    """
    (source,) = library.sources
    tasks = [(t.name, t.quantity, t.unit, t.log, t.used) for t in source.tasks]
    card_tasks = [tuple(task[name] for name in ("name", "property", "unit", "log", "rows")) for task in card["tasks"]]
    pairs: list[tuple[str, Any, Any]] = [
        ("networks", len(source.networks), card["networks"]),
        ("convention", library.convention, card["convention"]),
        ("seed", library.seed, card["seed"]),
        ("tasks", tasks, card_tasks),
    ]
    for i, (network, entry) in enumerate(zip(source.networks, card["entries"], strict=False)):
        pairs.append((f"structure of network {i}", structure(network), entry["structure"]))
        pairs.append((f"parameters of network {i}", parameters(network), entry["parameters"]))
        pairs.append((f"epochs of network {i}", network.epochs, entry["epochs"]))
    for name, real, written in pairs:
        if real != written:
            raise ValueError(f"{name}: the card says {str(written)[:200]!r}, its networks {str(real)[:200]!r}")
