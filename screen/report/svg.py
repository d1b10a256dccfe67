"""Building blocks of charts: escaped SVG elements, axes, ticks and plot frames."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from markupsafe import Markup, escape

from kakehashi.catalogs.numbers import number

# Pixels of a full-sized plot, and the edges of its frame.
WIDTH, HEIGHT = 520, 468
LEFT, RIGHT, BOTTOM, TOP = 68.0, 508.0, 418.0, 12.0


def tag(name: str, *children: str, **attributes: str | float | int) -> Markup:
    """SVG element with escaped attributes and text.

    Underscores of `class_` and `stroke_width` become nothing and hyphens.

    >>> tag("text", "a < b", class_="note", stroke_width=1)
    Markup('<text class="note" stroke-width="1">a &lt; b</text>')
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(
            key.rstrip("_").replace("_", "-"), f"{value:.2f}" if isinstance(value, float) else value
        )
        for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, Markup("").join(escape(c) for c in children))


def drawing(width: int, height: int, title: str, *children: str, class_: str = "chart") -> Markup:
    """Scalable figure with a title for screen readers."""
    return tag(
        "svg", tag("title", title), *children,
        class_=class_, viewBox=f"0 0 {width} {height}", role="img", aria_label=title,
    )  # fmt: skip


class Ticks(NamedTuple):
    """Marks of an axis: labelled `major` ones and short `minor` ones."""

    major: list[float]
    labels: list[str]
    minor: list[float]


def linear_ticks(low: float, high: float, count: int = 5) -> Ticks:
    """About `count` round values in [low, high].

    Multiples of 1, 2 or 5 times a power of ten.

    >>> linear_ticks(0.0, 1.0).labels
    ['0', '0.2', '0.4', '0.6', '0.8', '1']
    """
    if not high > low:
        return Ticks([low], [number(low)], [])
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(factor for factor in (1, 2, 5, 10) if raw <= factor * power * (1 + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    major = [k * step for k in range(first, last + 1)]
    return Ticks(major, [number(float(f"{value:.10g}"), 10) for value in major], [])


def log_ticks(low: float, high: float) -> Ticks:
    """Decades in [low, high], with 2 and 5 where few fit.

    Linear ticks within less than a third of a decade.
    """
    decades = math.log10(high / low) if high > low > 0 else 0.0
    if decades < 1 / 3:
        return linear_ticks(low, high)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil(decades / 7))
    factors = (1.0, 2.0, 5.0) if decades < 1.7 else (1.0, 3.0) if decades < 3.2 else (1.0,)

    def inside(value: float) -> bool:
        return low * (1 - 1e-9) <= value <= high * (1 + 1e-9)

    major = [
        float(f"{factor * 10.0**power:.10g}")
        for power in range(first, last + 1)
        if power % stride == 0
        for factor in factors
        if inside(factor * 10.0**power)
    ]
    minor = [k * 10.0**power for power in range(first, last + 1) for k in range(1, 10)]
    fine = [value for value in minor if inside(value) and value not in major] if stride == 1 else []
    return Ticks(major, [number(value) for value in major], fine)


@dataclass(frozen=True, slots=True)
class Axis:
    """Linear or logarithmic map of [low, high] onto pixels [start, stop]."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Pixel of a value.

        On a log axis zero and below fall on the lower end.
        """
        if self.log:
            value = max(value, min(self.low, self.high) * 1e-9)
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        # far values stay outside, at a finite pixel
        return self.start + (self.stop - self.start) * min(max(share, -2.0), 3.0)

    def ticks(self, count: int = 5) -> Ticks:
        """Marks along this axis."""
        low, high = min(self.low, self.high), max(self.low, self.high)  # an axis may fall
        return log_ticks(low, high) if self.log else linear_ticks(low, high, count)


def padded(values: Iterable[float], log: bool, pad: float = 0.06) -> tuple[float, float]:
    """Range of all values, widened at both ends.

    By `pad` of itself; never empty.

    >>> padded([0.0, 10.0], log=False, pad=0.1)
    (-1.0, 11.0)
    """
    usable = [math.log(v) if log else v for v in values if not log or v > 0]
    low, high = (min(usable), max(usable)) if usable else (0.0, 1.0)
    spare = pad * (high - low) or (0.1 if log else 0.1 * abs(high) or 1.0)
    low, high = low - spare, high + spare
    return (math.exp(low), math.exp(high)) if log else (low, high)


def plot_axes(
    across: tuple[float, float], upwards: tuple[float, float], *, log_x: bool = False, log_y: bool = False
) -> tuple[Axis, Axis]:
    """Axes of a full-sized plot over two ranges of values."""
    return Axis(*across, LEFT, RIGHT, log_x), Axis(*upwards, BOTTOM, TOP, log_y)


def plot(title: str, x: Axis, y: Axis, x_label: str, y_label: str, *marks: str, y_suffix: str = "") -> Markup:
    """Full-sized plot: frame, axis titles, and marks on top."""
    return drawing(WIDTH, HEIGHT, title, frame(x, y, x_label, y_label, y_suffix=y_suffix), *marks)


def frame(x: Axis, y: Axis, x_label: str, y_label: str, y_count: int = 5, y_suffix: str = "") -> Markup:
    """Grid, ticks and axis titles of a plot.

    Pixels run downwards: y.start is the bottom.
    """
    parts: list[str] = []
    left, right, bottom, top = x.start, x.stop, y.start, y.stop
    marks = x.ticks()
    for value, label in zip(marks.major, marks.labels, strict=True):
        at = x(value)
        parts.append(tag("line", class_="grid", x1=at, x2=at, y1=top, y2=bottom))
        parts.append(tag("text", label, class_="tick", x=at, y=bottom + 18, text_anchor="middle"))
    parts += [tag("line", class_="axis", x1=x(v), x2=x(v), y1=bottom, y2=bottom + 4) for v in marks.minor]
    marks = y.ticks(y_count)
    for value, label in zip(marks.major, marks.labels, strict=True):
        at = y(value)
        parts.append(tag("line", class_="grid", x1=left, x2=right, y1=at, y2=at))
        parts.append(tag("text", label + y_suffix, class_="tick", x=left - 8, y=at + 4, text_anchor="end"))
    parts += [tag("line", class_="axis", x1=left - 4, x2=left, y1=y(v), y2=y(v)) for v in marks.minor]
    parts.append(tag("line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom))
    parts.append(tag("line", class_="axis", x1=left, x2=left, y1=top, y2=bottom))
    middle = (left + right) / 2
    parts.append(tag("text", x_label, class_="label", x=middle, y=bottom + 40, text_anchor="middle"))
    parts.append(
        tag(
            "text",
            y_label,
            class_="label",
            text_anchor="middle",
            transform=f"translate(14 {(top + bottom) / 2:.2f}) rotate(-90)",
        )
    )
    return Markup("").join(parts)
