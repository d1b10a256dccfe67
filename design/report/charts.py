"""Charts of a design run: goal probabilities, properties, sampler diagnostics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from kakehashi.catalogs.numbers import number
from kakehashi.design.report.data import ModelledProperty
from kakehashi.screen.report.charts import overlaid
from kakehashi.screen.report.data import Row, real
from kakehashi.screen.report.svg import Axis, drawing, frame, padded, plot, plot_axes, tag
from kakehashi.screen.report.text import percent, with_unit, words

BINS = 24
SMALLEST = 1e-6  # goal probabilities below are drawn here


def goal_histogram(prior: Sequence[float], proposals: Sequence[float], bar: float | None, quantile: float) -> Markup:
    """Histogram of goal probabilities of the allowed prior and of the proposals.

    The axis is logarithmic where the prior's probabilities are small.
    """
    floor = min(max(min([*prior, *proposals]), SMALLEST), 0.5)
    log = float(np.median(prior or proposals)) < 0.05
    edges = np.geomspace(floor, 1.0, BINS + 1) if log else np.linspace(0.0, 1.0, BINS + 1)
    sets = [
        ("training", "prior", np.histogram(np.clip(prior, edges[0], 1.0), edges)[0].tolist()),
        ("predicted", "proposals", np.histogram(np.clip(proposals, edges[0], 1.0), edges)[0].tolist()),
    ]
    mark = (
        None if bar is None else (bar, f"{percent(quantile, 1.0) if quantile < 0.99 else f'{quantile:.1%}'} of prior")
    )
    title = "Histogram: goal probability of repeat units drawn from the prior and of the proposals"
    return overlaid(edges.tolist(), sets, title, "goal probability", "", log, mark)


class Measure(NamedTuple):
    """Axis of a scatter plot: a column and its wanted window."""

    column: str
    label: str
    unit: str = ""
    log: bool = False
    window: tuple[float, float] = (-math.inf, math.inf)

    @classmethod
    def of(cls, model: ModelledProperty) -> Measure:
        """Axis of a property's predicted values."""
        window = (model.goal.lower, model.goal.upper) if model.goal else (-math.inf, math.inf)
        return cls(f"{model.prefix}mean", words(model.name), model.unit, model.log, window)


def scatter(
    rows: Sequence[Row], x: Measure, y: Measure, measured: Sequence[tuple[str, float, float]] = ()
) -> Markup | None:
    """Scatter plot of proposals by two measures, the wanted window shaded.

    measured : polymers with both values measured
    """
    spots = []
    for row in rows:
        a, b = real(row.get(x.column)), real(row.get(y.column))
        if a is not None and b is not None and not (x.log and a <= 0) and not (y.log and b <= 0):
            spots.append((row, a, b))
    if not spots:
        return None
    measured = [k for k in measured if not (x.log and k[1] <= 0) and not (y.log and k[2] <= 0)]
    span_x = _span(x, [*(a for _, a, _ in spots), *(k[1] for k in measured)])
    span_y = _span(y, [*(b for _, _, b in spots), *(k[2] for k in measured)])
    across, up = plot_axes(span_x, span_y, log_x=x.log, log_y=y.log)
    parts = [*_window(x, y, across, up)]
    for name, a, b in measured:
        text = f"{name}\nmeasured {number(a)} {x.unit}\nmeasured {number(b)} {y.unit}"
        parts.append(tag("circle", tag("title", text), class_="dot known", cx=across(a), cy=up(b), r=3.4))
    for row, a, b in reversed(spots):  # the best on top
        text = (
            f"{number(row.get('rank'))}: {row.get('smiles')}\n{x.label} {number(a)} {x.unit}\n{y.label} {number(b)}"
            f" {y.unit}\ngoal probability {number(real(row.get('p_goal')), 3)}"
        )
        where = row.get("domain") if row.get("domain") in ("in", "edge", "out") else "unknown"
        parts.append(tag("circle", tag("title", text), class_=f"dot {where}", cx=across(a), cy=up(b), r=3.8))
    title = f"{y.label} against {x.label} of {len(spots)} proposals"
    return plot(title, across, up, with_unit(x.label, x.unit), with_unit(y.label, y.unit), *parts)


def _span(measure: Measure, values: list[float]) -> tuple[float, float]:
    ends = [v for v in measure.window if math.isfinite(v) and (v > 0 or not measure.log)]
    return padded([*values, *ends], measure.log)


def _window(x: Measure, y: Measure, across: Axis, up: Axis) -> list[Markup]:
    """Rectangle of the values that meet the goals."""
    if not any(math.isfinite(v) for v in (*x.window, *y.window)):
        return []
    left, right = (across(min(max(v, across.low), across.high)) for v in x.window)
    bottom, top = (up(min(max(v, up.low), up.high)) for v in y.window)
    return [tag("rect", class_="wanted", x=left, y=top, width=max(right - left, 0.0), height=max(bottom - top, 0.0))]


PATHS = (
    ("effective_size", "effective particles", "effective sample size of the weights at each step"),
    ("acceptance", "moves accepted", "share of the attempted moves that changed a particle"),
    ("distinct", "distinct repeat units", "number of different repeat units among the particles"),
    ("log_z", "log Z", "natural logarithm of the goals' probability under the allowed prior, up to this temperature"),
)


def path(trace: Sequence[Row], column: str, label: str) -> Markup | None:
    """Chart of a sampler diagnostic against the inverse temperature.

    The axis is logarithmic where the inverse temperature starts low.
    """
    points = [(real(row.get("inverse_temperature")), real(row.get(column)), row) for row in trace]
    spots = [(t, v, row) for t, v, row in points if t is not None and v is not None and 0 < t <= 1]
    if not spots:
        return None
    low = min(t for t, _, _ in spots)
    log = low < 0.05
    x = Axis(low / 1.15 if log else 0.0, 1.1 if log else 1.03, 52.0, 292.0, log)
    values = [v for _, v, _ in spots]
    ends = padded(values, False) if column == "log_z" else (0.0, 1.08 * max(values) or 1.0)
    y = Axis(*ends, 178.0, 10.0)
    line = "M " + " L ".join(f"{x(t):.1f},{y(v):.1f}" for t, v, _ in spots)
    dots = [
        tag(
            "circle",
            tag(
                "title", f"inverse temperature {number(t, 3)}\n{label} {number(v, 3)}\n{number(row.get('moves'))} moves"
            ),
            class_="dot hit",
            cx=x(t),
            cy=y(v),
            r=3.4,
        )
        for t, v, row in spots
    ]
    return drawing(
        300, 226, f"{label} over the inverse temperature", frame(x, y, "inverse temperature", "", 4),
        tag("path", class_="way", d=line), *dots, class_="chart quarter",
    )  # fmt: skip
