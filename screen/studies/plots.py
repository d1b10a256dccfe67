"""Plots the studies share, drawn into given axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.studies.figures import ACCENT, INK, SOFT, WARM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches from the axes to the legend below them.
BELOW = 0.46


class Series(NamedTuple):
    """Points of one kind in a plot."""

    label: str
    x: FloatArray
    y: FloatArray
    colour: str = ACCENT


def scatter(
    ax: Axes, series: Sequence[Series], x_label: str, y_label: str, title: str = "", beside: bool = False
) -> None:
    """Plot points of several kinds, the later ones on top.

    beside : legend beside the axes, not below
    """
    for one in series:
        size = 22 if len(one.x) < 100 else 10 if len(one.x) < 500 else 5
        ax.scatter(one.x, one.y, s=size, color=one.colour, alpha=0.7, linewidths=0, label=one.label,
                   rasterized=len(one.x) > 3000)  # fmt: skip
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.set_title(title)
    if len(series) > 1:
        legend(ax, beside)


def legend(ax: Axes, beside: bool = False) -> None:
    """Put a legend below or beside the axes."""
    from matplotlib.transforms import ScaledTranslation

    if beside:
        ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), handletextpad=0.3)
    else:
        # As far below as tick labels and the axis label reach, however tall the axes are.
        drop = ScaledTranslation(0, -BELOW, ax.figure.dpi_scale_trans)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=ax.transAxes + drop, borderaxespad=0,
                  handletextpad=0.3)  # fmt: skip


def parity(ax: Axes, series: Sequence[Series], what: str, title: str = "") -> None:
    """Plot predicted against known values on equal axes."""
    from matplotlib.ticker import MaxNLocator

    scatter(ax, series, f"known {what}", f"predicted {what}", title)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    every = np.concatenate([values for one in series for values in (one.x, one.y)])
    low, high = float(every.min()), float(every.max())
    pad = 0.05 * (high - low) or 1.0
    ax.set(xlim=(low - pad, high + pad), ylim=(low - pad, high + pad), aspect="equal")
    ax.plot(
        [low - pad, high + pad], [low - pad, high + pad], color=SOFT, linewidth=0.9, linestyle=(0, (5, 4)), zorder=1
    )


def histograms(ax: Axes, series: Sequence[tuple[str, FloatArray, str]], x_label: str, bins: int = 40) -> None:
    """Plot shares of several sets of values in common bins."""
    every = np.concatenate([values for _, values, _ in series])
    edges = np.linspace(every.min(), every.max(), bins + 1)
    for label, values, colour in series:
        ax.hist(
            values, edges.tolist(), weights=np.full(len(values), 1 / len(values)), color=colour, alpha=0.45, label=label
        )
    ax.set(xlabel=x_label, ylabel="share of its own set")
    legend(ax)


def heat_map(ax: Axes, x: FloatArray, title: str, x_label: str, y_label: str) -> None:
    """Plot a matrix (rows, columns) scaled to [0, 1]."""
    ax.imshow(x, aspect="auto", vmin=0, vmax=1)
    ax.grid(visible=False)
    ax.set(xlabel=x_label, ylabel=y_label, xticks=[], yticks=[])
    ax.set_title(title)


def curve_beside(ax: Axes, values: FloatArray, x_label: str) -> None:
    """Plot the property beside a heat map's rows."""
    ax.plot(values, np.arange(len(values)), color=WARM, linewidth=1.2)
    ax.set(ylim=(len(values) - 0.5, -0.5), yticks=[], xlabel=x_label)


def dots(ax: Axes, names: Sequence[str], series: Sequence[tuple[str, FloatArray, FloatArray | None, str]], x_label: str,
         reference: tuple[str, float] | None = None) -> None:  # fmt: skip
    """Plot a row per name with a dot and whisker of each kind.

    series : label, values, half-widths or None, colour; NaN is left out
    reference : label and place of a dashed line
    """
    places = np.arange(len(names), dtype=float)
    for k, (label, values, spread, colour) in enumerate(series):
        shift = 0.16 * (k - (len(series) - 1) / 2)
        ax.errorbar(
            values, places + shift, xerr=spread, fmt="o", markersize=4.5, color=colour, linewidth=1.2, label=label
        )
    if reference is not None:
        ax.axvline(reference[1], color=INK, linewidth=1, linestyle=(0, (5, 4)), label=reference[0])
    ax.set(yticks=places, yticklabels=names, xlabel=x_label, ylim=(len(names) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0, labelcolor=INK)


def identity(ax: Axes, low: float, high: float) -> None:
    """Plot the line of equal values."""
    ax.plot([low, high], [low, high], color=SOFT, linewidth=0.9, linestyle=(0, (5, 4)))


def axis_label(table: PropertyTable) -> str:
    """Label an axis with a table's quantity and unit.

    On the scale it is fitted on.
    """
    unit = table.unit.replace("cm-1", "cm⁻¹").replace("cm3", "cm³").replace("degC", "°C")
    # A logarithm that was in the file already says so itself.
    what = f"{'ln ' if table.log else ''}{short(table.quantity, 34)}"
    return f"{what} ({unit})" if unit and unit != "1" else what


def short(text: str, size: int = 26) -> str:
    """Shorten a name for an axis.

    >>> short("heat_capacity")
    'heat capacity'
    """
    text = text.replace("_", " ")
    return text if len(text) <= size else text[: size - 1] + "…"
