"""Durable files: written whole or not at all.

Bytes go to a temporary name, fsync, rename, and fsync of the folder.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from types import TracebackType

TEMPORARY = ".kakehashi-"
"""Prefix of temporary names; a leading dot keeps them out of pyarrow datasets and file globs."""
_BUFFER = 1 << 20  # bytes of one call: Parquet comes in pieces of a few dozen


class DurableFile(io.RawIOBase):
    """Binary file that takes its name only on `commit`.

    A failed write leaves the earlier file of that name as it was, and removes the temporary one. `sha256` and `size`
    are those of the bytes written so far.

    Parameters
    ----------
    mode : permissions, less the umask

    Raises
    ------
    OSError : naming the path.
    """

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        super().__init__()
        self.path = path
        self.temporary = path.with_name(f"{TEMPORARY}{path.name}.tmp")
        self.size = 0
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._broken: OSError | None = None
        self._fd = -1
        make_folder(path.parent)
        self._fd = self._attempt(os.open, self.temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)

    @property
    def sha256(self) -> str:
        """Return the sha256 of the bytes written so far."""
        return self._digest.hexdigest()

    def writable(self) -> bool:
        """Return True; pyarrow asks."""
        return True

    def write(self, data: object) -> int:
        """Write all of `data`.

        After a failure the rest is ignored (a Parquet footer, say).
        """
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        if self._broken is None:
            self._digest.update(view)
            self.size += len(view)
            self._buffer += view
            if len(self._buffer) >= _BUFFER:
                self._drain()
        return len(view)

    def flush(self) -> None:
        """Do nothing: bytes reach the disk on `seal`."""

    def seal(self) -> None:
        """Flush to the temporary name, and close the file."""
        if self._broken is not None:
            raise self._broken
        self._drain()
        self._attempt(os.fsync, self._fd)
        fd, self._fd = self._fd, -1
        self._attempt(os.close, fd)

    def publish(self) -> None:
        """Rename the sealed file to its name."""
        self._attempt(os.replace, self.temporary, self.path)
        sync_folder(self.path.parent)

    def commit(self) -> None:
        """Seal and publish."""
        self.seal()
        self.publish()

    def discard(self) -> None:
        """Remove the temporary file; the earlier file stays."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
        self.temporary.unlink(missing_ok=True)
        self._broken = self._broken or OSError(f"the write of {self.path} was given up")

    def close(self) -> None:
        """Close the file; discard it unless it was committed."""
        if self._fd >= 0:
            self.discard()
        super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drain(self) -> None:
        waiting, self._buffer = memoryview(self._buffer), bytearray()
        done = 0
        while done < len(waiting):
            done += self._attempt(os.write, self._fd, waiting[done:])

    def _attempt(self, call: object, *arguments: object) -> int:
        try:
            return call(*arguments)  # type: ignore[operator, no-any-return]
        except OSError as error:
            failure = OSError(error.errno, error.strerror or str(error), str(self.path))
            self.discard()
            self._broken = failure
            raise failure from error


def write_durably(path: Path, data: bytes, mode: int = 0o666) -> str:
    """Replace a file's content at once; return its sha256.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_durably(Path(folder) / "a.txt", b"a")[:8]
    'ca978112'
    """
    with DurableFile(path, mode) as file:
        file.write(data)
        file.commit()
        return file.sha256


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Create a folder and its parents durably.

    mode : permissions of new folders, less the umask
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
    path.mkdir(exist_ok=True)  # FileExistsError where a file stands there
    for folder in missing:
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to the disk.

    A power cut may otherwise lose a rename.
    """
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
