"""What a run folder holds: finished, at work, or left off, with what is done and the command that goes on."""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.open import look, open_run
from kakehashi.catalogs.runs.remote import RemoteResults
from kakehashi.catalogs.runs.results import Results
from kakehashi.catalogs.runs.store import is_url
from kakehashi.screen.scoring.workers.leftovers import remove_idle_leftovers

PLAN = "plan.json"
"""Written when a run begins, removed when it ends: what it is to do."""

State = Literal["finished", "running", "unfinished"]


class RunStatus(NamedTuple):
    """State of a run.

    files, bytes : committed, all of them checked; at a URL whether they are there, with their sizes
    rows, partitions : of the catalogue, None where the run is not a screening or has not got so far
    scored, quarantined, done : rows and partitions that are committed; of an unfinished virtual catalogue the best
        so far
    virtual : whether the rows are indices of a virtual catalogue, most of which are filtered out
    checkpoints : of a design
    at_work : the process that holds the folder, "" for none
    command : what goes on with it, "" where it is finished or its beginning is not recorded
    left_behind : what was found of a run that was killed on a batch system
    """

    folder: str
    state: State
    files: int
    bytes: int
    rows: int | None
    partitions: int | None
    done: int
    scored: int
    virtual: bool
    quarantined: int
    checkpoints: int
    at_work: str
    command: str
    left_behind: tuple[str, ...] = ()


def read_status(where: str) -> RunStatus:
    """Look at a run folder, or a run at a URL; nothing is removed but the certificates of a run that was killed.

    Raises
    ------
    UserError : not the folder of a run (code 2), or a committed file is missing or damaged (code 6)
    """
    results, at_work = look(where)
    names = results.names()
    # A run at work replaces files; what it does not hold still is not damaged.
    if not at_work and isinstance(results, RemoteResults):
        results.check_sizes()
    elif not at_work:
        results.verify()
    plan = _read(results, PLAN)
    finished = "run.json" in names and "report.html" in names and PLAN not in names
    aside = [name for name in names if name.startswith("quarantine/")]
    record = _read(results, "run.json") if finished else {}
    known = {**record.get("catalog", {}), **plan}
    # Of a virtual catalogue the best alone are kept, and what became of the others is known at the end.
    virtual = record.get("virtual") is not None or any(name.startswith("kept/") for name in names)
    parts = [name for name in names if name.startswith("kept/" if virtual else "scores/")]
    scored = sum(results.rows(name) or 0 for name in parts)
    if virtual and finished:
        scored = record["catalog"]["scored"]
    return RunStatus(
        folder=results.where,
        state="running" if at_work else "finished" if finished else "unfinished",
        files=len(names),
        bytes=sum(entry.bytes for entry in results.manifest.files.values()),
        rows=known.get("rows"),
        partitions=known.get("partitions", len(parts) if finished and parts else None),
        done=min(len(parts), len(aside)),
        scored=scored,
        virtual=virtual,
        quarantined=sum(results.rows(name) or 0 for name in aside),
        checkpoints=sum(name.startswith("checkpoints/") for name in names),
        at_work=at_work,
        command="" if finished else plan.get("command", ""),
        left_behind=() if at_work else tuple(remove_idle_leftovers(open_run(where).path)),
    )


def describe_status(found: RunStatus) -> str:
    """The lines a person reads."""
    lines = [f"{found.folder}: {found.state}" + (f", {found.at_work}" if found.at_work else "")]
    if found.rows is not None:
        left = max(found.rows - found.scored - found.quarantined, 0)
        counts = f"{found.rows:,} rows: {found.scored:,} scored, {found.quarantined:,} in quarantine, {left:,} left"
        if found.virtual:
            counts = f"{found.rows:,} indices"
            if found.state == "finished":
                counts += (
                    f" visited: {found.scored:,} scored, {found.quarantined:,} in quarantine, the others filtered out"
                )
        parts = f"; partitions {found.done} of {found.partitions}" if found.partitions else ""
        lines.append(counts + ("" if found.virtual and found.state == "finished" else parts))
    if found.checkpoints:
        lines.append(f"{found.checkpoints} checkpoints")
    checked = "" if found.at_work else ", all there" if is_url(found.folder) else ", all whole"
    lines.append(f"{found.files} files, {found.bytes / 1e6:,.1f} MB{checked}")
    lines += found.left_behind
    if found.command and found.state == "unfinished":
        lines.append(f"go on with: {found.command}")
    return "\n".join(lines)


def _read(results: Results, name: str) -> dict[str, Any]:
    try:
        found = json.loads(results.read_text(name)) if name in results.names() else {}
    except UserError:
        if name == PLAN:  # removed by the run that has just ended
            return {}
        raise
    return dict(found)
