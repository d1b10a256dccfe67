"""Matbench's composition tasks with the default stack of `screen` on foundation networks, on the official folds.

    python benchmarks/matbench_foundation.py [--tasks expt_gap ...] [--folds 0 ...] [--foundation NAME] [--rows N]

Protocol: the folds of `matbench.py`. A test formula is predicted by networks of its own hash fold, which never saw it,
with heads fitted on the task's training rows by features of the same networks. Of other formulas these networks know
gaps, energies and moduli of more compounds than the task's training rows hold; for log_gvrh and log_kvrh that is the
quantity itself, so these errors are those of more data, not of transfer alone. Test formulas that are in the training
rows as polymorphs stay there, as for every published score; the error of the others stands beside.

--rows: at most so many rows of every table; the errors are then no longer comparable.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
from matbench import FOLDS, TASKS, Task, beside, figure, property_table, read, split
from numpy.typing import NDArray
from small_sides import DEFAULT, predict_side
from small_targets import DATA, Case

from kakehashi.catalogs.records import Compositions, PropertyTable
from kakehashi.screen.foundation.folds import hash_folds
from kakehashi.screen.foundation.kept import find_foundation, shipped_foundation
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.foundation.record import Foundation

# Tasks whose quantity the networks learned of other formulas.
KNOWN_ELSEWHERE = ("log_gvrh", "log_kvrh")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=["dielectric", "expt_gap"])
    parser.add_argument("--folds", nargs="+", type=int, choices=range(FOLDS), default=list(range(FOLDS)))
    parser.add_argument("--foundation", help="of the model library, by name; default: the shipped one")
    parser.add_argument("--rows", type=int)
    given = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    foundation = find_foundation(given.foundation) if given.foundation else shipped_foundation()
    if foundation is None:
        print("skipped: this package carries no foundation networks; name some with --foundation")
        return
    print("test formulas by networks of their own hash fold, heads fitted on the official training rows")
    for name in given.tasks:
        task = read(name, TASKS[name].column, given.rows)
        errors = [measure_fold(name, task, fold, foundation) for fold in given.folds]
        mean = float(np.mean(errors))
        more = "; the networks know the quantity itself of other formulas" if name in KNOWN_ELSEWHERE else ""
        print(f"{name}: MAE {mean:.4f} over {len(errors)} folds{more}; published: {beside(name)}")
        if len(given.folds) == FOLDS and not given.rows:
            print(figure(name, mean))


def measure_fold(name: str, task: Task, fold: int, foundation: Foundation) -> float:
    """Mean absolute error of a test fold."""
    start = time.perf_counter()
    train, test = split(task, fold)
    target = property_table(name, task, train)
    asked, first, place = np.unique(task.keys[test], return_index=True, return_inverse=True)
    own = joined(target, asked, task.compositions.take(test[first]))
    case = Case(np.arange(len(target)), None, np.arange(len(target), len(own)), hash_folds(asked))
    means = predict_side(own, case.train, case, fold, knowledge=Knowledge(foundation)).means[DEFAULT]
    wrong, new = np.abs(means[place] - task.y[test]), ~np.isin(task.keys[test], list(target.keys))
    print(
        f"{name} fold {fold}: MAE {wrong.mean():.4f}; {wrong[new].mean():.4f} of the {new.sum()} new formulas among"
        f" {len(new)} rows; {time.perf_counter() - start:.0f} s",
        flush=True,
    )
    return float(wrong.mean())


def joined(target: PropertyTable, keys: NDArray[np.object_], compositions: Compositions) -> PropertyTable:
    """A target followed by compounds without a value."""
    names = tuple(str(key) for key in keys)
    pairs = zip(target.compositions, compositions, strict=True)
    return replace(
        target, ids=target.ids + names, materials=target.materials + names, keys=target.keys + names,
        compositions=Compositions(*(np.concatenate(pair) for pair in pairs)),
        values=np.concatenate([target.values, np.full(len(names), np.median(target.values))]),
    )  # fmt: skip


if __name__ == "__main__":
    main()
