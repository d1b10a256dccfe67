"""Train the networks that come with the package (catalogs/networks) for `kakehashi demo`.

They never see a compound of an embedded target. Weights are rounded to half precision, which halves the files; errors
in their cards and predictions stored with them are those of the rounded networks. Run it again
(`python -m kakehashi.design.cli.ship_networks`) when the embedded sources, the settings of the demo or
`PRETRAIN_VERSION` change (tests/design/cli/test_ship_networks.py fails then); another kind of machine gives other last
bits, and so other files.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.properties import embedded
from kakehashi.design.cli.demo import configure_design
from kakehashi.screen.cli.demo import configure_screening
from kakehashi.screen.networks.cards import networks_card
from kakehashi.screen.networks.kept import PRETRAIN_VERSION, packed, shipped_key
from kakehashi.screen.networks.pyramid import Layer, Network
from kakehashi.screen.networks.source import Library, Settings, described, judged, prepare, pretrain_source

ROUNDED = "weights rounded to half precision"


class Shipped(NamedTuple):
    """A source whose networks come with the package, and their settings."""

    source: str
    settings: Settings


def list_shipped() -> list[Shipped]:
    """List the sources of the demo's design; its screening trains none."""
    forward, design = configure_screening("nowhere", 16, 0, "auto"), configure_design("nowhere", 16, 0, "auto")
    return [
        *(Shipped(name, Settings(forward.networks, forward.seed, "reduced")) for name in forward.source),
        *(Shipped(name, Settings(design.networks, design.seed, design.descriptors)) for name in design.source),
    ]


def shipped_stacks() -> list[Path]:
    """Folders of the package's entries that this script makes; foundation networks stay."""
    return [path for path in sorted(shelf.SHIPPED.iterdir()) if read_card(path)["kind"] == "networks"]


def read_card(path: Path) -> dict[str, Any]:
    """Card of an entry."""
    card: dict[str, Any] = json.loads((path / shelf.CARD).read_bytes())
    return card


def round_weights(network: Network) -> Network:
    """Round weights to half precision."""

    def half(array: NDArray[Any]) -> NDArray[Any]:
        return array.astype(np.float16).astype(np.float32)

    layers = [Layer(half(layer.kernel), half(layer.bias)) for layer in (*network.hidden, network.output)]
    return network._replace(hidden=tuple(layers[:-1]), output=layers[-1])


def halve(array: NDArray[Any]) -> NDArray[Any]:
    """Store an array in half precision if no digit is lost."""
    with np.errstate(over="ignore"):
        half = array.astype(np.float16) if array.dtype == np.float32 and array.ndim else array
    return half if half.dtype != array.dtype and half.astype(np.float32).tobytes() == array.tobytes() else array


def main() -> None:
    """Train, round and write all networks; print what rounding costs."""
    unseen = [key for name in ("ltc", "polymer_thermal_conductivity", "tg") for key in embedded.table(name).keys]
    for path in shipped_stacks():
        shutil.rmtree(path)
    total = 0
    for one in list_shipped():
        start = time.perf_counter()
        table = embedded.table(one.source)
        source = pretrain_source([table], one.settings, exclude=unseen)
        ready = prepare([table], one.settings, exclude=unseen)
        trained = judged(ready, one.settings, [round_weights(network) for network in source.networks])
        again = described(source.name, ready.rows, trained)
        library = Library((again._replace(notes=(*again.notes, ROUNDED)),), one.settings.convention, one.settings.seed)
        card = networks_card(library, {**one.settings.schedule._asdict(), "seed": one.settings.seed}, PRETRAIN_VERSION)
        key = shipped_key([table], one.settings, exclude=unseen)
        failed = shelf.store(key, {n: halve(a) for n, a in packed(library).items()}, card, folder=shelf.SHIPPED)
        if failed:
            raise SystemExit(failed)
        size = sum(path.stat().st_size for path in (shelf.SHIPPED / key).iterdir())
        total += size
        before, after = (np.median(s.evidence.scores[:, 0, 0]) for s in (source, again) if s.evidence)
        took = f"{one.settings.networks} networks, {size / 1e6:.2f} MB, {time.perf_counter() - start:.0f} s"
        print(f"{one.source}: {took}, median error {before:.5f} before rounding, {after:.5f} after; {key[:16]}")
    print(f"{total / 1e6:.2f} MB in {shelf.SHIPPED}")


if __name__ == "__main__":
    main()
