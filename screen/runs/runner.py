"""One run of a command that fills a folder, from its configuration to an exit code, for any kind of run.

Nothing that computes is imported here: `--help`, mistakes in flags and a folder that needs nothing done are answered
first. So the steps of a kind import what they need when they are called.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.open import open_run, recorded_at
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.catalogs.runs.store import check_url, is_url
from kakehashi.catalogs.shown import as_json, say, shown
from kakehashi.screen.interrupt import last_words, stopped
from kakehashi.screen.progress import Mode, Progress, warn
from kakehashi.screen.runs.status import PLAN
from kakehashi.screen.scoring.workers.leftovers import remove_leftovers

# Exit code where a service does not answer or refuses.
SERVICE = 5
SCHEMA = 1
"""Of the records of runs, `run.json`."""


class RunConfig(Protocol):
    """What the runner asks of a configuration."""

    @property
    def out(self) -> str:
        """Folder or URL of the results."""

    @property
    def device(self) -> str:
        """What computes, for `screen.device.choose`."""


class InputComparison(NamedTuple):
    """An input of a finished run: what it is, as it was named, its sha256 now and in the record."""

    role: str
    spec: str
    now: str
    then: str | None


def _whole(config: Any, record: Mapping[str, Any]) -> bool:
    return True


def _nothing(config: Any, inputs: Any) -> dict[str, Any]:
    return {}


def _met(record: Mapping[str, Any]) -> tuple[int, str]:
    return 0, ""


class RunKind(NamedTuple):
    """What sets one kind of run apart, each a function of its configuration.

    read : the inputs, checked; plan : of these, what is to be done; forecast : what it takes, for `--dry-run`
    run : from configuration, inputs, open folder, progress and command to an outcome that has a `record`
    show : print the outcome, of a folder that is complete
    deciding : what decides the results, of a configuration as in a record
    as_dict : the configuration as in a record
    compare : the inputs beside those of the record of a finished run
    whole : whether a finished run left all that is asked for now
    judge : the exit code of a finished run, and if not 0, why
    """

    read: Callable[[Any], Any]
    plan: Callable[[Any, Any], dict[str, Any]]
    run: Callable[[Any, Any, RunDir, Progress, str], Any]
    show: Callable[[Any, RunDir], None]
    as_dict: Callable[[Any], dict[str, Any]]
    deciding: Callable[[Mapping[str, Any]], dict[str, Any]]
    compare: Callable[[Any, Any, Mapping[str, Any]], list[InputComparison]]
    forecast: Callable[[Any, Any], dict[str, Any]] = _nothing
    whole: Callable[[Any, Mapping[str, Any]], bool] = _whole
    judge: Callable[[Mapping[str, Any]], tuple[int, str]] = _met


def run_and_print(
    kind: RunKind,
    config: RunConfig,
    *,
    mode: Mode = "auto",
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    json_out: bool = False,
    quiet: bool = False,
    resumable: bool = True,
) -> int:
    """Run once and print the outcome; the exit code.

    resumable : whether the command has --resume; else what goes on is the command itself
    """
    if resume and overwrite:
        raise UserError("expected --resume or --overwrite, got both: choose one")
    if is_url(config.out):
        check_url(config.out)
    # The folder is judged before the data are read and jax is imported: both take seconds.
    if not dry_run and not config.out:
        raise UserError("--out is missing: the folder or URL the results go to")
    if not dry_run and resume and (record := _finished(kind, config)) is not None:
        if json_out:
            print(json.dumps(record))
        elif not quiet:
            print(shown(f"nothing to do: {config.out} holds this run, finished"))
        return kind.judge(record)[0]
    from kakehashi.screen.device import choose

    choose(config.device)
    if dry_run:
        inputs = kind.read(config)
        found = {**kind.plan(config, inputs), **kind.forecast(config, inputs)}
        if json_out:
            print(json.dumps(found))
        elif not quiet:
            say(as_json(found, 1))
        return 0
    words = ["kakehashi", *sys.argv[1:]]
    kept = [word for word in words if word not in ("--resume", "--overwrite")]
    again = shlex.join([*kept, *(["--resume"] if resumable else [])])

    def stop_with(word: str) -> None:
        warn("auto" if mode == "quiet" else mode, f"{word}; go on with: {again}")

    # What is overwritten goes when the folder is opened: not before the inputs are known to be good.
    inputs = kind.read(config) if overwrite else None
    try:
        with last_words(stop_with), open_run(config.out, resume=resume, overwrite=overwrite) as rundir:
            for note in (*rundir.notes, *remove_leftovers(rundir.path)):
                warn(mode, note)
            inputs = inputs or kind.read(config)
            rundir.write_text(PLAN, json.dumps({**kind.plan(config, inputs), "command": again}) + "\n")
            outcome = kind.run(config, inputs, rundir, Progress(mode), shlex.join(words))
            rundir.remove(PLAN)
    except UserError as error:
        if error.code != SERVICE:
            raise
        raise UserError(f"{error}; go on with: {again}", SERVICE) from None
    except KeyboardInterrupt as stop:
        with last_words(stop_with):
            return stopped(stop)
    if json_out:
        print(json.dumps(outcome.record))
    elif not quiet:
        kind.show(outcome, rundir)
    code, why = kind.judge(outcome.record)
    if code:
        warn(mode, why)
    return code


def _finished(kind: RunKind, config: RunConfig) -> dict[str, Any] | None:
    """The record of a run of this very configuration that the folder already holds, finished; else None."""
    results = recorded_at(config.out)
    if results is None:
        return None
    out = results.where
    record: dict[str, Any] = json.loads(results.read_text("run.json"))
    check_schema(record, f"{out}/run.json")
    mine, theirs = kind.deciding(kind.as_dict(config)), kind.deciding(record.get("config", {}))
    if other := sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)):
        raise UserError(
            f"{out} holds a finished run with another configuration ({', '.join(other)}): use --overwrite or another"
            " --out"
        )
    if changed := [found for found in kind.compare(config, kind.read(config), record) if found.now != found.then]:
        texts = [
            f"{found.role} {shown(found.spec)} has sha256 {found.now[:12]}, then {(found.then or 'none')[:12]}"
            for found in changed
        ]
        raise UserError(
            f"{out} holds a finished run of other data: {'; '.join(texts)}; use --overwrite or another --out"
        )
    if not kind.whole(config, record):
        return None
    results.verify()
    return record if "report.html" in results.names() else None


def check_schema(record: Mapping[str, Any], path: str | Path) -> None:
    """Refuse a record whose entries may mean something else."""
    if (found := record.get("schema", SCHEMA)) != SCHEMA:
        raise UserError(
            f"{path} has schema {found!r}, expected {SCHEMA}: it was written by another version, read it with that one",
            code=6,
        )


def source_hashes(sources: list[dict[str, Any]]) -> dict[str, str]:
    """Sha256 of the tables of the sources of a record, by name; several may share one entry."""
    return {
        task["name"]: task["sha256"]
        for source in sources
        for task in (source["tasks"] or [{"name": source["name"], "sha256": source["sha256"]}])
    }
