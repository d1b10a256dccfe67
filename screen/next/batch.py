"""Propose the next experiments or calculations from a finished run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from typing import Any, NamedTuple, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.numbers import interval, number
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.open import open_run
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.catalogs.shown import say
from kakehashi.screen.next.candidates import BatchRequest, Candidates, find_candidates
from kakehashi.screen.next.design_run import PROPOSALS
from kakehashi.screen.next.diverse import pick_compositions, pick_units, words_of_limits
from kakehashi.screen.next.finished import FinishedRun, read_finished_run
from kakehashi.screen.next.handed_on import for_chemist, for_radonpy
from kakehashi.screen.next.reasons import explain_choice, goal_of, lead_rows
from kakehashi.screen.next.told import FILE as TOLD
from kakehashi.screen.next.told import add_values, read_told, read_values, with_told
from kakehashi.screen.ranking.acquisition import NormalLaws
from kakehashi.screen.ranking.acquisition_names import Acquisition
from kakehashi.screen.ranking.bounds import clip
from kakehashi.screen.ranking.csv_text import csv_bytes

SCHEMA_VERSION = "1"
COLUMNS = ("rank", "id", "formula", "mean", "lower", "upper", "acquisition", "reason")
FILES = ("next.parquet", "next.csv")
# Widest column of a printed batch that others are aligned with; longer cells are printed whole.
_WIDEST = 30
_NAMES = {
    "improvement": "expected improvement",
    "chance": "chance to beat the best known value",
    "upper": "better bound of the interval",
    "variance": "variance",
}


class BatchProposal(NamedTuple):
    """Batch as a table, its record as JSON values, and its rows for the first screen.

    handed_on : of a design, tables for RadonPy and for a chemist, by what the names of their files end in
    """

    table: pa.Table
    record: dict[str, Any]
    lead: list[dict[str, Any]]
    handed_on: dict[str, pa.Table] = {}  # noqa: RUF012  (never changed)


class NothingLeft(UserError):
    """Error of a batch whose conditions leave no candidate.

    counts : rows by what became of them
    """

    def __init__(self, message: str, counts: dict[str, int]) -> None:
        super().__init__(message)
        self.counts = counts


def check_request(size: int, by: str, apart: float | None) -> None:
    """Refuse settings that cannot be met, before any work."""
    if size < 1:
        raise UserError(f"--batch: expected a whole number of at least 1, got {size}")
    if by not in get_args(Acquisition):
        raise UserError(f"--by: expected one of {', '.join(get_args(Acquisition))}, got {by!r}")
    if apart is not None and not 0 <= apart <= 1:
        raise UserError(f"--apart: expected a share of the atoms from 0 to 1, got {apart}")


def propose_batch(run: FinishedRun, request: BatchRequest) -> BatchProposal:
    """Next batch, best first.

    A composition in the target is not proposed again, whatever its id.

    Raises
    ------
    NothingLeft : the conditions leave no candidate.
    """
    check_request(request.size, request.by, request.apart)
    found = find_candidates(run, request)
    counts = found.counts
    if not found.table.num_rows:
        removed = ", ".join(f"{count:,} {words}" for words, count in counts.items() if words != "scored")
        hint = "" if request.include_out else "; --include-out proposes outside the domain too"
        raise NothingLeft(f"no candidate is left of {counts['scored']:,}: {removed}{hint}", counts)
    picked = _pick(run, found, request)
    notes = list(found.notes)
    if len(picked) < request.size:
        limits = words_of_limits(request.apart, units=run.compositions is None)
        notes.append(f"only {len(picked)} of {request.size}: {limits}, and no more candidates meet the filters")
    chosen = clip(found.table.take(pa.array(picked)), run.bounds)
    law = NormalLaws(found.law.mean[picked], found.law.sigma[picked])
    worth = np.exp(found.worth[picked]) if request.by == "improvement" else found.worth[picked]
    table = pa.table(
        {
            "rank": pa.array(np.arange(1, len(picked) + 1), pa.int64()),
            **{name: chosen[name] for name in ("id", "formula", "mean", "lower", "upper")},
            "acquisition": worth,
            "reason": pa.array(explain_choice(run, chosen, law, request.by), pa.string()),
        }
    )
    record = {
        "schema": 1,
        "by": request.by,
        "best_known": {"formula": run.formulas[run.best], "value": float(run.values[run.best]), "unit": run.unit},
        "minimise": run.minimise,
        "acquisition": f"{_NAMES[request.by]} on the scale of {_scale(run)}, larger is better",
        "verdict": {name: run.record.get("verdict", {}).get(name) for name in ("helps", "text", "recommendation")},
        "counts": counts,
        "notes": notes,
        "batch": table.to_pylist(),
    }
    handed_on: dict[str, pa.Table] = {}
    if run.listing is not None:
        proposals = run.results.read_table(PROPOSALS)
        handed_on = {"radonpy.csv": for_radonpy(table), "chemist.csv": for_chemist(table, proposals)}
    return BatchProposal(table, record, lead_rows(run, chosen, law, request.by), handed_on)


def write_batch(rundir: RunDir, proposal: BatchProposal, unit: str, name: str = "next") -> list[str]:
    """Write a batch beside the ranking, as files of a name; their paths.

    Of a design also NAME.radonpy.csv and NAME.chemist.csv.
    """
    rundir.write_table(f"{name}.parquet", proposal.table, {"kakehashi.schema": SCHEMA_VERSION, "unit": unit})
    files = {"csv": proposal.table, **proposal.handed_on}
    for kind, table in files.items():
        rundir.write_bytes(f"{name}.{kind}", csv_bytes(table))
    return [f"{rundir.where}/{name}.{kind}" for kind in ("parquet", *files)]


def first_batch(rundir: RunDir, run: FinishedRun, size: int, by: Acquisition) -> dict[str, Any]:
    """Choose and write the batch of a run that ends; its record for the first screen.

    Without a candidate nothing is written, and the record says why.
    """
    goal = goal_of(run)
    record: dict[str, Any] = {"by": by, "goal": goal._asdict(), "minimise": run.minimise, "level": run.level}
    try:
        proposal = propose_batch(run, BatchRequest(size, by))
    except NothingLeft as error:
        return {**record, "counts": error.counts, "notes": [str(error)], "batch": []}
    write_batch(rundir, proposal, run.unit)
    return {**record, "counts": proposal.record["counts"], "notes": proposal.record["notes"], "batch": proposal.lead}


def propose_and_print(
    directory: str,
    request: BatchRequest,
    *,
    json_out: bool = False,
    quiet: bool = False,
    dry_run: bool = False,
    overwrite: bool = False,
    values: str | None = None,
) -> int:
    """Propose, write and print a batch; the exit code.

    Nothing is written with `dry_run`; files of an earlier batch are kept unless `overwrite`.

    values : FILE:COLUMN of new values, which are told first, of a design
    """
    run = read_finished_run(directory)
    if run.listing is None and values is not None:
        raise UserError(f"--tell: {directory} is no design; begin a campaign (kh.campaign) to tell a screening values")
    if run.listing is not None:
        told = read_told(run.results)
        if values is not None:
            told = add_values(told, read_values(values, run))
            if not dry_run:
                with open_run(directory, resume=True) as rundir:
                    rundir.write_table(TOLD, told.table, {"kakehashi.schema": SCHEMA_VERSION, "unit": run.unit})
        run = with_told(run, told)
    proposal = propose_batch(run, request)
    written: list[str] = []
    if not dry_run:
        with open_run(directory, resume=True) as rundir:
            name = "next" if overwrite else free_name(run.results.names())
            written = write_batch(rundir, proposal, run.unit, name)
    if json_out:
        print(json.dumps({**proposal.record, "written": written}))
    elif not quiet:
        print_batch(proposal.record, written)
    return 0


def free_name(taken: Iterable[str]) -> str:
    """Name of the next batch beside earlier ones.

    >>> free_name(["run.json"]), free_name(["next.csv", "next-2.csv"])
    ('next', 'next-3')
    """
    stems = {name.rpartition(".")[0] for name in taken}
    return next(name for k in count(1) if (name := "next" if k == 1 else f"next-{k}") not in stems)


def print_batch(record: dict[str, Any], written: list[str]) -> None:
    """Print a batch with intervals and reasons.

    Then the counts of other rows.
    """
    best = record["best_known"]
    known = f"{number(best['value'], 3)} {best['unit']}".rstrip()
    say(f"Best known: {best['formula']}, {known}. Next, by {record['acquisition']}:")
    heading, *lines = batch_table(record["batch"], best["unit"], _NAMES[record["by"]])
    say(heading)
    for line, row in zip(lines, record["batch"], strict=True):
        say(line)
        say(f"      {row['reason']}")
    say("; ".join(f"{count:,} {words}" for words, count in record["counts"].items() if count))
    for sentence in (record["verdict"]["text"], record["verdict"]["recommendation"]):
        if sentence:
            say(sentence)
    for note in record["notes"]:
        say(f"note: {note}")
    if written:
        say(f"written: {', '.join(written)}")


def batch_table(rows: list[dict[str, Any]], unit: str, worth: str) -> list[str]:
    """Lines of a batch, the names of their columns first; nothing is cut.

    worth : name of the value of measuring a candidate
    """
    cells = [("rank", "formula", "id", f"predicted{f' [{unit}]' if unit else ''}", "interval", worth)]
    for row in rows:
        ends = interval(row["lower"], row["upper"])
        values = (number(row["mean"], 3), ends, number(row["acquisition"], 3))
        cells.append((str(row["rank"]), str(row["formula"]), str(row["id"]), *values))
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*cells, strict=True)]
    right = (True, False, False, True, False, True)
    return [
        "  ".join(
            f"{cell:>{width}}" if to_the_right else f"{cell:<{width}}"
            for cell, width, to_the_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    ]


def _pick(run: FinishedRun, found: Candidates, request: BatchRequest) -> NDArray[np.intp]:
    """Rows of a batch, which differ."""
    names = found.table["reduced_formula"]
    pick = pick_units if run.compositions is None else pick_compositions
    return pick(names.to_pylist(), request.size, request.apart)


def _scale(run: FinishedRun) -> str:
    quantity = run.record["target"]["quantity"]
    return ("-" if run.minimise else "") + (f"ln({quantity})" if run.log else str(quantity))
