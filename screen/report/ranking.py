"""Arrange the ranking for a page: columns, their order, and embedded rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from markupsafe import Markup, escape

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.formulas.gases import are_everyday
from kakehashi.catalogs.numbers import number
from kakehashi.screen.report.charts import whisker
from kakehashi.screen.report.data import EMBEDDED_BYTES, MAX_EXTRA_COLUMNS, Table, plain, real, script_json
from kakehashi.screen.report.layouts import COMPOSITIONS, DOMAIN_MARKS, TableLayout
from kakehashi.screen.report.svg import Axis, padded
from kakehashi.screen.report.text import formula

PAGE = 50
_LINK = Markup('<a href="{}" rel="noopener noreferrer">{}</a>')
_MP = re.compile(r"mp-[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Column:
    """Column of a page.

    index : place in an embedded row, -1 for a drawn interval
    """

    key: str
    label: str
    kind: str
    meaning: str
    index: int
    main: bool

    @property
    def style(self) -> str:
        """CSS classes: kind, pinned columns, and columns left out on paper."""
        pinned = {"rank": " pin-rank", "formula": " pin-formula", "smiles": " pin-formula"}.get(self.key, "")
        return self.kind + pinned + ("" if self.main else " extra")


@dataclass(frozen=True, slots=True)
class Ranking:
    """Columns and embedded rows of the ranking of a page.

    everyday : rows of elements, noble gases and gases; opening : rows on view at first; near : True if these are those
    in the domain or at its edge
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int
    hidden: tuple[str, ...]
    axis: Axis | None
    log: bool
    domains: tuple[str, ...]
    search: tuple[str, ...]
    everyday: tuple[int, ...] = ()
    opening: tuple[int, ...] = ()
    near: bool = False

    @property
    def measured(self) -> int:
        """Number of rows of measured compounds."""
        return sum(value is not None for value in self.values("measured"))

    def has(self, key: str) -> bool:
        """True if the ranking has the known column `key`."""
        return any(column.key == key for column in self.columns)

    def values(self, key: str) -> list[Any]:
        """Values of a known column; empty where there is none."""
        places = [column.index for column in self.columns if column.key == key]
        return [row[places[0]] for row in self.rows] if places else []

    def json(self) -> str:
        """Data of the interactive table, safe inside a script element."""
        return script_json(
            {
                "columns": [[c.key, c.label, c.kind, c.style, c.index] for c in self.columns],
                "rows": self.rows,
                "page": PAGE,
                "axis": [self.axis.low, self.axis.high] if self.axis else None,
                "log": self.log,
                "marks": DOMAIN_MARKS,
                "symbols": SYMBOLS,
                "search": [c.index for c in self.columns if c.key in self.search],
                "everyday": self.everyday,
            }
        )

    def cells(self) -> list[list[tuple[str, Markup]]]:
        """Cells of the first page of the opening view, as class and content.

        For readers without scripts.
        """
        rows = [self.rows[k] for k in self.opening[:PAGE]]
        return [[(column.style, self._cell(column, row)) for column in self.columns] for row in rows]

    def _cell(self, column: Column, row: tuple[Any, ...]) -> Markup:
        if column.kind == "interval":
            ends = {c.key: real(row[c.index]) for c in self.columns if c.key in ("lower", "mean", "upper")}
            if self.axis is None:
                return Markup("")
            return whisker(ends.get("lower"), ends.get("mean"), ends.get("upper"), self.axis)
        value = row[column.index]
        if column.kind == "formula":
            return formula(value)
        if column.kind == "id":
            return link_id(value)
        if column.kind == "domain":
            kind = f"badge {value}" if value in DOMAIN_MARKS else "badge"
            return Markup('<span class="{}">{} {}</span>').format(kind, DOMAIN_MARKS.get(value, "?"), number(value))
        if column.kind == "figure":
            return escape(number(value, 4, keep=True))
        # no separators in identifiers and ranks
        return escape(str(value) if column.kind in ("rank", "integer") and value is not None else number(value))


def link_id(value: Any) -> Markup:
    """Identifiers, each as a link to its page where it is one of the Materials Project.

    >>> link_id("mp-149")
    Markup('<a href="https://materialsproject.org/materials/mp-149" rel="noopener noreferrer">mp-149</a>')
    """
    if not isinstance(value, str):
        return escape(number(value))
    return Markup(" ").join(
        _LINK.format(f"https://materialsproject.org/materials/{word}", word) if _MP.fullmatch(word) else escape(word)
        for word in value.split(" ")
    )


def arrange_columns(table: Table, log: bool, layout: TableLayout = COMPOSITIONS, *, elements: bool = False) -> Ranking:
    """Choose and order columns and rows for a page.

    As many rows as fit.

    elements : True to have elements and gases on view at first
    """
    where: dict[str, int] = {}
    for index, name in enumerate(table.columns):
        if name in layout.meanings:
            where.setdefault(name, index)
    extras = [k for k, name in enumerate(table.columns) if where.get(name) != k]
    texts = [row[where["formula"]] for row in table.rows] if "formula" in where else []
    if "reduced_formula" in where and texts == [row[where["reduced_formula"]] for row in table.rows]:
        del where["reduced_formula"]
    if {"lower", "mean", "upper"} <= set(where):
        where["interval"] = -1
    chosen = [
        *((key, where[key]) for key in layout.first if key in where),
        *(("", index) for index in extras[:MAX_EXTRA_COLUMNS]),
        *((key, where[key]) for key in layout.last if key in where),
    ]
    sources = [index for _, index in chosen if index >= 0]
    columns = tuple(
        Column(
            key=key,
            label=layout.labels.get(key, key) if key else str(plain(table.columns[index])),
            kind=_kind(
                layout,
                key or ("id" if table.columns[index] == "mp_ids" else ""),
                [] if index < 0 else [row[index] for row in table.rows],
            ),
            meaning=layout.meanings.get(key, "90% interval on a common scale" if key else "from the catalogue"),
            index=sources.index(index) if index >= 0 else -1,
            main=key in layout.first,
        )
        for key, index in chosen
    )
    rows = tuple(tuple(plain(row[index]) for index in sources) for row in table.rows)
    sizes, fitting = 0, 0
    for k, row in enumerate(rows):
        sizes += len(script_json(row).encode("utf-8", "replace")) + 1
        if k < PAGE:  # also drawn as cells of the page
            sizes += sum(len(escape(str(value)).encode("utf-8", "replace")) for value in row)
        if sizes > EMBEDDED_BYTES:
            break
        fitting += 1
    rows = rows[:fitting]
    seen = dict.fromkeys(str(row[where["domain"]]) for row in table.rows[:fitting]) if "domain" in where else {}
    everyday = _find_everyday(rows, columns) if layout.formulas and layout.candidates else ()
    opening, near = _open_view(rows, columns, () if elements else everyday) if layout.candidates else (None, False)
    return Ranking(
        columns=columns,
        rows=rows,
        total=table.total,
        hidden=tuple(table.columns[index] for index in extras[MAX_EXTRA_COLUMNS:]),
        axis=_axis(table, where, log, fitting),
        log=log,
        domains=tuple(sorted(seen, key=lambda d: (list(DOMAIN_MARKS).index(d) if d in DOMAIN_MARKS else 9, d))),
        search=layout.search,
        everyday=everyday,
        opening=tuple(range(fitting)) if opening is None else opening,
        near=near,
    )


def _find_everyday(rows: tuple[tuple[Any, ...], ...], columns: tuple[Column, ...]) -> tuple[int, ...]:
    """Rows of elements, noble gases and gases."""
    places = {column.key: column.index for column in columns}
    where = places.get("reduced_formula", places.get("formula"))
    if where is None:
        return ()
    texts = pa.array([None if row[where] is None else str(row[where]) for row in rows], pa.string())
    return tuple(are_everyday(texts).nonzero()[0].tolist())


def _open_view(
    rows: tuple[tuple[Any, ...], ...], columns: tuple[Column, ...], hidden: tuple[int, ...]
) -> tuple[tuple[int, ...], bool]:
    """Rows on view at first, and True if they are limited to the domain and its edge.

    Unmeasured ones; all of them where none is in the domain or at its edge.
    """
    places = {column.key: column.index for column in columns}
    domain, measured, left_out = places.get("domain"), places.get("measured"), set(hidden)
    free = [k for k, row in enumerate(rows) if k not in left_out and (measured is None or row[measured] is None)]
    near = [] if domain is None else [k for k in free if rows[k][domain] in ("in", "edge")]
    return (tuple(near), True) if near else (tuple(free), False)


def _kind(layout: TableLayout, key: str, values: list[Any]) -> str:
    if key in ("rank", "domain", "interval"):
        return key
    if key in layout.formulas or key in layout.smiles:
        return "formula" if key in layout.formulas else "smiles"
    if key == "id":
        return "id"
    known = [value for value in values if value is not None]
    if key in ("domain_reason", "reaction"):
        return "long"
    if not known or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in known):
        return "text"
    whole = all(isinstance(v, int) for v in known)
    if key and not whole:
        return "figure"
    return "integer" if whole else "number"


def _axis(table: Table, where: dict[str, int], log: bool, fitting: int) -> Axis | None:
    """Common axis of the drawn intervals.

    From the predictions and the bulk of their intervals.
    """
    if "interval" not in where:
        return None
    columns = [
        sorted(v for row in table.rows[:fitting] if (v := real(row[where[key]])) is not None and (v > 0 or not log))
        for key in ("lower", "mean", "upper")
    ]
    if not all(columns):
        return None
    lower, mean, upper = columns
    # without the widest intervals, which would flatten all others
    ends = [lower[len(lower) // 50], mean[0], mean[-1], upper[-1 - len(upper) // 50]]
    low, high = padded(ends, log, 0.02)
    return Axis(low, high, 5.0, 115.0, log)
