"""What `kh.screen` returns: the record of a run that shows itself in a few lines."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from markupsafe import Markup

from kakehashi.catalogs.numbers import interval, number
from kakehashi.catalogs.runs.open import results_at
from kakehashi.screen.report.svg import tag
from kakehashi.screen.report.text import with_unit, words

# Candidates that are shown.
SHOWN = 5


class Screened(dict[str, Any]):
    """Record of a finished screening, run.json; `ranking` reads its table.

    Examples
    --------
    >>> of = {"name": "mine", "scored": 10, "quarantined": 1}
    >>> Screened(target={"name": "kappa"}, catalog=of, config={"out": "r"})
    Screening of mine by kappa: 10 scored, 1 in quarantine
      files: r
    """

    @property
    def ranking(self) -> pa.Table:
        """The ranking, best first."""
        return results_at(str(self["config"]["out"])).read_table("ranking.parquet")

    def __repr__(self) -> str:
        catalog = self["catalog"]
        lines = [
            f"Screening of {catalog['name']} by {self['target']['name']}: {catalog['scored']:,} scored,"
            f" {catalog['quarantined']:,} in quarantine"
        ]
        lines += [self["trust"]["text"]] if self.get("trust") else []
        lines += [f"{row['rank']}. {_candidate(row)}" for row in self._next()]
        return "\n  ".join([*lines, f"files: {self['config']['out']}"])

    def _repr_html_(self) -> str:
        target = self["target"]
        title = f"{words(target['quantity'])} of {self['catalog']['name']}: {self['catalog']['scored']:,} scored"
        head = ("formula", with_unit("predicted", target["unit"]), "90 % interval", "why")
        rows = [tag("tr", *(tag("th", text) for text in head))]
        for row in self._next():
            interval = f"{number(row['lower'], 3)} to {number(row['upper'], 3)}"
            cells = (row["formula"], number(row["mean"], 3), interval, row.get("reason") or "")
            rows.append(tag("tr", *(tag("td", str(text), style="text-align:left") for text in cells)))
        parts: list[Markup] = [tag("b", title), tag("p", str((self.get("trust") or {}).get("text", "")))]
        parts += [tag("p", "To measure next, none of them in the target:"), tag("table", *rows)] if rows[1:] else []
        return str(tag("div", *parts))

    def _next(self) -> list[dict[str, Any]]:
        batch: list[dict[str, Any]] = (self.get("next") or {}).get("batch", [])
        return [{"rank": i, **row} for i, row in enumerate(batch[:SHOWN], start=1)]


def _candidate(row: dict[str, Any]) -> str:
    return f"{row['formula']}: {number(row['mean'], 3)} ({interval(row['lower'], row['upper'])})"
