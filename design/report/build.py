"""The report of a design run: one HTML page that opens offline, built from the files of its folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from kakehashi.design.report import charts
from kakehashi.design.report.clusters import SIMILAR, Clusters, cluster
from kakehashi.design.report.data import FILES, DesignData, ModelledProperty, read_design
from kakehashi.design.report.proposals import CARDS, cards, listing
from kakehashi.design.report.toml import as_toml
from kakehashi.screen.report.charts import meter, shares
from kakehashi.screen.report.data import MAX_REASONS, Row, mapping, mappings, real, texts
from kakehashi.screen.report.page import assemble
from kakehashi.screen.report.ranking import PAGE
from kakehashi.screen.report.sections import accuracy, leaderboard, members, pretty, timings, verdict
from kakehashi.screen.report.text import number, percent, words

TEMPLATES = Path(__file__).parent / "templates"
_SHOWN_CLUSTERS = 8


def write_report(directory: Path) -> str:
    """HTML of the report on the design run in `directory`; the same files always give the same text.

    Raises
    ------
    UserError
        Code 2 where there is no run.json, 6 where a file is there but cannot be read.
    """
    return render(read_design(Path(directory)))


def render(data: DesignData) -> str:
    """HTML of the report."""
    return assemble("design.html.j2", _content(data), (TEMPLATES,))


def _content(data: DesignData) -> dict[str, Any]:
    run = data.run
    rows = data.proposals.records() if data.proposals else []
    clusters = cluster([str(row.get("smiles") or "") for row in rows])
    left_out = mapping(mapping(run, "proposals"), "left_out")
    return {
        "run": run,
        "goals": _goals(data),
        "properties": [_property(found, k) for k, found in enumerate(data.properties)],
        "warnings": texts(run, "warnings"),
        "found": _found(data),
        "cards": cards(rows[:CARDS], data.properties, clusters),
        "listing": listing(data.proposals, data.properties, clusters) if data.proposals else None,
        "page": PAGE,
        "histogram": _histogram(data, rows),
        "scatters": _scatters(data, rows),
        "domain": _shares(mapping(mapping(run, "proposals"), "domain")),
        "diversity": _diversity(data, rows, clusters),
        "paths": [
            (label, meaning, drawn)
            for column, label, meaning in charts.PATHS
            if (drawn := charts.path(data.trace, column, label))
        ],
        "trace": data.trace,
        "moves": _moves(data.trace),
        "left_out": [
            (str(reason), count) for reason, value in left_out.items() if (count := _whole(value)) is not None
        ],
        "rejected": data.rejected[:MAX_REASONS],
        "rejected_more": max(len(data.rejected) - MAX_REASONS, 0),
        "timings": timings(mapping(run, "timings")),
        "packages": sorted((str(k), str(v)) for k, v in mapping(run, "packages").items()),
        "config": pretty(run.get("config")),
        "toml": as_toml(mapping(run, "config")),
        "files": [(name, FILES[name]) for name in data.files],
    }


def _whole(value: Any) -> int | None:
    found = real(value)
    return None if found is None else int(found)


def _goals(data: DesignData) -> list[str]:
    """The goals in words; as they were given where they cannot be read."""
    written = []
    for found in data.properties:
        if (goal := found.goal) is None:
            continue
        unit = f"\u00a0{found.unit}".replace(" ", "\u00a0") if found.unit else ""
        if math.isinf(goal.lower):
            window = f"below {number(goal.upper)}{unit}"
        elif math.isinf(goal.upper):
            window = f"above {number(goal.lower)}{unit}"
        else:
            window = f"between {number(goal.lower)} and {number(goal.upper)}{unit}"
        written.append(f"{words(found.name)} {window}")
    return written or texts(data.run, "goals")


def _property(found: ModelledProperty, k: int) -> dict[str, Any]:
    """What is to be said of a property's model."""
    judged = mapping(found.record, "verdict")
    quantity = words(found.target.get("quantity") or found.name)
    return {
        "name": words(found.name),
        "target": found.target,
        "sources": mappings(found.record, "sources"),
        "verdict": verdict(judged, found.log, found.unit),
        "board": leaderboard(found.leaderboard, judged, found.log, found.unit),
        "accuracy": accuracy(found.predictions, quantity, found.unit, found.log, f"parity-area-{k}"),
        "members": members(mapping(found.record, "model")),
        "model_text": mapping(found.record, "model").get("text"),
        "noise": real(found.record.get("noise")),
        "noise_unit": "ln units" if found.log else found.unit,
    }


def _found(data: DesignData) -> dict[str, Any]:
    """The run in figures: what was judged and listed, what stands out, how rare it is."""
    sampler, prior, listed = (mapping(data.run, key) for key in ("sampler", "prior", "proposals"))
    log_z, draws, allowed = real(sampler["log_z"]), real(prior["draws"]), real(prior["allowed"])
    quantile = real(prior["quantile"])
    return {
        "sampler": sampler,
        "listed": _whole(listed["listed"]),
        "above": _whole(listed["above_prior"]),
        "bar": real(prior["p_goal"]),
        "quantile": None if quantile is None else f"{100 * quantile:g}%",
        "log_z": log_z,
        "log_z_error": real(sampler["log_z_error"]),
        "share": None if log_z is None else _chance(log_z),
        "log_z_constraint": real(sampler["log_z_constraint"]),
        "draws": _whole(draws),
        "allowed": _whole(allowed),
        "allowed_share": percent(allowed, draws) if allowed is not None and draws else None,
        "mean_p_goal": real(prior["mean_p_goal"]),
        "best_p_goal": real(prior["best_p_goal"]),
        "tiny": sum(value < charts.SMALLEST for value in data.prior),
    }


def _chance(log_p: float) -> str:
    """A probability in words, of its logarithm."""
    if log_p > math.log(0.001):
        return percent(math.exp(min(log_p, 0.0)), 1.0)
    return f"1 in {number(math.exp(min(-log_p, 700.0)), 2)}"


def _histogram(data: DesignData, rows: list[Row]) -> Any:
    goal = [value for row in rows if (value := real(row.get("p_goal"))) is not None]
    if not goal and not data.prior:
        return None
    prior = mapping(data.run, "prior")
    quantile = real(prior["quantile"])
    return charts.goal_histogram(data.prior, goal, real(prior["p_goal"]) if quantile else None, quantile or 0.0)


def _scatters(data: DesignData, rows: list[Row]) -> list[tuple[str, Any, int]]:
    """Properties against the first one, known polymers among them; a single property against the accessibility."""
    if not data.properties:
        return []
    first, *others = data.properties
    drawn = []
    for other in others[:3]:
        known = _measured(first, other)
        chart = charts.scatter(rows, charts.Measure.of(first), charts.Measure.of(other), known)
        drawn.append((f"{words(other.name)} against {words(first.name)}", chart, len(known)))
    if not others:
        difficulty = charts.Measure("sa_score", "synthetic accessibility score")
        chart = charts.scatter(rows, charts.Measure.of(first), difficulty)
        drawn.append((f"synthetic accessibility against {words(first.name)}", chart, 0))
    return [one for one in drawn if one[1] is not None]


def _measured(first: ModelledProperty, other: ModelledProperty) -> list[tuple[str, float, float]]:
    """Known polymers with measured values of both properties."""
    tables = [found.predictions.records() if found.predictions else [] for found in (first, other)]
    values = [
        {str(row["smiles"]): y for row in rows if row.get("smiles") and (y := real(row.get("y"))) is not None}
        for rows in tables
    ]
    return [(name, y, values[1][name]) for name, y in values[0].items() if name in values[1]]


def _shares(counts: Row) -> dict[str, Any] | None:
    known = {key: count for key in ("in", "edge", "out") if (count := _whole(counts[key]))}
    if not known:
        return None
    total = sum(known.values())
    return {
        "bar": shares(known, "Proposals inside, at the edge of and outside the applicability domain"),
        "counts": {key: (count, percent(count, total)) for key, count in known.items()},
    }


def _diversity(data: DesignData, rows: list[Row], clusters: Clusters) -> dict[str, Any]:
    """Clusters with their best members, and the classes of all proposals."""
    from kakehashi.screen.report.draw import draw_structure

    first: dict[int, Row] = {}
    for row, k in zip(rows, clusters.numbers, strict=True):
        if k:
            first.setdefault(k, row)
    shown = [
        {
            "number": k,
            "size": clusters.numbers.count(k),
            "drawing": draw_structure(str(first[k].get("smiles"))),
            "smiles": first[k].get("smiles"),
            "class": first[k].get("class"),
            "rank": first[k].get("rank"),
        }
        for k in range(1, min(clusters.total, _SHOWN_CLUSTERS) + 1)
    ]
    counts = mapping(mapping(data.run, "proposals"), "classes")
    classes = [(str(name) or "no route known", count) for name, value in counts.items() if (count := _whole(value))]
    most, total = max((c for _, c in classes), default=1), sum(c for _, c in classes)
    return {
        "similar": SIMILAR,
        "count": clusters.total,
        "rows": sum(k > 0 for k in clusters.numbers),
        "single": sum(clusters.numbers.count(k) == 1 for k in range(1, clusters.total + 1)),
        "mean_distance": clusters.mean_distance,
        "shown": shown,
        "classes": [(name, count, percent(count, total), meter(count / most)) for name, count in classes],
    }


def _moves(trace: list[Row]) -> dict[str, int] | None:
    """What became of all moves after the prior's draws."""
    steps = [row for row in trace if row.get("temperature")]
    keys = ("proposed", "impossible", "invalid", "evaluated")
    return {key: sum(_whole(row.get(key)) or 0 for row in steps) for key in keys} if steps else None
