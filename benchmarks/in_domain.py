"""What judging candidates before predicting them saves, and that it changes no bit of the rest.

A model of a small target scores a catalogue twice in one process: every candidate, and those alone that are not out
of its domain. Prints processor seconds of both, without compilation.

Usage: python benchmarks/in_domain.py [--target ltc] [--catalog mp_formulas] [--rows 34630] [--networks 20]
"""

from __future__ import annotations

import argparse
import time

import pyarrow.compute as pc

import kakehashi as kh
from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.screen.scoring.partitions import PARTITION_ROWS, make_scorer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="ltc")
    parser.add_argument("--catalog", default="mp_formulas")
    parser.add_argument("--rows", type=int, default=None, help="the first so many")
    parser.add_argument("--networks", type=int, default=20, help="pre-trained on each of two sources")
    given = parser.parse_args()

    target = kh.load(given.target, log=True)
    library = kh.pretrain(["melting_temperature", "volume_per_atom"], exclude=target, networks=given.networks)
    scorer = make_scorer(kh.transfer(library, target, outer_folds=3))
    table = next(iter(open_catalog(given.catalog, limit=given.rows).batches(PARTITION_ROWS)))
    results = {}
    for name, score in (("every candidate", scorer), ("those not out of the domain", scorer.within_domain())):
        score(table.slice(0, 2_048))  # compiles
        used = time.process_time()
        results[name] = score(table).scores
        print(f"{name:<28} {time.process_time() - used:8.2f} processor seconds, {table.num_rows:,} rows")
    whole, part = results.values()
    kept = pc.is_valid(part["mean"])
    if not part.filter(kept).equals(whole.filter(kept)):
        raise SystemExit("rows that both predict differ")
    print(f"{pc.sum(kept).as_py():,} rows predicted by both, the same bytes")


if __name__ == "__main__":
    main()
