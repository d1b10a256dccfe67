"""Build the report of an evaluation: one HTML page that opens offline."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from kakehashi.catalogs.numbers import number
from kakehashi.screen.report.data import (
    MAX_POINTS,
    MAX_REASONS,
    Row,
    Table,
    count_reasons,
    first_rows,
    mapping,
    mappings,
    real,
    texts,
)
from kakehashi.screen.report.data import spaced_rows as read_spread
from kakehashi.screen.report.page import assemble
from kakehashi.screen.report.sections import accuracy, leaderboard, pretty, timings, verdict
from kakehashi.screen.report.svg import padded, plot, plot_axes, tag
from kakehashi.screen.report.text import with_unit, words
from kakehashi.screen.runs.record_file import RECORD, load_record
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT

FILES = {
    "leaderboard.parquet": "every model compared",
    "predictions.parquet": "out-of-fold predictions of the recommended procedure",
    "learning_curve.parquet": "errors by number of known values",
    "quarantine_training.parquet": "target and source rows that could not be used",
    "quarantine_training.csv": "the same rows as text",
    "run.json": "configuration, versions, hashes and timings of the run",
}
_ROWS = 1000
# Lines of a learning curve, the most prominent last.
_KINDS = {CHOSEN: "transferred", DIRECT: "direct"}


def write_report(directory: Path) -> str:
    """HTML report of the evaluation in a directory.

    The same files always give the same text.

    Raises
    ------
    UserError
        Code 2 where there is no run.json, 6 where a file is there but cannot be read.
    """
    run = Row(load_record(directory / RECORD))
    target, judged = mapping(run, "target"), mapping(run, "verdict")
    log, unit = target.get("log") is True, str(target.get("unit") or "")
    quantity = words(target.get("quantity") or target.get("name") or "the target")
    rejected = count_reasons(directory / "quarantine_training.parquet", ("table", "reason"))
    curve = first_rows(directory / "learning_curve.parquet", _ROWS)
    predictions = read_spread(directory / "predictions.parquet", MAX_POINTS)
    box = verdict(judged, log, unit)
    content = {
        "run": run,
        "target": target,
        "quantity": quantity,
        "unit": unit,
        "log": log,
        "sources": mappings(run, "sources"),
        "holdout": mapping(run, "holdout"),
        # The page shows the advice beside its command instead.
        "verdict": {**box, "advice": None} if box else None,
        "p_value": real(judged.get("p_value")),
        "recommendation": mapping(run, "recommendation"),
        "alone": mappings(run, "sources_alone"),
        "alone_label": with_unit("MAE", "ln" if log else unit),
        "warnings": texts(run, "warnings"),
        "board": leaderboard(first_rows(directory / "leaderboard.parquet", _ROWS), judged, log, unit),
        "accuracy": accuracy(predictions, quantity, unit, log),
        "curve": None if curve is None else draw_curve(curve, "MAE", "ln" if log else unit),
        "settings": _settings(mapping(run, "baselines")),
        "rejected": rejected[:MAX_REASONS],
        "rejected_more": max(len(rejected) - MAX_REASONS, 0),
        "timings": timings(mapping(run, "timings")),
        "packages": sorted((str(k), str(v)) for k, v in mapping(run, "packages").items()),
        "config": pretty(run.get("config")),
        "files": [(name, meaning) for name, meaning in FILES.items() if (directory / name).exists()],
    }
    return assemble("evaluation.html.j2", content)


def draw_curve(table: Table, label: str, unit: str) -> Markup | None:
    """Learning curve: error by number of known values.

    A line per model, with bars of one standard error.

    Bars are one standard error.
    """
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for row in table.records():
        n, mae, std = real(row.get("n")), real(row.get("mae")), real(row.get("mae_std"))
        if n is not None and n > 0 and mae is not None:
            lines.setdefault(str(row.get("model")), []).append((n, mae, std or 0.0))
    if not lines:
        return None
    every = [point for points in lines.values() for point in points]
    sizes, highest = padded([n for n, _, _ in every], True, 0.05), max(mae + std for _, mae, std in every)
    x, y = plot_axes(sizes, (0.0, 1.06 * highest or 1.0), log_x=True)
    parts: list[str] = []
    for name, points in sorted(lines.items(), key=lambda item: (item[0] in _KINDS, item[0])):
        kind = _KINDS.get(name, "other")
        points.sort()
        way = "M " + " L ".join(f"{x(n):.1f},{y(mae):.1f}" for n, mae, _ in points)
        parts.append(tag("path", class_=f"line {kind}", d=way))
        for n, mae, std in points:
            text = f"{name}\n{number(int(n))} known values\n{label} {number(mae, 3)} ± {number(std, 2)} {unit}"
            ends = {"y1": y(mae - std), "y2": y(mae + std)}
            parts.append(tag("line", class_=f"error-bar {kind}", x1=x(n), x2=x(n), **ends))
            parts.append(tag("circle", tag("title", text), class_=f"dot {kind}", cx=x(n), cy=y(mae), r=3.6))
    title = "Learning curve: held-out error by number of known values"
    return plot(title, x, y, "known values to learn from", with_unit(label, unit), *parts)


def _settings(baselines: Row) -> list[tuple[str, list[tuple[str, int]]]]:
    """Settings each baseline chose in the splits, with their counts."""
    settings = []
    for name, chosen in baselines.items():
        counts: dict[str, int] = {}
        for setting in chosen if isinstance(chosen, list) else []:
            text = ", ".join(f"{words(k)} {number(v, 3)}" for k, v in mapping({"s": setting}, "s").items())
            counts[text] = counts.get(text, 0) + 1
        settings.append((str(name), sorted(counts.items(), key=lambda item: (-item[1], item[0]))))
    return settings
