"""What device.py measures of scoring: product rates, batches, programs, transfers. Not a script."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.formulas.slots import parse_column, reduce
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.scoring import batches
from kakehashi.screen.scoring.cut import Cut, cut
from kakehashi.screen.scoring.device_model import DeviceModel
from kakehashi.screen.scoring.programs import combine_members, run_group
from kakehashi.screen.transfer.fit import Model

SIZE = 4_096
# Presets of the product rates that are printed, as numbers the device may multiply.
PRODUCTS = {"float32": jax.lax.Precision.HIGHEST, "TF32": jax.lax.DotAlgorithmPreset.TF32_TF32_F32, "bfloat16": None}


class Programs(NamedTuple):
    """What a batch takes: programs, their kernels, their arguments, and host microseconds to send them."""

    programs: int
    kernels: int
    arguments: int
    host: float


def compositions(rows: int) -> Compositions:
    """Made-up ternaries; from 20,000 on they repeat."""
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(min(rows, 20_000)):
        a, b, c = (SYMBOLS[i] for i in rng.choice(83, 3, replace=False))
        p, q, r = rng.integers(1, 8, 3)
        texts.append(f"{a}{p}{b}{q}{c}{r}")
    made = reduce(parse_column(texts).compositions)
    return made.take(np.arange(rows) % len(texts))


def product_rates(size: int = SIZE) -> dict[str, float]:
    """Floating-point operations per second of large products, by kind; those the device has."""
    x, rates = jnp.asarray(np.random.default_rng(0).standard_normal((size, size)), jnp.float32), {}
    for name, precision in PRODUCTS.items():
        a = x.astype(jnp.bfloat16) if name == "bfloat16" else x
        product = jax.jit(
            lambda a, precision=precision: jnp.matmul(a, a, precision=precision, preferred_element_type=jnp.float32)
        )
        try:
            product(a).block_until_ready()
        except (ValueError, NotImplementedError, jax.errors.JaxRuntimeError):
            continue
        rates[name] = 2.0 * size**3 / least(lambda product=product, a=a: product(a).block_until_ready())
    return rates


def least(work: Callable[[], object], repeats: int = 3) -> float:
    """Least seconds of some repeats."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


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


@contextmanager
def rows_a_batch(rows: int) -> Iterator[None]:
    """Score in batches of so many rows."""
    usual: Callable[[], Cut] = cut
    batches.cut = lambda: usual()._replace(rows=rows)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        batches.cut = usual  # type: ignore[attr-defined]


def describe_programs(ready: DeviceModel, rows: Compositions) -> Programs:
    """Programs of a batch, and microseconds until the host has sent them all."""
    raw = jnp.zeros((len(rows.elements), 290), jnp.float32)
    kernels = 0
    for group, part in zip(ready.groups, ready.arrays["groups"], strict=True):
        lowered = run_group.lower(ready.plans, group.heads, group.shown, part, raw, precision=ready.precision)
        kernels += count_kernels(lowered.compile().as_text() or "")
    slots = jnp.asarray(rows.elements, jnp.int32), jnp.asarray(rows.amounts, jnp.float32)
    sent = []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(4):
            start = time.perf_counter()
            columns = batches._run_batch(combine_members, ready, pool, *slots)
            sent.append(time.perf_counter() - start)
            jax.block_until_ready(columns)
    arguments = len(jax.tree.leaves(ready.arrays["groups"]))
    return Programs(2 + len(ready.groups), kernels, arguments, 1e6 * min(sent))


def count_kernels(text: str) -> int:
    """Kernels that a compiled program starts: instructions of its entry but for those that only name or copy bits."""
    entry = text[text.rfind("ENTRY ") :]
    lines = [line for line in entry.splitlines() if " = " in line]
    free = (" parameter(", " tuple(", " get-tuple-element(", " bitcast(", " constant(")
    return sum(not any(word in line for word in free) for line in lines)


def transfers(rows: Compositions) -> tuple[float, float, float]:
    """Bytes a row to the device and back, and bytes per second of the way there."""
    slots = rows.elements.astype(np.int32), rows.amounts.astype(np.float32)
    size = sum(part.nbytes for part in slots)
    seconds = least(lambda: jax.block_until_ready([jax.device_put(part) for part in slots]))
    return size / len(slots[0]), 16.0, size / seconds


def peak_memory(device: Any) -> str:
    """Largest memory so far: the device's own where it says so, else that of this process."""
    told = device.memory_stats() or {}
    if "peak_bytes_in_use" in told:
        return f"{told['peak_bytes_in_use'] / 1e9:.2f} GB of the device"
    import resource

    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB of this process"
