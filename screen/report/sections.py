"""Sections shared by all reports: verdict, leaderboard, accuracy and timings."""

from __future__ import annotations

import json
import math
from typing import Any

from markupsafe import Markup

from kakehashi.catalogs.numbers import number
from kakehashi.screen.report import charts
from kakehashi.screen.report.data import Row, Table, mappings, real
from kakehashi.screen.report.svg import Axis, padded
from kakehashi.screen.report.text import duration, with_unit, words
from kakehashi.screen.transfer.verdict import HEADLINES

BOARD_ROWS = 12


def pretty(config: Any) -> str:
    """Configuration as indented JSON."""
    return json.dumps(config, indent=2, ensure_ascii=False, sort_keys=True) if config else ""


def verdict(verdict: Row, log: bool, unit: str) -> dict[str, Any] | None:
    """Headline of a verdict and its figures.

    The sign of the difference is put in words.
    """
    if not verdict:
        return None
    helps = verdict.get("helps")
    chosen, direct = real(verdict.get("chosen_mae")), real(verdict.get("direct_mae"))
    difference = real(verdict.get("difference"))
    if difference is None and chosen is not None and direct is not None:
        difference = chosen - direct
    lower = chosen < direct if chosen is not None and direct is not None else None
    return {
        "kind": {True: "helps", False: "harms"}.get(helps, "even") if isinstance(helps, bool) else "even",
        "headline": HEADLINES[helps if isinstance(helps, bool) else None],
        "text": verdict.get("text"),
        "advice": verdict.get("recommendation"),
        "chosen": chosen,
        "direct": direct,
        "direct_name": verdict.get("direct_name"),
        "direction": None if difference is None or lower is None else "lower" if lower else "higher",
        "difference": None if difference is None else abs(difference),
        "error": real(verdict.get("standard_error")),
        "coverage": real(verdict.get("coverage_90")),
        "unit": "ln units" if log else unit,
        "factor": math.exp(chosen) if log and chosen is not None and chosen < 20 else None,
        "direct_factor": math.exp(direct) if log and direct is not None and direct < 20 else None,
    }


def leaderboard(table: Table | None, verdict: Row, log: bool, unit: str) -> dict[str, Any] | None:
    """Leaderboard rows by error, each drawn beside the direct model's."""
    if table is None or not table.rows:
        return None
    rows = table.records()
    rows.sort(key=lambda row: math.inf if (mae := real(row.get("mae"))) is None else mae)
    direct, chosen = real(verdict.get("direct_mae")), real(verdict.get("chosen_mae"))
    spans = [
        (mae - (real(row.get("mae_std")) or 0.0), mae + (real(row.get("mae_std")) or 0.0))
        for row in rows
        if (mae := real(row.get("mae"))) is not None
    ]
    ends = sorted(end for span in spans for end in span)
    # the worst models may be off by orders of magnitude; they end at the edge
    usual = [end for end in ends if end <= 1.7 * ends[len(ends) // 2]]
    axis = Axis(*padded([*usual, *([direct] if direct is not None else [])], False, 0.02), 5.0, 115.0)
    for row in rows:
        mae, std = real(row.get("mae")), real(row.get("mae_std"))
        spread = (None, None) if mae is None or std is None else (mae - std, mae + std)
        row["drawn"] = charts.whisker(spread[0], mae, spread[1], axis, direct)
        row["label"] = row.get("name") or row.get("head") or "model"
        row["is_direct"] = row.get("name") is not None and row.get("name") == verdict.get("direct_name")
        row["is_chosen"] = chosen is not None and mae is not None and math.isclose(mae, chosen, rel_tol=1e-9)
    better = next((k for k, row in enumerate(rows) if row["is_chosen"]), 0)
    return {
        "better": better,
        "first": rows[:BOARD_ROWS],
        "rest": rows[BOARD_ROWS:],
        "total": table.total,
        "log": log,
        "mae_label": with_unit("MAE", "ln" if log else unit),
        "mae_unit_label": with_unit("MAE", unit),
    }


def accuracy(
    predictions: Table | None, quantity: str, unit: str, log: bool, area: str = "parity-area"
) -> dict[str, Any]:
    """Parity plot, with the number of points drawn and covered."""
    points, undrawn = _points(predictions, log)
    return {
        "parity": charts.parity(points, quantity, unit, log, area) if points else None,
        "log": log,
        "drawn": len(points),
        "total": predictions.total if predictions else 0,
        "undrawn": undrawn,
        "with_interval": sum(p.covered is not None for p in points),
        "covered": sum(p.covered is True for p in points),
    }


def _points(predictions: Table | None, log: bool) -> tuple[list[charts.Point], int]:
    """Points that can be drawn, and the number of others."""
    rows = predictions.records() if predictions else []
    points = []
    for row in rows:
        y, mean = real(row.get("y")), real(row.get("mean"))
        if y is None or mean is None or (log and (y <= 0 or mean <= 0)):
            continue
        name = str(row.get("formula") or row.get("smiles") or row.get("id") or "")
        fold = "" if row.get("fold") is None else str(row["fold"])
        points.append(charts.Point(name, fold, y, mean, real(row.get("lower")), real(row.get("upper"))))
    return points, len(rows) - len(points)


def members(model: Row) -> list[Row]:
    """Members of a stack by weight, with bars."""
    rows = mappings(model, "members")
    rows.sort(key=lambda row: -(real(row.get("weight")) or 0.0))
    most = max((real(row.get("weight")) or 0.0 for row in rows), default=0.0) or 1.0
    shown = ("name", "weight")
    for row in rows:
        row["rest"] = ", ".join(f"{words(k)} {number(v)}" for k, v in row.items() if k not in shown and v is not None)
        row["drawn"] = charts.meter((real(row.get("weight")) or 0.0) / most)
    return rows


def timings(timings: Row) -> list[tuple[str, str, Markup]]:
    """Stages of a run with durations and bars."""
    known = [(str(stage), seconds) for stage, value in timings.items() if (seconds := real(value)) is not None]
    most = max((seconds for _, seconds in known), default=0.0) or 1.0
    return [(words(stage), duration(seconds), charts.meter(seconds / most)) for stage, seconds in known]
