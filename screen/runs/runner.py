"""Run one command from its configuration to an exit code, whatever kind of run it is.

Nothing that computes is imported here: `--help`, mistakes in flags and a folder that needs nothing done are answered
first. So the steps of a kind import what they need when they are called.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.open import open_run, recorded_at
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.catalogs.runs.store import check_url, is_url
from kakehashi.catalogs.shown import as_json, say, shown
from kakehashi.screen.interrupt import last_words, stopped
from kakehashi.screen.progress import Mode, Progress, warn
from kakehashi.screen.runs.record_file import read_record
from kakehashi.screen.runs.status import PLAN
from kakehashi.screen.scoring.workers.leftovers import remove_leftovers

# Exit code where a service does not answer or refuses.
SERVICE = 5


class RunConfig(Protocol):
    """Settings every configuration has."""

    @property
    def out(self) -> str:
        """Folder or URL of the results."""

    @property
    def device(self) -> str:
        """Device for `screen.device.choose`."""


class InputComparison(NamedTuple):
    """Input of a finished run, with its sha256 then and now.

    role, spec : its role, and its name as the user wrote it
    """

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


def _as_json(config: Any, inputs: Any, work: Mapping[str, Any]) -> str:
    return as_json(work, 1)


class RunKind(NamedTuple):
    """Steps of one kind of run, as functions.

    Each takes a configuration first.

    read : inputs, checked; plan : work to do with them; forecast : cost of it, for `--dry-run`
    run : from configuration, inputs, open folder, progress and command to an outcome that has a `record`
    show : print the outcome, of a folder that is complete
    deciding : settings that decide the results, of a configuration as in a record
    as_dict : configuration as in a record
    compare : inputs beside those of the record of a finished run
    whole : True if a finished run left every file of the configuration
    preview : text of `--dry-run`, from configuration, inputs, and plan with forecast
    judge : exit code of a finished run, and if not 0, the reason
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
    preview: Callable[[Any, Any, Mapping[str, Any]], str] = _as_json


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

    resumable : True if the command has --resume; else the command itself goes on
    """
    if resume and overwrite:
        raise UserError("expected --resume or --overwrite, got both: choose one")
    if is_url(config.out):
        check_url(config.out)
    # The folder is checked before reading data and importing jax, which take seconds.
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
        work = {**kind.plan(config, inputs), **kind.forecast(config, inputs)}
        if json_out:
            print(json.dumps(work))
        elif not quiet:
            say(kind.preview(config, inputs, work))
        return 0
    words = ["kakehashi", *sys.argv[1:]]
    command_words = [word for word in words if word not in ("--resume", "--overwrite")]
    again = shlex.join([*command_words, *(["--resume"] if resumable else [])])

    def stop_with(word: str) -> None:
        warn("auto" if mode == "quiet" else mode, f"{word}; go on with: {again}")

    # Opening the folder removes files to overwrite, so inputs are checked first.
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
    """Record of the finished run in the folder, or None.

    Only of this very configuration and data.
    """
    results = recorded_at(config.out)
    if results is None:
        return None
    out = results.where
    record = read_record(results)
    mine, theirs = kind.deciding(kind.as_dict(config)), kind.deciding(record.get("config", {}))
    if other := sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)):
        raise UserError(
            f"{out} holds a finished run with another configuration ({', '.join(other)}): use --overwrite or another"
            " --out"
        )
    comparisons = kind.compare(config, kind.read(config), record)
    if changed := [compared for compared in comparisons if compared.now != compared.then]:
        texts = [
            f"{compared.role} {shown(compared.spec)} has sha256 {compared.now[:12]}, then"
            f" {(compared.then or 'none')[:12]}"
            for compared in changed
        ]
        raise UserError(
            f"{out} holds a finished run of other data: {'; '.join(texts)}; use --overwrite or another --out"
        )
    if not kind.whole(config, record):
        return None
    results.verify()
    return record if "report.html" in results.names() else None


def source_hashes(sources: list[dict[str, Any]]) -> dict[str, str]:
    """Sha256 of each source table in a record, by name.

    Several tables may share one entry.

    >>> source_hashes([{"name": "density", "sha256": "ab", "tasks": []}])
    {'density': 'ab'}
    """
    return {
        task["name"]: task["sha256"]
        for source in sources
        for task in (source["tasks"] or [{"name": source["name"], "sha256": source["sha256"]}])
    }
