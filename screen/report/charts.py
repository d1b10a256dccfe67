"""Charts of reports as inline SVG, coloured through class names by the style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from kakehashi.catalogs.numbers import number
from kakehashi.screen.report.svg import Axis, padded, plot, plot_axes, tag
from kakehashi.screen.report.text import percent, with_unit


class Point(NamedTuple):
    """Held-out prediction in the original unit."""

    name: str
    fold: str
    y: float
    mean: float
    lower: float | None
    upper: float | None

    @property
    def covered(self) -> bool | None:
        """True if the interval holds the measured value.

        None without an interval.
        """
        if self.lower is None or self.upper is None:
            return None
        return self.lower <= self.y <= self.upper


def parity(points: Sequence[Point], quantity: str, unit: str, log: bool, area: str = "parity-area") -> Markup:
    """Parity plot with intervals; on log axes of positive points alone.

    area : id of the clipping path, unique in the page
    """
    shown = [p for p in points if not log or (p.y > 0 and p.mean > 0)]
    centres = [value for p in shown for value in (p.y, p.mean)]
    low, high = padded(centres, log, 0.12)
    x, y = plot_axes((low, high), (low, high), log_x=log, log_y=log)
    bars, dots = [], []
    # misses are drawn last, on top
    for p in sorted(shown, key=lambda p: p.covered is False):
        kind = "miss" if p.covered is False else "hit"
        text = f"{p.name}\nmeasured {number(p.y)} {unit}\npredicted {number(p.mean)} {unit}"
        if p.lower is not None and p.upper is not None:
            text += f"\n90% interval {number(p.lower)} to {number(p.upper)} {unit}"
            bars.append(tag("line", class_=f"bar {kind}", x1=x(p.y), x2=x(p.y), y1=y(p.lower), y2=y(p.upper)))
        if p.fold:
            text += f"\nfold {p.fold}"
        dots.append(tag("circle", tag("title", text), class_=f"dot {kind}", cx=x(p.y), cy=y(p.mean), r=4.2))
    clip = tag("clipPath", tag("rect", x=68, y=12, width=440, height=406), id=area)
    diagonal = tag("line", class_="identity", x1=x(low), y1=y(low), x2=x(high), y2=y(high))
    missed = sum(p.covered is False for p in shown)
    title = f"Parity plot: predicted against measured {quantity} of {len(shown)} materials"
    marks = tag("g", diagonal, *bars, *dots, clip_path=f"url(#{area})")
    labels = with_unit("measured", unit), with_unit("predicted, out of fold", unit)
    return plot(f"{title}, {missed} outside their 90% interval", x, y, *labels, clip, marks)


def histogram(
    edges: Sequence[float],
    training: Sequence[float],
    predicted: Sequence[float],
    quantity: str,
    unit: str,
    log: bool,
    ceiling: float | None = None,
    names: Sequence[Sequence[str]] = (),
) -> Markup:
    """Overlaid histograms of training values and predictions.

    ceiling : value to mark; names : training materials in each bin
    """
    sets = [("predicted", "predicted", predicted), ("training", "training", training)]
    title = f"Histogram: {quantity} of the training materials and predicted for the catalogue"
    mark = None if ceiling is None else (ceiling, "ceiling: largest the model can give")
    return overlaid(edges, sets, title, quantity, unit, log, mark, {"training": names})


def overlaid(
    edges: Sequence[float],
    sets: Sequence[tuple[str, str, Sequence[float]]],
    title: str,
    quantity: str,
    unit: str,
    log: bool,
    mark: tuple[float, str] | None = None,
    names: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> Markup:
    """Overlaid histograms of several sets, as shares per bin.

    sets : class, name and counts of each; mark : a value and its label
    names : materials in each bin of a class, shown on hovering
    """
    shares = [[100 * count / (sum(counts) or 1) for count in counts] for _, _, counts in sets]
    highest = max((max(s, default=0.0) for s in shares), default=0.0)
    x, y = plot_axes((edges[0], edges[-1]), (0.0, 1.08 * highest or 1.0), log_x=log)
    parts: list[str] = []
    for (kind, name, counts), heights in zip(sets, shares, strict=True):
        for k, (count, share) in enumerate(zip(counts, heights, strict=True)):
            if not count:
                continue
            left, right = x(edges[k]), x(edges[k + 1])
            text = (
                f"{number(edges[k])} to {number(edges[k + 1])} {unit}\n"
                f"{name}: {number(int(count))} ({percent(count, sum(counts))})"
            )
            listed = (names or {}).get(kind) or ()
            if k < len(listed) and listed[k]:
                text += "\n" + list_names(listed[k])
            parts.append(
                tag(
                    "rect",
                    tag("title", text),
                    class_=f"bin {kind}",
                    x=left + 0.5,
                    y=y(share),
                    width=max(right - left - 1, 0.8),
                    height=max(418 - y(share), 1.5),
                )
            )
    if mark is not None and edges[0] <= mark[0] <= edges[-1]:
        at = x(mark[0])
        anchor = "end" if at > 300 else "start"
        parts.append(tag("line", class_="ceiling", x1=at, x2=at, y1=12, y2=418))
        where = at - 6 if anchor == "end" else at + 6
        parts.append(tag("text", mark[1], class_="note", x=where, y=24, text_anchor=anchor))
    return plot(title, x, y, with_unit(quantity, unit), "share of each set", *parts, y_suffix="%")


def list_names(names: Sequence[str], most: int = 8) -> str:
    """First names of a list, and how many more there are.

    >>> list_names(["MgO", "CaO", "SrO"], most=2)
    'MgO, CaO and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def shares(counts: Mapping[str, int], title: str) -> Markup:
    """Bar divided in proportion to the counts, coloured by classes `part-KEY`."""
    total = sum(counts.values()) or 1
    at = 0.0
    parts = []
    for key, count in counts.items():
        if count <= 0:
            continue
        width = max(1000 * count / total, 2.0)
        text = f"{key}: {number(count)} ({percent(count, total)})"
        parts.append(tag("rect", tag("title", text), class_=f"part-{key}", x=at, y=0, width=width, height=24))
        at += width
    return tag(
        "svg", tag("title", title), *parts, class_="shares", role="img", aria_label=title,
        viewBox=f"0 0 {max(at, 1):.2f} 24", preserveAspectRatio="none",
    )  # fmt: skip


def whisker(
    lower: float | None,
    mean: float | None,
    upper: float | None,
    x: Axis,
    mark: float | None = None,
    title: str = "",
    kind: str = "",
) -> Markup:
    """Interval in a table cell: line, mean, and `mark`."""
    parts: list[str] = [tag("title", title)] if title else []

    def within(value: float) -> float:
        return min(max(x(value), x.start - 4), x.stop + 4)

    if mark is not None:
        at = within(mark)
        parts.append(tag("line", class_="mark", x1=at, x2=at, y1=0, y2=16))
    if lower is not None and upper is not None:
        parts.append(tag("line", class_="range", x1=within(lower), x2=within(upper), y1=8, y2=8))
    if mean is not None:
        parts.append(tag("circle", class_="centre", cx=within(mean), cy=8, r=3.2))
    return tag("svg", *parts, class_=f"whisker {kind}".strip(), viewBox="0 0 120 16", aria_hidden="true")


def meter(share: float) -> Markup:
    """Bar filled to `share` of its length."""
    filled = 100 * min(max(share, 0.0), 1.0)
    return tag(
        "svg",
        tag("rect", class_="track", x=0, y=0, width=100, height=8),
        tag("rect", class_="fill", x=0, y=0, width=filled, height=8),
        class_="meter", viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true",
    )  # fmt: skip
