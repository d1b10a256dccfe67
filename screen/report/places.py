"""Draw where measured compounds would have stood in the ranking when their value was held out."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from kakehashi.catalogs.numbers import number
from kakehashi.screen.report.data import Row, Table, real
from kakehashi.screen.report.svg import BOTTOM, LEFT, RIGHT, TOP, Axis, padded, plot, tag
from kakehashi.screen.report.text import percent, with_unit

# Share of a ranking that counts as its head, and share of the measured compounds that count as the best.
HEAD = 0.01
BEST = 0.1


class Place(NamedTuple):
    """A measured compound: its value, and the candidates predicted better than it."""

    name: str
    y: float
    better: int


class Places(NamedTuple):
    """Figure of the places of measured compounds.

    best : compounds that count as the best; head : of these, those in the first `HEAD` of the candidates
    """

    figure: Markup
    total: int
    drawn: int
    best: int
    head: int
    share: str


def draw_places(
    record: Row, predictions: Table | None, quantity: str, unit: str, *, log: bool, minimise: bool
) -> Places | None:
    """Figure of measured values against places in the ranking; None without both.

    record : `places` of a run: the candidates in all, and how many are predicted better than each compound
    """
    total, better = real(record.get("of")), record.get("better")
    if predictions is None or not total or total < 1 or not isinstance(better, list):
        return None
    if len(better) != predictions.total:
        return None
    places = []
    for k, row in enumerate(predictions.records()):
        value, count = real(row.get("y")), real(better[k * predictions.total // len(predictions.rows)])
        if value is not None and count is not None and 0 <= count <= total and (value > 0 or not log):
            places.append(Place(str(row.get("formula") or row.get("id") or ""), value, int(count)))
    if not places:
        return None
    places.sort(key=lambda place: place.y if minimise else -place.y)
    best = max(min(3, len(places)), round(BEST * len(places)))
    x = Axis(*padded([place.y for place in places], log, 0.06), LEFT, RIGHT, log)
    # the first place is at the top
    y = Axis(1.6 * (total + 1), 0.7, BOTTOM, TOP, True)
    line = max(HEAD * total, 1.0)
    marks: list[str] = [
        tag("line", class_="identity", x1=LEFT, x2=RIGHT, y1=y(line), y2=y(line)),
        tag("text", f"first {HEAD:.0%}", class_="note", x=RIGHT - 6, y=y(line) - 6, text_anchor="end"),
    ]
    for k in reversed(range(len(places))):
        place = places[k]
        text = (
            f"{place.name}\nmeasured {number(place.y)} {unit}\nplace {number(place.better + 1)} of"
            f" {number(int(total))} candidates (first {percent(place.better + 1, total)})"
        )
        kind = "dot known-best" if k < best else "dot other"
        marks.append(tag("circle", tag("title", text), class_=kind, cx=x(place.y), cy=y(place.better + 1), r=4.2))
    title = f"Measured {quantity} of {len(places)} compounds against their place among the candidates when held out"
    figure = plot(title, x, y, with_unit("measured", unit), "place in the ranking, held out", *marks)
    head = sum(place.better + 1 <= line for place in places[:best])
    return Places(figure, int(total), len(places), best, head, f"{HEAD:.0%}")
