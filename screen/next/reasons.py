"""Say in words why a candidate is proposed: in full for a batch, in a clause for the first screen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.numbers import number
from kakehashi.screen.next.finished import FinishedRun
from kakehashi.screen.ranking.acquisition import NormalLaws, probability_above
from kakehashi.screen.ranking.acquisition_names import Acquisition


class Goal(NamedTuple):
    """What a candidate is compared with: the best known value, or a threshold.

    formula : of the best known compound, "" for a threshold
    """

    value: float
    formula: str = ""


def goal_of(run: FinishedRun) -> Goal:
    """Threshold of the run, or else its best known value."""
    threshold = run.record["config"].get("threshold")
    if threshold is not None:
        return Goal(float(threshold))
    return Goal(float(run.values[run.best]), run.formulas[run.best])


def explain_choice(run: FinishedRun, chosen: pa.Table, law: NormalLaws, by: Acquisition) -> list[str]:
    """Reason for each row of a batch, in words."""
    unit, level = run.unit, run.level
    best, known = float(run.goodness[run.best]), f"{number(float(run.values[run.best]), 3)} {unit}".strip()
    chances = probability_above(law, best)
    far, high = ("lower", "low") if run.minimise else ("upper", "high")
    texts = []
    for row, mean, chance in zip(chosen.to_pylist(), law.mean, chances, strict=True):
        beats = f"{format_percent(chance)} chance to beat the best known, {run.formulas[run.best]} with {known}"
        reach = f"may be as {high} as {number(row[far], 3)} {unit}".strip() + f" ({level:.0%} interval)"
        if by == "variance":
            words = [f"among the least certain: its {level:.0%} interval spans {_width(run, row)}", beats]
        elif by == "upper":
            words = [reach, beats]
        else:
            words = [beats, "predicted to be better" if mean > best else f"predicted to be worse, but {reach}"]
        place = {"in": "inside the domain", "edge": "at the edge of the domain"}.get(
            row["domain"], "outside the domain"
        )
        words.append(f"{place}: {row['domain_reason']}" if row["domain_reason"] else place)
        words.append(f"nearest known compound {row['nearest_training']}")
        texts.append("; ".join(words))
    return texts


def lead_rows(run: FinishedRun, chosen: pa.Table, law: NormalLaws, by: Acquisition) -> list[dict[str, Any]]:
    """Rows of a batch for the first screen: value, interval, chance, clause, nearest compound.

    chance : to beat the goal; clipped : ends cut at the bounds
    nearest_value : measured value of the nearest compound, None where it is not known
    """
    goal = goal_of(run)
    bar = float(run.scaled(np.array([goal.value]))[0])
    values = dict(zip(run.keys, run.values.tolist(), strict=True))
    rows = []
    for place, (row, mean, chance) in enumerate(
        zip(chosen.to_pylist(), law.mean, probability_above(law, bar), strict=True), 1
    ):
        rows.append(
            {
                "rank": place,
                **{name: row[name] for name in ("id", "formula", "mean", "lower", "upper", "domain", "domain_reason")},
                "chance": float(chance),
                "why": _clause(run, row, bool(mean > bar), bar, goal, by),
                "nearest": row["nearest_training"],
                "nearest_value": values.get(row["nearest_training"]),
                "clipped": row.get("clipped", ""),
            }
        )
    return rows


def format_percent(chance: float) -> str:
    """Chance in percent.

    >>> format_percent(0.004), format_percent(0.42)
    ('under 1%', '42%')
    """
    return "under 1%" if chance < 0.01 else "over 99%" if chance > 0.99 else f"{chance:.0%}"


def _clause(run: FinishedRun, row: dict[str, Any], better: bool, bar: float, goal: Goal, by: Acquisition) -> str:
    end = row["lower" if run.minimise else "upper"]
    reaches = float(run.scaled(np.array([end]))[0]) > bar if end > 0 or not run.log else False
    if by == "variance":
        return f"least certain: its interval spans {_width(run, row)}"
    than = "the best known" if goal.formula else "the threshold"
    if better:
        return f"predicted {'below' if run.minimise else 'above'} {than}"
    side = "above" if run.minimise else "below"
    if reaches:
        return f"predicted {side} {than}, but may reach {number(end, 3)}"
    return f"predicted {side} {than}, and unlikely to reach it"


def _width(run: FinishedRun, row: dict[str, Any]) -> str:
    if run.log:
        return f"a factor of {number(row['upper'] / row['lower'], 3)}"
    return f"{number(row['upper'] - row['lower'], 3)} {run.unit}".strip()
