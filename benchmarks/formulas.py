"""Formulas read per second on one core: column reader, strict grammar, and pymatgen for scale.

    python benchmarks/formulas.py [FILE.parquet:COLUMN]

Without a file the formulas are enumerated charge-balanced compositions. Processor time, best of five.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Sequence

import pyarrow as pa

from kakehashi.catalogs.formulas.enumerate import charge_balanced
from kakehashi.catalogs.formulas.slots import parse, parse_column, reduced_keys


def formulas(spec: str | None) -> list[str]:
    if spec is None:
        return charge_balanced(100_000)
    import pyarrow.parquet as pq

    file, _, column = spec.rpartition(":")
    return [text for text in pq.read_table(file, columns=[column])[column].to_pylist() if text]


def rate(work: Callable[[], object], rows: int, repeats: int = 5) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return rows / best


def one_by_one(read: Callable[[str], object], texts: Sequence[str]) -> None:
    for text in texts:
        read(text)


def main() -> None:
    texts = formulas(sys.argv[1] if len(sys.argv) > 1 else None)
    simple = [text for text in texts if "(" not in text]
    column = pa.array((simple * (1_000_000 // len(simple) + 1))[:1_000_000])
    mixed = pa.array(texts)
    sample = simple[:: max(1, len(simple) // 5000)]
    parsed = parse_column(column).compositions

    from pymatgen.core import Composition

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = rate(lambda: one_by_one(Composition, sample), len(sample), 2)
    rows = [
        ("column reader, simple formulas", rate(lambda: parse_column(column), len(column))),
        ("column reader, all formulas", rate(lambda: parse_column(mixed), len(mixed), 2)),
        ("reduced keys", rate(lambda: reduced_keys(parsed), len(column), 2)),
        ("strict grammar, one by one", rate(lambda: one_by_one(parse, sample), len(sample))),
        ("pymatgen Composition", reference),
    ]
    for name, speed in rows:
        print(f"{name:32s} {speed:12,.0f} per second  {speed / reference:8.1f} x pymatgen")


if __name__ == "__main__":
    main()
