"""Figures of a design run: goal probabilities, properties against each other, the sampler's path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from kakehashi.design.report.data import ModelledProperty
from kakehashi.screen.report.charts import overlaid
from kakehashi.screen.report.data import Row, real
from kakehashi.screen.report.svg import Axis, drawing, frame, padded, tag
from kakehashi.screen.report.text import number, percent, with_unit, words

BINS = 24
SMALLEST = 1e-6  # goal probabilities below are drawn here


def goal_histogram(prior: Sequence[float], proposals: Sequence[float], bar: float | None, quantile: float) -> Markup:
    """Goal probabilities of the allowed prior and of the proposals; logarithmic where the prior's are small."""
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
    """An axis of a scatter plot: the column of the proposals, what it is, and the window that is wanted."""

    column: str
    label: str
    unit: str = ""
    log: bool = False
    window: tuple[float, float] = (-math.inf, math.inf)

    @classmethod
    def of(cls, found: ModelledProperty) -> Measure:
        """The predicted values of a property."""
        window = (found.goal.lower, found.goal.upper) if found.goal else (-math.inf, math.inf)
        return cls(f"{found.prefix}mean", words(found.name), found.unit, found.log, window)


def scatter(
    rows: Sequence[Row], x: Measure, y: Measure, known: Sequence[tuple[str, float, float]] = ()
) -> Markup | None:
    """Proposals by two measures, the wanted window shaded; known: polymers with both values measured."""
    spots = []
    for row in rows:
        a, b = real(row.get(x.column)), real(row.get(y.column))
        if a is not None and b is not None and not (x.log and a <= 0) and not (y.log and b <= 0):
            spots.append((row, a, b))
    if not spots:
        return None
    known = [k for k in known if not (x.log and k[1] <= 0) and not (y.log and k[2] <= 0)]
    across = Axis(*_span(x, [*(a for _, a, _ in spots), *(k[1] for k in known)]), 68.0, 508.0, x.log)
    up = Axis(*_span(y, [*(b for _, _, b in spots), *(k[2] for k in known)]), 418.0, 12.0, y.log)
    parts = [*_window(x, y, across, up)]
    for name, a, b in known:
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
    plot = frame(across, up, with_unit(x.label, x.unit), with_unit(y.label, y.unit))
    return drawing(520, 468, title, plot, *parts)


def _span(measure: Measure, values: list[float]) -> tuple[float, float]:
    ends = [v for v in measure.window if math.isfinite(v) and (v > 0 or not measure.log)]
    return padded([*values, *ends], measure.log)


def _window(x: Measure, y: Measure, across: Axis, up: Axis) -> list[Markup]:
    """The part of the plot the goals ask for."""
    if not any(math.isfinite(v) for v in (*x.window, *y.window)):
        return []
    left, right = (across(min(max(v, across.low), across.high)) for v in x.window)
    bottom, top = (up(min(max(v, up.low), up.high)) for v in y.window)
    return [tag("rect", class_="wanted", x=left, y=top, width=max(right - left, 0.0), height=max(bottom - top, 0.0))]


PATHS = (
    ("effective_size", "effective particles", "of the weights of each step, in particles"),
    ("acceptance", "moves accepted", "share of the proposed moves that changed a particle"),
    ("distinct", "distinct repeat units", "among the particles"),
    ("log_z", "log Z", "log probability of the goals under the allowed prior, up to this temperature"),
)


def path(trace: Sequence[Row], column: str, label: str) -> Markup | None:
    """A diagnostic of the sampler over the inverse temperature, on a logarithmic axis if that starts low."""
    found = [(real(row.get("inverse_temperature")), real(row.get(column)), row) for row in trace]
    spots = [(t, v, row) for t, v, row in found if t is not None and v is not None and 0 < t <= 1]
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
