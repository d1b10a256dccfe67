"""What `kh.design` returns: proposals that show and draw themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from markupsafe import Markup

from kakehashi.catalogs.numbers import number
from kakehashi.catalogs.records import UserError
from kakehashi.design.likelihood.goals import Goal, Property, parse_goals
from kakehashi.design.report.chance import chance_sentence, write_chance
from kakehashi.screen.api.plots import new_axes, plot_intervals
from kakehashi.screen.report.draw import draw_structure
from kakehashi.screen.report.svg import tag
from kakehashi.screen.report.text import with_unit, words
from kakehashi.screen.transfer.fit import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Proposals that are shown.
SHOWN = 5
GOAL = "#2e7d4f"


class Designed:
    """Proposals of a finished design, best first, as an Arrow table with a picture and a short text.

    What an Arrow table does (`to_pandas`, `select`, `slice`, `num_rows`, ...) it does, too.

    proposals : the Arrow table, columns as in proposals.parquet
    record : of the run, as in run.json
    models : of the properties, by name
    """

    def __init__(self, proposals: pa.Table, record: Mapping[str, Any], models: Mapping[str, Model]) -> None:
        self.proposals, self.record, self.models = proposals, record, models

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Windows that were asked for, in the units of their properties."""
        known = [Property(name, model.target.unit, model.target.log) for name, model in self.models.items()]
        return parse_goals(self.record["goals"], known)

    @property
    def chance(self) -> str:
        """Chance of the proposals to meet the goal, in a sentence."""
        return chance_sentence(self.proposals["p_goal"].to_pylist(), self.record["prior"]["mean_p_goal"])

    def plot(self, ax: Axes | None = None, *, property: str | None = None, top: int = 20) -> Axes:
        """Plot the best proposals with their intervals, the goal and the range of known values.

        property : one of several; None is the first

        Raises
        ------
        UserError : a property that was not predicted, or no proposals.
        """
        first = next(iter(self.models))
        name = first if property is None else property
        if name not in self.models:
            raise UserError(f"plot: no property {name!r}: expected one of {', '.join(self.models)}")
        if not self.proposals.num_rows:
            raise UserError("plot: there are no proposals; widen the goal or raise max_sa")
        prefix = "" if name == first else f"{name}_"
        axes = new_axes(ax)
        for goal in self.goals:
            if goal.property == name:
                for end in (goal.lower, goal.upper):
                    if math.isfinite(end):
                        axes.axvline(end, color=GOAL, lw=1.2, ls="--", label=f"goal: {goal}")
        return plot_intervals(self.models[name].target, self.proposals.slice(0, top), "smiles", axes, prefix=prefix)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and not name.startswith("__arrow"):  # looked up by copying and pickling
            raise AttributeError(name)
        return getattr(self.__dict__["proposals"], name)

    def __getitem__(self, column: str | int) -> pa.ChunkedArray:
        return self.proposals[column]

    def __len__(self) -> int:
        return int(self.proposals.num_rows)

    def __repr__(self) -> str:
        lines = [f"Design of {', '.join(self.record['goals'])}: {len(self):,} proposals", self.chance]
        lines += [f"{row['rank']}. {row['smiles']}: {_predicted(row)}" for row in self._best()]
        return "\n  ".join([*lines, f"files: {self.record['config']['out']}"])

    def _repr_html_(self) -> str:
        target = next(iter(self.models.values())).target
        head = ("", "repeat unit", with_unit(words(target.name), target.unit), "chance", "class", "monomers")
        rows = [tag("tr", *(tag("th", text, style="text-align:left") for text in head))]
        for row in self._best():
            monomers = " + ".join(filter(None, (row["monomer_1"], row["monomer_2"])))
            cells: tuple[str, ...] = (
                _small(draw_structure(row["smiles"])), row["smiles"], _predicted(row), write_chance(row["p_goal"]),
                row["class"] or "no route known", monomers,
            )  # fmt: skip
            rows.append(tag("tr", *(tag("td", cell, style="text-align:left") for cell in cells)))
        title = f"Design of {', '.join(self.record['goals'])}: {len(self):,} proposals"
        return str(tag("div", tag("b", title), tag("p", self.chance), *([tag("table", *rows)] if rows[1:] else [])))

    def _best(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.proposals.slice(0, SHOWN).to_pylist()
        return rows


def _predicted(row: Mapping[str, Any]) -> str:
    return f"{number(row['mean'], 3)} ({number(row['lower'], 3)} to {number(row['upper'], 3)})"


def _small(drawing: Any) -> Markup:
    """Drawing of a structure in a cell; nothing where it cannot be drawn."""
    return tag("div", Markup(drawing), style="width:180px") if drawing else Markup("")
