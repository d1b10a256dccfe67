"""The report of a screening run: one HTML page that opens offline, with nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from screen.report import charts, periodic
from screen.report.data import FILES, MAX_REASONS, Row, RunData, mapping, mappings, read_run, real
from screen.report.ranking import PAGE, Ranking, arrange
from screen.report.svg import Axis, padded
from screen.report.text import MISSING, duration, figure, formula, moment, number, percent, with_unit, words

TEMPLATES = Path(__file__).parent / "templates"
BEST = 100
BOARD_ROWS = 12


def write_report(directory: Path) -> str:
    """HTML of the report on the run in `directory`; the same files always give the same text.

    Raises
    ------
    UserError
        Code 2 where there is no run.json, 6 where a file is there but cannot be read.
    """
    return render(read_run(Path(directory)))


def render(data: RunData) -> str:
    """HTML of the report."""
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
            **_content(data),
        )
    )
    # a lone surrogate, which JSON can carry, cannot be written as UTF-8
    return page.encode("utf-8", "replace").decode("utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: MISSING if value is None else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number, "words": words, "moment": moment, "duration": duration, "formula": formula,
        "figure": figure,
        "texts": _texts,
        "records": mappings,
    }  # fmt: skip
    return environment


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _content(data: RunData) -> dict[str, Any]:
    run = data.run
    target = mapping(run, "target")
    log = target.get("log") is True
    unit = str(target.get("unit") or "")
    quantity = words(target.get("quantity") or target.get("name") or "the target")
    ranking = arrange(data.ranking, log) if data.ranking else None
    ceiling = mapping(run, "ceiling")
    points, undrawn = _points(data, log)
    return {
        "run": run,
        "target": target,
        "quantity": quantity,
        "unit": unit,
        "mae_label": with_unit("MAE", "ln" if log else unit),
        "mae_unit_label": with_unit("MAE", unit),
        "log": log,
        "sources": mappings(run, "sources"),
        "properties": _properties(mappings(run, "sources")),
        "catalog": mapping(run, "catalog"),
        # the name of a file catalogue is its path
        "catalog_short": re.split(r"[/\\]", str(mapping(run, "catalog")["name"]))[-1],
        "verdict": _verdict(mapping(run, "verdict"), log, unit),
        "warnings": _texts(run, "warnings"),
        "ceiling": ceiling,
        "board": _leaderboard(data, mapping(run, "verdict")),
        "parity": charts.parity(points, quantity, unit, log) if points else None,
        "points": {
            "drawn": len(points),
            "total": data.predictions.total if data.predictions else 0,
            "undrawn": undrawn,
            "with_interval": sum(p.covered is not None for p in points),
            "covered": sum(p.covered is True for p in points),
        },
        "histogram": _histogram(mapping(run, "histogram"), quantity, unit, real(ceiling.get("value"))),
        "domain": _domain(mapping(run, "domain"), ranking),
        "reach": _reach(mapping(run, "interval")),
        "elements": _elements(data, ranking),
        "filters": mappings(run, "filters"),
        "ranking": ranking,
        "page": PAGE,
        "quarantined": data.quarantined[:MAX_REASONS],
        "quarantined_more": max(len(data.quarantined) - MAX_REASONS, 0),
        "rejected": data.rejected[:MAX_REASONS],
        "rejected_more": max(len(data.rejected) - MAX_REASONS, 0),
        "members": _members(mapping(run, "model")),
        "model_text": mapping(run, "model").get("text"),
        "timings": _timings(mapping(run, "timings")),
        "packages": sorted((str(k), str(v)) for k, v in mapping(run, "packages").items()),
        "config": _pretty(run.get("config")),
        "files": [(name, FILES[name]) for name in data.files],
    }


def _properties(sources: Sequence[Row]) -> list[Row]:
    """The properties networks learned from, each once: networks that share a trunk list theirs as tasks."""
    seen: dict[str, Row] = {}
    for source in sources:
        for task in mappings(source, "tasks") or [source]:
            seen.setdefault(str(task["name"] or len(seen)), task)
    return list(seen.values())


def _texts(record: Row, key: str) -> list[str]:
    value = record.get(key)
    return [str(item) for item in value] if isinstance(value, list) else [str(value)] if value else []


def _pretty(config: Any) -> str:
    return json.dumps(config, indent=2, ensure_ascii=False, sort_keys=True) if config else ""


def _verdict(verdict: Row, log: bool, unit: str) -> dict[str, Any] | None:
    """The headline and its figures; the difference is put in words so that its sign cannot be misread."""
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
        "headline": {True: "Transfer helps here", False: "Transfer does not help here"}[helps]
        if isinstance(helps, bool)
        else "No measurable difference",
        "text": verdict.get("text"),
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


def _leaderboard(data: RunData, verdict: Row) -> dict[str, Any] | None:
    """Rows by error, each with its error drawn beside the direct model's."""
    if data.leaderboard is None or not data.leaderboard.rows:
        return None
    rows = data.leaderboard.records()
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
    return {"better": better, "first": rows[:BOARD_ROWS], "rest": rows[BOARD_ROWS:], "total": data.leaderboard.total}


def _points(data: RunData, log: bool) -> tuple[list[charts.Point], int]:
    """Predictions that can be drawn, and how many of the rows read cannot."""
    rows = data.predictions.records() if data.predictions else []
    points = []
    for row in rows:
        y, mean = real(row.get("y")), real(row.get("mean"))
        if y is None or mean is None or (log and (y <= 0 or mean <= 0)):
            continue
        name = str(row.get("formula") or row.get("smiles") or row.get("id") or "")
        fold = "" if row.get("fold") is None else str(row["fold"])
        points.append(charts.Point(name, fold, y, mean, real(row.get("lower")), real(row.get("upper"))))
    return points, len(rows) - len(points)


def _histogram(record: Row, quantity: str, unit: str, ceiling: float | None) -> Markup | None:
    edges, training, predicted = (
        [real(value) for value in record[key]] if isinstance(record.get(key), list) else []
        for key in ("edges", "training", "predicted")
    )
    whole = [value for value in (*edges, *training, *predicted) if value is not None]
    bins = len(edges) - 1
    if len(whole) != len(edges) + len(training) + len(predicted) or not bins == len(training) == len(predicted):
        return None
    marks = whole[: bins + 1]
    log = record.get("scale") == "log"
    if bins < 1 or any(b <= a for a, b in itertools.pairwise(marks)) or (log and marks[0] <= 0):
        return None
    first, second = whole[bins + 1 : 2 * bins + 1], whole[2 * bins + 1 :]
    return charts.histogram(marks, first, second, quantity, str(record.get("unit") or unit), log, ceiling)


def _domain(record: Row, ranking: Ranking | None) -> dict[str, Any] | None:
    counts = {key: int(value) for key in ("in", "edge", "out") if (value := real(record.get(key))) is not None}
    if not counts:
        return None
    total = sum(counts.values())
    listed = [str(text) for text in (ranking.values("domain_reason") if ranking else []) if text]
    # one candidate may have several reasons, and each distance is its own
    reasons = Counter(re.sub(r"^distance \S+ to", "far from", part) for text in listed for part in text.split("; "))
    return {
        "bar": charts.shares(counts, "Candidates inside, at the edge of and outside the applicability domain"),
        "counts": {key: (count, percent(count, total)) for key, count in counts.items()},
        "reasons": sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:6],
    }


def _reach(interval: Row) -> dict[str, Any] | None:
    """How often the intervals held, by distance and with whole families held out, in words."""
    bins = []
    for part in mappings(interval, "by_distance"):
        low, high, share = real(part["low"]), real(part["high"]), real(part["coverage"])
        if low is None or share is None:
            continue
        if high is None:
            words = f"more than {number(low)} times"
        else:
            words = f"{number(low)} to {number(high)} times" if low else f"up to {number(high)} times"
        bins.append((words, part["compounds"], percent(share, 1.0)))
    kin = mapping(interval, "by_family")
    share = real(kin.get("coverage"))
    family = None if share is None else {"families": kin["families"], "share": percent(share, 1.0)}
    level = real(interval.get("level"))
    return {"bins": bins, "family": family, "level": percent(level or 0.9, 1.0)} if bins or family else None


def _elements(data: RunData, ranking: Ranking | None) -> dict[str, Any] | None:
    formulas = [str(value) for value in (ranking.values("formula") if ranking else [])[:BEST] if value]
    counted = periodic.count_elements(formulas)
    if not counted:
        return None
    rows = data.predictions.records() if data.predictions else []
    training = periodic.count_elements(str(row["formula"]) for row in rows if row.get("formula"))
    unseen = sorted(symbol for symbol in counted if not training[symbol]) if training else []
    return {
        "table": periodic.periodic_table(counted, len(formulas), training),
        "total": len(formulas),
        "unseen": unseen,
        "compared": bool(training),
    }


def _members(model: Row) -> list[Row]:
    """Members by weight, each with its weight drawn against the largest."""
    members = mappings(model, "members")
    members.sort(key=lambda row: -(real(row.get("weight")) or 0.0))
    most = max((real(row.get("weight")) or 0.0 for row in members), default=0.0) or 1.0
    shown = ("name", "weight")
    for row in members:
        row["rest"] = ", ".join(f"{words(k)} {number(v)}" for k, v in row.items() if k not in shown and v is not None)
        row["drawn"] = charts.meter((real(row.get("weight")) or 0.0) / most)
    return members


def _timings(timings: Row) -> list[tuple[str, str, Markup]]:
    known = [(str(stage), seconds) for stage, value in timings.items() if (seconds := real(value)) is not None]
    most = max((seconds for _, seconds in known), default=0.0) or 1.0
    return [(words(stage), duration(seconds), charts.meter(seconds / most)) for stage, seconds in known]
