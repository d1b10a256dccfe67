"""From flags of a call to what the runner takes."""

from __future__ import annotations

from typing import Any

from kakehashi.catalogs.cli.flags import ProgressFlags
from kakehashi.screen.progress import Mode
from kakehashi.screen.runs.flags import RunFlags
from kakehashi.screen.runs.runner import RunConfig, RunKind, run_and_print


def run_call(kind: RunKind, config: RunConfig, call: RunFlags) -> int:
    """Do one run as its call says; the exit code."""
    return run_and_print(kind, config, resume=call.resume, overwrite=call.overwrite, **printing_options(call))


def printing_options(call: ProgressFlags) -> dict[str, Any]:
    """Select the runner's arguments on what is printed and whether anything is written."""
    return {"mode": choose_mode(call), "dry_run": call.dry_run, "json_out": call.json, "quiet": call.quiet}


def choose_mode(call: ProgressFlags) -> Mode:
    """Choose how progress is shown."""
    return "events" if call.events else "quiet" if call.quiet or call.json else "auto"
