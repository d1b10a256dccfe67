"""The manifest of a run folder: names, lengths and hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from kakehashi.catalogs.files.durable import sha256_of, sync_folder, write_durably
from kakehashi.catalogs.records import UserError

FILE = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """Length, sha256 and rows of a committed file."""

    bytes: int
    sha256: str
    rows: int | None = None


@dataclass(slots=True)
class Manifest:
    """The committed files of a run folder.

    files : committed files by name, relative to the folder
    pending : the commit under way, written before the file takes its name: after a crash the file is either
        the old one or exactly this one
    removing : files being removed, no longer results; whoever opens the folder next finishes the removal
    foreign : files that were there before the first run, never overwritten or removed
    """

    files: dict[str, Entry] = field(default_factory=dict)
    pending: tuple[str, Entry] | None = None
    removing: tuple[str, ...] = ()
    foreign: frozenset[str] = frozenset()

    def save(self, folder: Path) -> None:
        """Write the manifest, whole."""
        write_durably(folder / FILE, self.encoded())

    def encoded(self) -> bytes:
        """Return the file's bytes; equal manifests give equal bytes."""
        body = {
            "schema": SCHEMA,
            "files": {name: asdict(self.files[name]) for name in sorted(self.files)},
            "pending": None if self.pending is None else [self.pending[0], asdict(self.pending[1])],
            "removing": sorted(self.removing),
            "foreign": sorted(self.foreign),
        }
        text = json.dumps({**body, "sha256": _digest(body)}, indent=1, ensure_ascii=False)
        return (text + "\n").encode()

    def settle(self, folder: Path) -> bool:
        """Finish or drop what a crash interrupted; True if changed.

        A file that is neither the old nor the new one is left for the reader to refuse.
        """
        changed = False
        if self.pending is not None:
            (name, new), self.pending = self.pending, None
            if holds(folder / name, new):
                self.files[name] = new
            changed = True
        if self.removing:
            for name in self.removing:
                (folder / name).unlink(missing_ok=True)
            for parent in sorted({(folder / name).parent for name in self.removing}):
                if parent.is_dir():
                    sync_folder(parent)
            self.removing, changed = (), True
        return changed


def load(folder: Path) -> Manifest | None:
    """Read a folder's manifest, None where there is none.

    Raises UserError code 6 where it is damaged.
    """
    try:
        return decode((folder / FILE).read_bytes(), str(folder / FILE))
    except FileNotFoundError:
        return None


def decode(data: bytes, where: str) -> Manifest:
    """Read a manifest's bytes; UserError code 6 if damaged."""
    try:
        body = json.loads(data)
        if body["schema"] != SCHEMA:
            raise UserError(
                f"{where} has schema {body['schema']!r}, expected {SCHEMA}: "
                "it was written by another version, read it with that one",
                code=6,
            )
        if body.pop("sha256") != _digest(body):
            raise ValueError("its checksum does not fit its content")
        pending = body["pending"]
        return Manifest(
            files={check_name(name): Entry(**entry) for name, entry in body["files"].items()},
            pending=None if pending is None else (check_name(pending[0]), Entry(**pending[1])),
            removing=tuple(check_name(name) for name in body["removing"]),
            foreign=frozenset(body["foreign"]),
        )
    except UserError as error:
        if error.code == 6:
            raise
        raise _damaged(where, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(where, error) from error


def check_name(name: str) -> str:
    """Return a result's name; UserError for an unsafe one.

    Unsafe is one that could leave the folder or hide in it.

    >>> check_name("scores/part-0.parquet")
    'scores/part-0.parquet'

    """
    parts = PurePosixPath(name).parts
    if (
        not parts
        or "/".join(parts) != name
        or any(part.startswith(".") for part in parts)
        or name == FILE
        or any(bad in name for bad in ("\\", "\0"))
        or name.startswith("/")
    ):
        raise UserError(f"expected the name of a result such as 'scores/part-0.parquet', got {name!r}")
    return name


def holds(path: Path, entry: Entry) -> bool:
    """Tell whether a file is that of an entry."""
    try:
        return path.stat().st_size == entry.bytes and sha256_of(path) == entry.sha256
    except (FileNotFoundError, NotADirectoryError):
        return False


def _digest(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _damaged(where: str, error: Exception) -> UserError:
    return UserError(
        f"{where} is damaged ({type(error).__name__}: {error}): choose another folder, or delete this one",
        code=6,
    )
