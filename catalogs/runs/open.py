"""Runs wherever they are: in a folder of this machine or at a URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kakehashi.catalogs.files.home import cache_folder
from kakehashi.catalogs.files.paths import local
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs import manifest as manifests
from kakehashi.catalogs.runs.remote import RemoteResults, RemoteRunDir
from kakehashi.catalogs.runs.results import Results
from kakehashi.catalogs.runs.rundir import RunDir, holder
from kakehashi.catalogs.runs.store import folder_of, is_url


def open_run(out: str | Path, *, resume: bool = False, overwrite: bool = False) -> RunDir:
    """The run folder at a path or a URL, to be entered."""
    if isinstance(out, Path) and out.parts and out.parts[0].endswith(":"):
        raise UserError(f"expected a URL as text, got Path({str(out)!r}), which has lost a slash")
    if is_url(str(out)):
        return RemoteRunDir(str(out), resume=resume, overwrite=overwrite)
    return RunDir(_folder(str(out)), resume=resume, overwrite=overwrite)


def find_run(where: str) -> Results | None:
    """What a run left at a path or a URL, None where there is none."""
    if is_url(where):
        return RemoteResults.find(where)
    folder = _folder(where)
    return Results(folder) if (Path(folder) / manifests.FILE).is_file() else None


def results_at(where: str) -> Results:
    """What a run left at a path or a URL; UserError code 2 where there is none."""
    if not is_url(where):
        return Results(_folder(where))
    if (found := find_run(where)) is None:
        raise UserError(f"expected a run, but {where} has no {manifests.FILE}: check the URL")
    return found


def recorded_at(where: str) -> Results | None:
    """The same of a run that has left its record, run.json; None where there is none."""
    if is_url(where):
        found = find_run(where)
        return found if found is not None and "run.json" in found.names() else None
    folder = _folder(where)
    return Results(folder) if (Path(folder) / "run.json").is_file() else None


@contextmanager
def as_folder(where: str) -> Iterator[Results]:
    """The same as files of this machine, of a URL while the block lasts."""
    found = results_at(where)
    if not isinstance(found, RemoteResults):
        yield found
        return
    with TemporaryDirectory(prefix="remote-", dir=cache_folder()) as folder:
        for name in found.names():
            found.store.download(name, Path(folder) / name)
        found.manifest.save(Path(folder))
        copy = Results(folder)
        copy.where = found.where
        yield copy


def look(where: str) -> tuple[Results, str]:
    """A run, and which process was at work in it just before, "" for none."""
    if is_url(where):
        found = results_at(where)
        return found, found.at_work if isinstance(found, RemoteResults) else ""
    folder = Path(_folder(where))
    at_work = holder(folder)
    return Results(folder), at_work


def _folder(where: str) -> str:
    """The folder of this machine that a path or a file:// URL names."""
    return folder_of(where) or local(where)
