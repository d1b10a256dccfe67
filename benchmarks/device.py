"""Scoring and whole runs on a device: rates, shares of its product rates, kernels, transfers, differences, stages.

    python benchmarks/device.py [--rows 20480] [--networks 50] [--batches 1024 8192 65536] [--no-screen]

Runs on the processor and, where jax sees one, on a GPU; every line is under the name of its device. For a GPU take
`--rows 1000000`. Means of the devices must agree within 1e-4 standard deviations of the target; the difference is
printed in half-widths of the interval, too. Prints by device

- floating-point operations per second of large products: float32, TF32 and bfloat16, where the device has them,
- compositions per second by rows a batch, with the shares of these rates that scoring reaches,
- the same in the other precisions that the device has, and how far means move,
- programs, kernels and arguments of a batch, microseconds for the host to send one, bytes to and fro,
- milliseconds to pre-train a network, candidates per second of `enumerate`, peak memory,

and at last seconds of every stage of `kakehashi screen` of the default catalogue, cold and with all kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import jax
import numpy as np
from device_scoring import (
    compositions,
    describe_programs,
    operations,
    peak_memory,
    product_rates,
    rows_a_batch,
    transfers,
)

import kakehashi as kh
from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.screen.device_names import Precision
from kakehashi.screen.networks.pretrain import Schedule, pretrain
from kakehashi.screen.networks.source import Settings, prepare
from kakehashi.screen.ranking.rank import Order
from kakehashi.screen.scoring.batches import Predictions, predict_compositions
from kakehashi.screen.scoring.cut import cut
from kakehashi.screen.scoring.device_model import prepare_model
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.scoring.virtual.search import make_search
from kakehashi.screen.transfer.fit import Model

LARGEST = 1e-4
EPOCHS = 10


def score(model: Model, rows: Compositions, size: int, precision: Precision) -> tuple[Predictions, float, float]:
    """Predictions, compositions per second, and seconds of the first batch, compilation included."""
    with rows_a_batch(size):
        ready = prepare_model(model, precision)
        start = time.perf_counter()
        predict_compositions(ready, rows.take(np.arange(2)))
        first = time.perf_counter() - start
        start = time.perf_counter()
        found = predict_compositions(ready, rows)
        return found, len(rows.elements) / (time.perf_counter() - start), first


def apart(model: Model, one: Predictions, other: Predictions) -> str:
    """How far two predictions' means are from each other."""
    largest = float(np.abs(one.mean - other.mean).max())
    half = model.unseen_interval * model.usual_spread
    return f"{largest / model.target.y.std():.1e} standard deviations, {largest / half:.1e} half-widths of an interval"


def measure(model: Model, rows: Compositions, sizes: list[int]) -> Predictions:
    """Print what one device does; its exact predictions in its own batches."""
    rates, work = product_rates(), operations(model)
    print("  products: " + ", ".join(f"{name} {rate / 1e9:,.0f} GF/s" for name, rate in rates.items()))
    for size in sizes:
        _, rate, first = score(model, rows, size, "exact")
        shares = ", ".join(f"{rate * work / ceiling:.0%} of {name}" for name, ceiling in rates.items())
        print(f"  batches of {size:,}: {rate:,.0f} compositions/s ({shares}); first batch {first:.1f} s")
    own = cut().rows
    exact, usual, _ = score(model, rows, own, "exact")
    for precision in get_args(Precision)[1:]:
        try:
            found, rate, _ = score(model, rows, own, precision)
        except UserError as error:
            print(f"  {precision}: not here: {error}")
            continue
        moved = apart(model, found, exact)
        print(f"  {precision}: {rate:,.0f} compositions/s, {rate / usual:.2f}x; means move by {moved}")
    batch = rows.take(np.arange(own) % len(rows.elements))
    programs = describe_programs(prepare_model(model), batch)
    there, back, speed = transfers(batch)
    print(
        f"  a batch of {own:,}: {programs.programs} programs, {programs.kernels} kernels of networks,"
        f" {programs.arguments} arrays; {programs.host:,.0f} us for the host to send it"
    )
    print(f"  transfers: {there:.0f} bytes a row there at {speed / 1e9:.1f} GB/s, {back:.0f} back")
    return exact


def measure_training(networks: int) -> None:
    """Print milliseconds to train a network, once compiled."""
    ready = prepare([kh.load("volume_per_atom")], Settings(networks))
    schedule = Schedule(max_epochs=EPOCHS, patience=EPOCHS + 1, row_visits=10**9)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        pretrain(0, ready.x, ready.y, networks=networks, schedule=schedule)
        seconds.append(time.perf_counter() - start)
    print(
        f"  pre-training: {1e3 * seconds[1] / networks:.0f} ms a network, {len(ready.x):,} rows, {EPOCHS} epochs;"
        f" {seconds[0] - seconds[1]:.1f} s to compile"
    )


def measure_search(model: Model, indices: int) -> None:
    """Print candidates per second of a search of `enumerate`."""
    catalog = open_catalog("enumerate", limit=indices, virtual=True)
    assert catalog.space is not None
    scorer = make_scorer(model, make_search(catalog.space, Order(top=1000), log=model.target.log))
    (rows,) = catalog.batches(indices)
    scorer(rows)  # compiles
    start = time.perf_counter()
    counts = scorer(rows).counts
    seconds = time.perf_counter() - start
    assert counts is not None
    print(
        f"  enumerate: {counts.scored / seconds:,.0f} candidates/s, {counts.visited / seconds:,.0f} indices/s;"
        f" 10^9 candidates would take {1e9 * seconds / max(counts.scored, 1) / 3600:.1f} h"
    )


def screen_stages(device: str) -> None:
    """Print seconds of every stage of a whole screening, cold and kept."""
    with TemporaryDirectory() as folder:
        for name in ("cold", "kept"):
            words = ["screen", "--target", "ltc", "--log", "--device", device, "--out", f"{folder}/{name}", "--json"]
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "kakehashi", *words, "--quiet"], stdout=subprocess.PIPE, text=True, check=True,
                env={**os.environ, "KAKEHASHI_HOME": str(Path(folder) / "home")},
            )  # fmt: skip
            stages = json.loads(done.stdout)["timings"]
            told = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in stages.items())
            print(f"  screen, {name}: {time.perf_counter() - start:.1f} s: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_480)
    parser.add_argument("--networks", type=int, default=50, help="per source, of two")
    parser.add_argument("--batches", type=int, nargs="+", default=[1_024, 8_192, 65_536], help="rows a batch")
    parser.add_argument("--indices", type=int, default=1 << 22, help="of enumerate")
    parser.add_argument("--no-screen", action="store_true", help="leave the whole screening out")
    given = parser.parse_args()
    rows = compositions(given.rows)
    target = kh.load("ltc", log=True)
    library = kh.pretrain(["melting_temperature", "volume_per_atom"], exclude=target, networks=given.networks)
    model = kh.transfer(library, target, outer_folds=3, foundation="none")
    gpus = [device for device in jax.devices() if device.platform != "cpu"]
    found = []
    for device in [jax.devices("cpu")[0], *gpus[:1]]:
        print(f"{device} ({device.device_kind}), {operations(model) / 1e6:.1f} MFLOP per composition")
        with jax.default_device(device):
            found.append(measure(model, rows, given.batches))
            measure_training(min(given.networks, 10))
            measure_search(model, given.indices)
            print(f"  peak memory: {peak_memory(device)}")
        if not given.no_screen:
            screen_stages("cpu" if device.platform == "cpu" else "gpu")
    if not gpus:
        print("GPU: not measured (no GPU here)")
        return
    largest = float(np.abs(found[0].mean - found[1].mean).max() / target.y.std())
    print(f"largest difference of means: {apart(model, *found)} ({'well' if largest <= LARGEST else 'TOO FAR'})")


if __name__ == "__main__":
    main()
