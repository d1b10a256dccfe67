"""The process that holds the lock of a URL."""

from __future__ import annotations

import json
import os
from typing import Any

from kakehashi.catalogs.runs.rundir import this_process


def process_of(data: bytes | None) -> Any:
    """Return the process in a lock.

    None without a lock, "" where it cannot be read.
    """
    try:
        return None if data is None else json.loads(data)
    except ValueError:
        return ""


def process_table() -> str:
    """Identify the table of processes; a container has its own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def has_ended(process: Any) -> bool:
    """Tell whether a lock's process has certainly ended.

    process : as `process_of` returns it
    """
    if not isinstance(process, dict):
        return process is None
    if process.get("host") != this_process()["host"] or process.get("processes") != process_table():
        return False
    try:
        os.kill(int(process["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, KeyError, ValueError, TypeError, OverflowError):  # of another user, or no number
        return False
    return False
