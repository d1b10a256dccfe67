"""Arrange the ranking for a page: columns, their order, and embedded rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.screen.report.charts import whisker
from kakehashi.screen.report.data import EMBEDDED_BYTES, MAX_EXTRA_COLUMNS, Table, plain, real, script_json
from kakehashi.screen.report.svg import Axis, padded
from kakehashi.screen.report.text import formula, number

PAGE = 50

_MEANINGS = {
    "rank": "position in the ranking, 1 is best",
    "formula": "formula exactly as the catalogue gives it",
    "id": "the catalogue's identifier, or the row number where it has none",
    "mean": "predicted value, in the unit of the target",
    "lower": "lower end of the 90% prediction interval",
    "upper": "upper end of the 90% prediction interval",
    "spread": "disagreement between the members of the model",
    "domain": "in: like the training materials; edge: beyond them in some respect; out: extrapolation",
    "domain_reason": "why a candidate is at the edge or out",
    "nearest_training": "the training material closest in descriptor space",
    "distance": "distance to the nearest training material",
    "at_ceiling": "the prediction sits at the largest value the model can give: its order there means little",
    "origin": "where the catalogue has the row from",
    "reduced_formula": "the formula that was scored; entries that share it share the prediction",
}
_LABELS = {
    "mean": "predicted", "lower": "low", "upper": "high", "nearest_training": "nearest training",
    "domain_reason": "reason", "at_ceiling": "at ceiling", "reduced_formula": "reduced",
}  # fmt: skip
_FIRST = ("rank", "formula", "mean", "interval", "lower", "upper", "domain", "id")
_LAST = ("spread", "nearest_training", "distance", "domain_reason", "at_ceiling", "reduced_formula", "origin")
DOMAIN_MARKS = {"in": "●", "edge": "◐", "out": "○"}


class TableLayout(NamedTuple):
    """Layout of a table: meanings, labels, column order, and searched columns.

    formulas, smiles : columns of formulas, whose amounts are set as subscripts, and of SMILES
    """

    meanings: Mapping[str, str]
    labels: Mapping[str, str]
    first: tuple[str, ...]
    last: tuple[str, ...]
    search: tuple[str, ...]
    formulas: tuple[str, ...] = ()
    smiles: tuple[str, ...] = ()


_MATERIALS = ("formula", "nearest_training", "reduced_formula")
COMPOSITIONS = TableLayout(_MEANINGS, _LABELS, _FIRST, _LAST, ("formula", "reduced_formula", "id"), formulas=_MATERIALS)
UNITS = COMPOSITIONS._replace(
    meanings=_MEANINGS
    | {
        "formula": "SMILES of the repeat unit exactly as the catalogue gives it",
        "reduced_formula": "the repeat unit that was scored, in its canonical form; entries that share it share the"
        " prediction",
    },
    labels=_LABELS | {"formula": "repeat unit", "reduced_formula": "canonical"},
    formulas=(),
    smiles=_MATERIALS,
)


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
    """Columns and embedded rows of the ranking of a page."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int
    hidden: tuple[str, ...]
    axis: Axis | None
    log: bool
    domains: tuple[str, ...]
    search: tuple[str, ...]

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
            }
        )

    def cells(self) -> list[list[tuple[str, Markup]]]:
        """Cells of the first page, as class and content.

        For readers without scripts.
        """
        return [[(column.style, self._cell(column, row)) for column in self.columns] for row in self.rows[:PAGE]]

    def _cell(self, column: Column, row: tuple[Any, ...]) -> Markup:
        if column.kind == "interval":
            ends = {c.key: real(row[c.index]) for c in self.columns if c.key in ("lower", "mean", "upper")}
            if self.axis is None:
                return Markup("")
            return whisker(ends.get("lower"), ends.get("mean"), ends.get("upper"), self.axis)
        value = row[column.index]
        if column.kind == "formula":
            return formula(value)
        if column.kind == "domain":
            kind = f"badge {value}" if value in DOMAIN_MARKS else "badge"
            return Markup('<span class="{}">{} {}</span>').format(kind, DOMAIN_MARKS.get(value, "?"), number(value))
        if column.kind == "figure":
            return escape(number(value, 4, keep=True))
        # no separators in identifiers and ranks
        return escape(str(value) if column.kind in ("rank", "integer") and value is not None else number(value))


def arrange_columns(table: Table, log: bool, layout: TableLayout = COMPOSITIONS) -> Ranking:
    """Choose and order columns and rows for a page.

    As many rows as fit.
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
            kind=_kind(layout, key, [] if index < 0 else [row[index] for row in table.rows]),
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
    return Ranking(
        columns=columns,
        rows=rows,
        total=table.total,
        hidden=tuple(table.columns[index] for index in extras[MAX_EXTRA_COLUMNS:]),
        axis=_axis(table, where, log, fitting),
        log=log,
        domains=tuple(sorted(seen, key=lambda d: (list(DOMAIN_MARKS).index(d) if d in DOMAIN_MARKS else 9, d))),
        search=layout.search,
    )


def _kind(layout: TableLayout, key: str, values: list[Any]) -> str:
    if key in ("rank", "domain", "interval"):
        return key
    if key in layout.formulas or key in layout.smiles:
        return "formula" if key in layout.formulas else "smiles"
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
