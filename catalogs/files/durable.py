"""Files that are there whole or not at all: temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from types import TracebackType

TEMPORARY = ".kakehashi-"
"""Prefix of temporary names; a leading dot keeps them out of pyarrow datasets and file globs."""
_HELD = 1 << 20  # bytes gathered for one call: Parquet comes in pieces of a few dozen


class DurableFile(io.RawIOBase):
    """A binary file that takes its name only on `commit`; `sha256` and `size` are those of the bytes given.

    Any failure to write leaves the earlier file of that name as it was and removes the temporary.
    Raises OSError naming the path.

    mode : of the file, less what the umask takes away
    """

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        super().__init__()
        self.path = path
        self.temporary = path.with_name(f"{TEMPORARY}{path.name}.tmp")
        self.size = 0
        self._digest = hashlib.sha256()
        self._held = bytearray()
        self._broken: OSError | None = None
        self._fd = -1
        make_folder(path.parent)
        self._fd = self._attempt(os.open, self.temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)

    @property
    def sha256(self) -> str:
        """Return the sha256 of the bytes given so far."""
        return self._digest.hexdigest()

    def writable(self) -> bool:
        """Return True, as pyarrow asks."""
        return True

    def write(self, data: object) -> int:
        """Take all of `data`; after a failure, ignore what follows (a Parquet footer, say)."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        if self._broken is None:
            self._digest.update(view)
            self.size += len(view)
            self._held += view
            if len(self._held) >= _HELD:
                self._drain()
        return len(view)

    def flush(self) -> None:
        """Nothing reaches the disk for good before `seal`."""

    def seal(self) -> None:
        """Push the bytes to the disk under the temporary name; the file is closed after it."""
        if self._broken is not None:
            raise self._broken
        self._drain()
        self._attempt(os.fsync, self._fd)
        fd, self._fd = self._fd, -1
        self._attempt(os.close, fd)

    def publish(self) -> None:
        """Give the sealed bytes their name."""
        self._attempt(os.replace, self.temporary, self.path)
        sync_folder(self.path.parent)

    def commit(self) -> None:
        """Seal and publish."""
        self.seal()
        self.publish()

    def discard(self) -> None:
        """Forget what was written; the earlier file stays."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
        self.temporary.unlink(missing_ok=True)
        self._broken = self._broken or OSError(f"the write of {self.path} was given up")

    def close(self) -> None:
        """Discard what was not committed."""
        if self._fd >= 0:
            self.discard()
        super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drain(self) -> None:
        held, self._held = memoryview(self._held), bytearray()
        done = 0
        while done < len(held):
            done += self._attempt(os.write, self._fd, held[done:])

    def _attempt(self, call: object, *arguments: object) -> int:
        try:
            return call(*arguments)  # type: ignore[operator, no-any-return]
        except OSError as error:
            named = OSError(error.errno, error.strerror or str(error), str(self.path))
            self.discard()
            self._broken = named
            raise named from error


def write_durably(path: Path, data: bytes, mode: int = 0o666) -> str:
    """Replace the content of `path` at once and return its sha256."""
    with DurableFile(path, mode) as file:
        file.write(data)
        file.commit()
        return file.sha256


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Create a folder and its parents so that they survive a crash; mode : of those made, less the umask."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
    path.mkdir(exist_ok=True)  # FileExistsError where a file stands there
    for folder in missing:
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries, without which a rename may be lost in a power cut."""
    try:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
