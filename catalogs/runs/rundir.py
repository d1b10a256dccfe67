"""Write the folder of a run: one writer, whole files."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kakehashi.catalogs.files.durable import TEMPORARY, DurableFile, make_folder, write_durably
from kakehashi.catalogs.files.locks import Lock, Timeout, take
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs import manifest as manifests
from kakehashi.catalogs.runs.manifest import Entry, Manifest
from kakehashi.catalogs.runs.results import Results

if TYPE_CHECKING:
    import pyarrow as pa

    from kakehashi.catalogs.files.parquet import TableWriter

__all__ = ["Results", "RunDir", "holder"]

LOCK = ".kakehashi.lock"
HOLDER = ".kakehashi.lock.json"
FOREIGN_LIMIT = 1000


class RunDir(Results):
    """Writer of a run folder, as a context manager.

    It holds the folder's lock.

    A folder that holds a finished or foreign run is refused (UserError code 2) without `resume` or
    `overwrite`; `overwrite` removes the files its manifest names, no others. Another process at work in it:
    UserError code 4. An unwritable folder or a full disk: OSError naming the path. Not for several threads.

    notes : what whoever opened it should be told
    """

    def __init__(self, path: str | Path, *, resume: bool = False, overwrite: bool = False) -> None:
        if resume and overwrite:
            raise UserError("expected --resume or --overwrite, got both: choose one")
        self.path = Path(path)
        self.where = str(self.path)
        self.manifest = Manifest()
        self.notes: list[str] = []
        self._resume, self._overwrite = resume, overwrite
        self._lock: Lock | None = None

    def __enter__(self) -> RunDir:
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"expected a folder for the results, but {self.path} is a file: choose another --out")
        if not self._is_locked():
            self._refuse_used()  # before a lock file is left in a stranger's folder
        make_folder(self.path)
        self._acquire()
        try:
            self._open()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def write_bytes(self, name: str, data: bytes) -> None:
        """Commit a file."""
        with self.bytes_writer(name) as file:
            file.write(data)

    @contextmanager
    def bytes_writer(self, name: str) -> Iterator[DurableFile]:
        """Commit a file in pieces; nothing if the block raises."""
        with DurableFile(self._target(name)) as file:
            yield file
            self._commit(name, file, None)

    def write_text(self, name: str, text: str) -> None:
        """Commit a text file (UTF-8).

        Bytes of a path that are no UTF-8 become escapes, which JSON reads back.
        """
        self.write_bytes(name, text.encode("utf-8", "backslashreplace"))

    def write_table(self, name: str, table: pa.Table, metadata: Mapping[str, str] | None = None) -> None:
        """Commit a table as Parquet; equal tables give equal bytes."""
        with self.table_writer(name, table.schema, metadata) as writer:
            writer.write(table)

    @contextmanager
    def table_writer(
        self, name: str, schema: pa.Schema, metadata: Mapping[str, str] | None = None
    ) -> Iterator[TableWriter]:
        """Commit a table in pieces; nothing if the block raises."""
        from kakehashi.catalogs.files import parquet

        with DurableFile(self._target(name)) as file:
            writer = parquet.TableWriter(file, schema, metadata)
            try:
                yield writer
            except BaseException:
                file.discard()
                raise
            finally:
                writer.close()
            self._commit(name, file, writer.rows)

    def remove(self, name: str) -> None:
        """Remove a committed file; other names are left alone."""
        if name in self.manifest.files:
            self._remove([name])

    def _target(self, name: str) -> Path:
        if self._lock is None:
            raise RuntimeError(f"{self.path} is not open: use RunDir as a context manager")
        if manifests.check_name(name) in self.manifest.foreign:
            raise UserError(f"{self.path / name} was there before the run and is not its to replace: move it away")
        return self.path / name

    def _commit(self, name: str, file: DurableFile, rows: int | None) -> None:
        file.seal()
        try:
            self._settle()
            self.manifest.pending = (name, Entry(file.size, file.sha256, rows))
            self.manifest.save(self.path)
            file.publish()
        except BaseException:
            file.discard()
            raise
        self._settle()
        self._changed(name)

    def _changed(self, *names: str) -> None:
        """Note files that were committed or removed."""

    def _settle(self) -> None:
        if self.manifest.settle(self.path):
            self.manifest.save(self.path)

    def _remove(self, names: list[str]) -> None:
        self._settle()
        for name in names:
            self.manifest.files.pop(name, None)
        self.manifest.removing = tuple(names)
        self.manifest.save(self.path)
        self._settle()
        self._changed(*names)

    def _open(self) -> None:
        self._refuse_used()
        manifest = manifests.load(self.path)
        files = sweep(self.path)
        if manifest is None:
            self._begin(files)
            return
        self.manifest = manifest
        self._settle()
        if self._overwrite:
            self._remove(list(self.manifest.files))

    def _begin(self, files: list[str]) -> None:
        """Start a first run beside other files."""
        if files and self._resume:
            raise UserError(f"{self.where} holds other files and no run to resume: choose the folder of a run")
        if len(files) > FOREIGN_LIMIT:
            raise UserError(f"{self.where} holds {len(files)} other files: choose an empty folder")
        self.manifest = Manifest(foreign=frozenset(files))
        self.manifest.save(self.path)

    def _is_locked(self) -> bool:
        """Tell whether there is a lock, held or not."""
        return (self.path / LOCK).exists()

    def _held(self) -> list[str]:
        return [path.name for path in self.path.iterdir()] if self.path.is_dir() else []

    def _refuse_used(self) -> None:
        if self._resume or self._overwrite:
            return
        names = self._held()
        used = sorted(name for name in names if name not in (LOCK, HOLDER, manifests.FILE))
        used = [name for name in used if not name.startswith(TEMPORARY)]
        if used:
            what = "a run" if manifests.FILE in names or "run.json" in used else "other files"
            some = ", ".join(used[:3]) + (", ..." if len(used) > 3 else "")
            raise UserError(
                f"{self.where} already holds {what} ({some}): "
                "use --resume to go on, --overwrite to replace it, or another folder"
            )

    def _acquire(self) -> None:
        try:
            lock = take(self.path / LOCK)
        except Timeout:
            raise UserError(
                f"{self.where} is in use by {_holder(self.path)}: wait for it or choose another folder", 4
            ) from None
        self._lock = lock
        try:
            write_durably(self.path / HOLDER, json.dumps(this_process()).encode())
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        if self._lock is not None:
            lock, self._lock = self._lock, None
            with suppress(OSError):
                (self.path / HOLDER).unlink()
            lock.release()


def this_process() -> dict[str, Any]:
    """Describe this process for a lock."""
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def sweep(folder: Path) -> list[str]:
    """Remove temporaries of a killed run; return the other files."""
    files = []
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base) / name
            if path.name in (LOCK, HOLDER):
                continue
            if name.startswith(TEMPORARY) and name.endswith(".tmp"):
                path.unlink()
            else:
                files.append(path.relative_to(folder).as_posix())
        if len(files) > FOREIGN_LIMIT * 100:
            break
    return files


def holder(folder: Path) -> str:
    """Describe the process at work in a folder, else "".

    Nothing is written.
    """
    if not (folder / LOCK).is_file():
        return ""
    try:
        take(folder / LOCK).release()
        return ""
    except Timeout:
        return _holder(folder)
    except (OSError, UserError):  # of another user, or a file system without locks
        return ""


def _holder(folder: Path) -> str:
    try:
        return in_words(json.loads((folder / HOLDER).read_text()))
    except (OSError, ValueError):
        return in_words(None)


def in_words(process: Any) -> str:
    """Describe a lock's process, as `this_process` gave it."""
    try:
        return f"process {process['pid']} on {process['host']} since {process['started']} ({process['command']})"
    except (KeyError, TypeError):
        return "another process"
