"""Matbench's composition tasks on their official folds, with and without transfer, beside the published scores.

    python benchmarks/matbench.py [--tasks expt_gap ...] [--folds 0 ...] [--sides alone ...] [--keep FOLDER]
        [--rows N] [--epochs N]

Folds: KFold(5, shuffle=True, random_state=18012019) over the rows in the order of their ids (Dunn et al., 2020).
Three sides. Transfer is `screen.networks.joint.model`: networks that have learned PBE gaps and formation energies
(without a formula of any of the four tasks) go on with the task itself, the five other tables
beside it. Alone: the same networks on the task's training rows only.
Trees: randomised and boosted ones, averaged, on the same inputs and rows, no sources.
Beside the error of the networks' mean stands the mean error of one network.
The formulas of a test fold are in no other table. In the task's own training rows some of them are, as polymorphs;
so they are for every published score. The error of the other test rows ("new formulas") is printed beside.
--keep holds finished folds, with which a run goes on. --rows, --epochs: at most so many rows of every table, and
epochs of every course, to see in seconds that it runs; the errors are then no longer comparable.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys
from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.records import Compositions, PropertyTable
from kakehashi.screen.cache.packing import content_hash, pack, unpack
from kakehashi.screen.descriptors.scaling import Scaling
from kakehashi.screen.networks.joint.model import Recipe, inputs, learn_sources, learn_target
from kakehashi.screen.networks.joint.train import Course, Heads, Joint, Member
from kakehashi.screen.networks.pyramid import Layer

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"
FOLDS, FOLD_SEED = 5, 18012019
NOT_STRUCTURAL = ("CrabNet", "composition-only")


class Asked(NamedTuple):
    """A task: its value column and unit, the error asked for (None where none was), and whether it has structures."""

    column: str
    unit: str
    goal: float | None
    structures: bool


TASKS = {
    "expt_gap": Asked("gap expt", "eV", 0.30, False),
    "log_gvrh": Asked("log10(G_VRH)", "log10(GPa)", 0.095, True),
    "dielectric": Asked("n", "", 0.29, True),
    "log_kvrh": Asked("log10(K_VRH)", "log10(GPa)", None, True),
}
SOURCES = {"mp_gap": "gap pbe", "mp_e_form": "e_form"}
SIDES = ("transfer", "alone", "trees")
HEADER = "task        folds  transfer     one    alone     one    trees  published, from compositions alone"


class Task(NamedTuple):
    """Rows as published: n ids, formulas as text and as read, and values."""

    ids: list[str]
    texts: list[str]
    keys: NDArray[np.object_]
    compositions: Compositions
    y: NDArray[np.float64]


class Fold(NamedTuple):
    """A test fold: its rows (m,), predictions (k, m) of k models, whether a formula is new (m,), and seconds."""

    rows: NDArray[np.int64]
    each: NDArray[np.float64]
    new: NDArray[np.bool_]
    seconds: NDArray[np.float64]


def read(name: str, column: str, limit: int | None = None) -> Task:
    """The rows of a table in the order of ids, or evenly spread ones of them; all formulas must be readable."""
    table = pq.read_table(DATA / f"matbench_{name}.parquet", columns=["mbid", "composition", column]).sort_by("mbid")
    if limit is not None and table.num_rows > limit:
        table = table.take(np.linspace(0, table.num_rows - 1, limit).astype(np.int64))
    texts = table["composition"].to_pylist()
    parsed = parse_column(texts)
    if bad := [text for text, reason in zip(texts, parsed.reasons, strict=True) if reason]:
        raise SystemExit(f"{name}: {len(bad)} formulas cannot be read, first {bad[0]}")
    keys = np.array(reduced_keys(parsed.compositions), dtype=object)
    return Task(table["mbid"].to_pylist(), texts, keys, parsed.compositions, table[column].to_numpy())


def property_table(name: str, task: Task, rows: NDArray[np.int64]) -> PropertyTable:
    """Some rows, polymorphs merged to their median."""
    return assemble(name, [task.texts[i] for i in rows], task.y[rows])


def split(task: Task, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Training and test rows of an official fold."""
    from sklearn.model_selection import KFold

    train, test = list(KFold(FOLDS, shuffle=True, random_state=FOLD_SEED).split(task.y))[fold]
    return train, test


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--folds", nargs="+", type=int, choices=range(FOLDS), default=list(range(FOLDS)))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--networks", type=int, default=Recipe().networks)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    started = time.perf_counter()
    recipe = shortened(Recipe(networks=given.networks), given.epochs)
    tasks, tables = read_all(given.rows)
    keep = given.keep and given.keep / content_hash([list(recipe), {n: list(t.keys) for n, t in tables.items()}])[:12]
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    first = first_networks(tables, recipe, keep) if "transfer" in given.sides else None
    print(f"{time.perf_counter() - started:.0f} s to read and for networks of {' and '.join(SOURCES)}", flush=True)
    lines, figures = [], []
    for name in given.tasks:
        found = {
            (side, fold): at_hand(side, name, tasks, tables, recipe, first, fold, keep)
            for side in given.sides
            for fold in given.folds
        }
        lines.append(row(name, tasks[name], found, given.sides, given.folds))
        if "transfer" in given.sides and len(given.folds) == FOLDS and not (given.rows or given.epochs):
            mean, _ = errors(tasks[name], [found["transfer", fold] for fold in given.folds])
            figures.append(figure(name, mean))
    print(f"\nmean absolute errors; networks averaged: {recipe.networks}")
    print(HEADER, *lines, *figures, sep="\n")
    print(f"wall time of this run {time.perf_counter() - started:.0f} s")


def shortened(recipe: Recipe, epochs: int | None) -> Recipe:
    """The same with at most so many epochs."""

    def least(course: Course) -> Course:
        return course._replace(epochs=min(course.epochs, epochs or course.epochs))

    return recipe._replace(first=least(recipe.first), together=least(recipe.together), alone=least(recipe.alone))


def read_all(limit: int | None = None) -> tuple[dict[str, Task], dict[str, PropertyTable]]:
    """Tasks and sources as rows, and as tables of distinct formulas."""
    columns = SOURCES | {name: asked.column for name, asked in TASKS.items()}
    tasks = {name: read(name, column, limit) for name, column in columns.items()}
    return tasks, {name: property_table(name, task, np.arange(len(task.y))) for name, task in tasks.items()}


def first_networks(tables: dict[str, PropertyTable], recipe: Recipe, keep: Path | None) -> Joint:
    """Networks of the sources that have seen no formula of any task; one set serves all tasks and folds."""
    path = keep and keep / "first.npz"
    if path and path.exists():
        with np.load(path) as arrays:
            found: Joint = unpack(arrays, {c.__name__: c for c in (Joint, Member, Heads, Layer, Scaling)})
        return found
    banned = {key for name in TASKS for key in tables[name].keys}
    found = learn_sources([tables[name] for name in SOURCES], recipe, exclude=banned)
    if path:
        save(path, pack(found))
    return found


def save(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write arrays, the file whole or not at all."""
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)
    part.replace(path)


def at_hand(
    side: str,
    name: str,
    tasks: dict[str, Task],
    tables: dict[str, PropertyTable],
    recipe: Recipe,
    first: Joint | None,
    fold: int,
    keep: Path | None,
) -> Fold:
    """A fold as kept, else computed and kept."""
    path = keep and keep / f"{name}-{side}-{fold}.npz"
    if path and path.exists():
        with np.load(path) as kept:
            found = Fold(**kept)
    else:
        found = held_out(side, name, tasks, tables, recipe, first, fold)
        if path:
            save(path, found._asdict())
    wrong, new = np.abs(found.each.mean(axis=0) - tasks[name].y[found.rows]), found.new
    print(
        f"{name} {side} fold {fold}: MAE {wrong.mean():.4f}; {wrong[new].mean():.4f} of the {new.sum()} new formulas"
        f" among {len(new)} rows; {float(found.seconds):.0f} s",
        flush=True,
    )
    return found


def held_out(
    side: str,
    name: str,
    tasks: dict[str, Task],
    tables: dict[str, PropertyTable],
    recipe: Recipe,
    first: Joint | None,
    fold: int,
) -> Fold:
    """Predictions of a test fold by one side."""
    task, start = tasks[name], time.perf_counter()
    train, test = split(task, fold)
    target, asked = property_table(name, task, train), task.compositions.take(test)
    if side == "trees":
        each = trees(inputs(target.compositions), target.y, inputs(asked))
    elif side == "alone":
        each = learn_target(target, [], recipe).each(asked)
    else:
        others = [table for other, table in tables.items() if other != name]
        each = learn_target(target, others, recipe, first=first, exclude=set(task.keys[test])).each(asked)
    new = ~np.isin(task.keys[test], list(target.keys))
    return Fold(test, each, new, np.array(time.perf_counter() - start))


def trees(x: NDArray[np.float32], y: NDArray[np.float64], asked: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, m) of extremely randomised trees and of gradient boosting of the absolute error."""
    from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    models = (
        ExtraTreesRegressor(150, max_features=0.3, random_state=0),
        HistGradientBoostingRegressor(
            loss="absolute_error", max_iter=250, learning_rate=0.08, max_features=0.3, random_state=0
        ),
    )
    with threadpool_limits(1, "openmp"):
        means = [model.fit(x, y).predict(asked) for model in models]
    return np.maximum(means, 0.0 if y.min() >= 0 else -np.inf)


def row(name: str, task: Task, found: dict[tuple[str, int], Fold], sides: list[str], folds: list[int]) -> str:
    """A task's line of the table: errors averaged over the folds, and published ones."""
    cells = {side: errors(task, [found[side, fold] for fold in folds]) for side in sides}
    ours = []
    for side in SIDES:
        mean, one = (f"{each:.4f}" for each in cells[side]) if side in cells else ("–", "–")
        ours += [f"{mean:>8}"] if side == "trees" else [f"{mean:>8}", f"{one:>7}"]
    return f"{name:<11} {len(folds):>5}  {' '.join(ours)}  {beside(name)}"


def errors(task: Task, folds: list[Fold]) -> tuple[float, float]:
    """Mean absolute error of the models' mean, and the mean of one model's, each averaged over the folds."""
    truth = [task.y[fold.rows] for fold in folds]
    together = [np.abs(fold.each.mean(axis=0) - y).mean() for fold, y in zip(folds, truth, strict=True)]
    apart = [np.abs(fold.each - y).mean() for fold, y in zip(folds, truth, strict=True)]
    return float(np.mean(together)), float(np.mean(apart))


def beside(name: str, most: int = 3) -> str:
    """The best published errors of models of compositions, and the best of all, over the five folds."""
    board, blind = published(name), of_compositions(name)
    text = ", ".join(f"{algorithm} {board[algorithm]:.4f}" for algorithm in blind[:most])
    best = min(board, key=lambda algorithm: board[algorithm])
    return text if best in blind else f"{text}; with structures {best} {board[best]:.4f}"


def figure(name: str, mean: float) -> str:
    """The line from which `table.py` makes a row: ours, the best published of compositions alone, ratio, goal."""
    best, asked = of_compositions(name)[0], TASKS[name]
    score = published(name)[best]
    goal = "–" if asked.goal is None else f"< {asked.goal:g}"
    unit = f" {asked.unit}" if asked.unit else ""
    return f"figure: matbench {name}, MAE{unit} | {mean:.4f} | {best} {score:.4f} | {mean / score:.2f} | {goal}"


def of_compositions(name: str) -> list[str]:
    """Published algorithms that see no structure, best first."""
    board, asked = published(name), TASKS[name]
    ranked = sorted(board, key=lambda algorithm: board[algorithm])
    return [each for each in ranked if not asked.structures or any(word in each for word in NOT_STRUCTURAL)]


def published(name: str) -> dict[str, float]:
    """Mean absolute error over the five folds by algorithm, as published."""
    table = pq.read_table(DATA / "matbench_leaderboard.parquet").to_pylist()
    return {
        row["algorithm"]: row["value"]
        for row in table
        if row["task"] == f"matbench_{name}" and row["metric"] == "mean mae"
    }


if __name__ == "__main__":
    main()
