"""Matbench's composition tasks on their official folds, with and without transfer, beside the published scores.

    python benchmarks/matbench.py [--tasks expt_gap ...] [--folds 0 ...] [--sides alone ...] [--keep FOLDER] [--short]

Folds: KFold(5, shuffle=True, random_state=18012019) over the rows in the order of their ids (Dunn et al., 2020).
Three sides. Transfer is `screen.joint`: networks that have learned PBE gaps and formation energies (without a formula
of any of the four tasks) go on with the task itself, the five other tables beside it. Alone: the same networks on the
task's training rows only. Trees: randomised and boosted ones, averaged, on the same inputs and rows.
The formulas of a test fold are in no other table. In the task's own training rows some of them are, as polymorphs;
so they are for every published score. The error of the other test rows ("new formulas") is printed beside.
--keep holds finished folds, with which a run goes on. --short: a thinned slice of one fold, to see that it runs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from catalogs.assemble import assemble
from catalogs.formulas import parse_column, reduced_keys
from catalogs.records import Compositions, PropertyTable
from screen.joint import Recipe, inputs, learn_sources, learn_target
from screen.joint_training import Heads, Joint, Member
from screen.networks import Layer
from screen.packing import content_hash, pack, unpack
from screen.scaling import Scaling

DATA = Path(__file__).parents[2] / "shared" / "data" / "inorganic"
# Value column, unit and the error asked for; None where none was.
TASKS = {
    "expt_gap": ("gap expt", "eV", 0.30),
    "log_gvrh": ("log10(G_VRH)", "log10(GPa)", 0.095),
    "dielectric": ("n", "", 0.29),
    "log_kvrh": ("log10(K_VRH)", "log10(GPa)", None),
}
SOURCES = {"mp_gap": "gap pbe", "mp_e_form": "e_form"}
FOLDS, FOLD_SEED = 5, 18012019
NAMED = ("MODNet (v0.1.12)", "CrabNet", "AMMExpress v2020", "RF-SCM/Magpie", "Dummy")
# Trees know no sources: what the same rows give to a common learner.
SIDES = ("transfer", "alone", "trees")
SHORT_ROWS, SHORT_EPOCHS = 1_500, 2


class Task(NamedTuple):
    """Rows as published: n formulas as text and as read, and values."""

    texts: list[str]
    keys: NDArray[np.object_]
    compositions: Compositions
    y: NDArray[np.float64]


def read(name: str, column: str, every: int = 1) -> Task:
    """Every k-th row of a table, in the order of ids; all formulas must be readable."""
    table = pq.read_table(DATA / f"matbench_{name}.parquet", columns=["mbid", "composition", column]).sort_by("mbid")
    table = table.take(np.arange(0, table.num_rows, every))
    texts = table["composition"].to_pylist()
    parsed = parse_column(texts)
    if bad := [text for text, reason in zip(texts, parsed.reasons, strict=True) if reason]:
        raise SystemExit(f"{name}: {len(bad)} formulas cannot be read, first {bad[0]}")
    keys = np.array(reduced_keys(parsed.compositions), dtype=object)
    return Task(texts, keys, parsed.compositions, table[column].to_numpy())


def property_table(name: str, task: Task, rows: NDArray[np.int64]) -> PropertyTable:
    """Some rows, polymorphs merged to their median."""
    return assemble(name, [task.texts[i] for i in rows], task.y[rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--folds", nargs="+", type=int, choices=range(FOLDS), default=list(range(FOLDS)))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--networks", type=int, default=Recipe().networks)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    recipe = Recipe(networks=given.networks)
    names, folds, every = given.tasks, given.folds, 1
    if given.short:
        recipe = Recipe(1, 0, *(course._replace(epochs=SHORT_EPOCHS) for course in recipe[2:]))
        names, folds = names[:1], folds[:1]
    started = time.perf_counter()
    columns = SOURCES | {name: column for name, (column, _, _) in TASKS.items()}
    tasks = {}
    for name, column in columns.items():
        tasks[name] = read(name, column)
        if given.short:
            every = max(1, len(tasks[name].y) // SHORT_ROWS)
            tasks[name] = read(name, column, every)
    tables = {name: property_table(name, task, np.arange(len(task.y))) for name, task in tasks.items()}
    keep = given.keep and given.keep / content_hash([list(recipe), {n: list(t.keys) for n, t in tables.items()}])[:12]
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    first = first_networks(tables, recipe, keep)
    print(f"first networks on {' and '.join(SOURCES)}: {time.perf_counter() - started:.0f} s with reading", flush=True)
    for name in names:
        report(name, tasks, tables, recipe, first, folds, given.sides, keep)
    print(f"wall time {time.perf_counter() - started:.0f} s; networks {recipe.networks}, folds {folds}")


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


def held_out(
    side: str,
    name: str,
    tasks: dict[str, Task],
    tables: dict[str, PropertyTable],
    recipe: Recipe,
    first: Joint,
    fold: int,
) -> dict[str, NDArray[np.generic]]:
    """Predictions (m,) of a test fold by one side; with its rows, which of their formulas are new, and seconds."""
    from sklearn.model_selection import KFold

    task = tasks[name]
    train, test = list(KFold(FOLDS, shuffle=True, random_state=FOLD_SEED).split(task.y))[fold]
    target, asked = property_table(name, task, train), task.compositions.take(test)
    new = ~np.isin(task.keys[test], list(target.keys))
    start = time.perf_counter()
    if side == "trees":
        mean = trees(inputs(target.compositions), target.y, inputs(asked))
    elif side == "alone":
        mean = learn_target(target, [], recipe).predict(asked)
    else:
        others = [table for other, table in tables.items() if other != name]
        mean = learn_target(target, others, recipe, first=first, exclude=set(task.keys[test])).predict(asked)
    return {"mean": mean, "rows": test, "new": new, "seconds": np.array(time.perf_counter() - start)}


def trees(x: NDArray[np.float32], y: NDArray[np.float64], asked: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean of extremely randomised trees and of gradient boosting of the absolute error."""
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
    return np.maximum(np.mean(means, axis=0), 0.0 if y.min() >= 0 else -np.inf)


def report(
    name: str,
    tasks: dict[str, Task],
    tables: dict[str, PropertyTable],
    recipe: Recipe,
    first: Joint,
    folds: list[int],
    sides: list[str],
    keep: Path | None,
) -> None:
    """Run the folds of a task that are not kept, and print their errors."""
    y, (_, unit, goal) = tasks[name].y, TASKS[name]
    print(f"\n{name}: MAE {unit}\n  side      fold  all rows  new formulas             s")
    errors: dict[str, list[float]] = {side: [] for side in sides}
    for side in sides:
        for fold in folds:
            path = keep and keep / f"{name}-{side}-{fold}.npz"
            if path and path.exists():
                with np.load(path) as kept:
                    found = dict(kept)
            else:
                found = held_out(side, name, tasks, tables, recipe, first, fold)
                if path:
                    save(path, found)
            wrong, new = np.abs(found["mean"] - y[found["rows"]]), found["new"]
            errors[side].append(float(wrong.mean()))
            print(
                f"  {side:<9} {fold:<5} {wrong.mean():.4f}    {wrong[new].mean():.4f} ({new.sum()} of {len(new)})"
                f"  {float(found['seconds']):6.0f}",
                flush=True,
            )
    for side in sides:
        print(f"  {side}: {np.mean(errors[side]):.4f} ± {np.std(errors[side]):.4f} over {len(folds)} folds")
    board = published(name)
    best = min(board, key=lambda algorithm: board[algorithm])
    print("  published: " + ", ".join(f"{a} {board[a]:.4f}" for a in dict.fromkeys((best, *NAMED)) if a in board))
    if "transfer" in sides and len(folds) == FOLDS:
        ours, asked = np.mean(errors["transfer"]), "–" if goal is None else f"< {goal:g}"
        rest = ", ".join(f"{side} {np.mean(errors[side]):.3f}" for side in sides if side != "transfer")
        print(
            f"figure: matbench {name}, MAE {unit}, official folds | {ours:.3f} ({rest})"
            f" | {best} {board[best]:.3f} | {ours / board[best]:.2f} | {asked}"
        )


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
