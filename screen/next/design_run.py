"""A finished design as the choice of the next experiments needs it: its proposals are the candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import log_ndtr

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.results import Results
from kakehashi.screen.ranking.acquisition import normal_through

PROPOSALS = "proposals.parquet"
OTHERS = "log_other_goals"
"""Column of the log chance that the goals of the other properties are met, 0 where there are none."""
LEVEL = 0.9


def chosen_by(record: Mapping[str, Any]) -> int:
    """Place of the property that the next experiments are chosen by.

    The first, or where it has no goal that of the first goal.
    """
    names = [found["target"]["name"] for found in record["properties"]]
    goals = [window["property"] for window in record.get("windows", [])]
    return 0 if not goals or names[0] in goals else names.index(goals[0])


def prefix_of(record: Mapping[str, Any], place: int) -> str:
    """What the columns and files of a property begin with: nothing for the first."""
    return f"{record['properties'][place]['target']['name']}_" if place else ""


def as_screening(record: Mapping[str, Any]) -> dict[str, Any]:
    """Record of a design in the words of a screening, of the property that is `chosen_by`.

    Small values are wanted where its goal has an upper end alone; the end of a goal is the threshold.
    """
    first = record["properties"][chosen_by(record)]
    windows = {window["property"]: window for window in record.get("windows", [])}
    window = windows.get(first["target"]["name"], {})
    lower, upper = window.get("lower"), window.get("upper")
    minimise = lower is None and upper is not None
    config = {
        "filter": [], "exclude_elements": [], "no_radioactive": False, "elements": True, "bounds": None,
        "minimise": minimise, "threshold": upper if minimise else lower,
    }  # fmt: skip
    return {
        **record, "target": first["target"], "verdict": first["verdict"], "interval": {"level": LEVEL},
        "config": {**record["config"], **config},
    }  # fmt: skip


def read_proposals(results: Results, record: Mapping[str, Any]) -> pa.Table:
    """Proposals as rows of a ranking, with the chance of the other goals.

    Raises
    ------
    UserError : a design of an earlier version, whose goals are not recorded as numbers.
    """
    table = results.read_table(PROPOSALS)
    others = record["properties"][1:]
    if others and "windows" not in record:
        raise UserError(f"{results.where}: this design was made by an earlier version; run it again to choose from it")
    smiles, prefix = table["smiles"], prefix_of(record, chosen_by(record))
    columns = {
        "id": pa.array([f"proposal {rank}" for rank in table["rank"].to_pylist()], pa.string()),
        "formula": smiles,
        "reduced_formula": smiles,
        **{end: table[f"{prefix}{end}"] for end in ("mean", "lower", "upper")},
        **{name: table[name] for name in ("domain", "domain_reason", "nearest_training")},
        OTHERS: _log_others(table, record),
    }
    return pa.table(columns)


def _log_others(table: pa.Table, record: Mapping[str, Any]) -> NDArray[np.float64]:
    """Log chance (n,) that the properties lie in their windows, independently.

    Of the property that is `chosen_by` a window with two ends counts alone: improvement serves one end.
    """
    windows = {window["property"]: window for window in record.get("windows", [])}
    total, first = np.zeros(table.num_rows), chosen_by(record)
    for k, found in enumerate(record["properties"]):
        target = found["target"]
        window = windows.get(target["name"])
        if window is None or (k == first and None in (window["lower"], window["upper"])):
            continue
        prefix = prefix_of(record, k)
        ends = [table[f"{prefix}{end}"].to_numpy() for end in ("mean", "lower", "upper")]
        law = normal_through(*ends, level=LEVEL, log=bool(target["log"]))
        forward = np.log if target["log"] else float
        below = np.full(table.num_rows, -np.inf)
        above = np.zeros(table.num_rows)
        if window["lower"] is not None and (window["lower"] > 0 or not target["log"]):
            below = log_ndtr((forward(window["lower"]) - law.mean) / law.sigma)
        if window["upper"] is not None:
            above = log_ndtr((forward(window["upper"]) - law.mean) / law.sigma)
        with np.errstate(divide="ignore"):
            total += above + np.log1p(-np.minimum(np.exp(below - above), 1.0))
    return total
