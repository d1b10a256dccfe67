"""Build the report of a screening: one HTML page that opens offline."""

from __future__ import annotations

import bisect
import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from kakehashi.catalogs.numbers import number
from kakehashi.screen.report import charts, periodic
from kakehashi.screen.report.data import (
    FILES,
    MAX_REASONS,
    Row,
    RunData,
    Table,
    mapping,
    mappings,
    read_run,
    real,
    texts,
)
from kakehashi.screen.report.draw import draw_structure
from kakehashi.screen.report.glossary import TERMS
from kakehashi.screen.report.layouts import COMPOSITIONS, UNITS
from kakehashi.screen.report.lead import read_lead
from kakehashi.screen.report.page import assemble
from kakehashi.screen.report.places import draw_places
from kakehashi.screen.report.ranking import PAGE, Ranking, arrange_columns
from kakehashi.screen.report.sections import accuracy, leaderboard, members, pretty, timings, verdict
from kakehashi.screen.report.text import percent, words
from kakehashi.screen.report.trust import measure_trust, trust_record

BEST = 100
# Catalogues whose names say little.
CATALOGUES = {
    "default": "the default catalogue", "enumerate": "enumerated compositions", "mp": "the Materials Project",
}  # fmt: skip
DRAWN = 24


def write_report(directory: Path) -> str:
    """HTML report of the screening in a directory.

    The same files always give the same text.

    Raises
    ------
    UserError
        Code 2 where there is no run.json, 6 where a file is there but cannot be read.
    """
    return render(read_run(Path(directory)))


def render(data: RunData) -> str:
    """HTML report of run data."""
    return assemble("report.html.j2", _content(data))


def _content(data: RunData) -> dict[str, Any]:
    run = data.run
    target = mapping(run, "target")
    log = target.get("log") is True
    unit = str(target.get("unit") or "")
    quantity = words(target.get("quantity") or target.get("name") or "the target")
    units = _of_repeat_units(data)
    config = mapping(run, "config")
    layout, elements = UNITS if units else COMPOSITIONS, config.get("elements") is True
    ranking = arrange_columns(data.ranking, log, layout, elements=elements) if data.ranking else None
    ceiling = mapping(run, "ceiling")
    return {
        "run": run,
        "target": target,
        "quantity": quantity,
        "unit": unit,
        "log": log,
        "sources": mappings(run, "sources"),
        "properties": _properties(mappings(run, "sources")),
        "catalog": mapping(run, "catalog"),
        "virtual": mapping(run, "virtual"),
        "catalog_short": _short_name(str(mapping(run, "catalog")["name"])),
        "lead": read_lead(run),
        "trust": _trust(data, unit, log, units),
        "opening_elements": elements,
        "bounds": config.get("bounds"),
        "shuffled": _shuffled(mapping(run, "verdict"), log, unit),
        "verdict": verdict(mapping(run, "verdict"), log, unit),
        "warnings": texts(run, "warnings"),
        "ceiling": ceiling,
        "board": leaderboard(data.leaderboard, mapping(run, "verdict"), log, unit),
        "accuracy": accuracy(data.predictions, quantity, unit, log),
        "histogram": _histogram(mapping(run, "histogram"), data.predictions, quantity, unit, ceiling),
        "places": draw_places(
            mapping(run, "places"), data.predictions, quantity, unit, log=log, minimise=config.get("minimise") is True
        ),
        "domain": _domain(mapping(run, "domain"), ranking),
        "coverage": _coverage(mapping(run, "interval")),
        "units": units,
        "elements": None if units else _elements(data, ranking),
        "drawn": _draw_structures(data.ranking) if units and data.ranking else [],
        "filters": mappings(run, "filters"),
        "ranking": ranking,
        "page": PAGE,
        "terms": TERMS,
        "quarantined": data.quarantined[:MAX_REASONS],
        "quarantined_more": max(len(data.quarantined) - MAX_REASONS, 0),
        "rejected": data.rejected[:MAX_REASONS],
        "rejected_more": max(len(data.rejected) - MAX_REASONS, 0),
        "members": members(mapping(run, "model")),
        "model_text": mapping(run, "model").get("text"),
        "timings": timings(mapping(run, "timings")),
        "packages": sorted((str(k), str(v)) for k, v in mapping(run, "packages").items()),
        "config": pretty(run.get("config")),
        "files": [(name, FILES[name]) for name in data.files],
    }


def _short_name(catalog: str) -> str:
    """Name of a catalogue for a title; a file's is its path.

    >>> _short_name("default"), _short_name("data/my.csv")
    ('the default catalogue', 'my.csv')
    """
    return CATALOGUES.get(catalog, re.split(r"[/\\]", catalog)[-1])


def _properties(sources: Sequence[Row]) -> list[Row]:
    """Source properties, each once.

    Networks with a joint trunk list theirs as tasks.
    """
    seen: dict[str, Row] = {}
    for source in sources:
        for task in mappings(source, "tasks") or [source]:
            seen.setdefault(str(task["name"] or len(seen)), task)
    return list(seen.values())


def _of_repeat_units(data: RunData) -> bool:
    """True if the run ranked repeat units: only these contain `*`."""
    if data.predictions and "smiles" in data.predictions.columns:
        return True
    return any("*" in str(row.get("reduced_formula")) for row in data.ranking.records()[:1]) if data.ranking else False


def _draw_structures(ranking: Table) -> list[Row]:
    """First distinct repeat units of a ranking that can be drawn."""
    drawn: dict[str, Row] = {}
    for row in ranking.records():
        key = str(row.get("reduced_formula") or row.get("formula") or "")
        if key not in drawn and (picture := draw_structure(key)):
            drawn[key] = Row({**row, **{k: real(row[k]) for k in ("mean", "lower", "upper")}, "drawing": picture})
            if len(drawn) == DRAWN:
                break
    return list(drawn.values())


def _trust(data: RunData, unit: str, log: bool, units: bool) -> Row:
    """Errors on held-out values, as recorded, or else from all held-out predictions."""
    if recorded := mapping(data.run, "trust"):
        return recorded
    table = data.predictions
    if table is None or table.total > len(table.rows):
        return Row()
    columns = [
        np.array([math.nan if (v := real(row.get(name))) is None else v for row in table.records()], np.float64)
        for name in ("y", "mean", "lower", "upper")
    ]
    level = real(mapping(data.run, "interval").get("level")) or 0.9
    return Row(trust_record(measure_trust(*columns, log=log), unit, "polymers" if units else "compounds", level))


def _shuffled(judged: Row, log: bool, unit: str) -> Row | None:
    """Errors of networks on shuffled values; None where these were not measured."""
    mae, looks = real(judged.get("null_mae")), real(judged.get("null_looks"))
    if mae is None:
        return None
    low, real_mae = real(judged.get("null_mae_p5")), real(judged.get("chosen_mae"))
    return Row({"mae": mae, "low": low, "looks": looks, "real": real_mae, "unit": "ln units" if log else unit})


def _histogram(record: Row, held_out: Table | None, quantity: str, unit: str, ceiling: Row) -> Markup | None:
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
    names = _binned_names(marks, held_out)
    value = real(ceiling.get("value"))
    return charts.histogram(marks, first, second, quantity, str(record.get("unit") or unit), log, value, names)


def _binned_names(edges: Sequence[float], held_out: Table | None) -> list[list[str]]:
    """Names of the training materials in each bin."""
    names: list[list[str]] = [[] for _ in edges[1:]]
    for row in held_out.records() if held_out else []:
        y = real(row.get("y"))
        if y is not None and edges[0] <= y <= edges[-1]:
            place = min(bisect.bisect_right(edges, y), len(names)) - 1
            names[place].append(str(row.get("formula") or row.get("id") or ""))
    return names


def _domain(record: Row, ranking: Ranking | None) -> dict[str, Any] | None:
    counts = {key: int(value) for key in ("in", "edge", "out") if (value := real(record.get(key))) is not None}
    if not counts:
        return None
    total = sum(counts.values())
    listed = [str(text) for text in (ranking.values("domain_reason") if ranking else []) if text]
    # a candidate may have several reasons; distances differ and are counted as one
    reasons = Counter(re.sub(r"^distance \S+ to", "far from", part) for text in listed for part in text.split("; "))
    return {
        "bar": charts.shares(counts, "Candidates inside, at the edge of and outside the applicability domain"),
        "counts": {key: (count, percent(count, total)) for key, count in counts.items()},
        "reasons": sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:6],
    }


def _coverage(interval: Row) -> dict[str, Any] | None:
    """Coverage of intervals by distance and of held-out families."""
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
