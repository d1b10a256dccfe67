"""Search of a virtual catalogue: its order and filters, and counts of all its indices."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.candidates.space import Space
from kakehashi.catalogs.elements import RADIOACTIVE
from kakehashi.catalogs.records import UserError
from kakehashi.screen.ranking.filters import FilterCount
from kakehashi.screen.ranking.rank import Order, RankBy

# Default number of rows in the ranking of a virtual catalogue.
TOP = 1000
# Indices of a virtual partition per row of an ordinary one: most are filtered out, and few leave rows.
PER_ROW = 64
# Most indices of a partition: positions in it are 32-bit integers.
MOST_INDICES = 1 << 30
DOMAINS = ("in", "edge", "out")
NEUTRAL = "charge-balanced, cations less electronegative than anions"


class Search(NamedTuple):
    """Order and filters of a search of a virtual catalogue.

    by, minimise : as in `Order`; threshold : on the fitted scale, None without one; top : rows to return
    domains : verdicts allowed; banned : elements no candidate may contain; words : description of the banned ones
    """

    space: Space
    by: RankBy
    minimise: bool
    threshold: float | None
    top: int
    domains: tuple[str, ...]
    banned: tuple[str, ...]
    words: str


class IndexCounts(NamedTuple):
    """Outcome of a range of indices.

    visited = scored + unscorable + filtered out

    unbalanced, banned : indices without charge balance, with excluded elements (they overlap)
    inside, edge, out : scored candidates by verdict; refused : those whose verdict is not allowed
    low, high : smallest and largest mean on the fitted scale; None where nothing is scored
    """

    visited: int = 0
    unbalanced: int = 0
    banned: int = 0
    unscorable: int = 0
    scored: int = 0
    inside: int = 0
    edge: int = 0
    out: int = 0
    at_ceiling: int = 0
    refused: int = 0
    low: float | None = None
    high: float | None = None

    @property
    def filtered(self) -> int:
        """Indices that the filters of the space removed."""
        return self.visited - self.scored - self.unscorable

    def __add__(self, other: object) -> IndexCounts:
        """Counts of both ranges."""
        if not isinstance(other, IndexCounts):
            return NotImplemented
        numbers = {name: a + b for name, a, b in zip(self._fields[:-2], self[:-2], other[:-2], strict=True)}
        lows, highs = ([v for v in ends if v is not None] for ends in zip(self[-2:], other[-2:], strict=True))
        return IndexCounts(**numbers, low=min(lows, default=None), high=max(highs, default=None))

    def text(self) -> str:
        """JSON text, as `read` takes it."""
        return json.dumps(self._asdict())

    @staticmethod
    def read(text: str) -> IndexCounts:
        """Counts in a JSON text."""
        return IndexCounts(**json.loads(text))


def make_search(space: Space, order: Order, *, log: bool) -> Search:
    """Search of a virtual catalogue that an order asks for.

    log : whether the target is fitted as ln

    Raises
    ------
    UserError : a limit or a filter that needs every row.
    """
    if order.per_system is not None:
        raise UserError("--per-system: expected a catalogue of rows; a virtual one keeps the best of all alone")
    domains = set(DOMAINS)
    for wanted in order.filters:
        value = wanted.value.strip("'\"")
        if wanted.column != "domain" or wanted.operator not in ("==", "!=") or value not in DOMAINS:
            raise UserError(
                f"filter {wanted}: a virtual catalogue knows domain!=out, domain==in and their like; others need a"
                " catalogue of rows"
            )
        domains &= {value} if wanted.operator == "==" else set(DOMAINS) - {value}
    banned = set(order.exclude) | (set() if order.radioactive else RADIOACTIVE)
    words = [f"without {', '.join(sorted(order.exclude))}"] if order.exclude else []
    words += [] if order.radioactive else ["no radioactive elements"]
    threshold = order.threshold
    if threshold is not None and log:
        threshold = float(np.log(threshold))
    return Search(
        space, order.by, order.minimise, threshold, order.top or TOP,
        tuple(name for name in DOMAINS if name in domains), tuple(sorted(banned)), ", ".join(words),
    )  # fmt: skip


def count_filters(search: Search, counts: IndexCounts, order: Order) -> tuple[FilterCount, ...]:
    """Indices each filter of a search removed on its own."""
    removed = [FilterCount(NEUTRAL, counts.unbalanced, 0)]
    if search.words:
        removed.append(FilterCount(search.words, counts.banned, 0))
    if order.filters:
        removed.append(FilterCount(", ".join(map(str, order.filters)), counts.refused, 0))
    return tuple(removed)
