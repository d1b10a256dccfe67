"""Status of a run folder: state, progress, and the command that continues it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.open import look, open_run
from kakehashi.catalogs.runs.remote import RemoteResults
from kakehashi.catalogs.runs.results import Results
from kakehashi.catalogs.runs.store import is_url
from kakehashi.screen.runs.record_file import RECORD, parse_object
from kakehashi.screen.scoring.workers.leftovers import remove_idle_leftovers

PLAN = "plan.json"
"""Written when a run begins, removed when it ends: what it is to do."""

State = Literal["finished", "running", "unfinished"]
# Kinds of run as they are recorded, "" for a screening.
_KINDS = {"": "screening", "evaluation": "evaluation", "design": "design", "study": "study"}


class RunStatus(NamedTuple):
    """State and progress of a run.

    files, bytes : committed, all of them checked; at a URL for presence and size
    rows, partitions : of the catalogue, None where the run is no screening or has not come so far
    scored, quarantined, done : committed rows and partitions; of an unfinished virtual catalogue the best so far
    virtual : True if rows are indices of a virtual catalogue, most of which are filtered out
    checkpoints : of a design
    at_work : process that holds the folder, "" for none
    command : continues the run, "" where it is finished or its beginning is not recorded
    left_behind : notes on a killed run on a batch system
    about : kind of run and its target, in words; "" where none is recorded
    when : when it ended, "" where it has not
    next : materials to make next, of a finished screening
    report : its page, "" where it is not finished
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
    about: str = ""
    when: str = ""
    next: tuple[str, ...] = ()
    report: str = ""


def read_status(where: str) -> RunStatus:
    """Status of a run in a folder or at a URL.

    Removes nothing but the certificates of a killed run.

    Raises
    ------
    UserError : not the folder of a run (code 2), or a committed file is missing or damaged (code 6)
    """
    results, at_work = look(where)
    names = results.names()
    # A run in progress replaces files, so a mismatch is no damage.
    if not at_work and isinstance(results, RemoteResults):
        results.check_sizes()
    elif not at_work:
        results.verify()
    plan = _read(results, PLAN)
    finished = RECORD in names and "report.html" in names and PLAN not in names
    aside = [name for name in names if name.startswith("quarantine/")]
    record = _read(results, RECORD) if finished else {}
    known = {**record.get("catalog", {}), **plan}
    # Partitions of a virtual catalogue hold the best rows alone; other counts are known at the end.
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
        about=_about(record, plan),
        when=str(record.get("finished", "")).removesuffix("+00:00").replace("T", " ")[:16],
        next=tuple(str(row["formula"]) for row in record.get("next", {}).get("batch", ())),
        report=f"{results.where}/report.html" if finished else "",
    )


def describe_status(status: RunStatus) -> str:
    """Status as lines of text."""
    state = f"{status.state} {status.when} UTC" if status.when else status.state
    lines = [f"{status.folder}: {state}" + (f", {status.at_work}" if status.at_work else "")]
    if status.about:
        lines.append(status.about)
    if status.rows is not None:
        left = max(status.rows - status.scored - status.quarantined, 0)
        counts = f"{status.rows:,} rows: {status.scored:,} scored, {status.quarantined:,} in quarantine, {left:,} left"
        if status.virtual:
            counts = f"{status.rows:,} indices"
            if status.state == "finished":
                counts += (
                    f" visited: {status.scored:,} scored, {status.quarantined:,} in quarantine, the others filtered out"
                )
        parts = f"; partitions {status.done} of {status.partitions}" if status.partitions else ""
        lines.append(counts + ("" if status.virtual and status.state == "finished" else parts))
    if status.checkpoints:
        lines.append(f"{status.checkpoints} checkpoints")
    checked = "" if status.at_work else ", all there" if is_url(status.folder) else ", all whole"
    if status.next:
        lines.append(f"make next: {', '.join(status.next)}")
    if status.report:
        lines.append(f"report: {status.report}")
    lines.append(f"{status.files} files, {status.bytes / 1e6:,.1f} MB{checked}")
    lines += status.left_behind
    if status.command and status.state == "unfinished":
        lines.append(f"go on with: {status.command}")
    return "\n".join(lines)


def _about(record: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    """Kind of run and its targets, from the record of a finished one or else from its plan.

    >>> _about({"target": {"name": "kappa", "used": 45}, "catalog": {"name": "default"}}, {})
    'screening of default for kappa: 45 values'
    """
    targets = [item["target"] for item in record.get("properties", [record]) if "target" in item]
    named = [f"{target['name']}: {target['used']:,} values" for target in targets]
    if not named:
        planned = plan.get("targets", plan.get("target", ()))
        return "; ".join([planned] if isinstance(planned, str) else planned)
    kind = _KINDS.get(record.get("kind", ""), record.get("kind"))
    of = f" of {record['catalog']['name']}" if "catalog" in record else ""
    return f"{kind}{of} for {'; '.join(named)}"


def _read(results: Results, name: str) -> dict[str, Any]:
    try:
        return parse_object(results.read_text(name), f"{results.where}/{name}") if name in results.names() else {}
    except UserError:
        if name == PLAN:  # the run has just ended and removed it
            return {}
        raise
