"""Speed of the composition descriptors, from element slots to 290 float32, against float64 NumPy.

python benchmarks/descriptors.py [FILE.parquet:COLUMN] reads formulas from a file; without one, the Materials
Project formulas embedded with the package. Prints medians of wall and CPU time: the machine may be shared.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import jax
import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from kakehashi.catalogs.formulas import slots as formulas
from kakehashi.catalogs.properties import transport as embedded_transport
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.descriptors import composition, reference

REPEATS = 9


def main() -> None:
    compositions = _compositions(sys.argv[1] if len(sys.argv) > 1 else None)
    rows = len(compositions.elements)
    counts = np.bincount((compositions.elements >= 0).sum(axis=1)).tolist()
    print(f"{rows} formulas; elements per formula {dict(enumerate(counts))}; {jax.devices()[0].device_kind}")

    _print("compute, cell", rows, lambda: composition.compute(compositions, "cell"))
    _print("compute, reduced", rows, lambda: composition.compute(compositions, "reduced"))
    whole = rows // composition.BATCH * composition.BATCH
    pieces = [_rows(compositions, k) for k in range(0, whole, composition.BATCH)]
    batches = [(elements, amounts.astype(np.float32)) for elements, amounts in pieces]
    program = jax.jit(composition.describe)
    _print("describe, 16 slots", whole, lambda: [program(*batch) for batch in batches][-1].block_until_ready())
    part = min(rows, 20 * composition.BATCH)
    slow = _print("float64 reference", part, lambda: _reference(compositions, part), repeats=3)
    fast = _print("compute, cell, again", rows, lambda: composition.compute(compositions, "cell"))
    print(f"compute / reference: {fast[0] / slow[0]:.1f} x by wall time, {fast[1] / slow[1]:.1f} x by CPU time")

    values, exact = composition.compute(compositions, "cell")[:part], _reference(compositions, part)
    for block in composition.CLASSIC:
        columns = [label.startswith(block) for label in composition.names()]
        error = np.abs(values - exact)[:, columns].max(axis=0) / np.abs(exact[:, columns]).max(axis=0)
        print(f"{block}: largest difference from float64 {error.max():.1e} of the column's largest value")


def _compositions(file: str | None) -> Compositions:
    if file:
        path, _, column = file.rpartition(":")
        texts = parquet.read_table(path, columns=[column])[column]
    else:
        texts = embedded_transport.mp_formulas()["formula"]
    elements, amounts = formulas.parse_column(texts).compositions
    readable = elements[:, 0] >= 0
    return Compositions(elements[readable], amounts[readable])


def _reference(compositions: Compositions, rows: int) -> NDArray[np.float64]:
    """In pieces which fit the caches: the whole at once is three times slower."""
    pieces = [_rows(compositions, k) for k in range(0, rows, composition.BATCH)]
    return np.concatenate([reference.describe(piece) for piece in pieces])[:rows]


def _rows(compositions: Compositions, start: int) -> Compositions:
    stop = start + composition.BATCH
    return Compositions(compositions.elements[start:stop], compositions.amounts[start:stop])


def _print(name: str, rows: int, run: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Return rows per second of wall and of CPU time, medians of `repeats` after one run that compiles."""
    run()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    rates = rows / statistics.median(walls), rows / statistics.median(cpus)
    spread = f"{rows / max(walls) / 1e6:.2f} to {rows / min(walls) / 1e6:.2f}"
    print(f"{name:22s} {rates[0] / 1e6:6.3f} M/s wall ({spread}), {rates[1] / 1e6:6.3f} M per CPU second")
    return rates


if __name__ == "__main__":
    main()
