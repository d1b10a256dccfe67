"""HTML report of a design run, one page that opens offline."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from kakehashi.catalogs.numbers import number
from kakehashi.design.report import charts
from kakehashi.design.report.chance import believed_sentence, chance_sentence
from kakehashi.design.report.clusters import SIMILAR, Clusters, cluster
from kakehashi.design.report.data import FILES, DesignData, ModelledProperty, read_design
from kakehashi.design.report.knowledge import caution
from kakehashi.design.report.proposals import CARDS, cards, listing
from kakehashi.design.report.toml import as_toml
from kakehashi.screen.report.charts import meter, shares
from kakehashi.screen.report.data import MAX_REASONS, Row, mapping, mappings, real, texts
from kakehashi.screen.report.page import assemble
from kakehashi.screen.report.ranking import PAGE
from kakehashi.screen.report.sections import accuracy, leaderboard, members, pretty, timings, verdict
from kakehashi.screen.report.text import percent, words

TEMPLATES = Path(__file__).parent / "templates"
_SHOWN_CLUSTERS = 8


def write_report(directory: Path) -> str:
    """HTML of the report on the design run in `directory`.

    The same files always give the same text.

    Raises
    ------
    UserError
        Code 2 where there is no run.json, 6 where a file is there but cannot be read.
    """
    return render(read_design(Path(directory)))


def render(data: DesignData) -> str:
    """Render the report as HTML."""
    return assemble("design.html.j2", _content(data), (TEMPLATES,))


def _content(data: DesignData) -> dict[str, Any]:
    run = data.run
    rows = data.proposals.records() if data.proposals else []
    clusters = cluster([str(row.get("smiles") or "") for row in rows])
    left_out = mapping(mapping(run, "proposals"), "left_out")
    return {
        "run": run,
        "goals": _goals(data),
        "properties": [_property(model, k) for k, model in enumerate(data.properties)],
        "warnings": texts(run, "warnings"),
        "chance": _chance_of(data, rows),
        "believed": _believed(data, rows),
        "cautions": _cautions(data),
        "found": _found(data),
        "cards": cards(rows[:CARDS], data.properties, clusters),
        "listing": listing(data.proposals, data.properties, clusters) if data.proposals else None,
        "page": PAGE,
        "histogram": _histogram(data, rows),
        "scatters": _scatters(data, rows),
        "domain": _shares(mapping(mapping(run, "proposals"), "domain")),
        "diversity": _diversity(data, rows, clusters),
        "paths": [
            (label, meaning, chart)
            for column, label, meaning in charts.PATHS
            if (chart := charts.path(data.trace, column, label))
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
    number = real(value)
    return None if number is None else int(number)


def _goals(data: DesignData) -> list[str]:
    """Goals in words; verbatim where they cannot be parsed."""
    written = []
    for model in data.properties:
        if (goal := model.goal) is None:
            continue
        unit = f"\u00a0{model.unit}".replace(" ", "\u00a0") if model.unit else ""
        if math.isinf(goal.lower):
            window = f"below {number(goal.upper)}{unit}"
        elif math.isinf(goal.upper):
            window = f"above {number(goal.lower)}{unit}"
        else:
            window = f"between {number(goal.lower)} and {number(goal.upper)}{unit}"
        written.append(f"{words(model.name)} {window}")
    return written or texts(data.run, "goals")


def _property(model: ModelledProperty, k: int) -> dict[str, Any]:
    """Contents of a property's section: data, verdict, leaderboard, accuracy."""
    record = mapping(model.record, "verdict")
    quantity = words(model.target.get("quantity") or model.name)
    return {
        "name": words(model.name),
        "target": model.target,
        "sources": mappings(model.record, "sources"),
        "verdict": verdict(record, model.log, model.unit),
        "board": leaderboard(model.leaderboard, record, model.log, model.unit),
        "accuracy": accuracy(model.predictions, quantity, model.unit, model.log, f"parity-area-{k}"),
        "members": members(mapping(model.record, "model")),
        "model_text": mapping(model.record, "model").get("text"),
        "noise": real(model.record.get("noise")),
        "noise_unit": "ln units" if model.log else model.unit,
        "reliability": mappings(model.record, "reliability"),
    }


def _found(data: DesignData) -> dict[str, Any]:
    """Key figures of the run: evaluated, listed, above the prior, probability."""
    sampler, prior, proposals = (mapping(data.run, key) for key in ("sampler", "prior", "proposals"))
    log_z, draws, allowed = real(sampler["log_z"]), real(prior["draws"]), real(prior["allowed"])
    quantile = real(prior["quantile"])
    return {
        "sampler": sampler,
        "listed": _whole(proposals["listed"]),
        "above": _whole(proposals["above_prior"]),
        "bar": real(prior["p_goal"]),
        "quantile": None if quantile is None else f"{100 * quantile:g}%",
        "beyond": None if quantile is None else f"{100 * (1 - quantile):.3g}%",
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


def _chance_of(data: DesignData, rows: list[Row]) -> str | None:
    """Sentence on the chance to meet the goals; None where no chance was recorded."""
    chances = _chances(rows)
    if rows and not chances:
        return None
    return chance_sentence(chances, real(mapping(data.run, "prior")["mean_p_goal"]))


def _chances(rows: list[Row]) -> list[float]:
    """Recorded chances of proposals to meet the goals."""
    return [value for row in rows if (value := real(row.get("p_goal"))) is not None]


def _cautions(data: DesignData) -> list[str]:
    """Sentences on models of few values."""
    specs = texts(mapping(data.run, "config"), "target")
    found = [caution(model.target, spec) for model, spec in zip(data.properties, specs, strict=False)]
    return list(dict.fromkeys(text for text in found if text))


def _believed(data: DesignData, rows: list[Row]) -> str:
    """Sentence on how true such chances are; "" with several goals, whose chance is one of all together."""
    chances = _chances(rows)
    if not chances or len(data.properties) != 1:
        return ""
    found = [
        (real(row["start"]), real(row["stop"]), _whole(row["polymers"]), real(row["true"]))
        for row in mappings(data.properties[0].record, "reliability")
    ]
    whole = [(a, b, n, share) for a, b, n, share in found if None not in (a, b, n, share)]
    return believed_sentence(max(chances), whole)  # type: ignore[arg-type]  # none is missing


def _chance(log_p: float) -> str:
    """Probability in words, from its logarithm."""
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
    """Scatter plots of the other properties against the first.

    Known polymers are drawn among them. A single property is drawn against the synthetic accessibility.
    """
    if not data.properties:
        return []
    first, *others = data.properties
    plots = []
    for other in others[:3]:
        measured = _measured(first, other)
        chart = charts.scatter(rows, charts.Measure.of(first), charts.Measure.of(other), measured)
        plots.append((f"{words(other.name)} against {words(first.name)}", chart, len(measured)))
    if not others:
        difficulty = charts.Measure("sa_score", "synthetic accessibility score")
        chart = charts.scatter(rows, charts.Measure.of(first), difficulty)
        plots.append((f"synthetic accessibility against {words(first.name)}", chart, 0))
    return [entry for entry in plots if entry[1] is not None]


def _measured(first: ModelledProperty, other: ModelledProperty) -> list[tuple[str, float, float]]:
    """Known polymers with measured values of both properties."""
    tables = [model.predictions.records() if model.predictions else [] for model in (first, other)]
    values = [
        {str(row["smiles"]): y for row in rows if row.get("smiles") and (y := real(row.get("y"))) is not None}
        for rows in tables
    ]
    return [(name, y, values[1][name]) for name, y in values[0].items() if name in values[1]]


def _shares(counts: Row) -> dict[str, Any] | None:
    domains = {key: count for key in ("in", "edge", "out") if (count := _whole(counts[key]))}
    if not domains:
        return None
    total = sum(domains.values())
    return {
        "bar": shares(domains, "Proposals inside, at the edge of and outside the applicability domain"),
        "counts": {key: (count, percent(count, total)) for key, count in domains.items()},
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
    """Numbers of moves after the prior's draws: proposed, impossible, invalid, evaluated."""
    steps = [row for row in trace if row.get("temperature")]
    keys = ("proposed", "impossible", "invalid", "evaluated")
    return {key: sum(_whole(row.get(key)) or 0 for row in steps) for key in keys} if steps else None
