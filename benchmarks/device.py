"""Compositions scored per second by 2 x 50 networks and their heads, on the processor and, where there is one, a GPU.

Prints the share of the device's own matrix-product rate that scoring reaches, and the largest difference between
the devices' means in units of the target's standard deviation, which must be at most 1e-4.

    python benchmarks/device.py [--rows 20480] [--networks 50]
"""

from __future__ import annotations

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np

import kakehashi as kh
from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.formulas.slots import parse_column, reduce
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.scoring.batches import Predictions, predict_compositions
from kakehashi.screen.scoring.device_model import prepare_model
from kakehashi.screen.transfer.fit import Model

LARGEST = 1e-4
SIZE = 4_096


def compositions(rows: int) -> Compositions:
    """Made-up ternaries."""
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(rows):
        a, b, c = (SYMBOLS[i] for i in rng.choice(83, 3, replace=False))
        p, q, r = rng.integers(1, 8, 3)
        texts.append(f"{a}{p}{b}{q}{c}{r}")
    return reduce(parse_column(texts).compositions)


def product_rate() -> float:
    """Floating-point operations per second of a large single-precision product."""
    x = jnp.asarray(np.random.default_rng(0).standard_normal((SIZE, SIZE)), jnp.float32)
    product = jax.jit(lambda a: jnp.matmul(a, a, precision=jax.lax.Precision.HIGHEST))
    product(x).block_until_ready()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        product(x).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return 2.0 * SIZE**3 / min(seconds)


def operations(model: Model) -> float:
    """Floating-point operations per composition in the products of networks and heads on them."""
    kernels = sum(layer.kernel.size for s in model.library.sources for n in s.networks for layer in n.hidden)
    heads = sum(
        p["coefficients"].size + p["pinned"].size
        for member in model.stack.members
        if (member.plan.kind, member.plan.head) == ("frozen", "ridge")
        for p in member.params
    )
    return 2.0 * (kernels + heads)


def measure(model: Model, rows: Compositions) -> Predictions:
    """Score on the default device and print how fast."""
    device_model = prepare_model(model)
    start = time.perf_counter()
    predict_compositions(device_model, Compositions(rows.elements[:2], rows.amounts[:2]))
    first = time.perf_counter() - start
    start, cpu = time.perf_counter(), time.process_time()
    found = predict_compositions(device_model, rows)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    rate, ceiling = len(rows.elements) / wall, product_rate()
    share = rate * operations(model) / ceiling
    print(f"  first call {first:.1f} s; then {rate:,.0f} compositions/s ({cpu:.1f} s of processor in {wall:.1f} s)")
    print(f"  {share:.0%} of the {ceiling / 1e9:,.0f} GF/s of a {SIZE} x {SIZE} product")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_480)
    parser.add_argument("--networks", type=int, default=50, help="per source, of two")
    given = parser.parse_args()
    rows = compositions(given.rows)
    target = kh.load("ltc", log=True)
    library = kh.pretrain(["melting_temperature", "volume_per_atom"], exclude=target, networks=given.networks)
    model = kh.transfer(library, target, outer_folds=3)
    gpus = [device for device in jax.devices() if device.platform != "cpu"]
    found = []
    for device in [jax.devices("cpu")[0], *gpus[:1]]:
        print(f"{device} ({device.device_kind}), {operations(model) / 1e6:.1f} MFLOP per composition")
        with jax.default_device(device):
            found.append(measure(model, rows))
    if not gpus:
        print("GPU: not run (no GPU here)")
        return
    apart = float(np.abs(found[0].mean - found[1].mean).max() / target.y.std())
    verdict = "well" if apart <= LARGEST else "TOO FAR"
    print(f"largest difference of means: {apart:.1e} standard deviations of the target ({verdict})")


if __name__ == "__main__":
    main()
