"""Plots of models, rankings and boards as matplotlib axes; what lies far off is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.reading.memory_tables import arrow_table
from kakehashi.catalogs.reading.readers import require
from kakehashi.catalogs.records import FloatArray, PropertyTable, UserError
from kakehashi.screen.report.text import with_unit, words
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.validation.domain import FAR, VERY_FAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOUR, SOFT, DISTANT = "#2b5c8a", "#9aa4b2", "#b4532a"


def new_axes(ax: Axes | None) -> Axes:
    """Axes to draw into, new ones where none are given."""
    if ax is not None:
        return ax
    from matplotlib import pyplot  # imported here: it takes a second

    axes: Axes = pyplot.subplots(layout="constrained")[1]
    return axes


def plot_parity(model: Model, ax: Axes | None = None, *, name: int = 3) -> Axes:
    """Plot held-out predictions with their intervals against known values."""
    axes = new_axes(ax)
    target, held = model.target, model.out_of_fold
    back = np.exp if target.log else np.asarray
    mean, lower, upper = (np.asarray(back(v), np.float64) for v in (held.mean, held.lower, held.upper))
    known = target.values
    axes.errorbar(
        known, mean, yerr=np.abs(np.stack([mean - lower, upper - mean])), fmt="o", ms=4, color=COLOUR, ecolor=SOFT,
        elinewidth=0.8,
    )  # fmt: skip
    ends = [min(known.min(), mean.min()), max(known.max(), mean.max())]
    axes.plot(ends, ends, color=SOFT, lw=1, zorder=0)
    if target.log:
        axes.set(xscale="log", yscale="log")
    what = with_unit(words(target.quantity), target.unit)
    axes.set(xlabel=f"known {what}", ylabel=f"predicted {what}, held out")
    _name(axes, known, mean, target.materials, np.abs(held.mean - target.y), name)
    return axes


def plot_domain(model: Model, ax: Axes | None = None, *, name: int = 3) -> Axes:
    """Plot held-out errors against the distance to the nearest training compound."""
    axes = new_axes(ax)
    target, held = model.target, model.out_of_fold
    error = np.abs(held.mean - target.y)
    axes.plot(held.distance, error, "o", ms=4, color=COLOUR)
    for limit, colour in ((FAR, SOFT), (VERY_FAR, DISTANT)):
        axes.axvline(limit, color=colour, lw=1, ls="--", zorder=0)
    what = words(target.quantity)
    error_label = f"error of ln({what})" if target.log else f"error of {with_unit(what, target.unit)}"
    axes.set(xlabel="distance to the nearest training compound (edge: 1, out: 2)", ylabel=f"{error_label}, held out")
    _name(axes, held.distance, error, target.materials, error, name)
    return axes


def plot_ranking(model: Model, ranked: Any, ax: Axes | None = None, *, top: int = 20) -> Axes:
    """Plot the first rows of a ranking with their intervals, best on top."""
    table = arrow_table(ranked, "ranking")
    label = "formula" if "formula" in table.column_names else "smiles"
    return plot_intervals(model.target, table.slice(0, top), label, new_axes(ax))


def plot_intervals(target: PropertyTable, table: pa.Table, label: str, axes: Axes, *, prefix: str = "") -> Axes:
    """Plot predictions with their intervals, a row of the table each, first on top, and the range of known values.

    label : column of names; prefix : of the columns mean, lower and upper

    Raises
    ------
    UserError : a column is missing, or no row has a prediction.
    """
    columns = [f"{prefix}{name}" for name in ("mean", "lower", "upper")]
    for column in (label, *columns):
        require(column, table.column_names, "ranking")
    mean, lower, upper = (_numbers(table, column) for column in columns)
    if not np.isfinite(mean).any():
        raise UserError("plot: no row has a prediction")
    places = -np.arange(len(mean))
    out = np.array(table["domain"].to_pylist() if "domain" in table.column_names else ["in"] * len(mean)) == "out"
    for chosen, colour, said in ((~out, COLOUR, "in the domain or at its edge"), (out, DISTANT, "outside the domain")):
        if chosen.any():
            ends = np.abs(np.stack([mean - lower, upper - mean]))[:, chosen]
            axes.errorbar(mean[chosen], places[chosen], xerr=ends, fmt="o", ms=4, color=colour, label=said)
    axes.axvspan(
        float(target.values.min()), float(target.values.max()), color=SOFT, alpha=0.2, lw=0, label="known values"
    )
    axes.set_yticks(places, [str(text) for text in table[label].to_pylist()])
    if target.log:
        axes.set_xscale("log")
    axes.set_xlabel(f"{with_unit(words(target.quantity), target.unit)}, 90 % intervals")
    axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return axes


def _numbers(table: pa.Table, column: str) -> FloatArray:
    return np.asarray(table[column].to_numpy(), np.float64)


def _name(axes: Axes, x: FloatArray, y: FloatArray, names: tuple[str, ...], size: FloatArray, count: int) -> None:
    for i in np.argsort(-size, kind="stable")[:count]:
        axes.annotate(names[i], (x[i], y[i]), xytext=(4, 4), textcoords="offset points", fontsize=8, color=DISTANT)
