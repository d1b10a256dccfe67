"""Trained crystal graph networks kept in the library of models by content hash, as safetensors and a JSON card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import jax

from catalogs import library as shelf
from screen.device import current
from screen.graph.network import CrystalNetwork, Shape
from screen.library import Checkpoint
from screen.machine import PACKAGES
from screen.packing import content_hash, pack, unpack
from screen.progress import Stage, no_stage

# Raise when the same structures and settings would give other networks.
GRAPH_VERSION = 1
_RECORDS: dict[str, type] = {"CrystalNetwork": CrystalNetwork, "Shape": Shape}

Networks = tuple[CrystalNetwork, ...]


def load_or_train(
    fit: Callable[[Callable[[int], None]], Networks],
    facts: Mapping[str, Any],
    card: Mapping[str, Any],
    *,
    networks: int,
    name: str,
    cache: bool,
    stage: Stage | None = None,
) -> tuple[Networks, Checkpoint | None]:
    """Networks that `fit` trains, or those that were kept: equal bit by bit on this machine.

    facts : everything that decides them; card : what the library says of them; name : of the stage of work
    """
    watch = stage or no_stage
    if not cache:
        with watch(name, networks) as advance:
            return fit(advance), None
    packages = {package: version(package) for package in PACKAGES}
    machine = (current().platform, current().device_kind, bool(jax.config.jax_enable_x64))  # type: ignore[attr-defined]
    key = content_hash({"graphs": GRAPH_VERSION, **facts, "packages": packages, "device": machine})
    found = shelf.find(key)
    warning = found.warning
    if found.arrays is not None:
        try:
            kept: Networks = unpack(found.arrays, _RECORDS)
        except (ValueError, KeyError, TypeError) as error:
            warning = f"{shelf.models_folder() / key} cannot be read ({error}): not used, built again"
        else:
            with watch(f"{name} (cached)", networks) as advance:
                advance(networks)
            return kept, Checkpoint(key, True)
    with watch(name, networks) as advance:
        trained = fit(advance)
    if found.replaceable:
        today = {"versions": packages, "date": datetime.now(UTC).isoformat(timespec="seconds")}
        r2 = [float(network.validation_r2[0]) for network in trained]
        full = {"kind": "crystal networks", **card, "validation_r2": r2, **today}
        failed = shelf.store(key, pack(trained), full, replace=bool(warning))
        warning = "; ".join(text for text in (warning, failed and f"{card['property']}: networks {failed}") if text)
    return trained, Checkpoint(key, False, warning)
