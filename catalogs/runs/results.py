"""Read the committed files of a run, every byte checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs import manifest as manifests
from kakehashi.catalogs.runs.manifest import Entry, Manifest, holds

if TYPE_CHECKING:
    import pyarrow as pa


class Results:
    """Reader of a run folder, by its manifest.

    Needs no lock: while a run writes, each file is the old one or the new one.

    where : the folder as its user names it
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.where = str(self.path)
        loaded = manifests.load(self.path)
        if loaded is None:
            raise UserError(f"expected the folder of a run, but {self.path} has no {manifests.FILE}: check the path")
        self.manifest: Manifest = loaded

    def names(self, prefix: str = "") -> list[str]:
        """Return the committed files that start with a prefix, sorted."""
        return sorted(name for name in self._entries() if name.startswith(prefix))

    def rows(self, name: str) -> int | None:
        """Return a committed table's rows, None for other files."""
        choices = self._choices(name)
        return choices[0].rows if len(choices) == 1 else self._verified(name)[1].rows

    def holds(self, name: str) -> bool:
        """Tell whether a file is committed and undamaged.

        `--resume` need not make such a file again.
        """
        return any(self._holds(name, entry) for entry in self._entries().get(name, ()))

    def read_bytes(self, name: str) -> bytes:
        """Return a file's bytes; UserError code 6 if damaged.

        Or missing, or not of this run.
        """
        return self._verified(name)[0]

    def read_text(self, name: str) -> str:
        """Return a file's text (UTF-8)."""
        return self.read_bytes(name).decode()

    def read_table(self, name: str) -> pa.Table:
        """Return a table; UserError code 6 if missing or damaged."""
        from kakehashi.catalogs.files import parquet

        data, entry = self._verified(name)
        table = parquet.read(data, f"{self.where}/{name}")
        if entry.rows is not None and table.num_rows != entry.rows:
            raise UserError(
                f"{self.where}/{name} has {table.num_rows} rows, not {entry.rows}: compute it again",
                code=6,
            )
        return table

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Check committed files, by default all; UserError code 6."""
        for name in self.names() if names is None else names:
            if not self.holds(name):
                self._verified(name)

    def _entries(self) -> dict[str, tuple[Entry, ...]]:
        """Return the entries a file may match.

        Two while its commit is under way.
        """
        entries: dict[str, tuple[Entry, ...]] = {name: (entry,) for name, entry in self.manifest.files.items()}
        if self.manifest.pending is not None:
            name, new = self.manifest.pending
            if name in entries or self._holds(name, new):
                entries[name] = (*entries.get(name, ()), new)
        return entries

    def _choices(self, name: str) -> tuple[Entry, ...]:
        try:
            return self._entries()[name]
        except KeyError:
            raise UserError(
                f"{self.where}/{name} is not a result of this run: {manifests.FILE} does not name it", code=6
            ) from None

    def _holds(self, name: str, entry: Entry) -> bool:
        return holds(self.path / name, entry)

    def _bytes(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def _verified(self, name: str) -> tuple[bytes, Entry]:
        path, choices = f"{self.where}/{name}", self._choices(name)
        try:
            data = self._bytes(name)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise UserError(f"{path} is missing, though {manifests.FILE} names it: compute it again", code=6) from error
        digest = hashlib.sha256(data).hexdigest()
        for entry in choices:
            if (entry.bytes, entry.sha256) == (len(data), digest):
                return data, entry
        wrong = "bytes" if len(data) != choices[-1].bytes else "sha256"
        raise UserError(f"{path} is damaged: its {wrong} do not fit {manifests.FILE}: compute it again", code=6)
