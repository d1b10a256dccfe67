"""Open runs in a folder or at a URL."""

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
    """Return the run folder at a path or URL, to be entered."""
    if isinstance(out, Path) and out.parts and out.parts[0].endswith(":"):
        raise UserError(f"expected a URL as text, got Path({str(out)!r}), which has lost a slash")
    if is_url(str(out)):
        return RemoteRunDir(str(out), resume=resume, overwrite=overwrite)
    return RunDir(_folder(str(out)), resume=resume, overwrite=overwrite)


def find_run(where: str) -> Results | None:
    """Return the results at a path or URL, else None."""
    if is_url(where):
        return RemoteResults.find(where)
    folder = _folder(where)
    return Results(folder) if (Path(folder) / manifests.FILE).is_file() else None


def results_at(where: str) -> Results:
    """Return the results at a path or URL; UserError without any."""
    if not is_url(where):
        return Results(_folder(where))
    if (results := find_run(where)) is None:
        raise UserError(f"expected a run, but {where} has no {manifests.FILE}: check the URL")
    return results


def recorded_at(where: str) -> Results | None:
    """Return the results of a recorded run, else None.

    Its record is run.json.
    """
    if is_url(where):
        results = find_run(where)
        return results if results is not None and "run.json" in results.names() else None
    folder = _folder(where)
    return Results(folder) if (Path(folder) / "run.json").is_file() else None


@contextmanager
def as_folder(where: str) -> Iterator[Results]:
    """Copy a URL's results to this machine for a while.

    Those of a folder stay where they are.
    """
    results = results_at(where)
    if not isinstance(results, RemoteResults):
        yield results
        return
    with TemporaryDirectory(prefix="remote-", dir=cache_folder()) as folder:
        for name in results.names():
            results.store.download(name, Path(folder) / name)
        results.manifest.save(Path(folder))
        copy = Results(folder)
        copy.where = results.where
        yield copy


def look(where: str) -> tuple[Results, str]:
    """Return a run's results and the process at work.

    The process is "" for none.
    """
    if is_url(where):
        results = results_at(where)
        return results, results.at_work if isinstance(results, RemoteResults) else ""
    folder = Path(_folder(where))
    at_work = holder(folder)
    return Results(folder), at_work


def _folder(where: str) -> str:
    """Return the local folder of a path or file:// URL."""
    return folder_of(where) or local(where)
