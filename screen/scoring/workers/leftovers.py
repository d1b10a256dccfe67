"""Remove what a killed run left on a batch system: certificates and jobs."""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from kakehashi.catalogs.runs.rundir import LOCK

PREFIX = ".kakehashi-tls-"
"""Of the folder of a run's certificates, in the folder of the run."""
JOBS = "job-name"
"""File there: what the jobs of the run are called."""
FILES = ("ca_file", "cert", "key", JOBS)
_NAME = re.compile(r"[\w.+:-]{1,200}")
_ASK_SECONDS = 20


def queued_jobs(name: str) -> list[str] | None:
    """Jobs of this name as "12 (PENDING)"; None if unknown."""
    words = ["squeue", "--noheader", f"--name={name}", "--format=%i (%T)"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def remove_leftovers(folder: Path) -> list[str]:
    """Remove certificates of killed runs from a locked folder.

    Returns notes for the user.
    """
    return [note for path in sorted(folder.glob(f"{PREFIX}*")) for note in _remove_certificates(path)]


def remove_idle_leftovers(folder: Path) -> list[str]:
    """Remove leftovers unless a process holds the folder's lock."""
    if not any(folder.glob(f"{PREFIX}*")):
        return []
    with suppress(Timeout, OSError), FileLock(folder / LOCK, blocking=False):
        return remove_leftovers(folder)
    return []


def _remove_certificates(path: Path) -> list[str]:
    if path.is_symlink() or not path.is_dir():
        return [f"{path} is no folder of certificates: it is left as it is"]
    name = ""
    with suppress(OSError, UnicodeDecodeError):
        name = (path / JOBS).read_text(encoding="utf-8").strip()
    try:
        for file in FILES:
            (path / file).unlink(missing_ok=True)
        path.rmdir()
    except OSError as error:
        return [f"{path} is left of a run that was killed and cannot be removed: {error.strerror}"]
    notes = [f"the certificates of a run that was killed were removed: {path.name}"]
    if _NAME.fullmatch(name):
        jobs = queued_jobs(name)
        if jobs is None:
            notes.append(
                f"SLURM does not answer here; jobs of that run that still wait end with: scancel --name={name}"
            )
        elif jobs:
            notes.append(f"jobs of that run are still there: {', '.join(jobs)}; end them with: scancel --name={name}")
    return notes
