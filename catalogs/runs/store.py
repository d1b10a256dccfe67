"""Files below a URL, written whole and read back.

Every failure is one line without a secret.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kakehashi.catalogs.files.durable import TEMPORARY, DurableFile
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.manifest import Entry, holds

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(::|://)")
# Object stores: files are written whole, and making a folder could make a bucket.
_BUCKETS = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az")
# Protocols whose name before an @ is no key.
_USERS = ("abfs", "abfss", "sftp", "ssh", "smb", "hdfs", "webhdfs")
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASS|CREDENTIAL|SAS")
_CHUNK = 1 << 22
PAUSES = (0.5, 2.0)
"""Seconds before bytes that are not those expected are read again: a service may be late, or wrong once."""


def tries() -> Iterator[bool]:
    """Pause before each further try; True on the last."""
    for pause in PAUSES:
        yield False
        time.sleep(pause)
    yield True


def is_url(text: str) -> bool:
    """Tell a URL from a folder of this machine.

    >>> is_url("s3://bucket/run"), is_url("runs/kappa"), is_url("file:///runs")
    (True, False, False)
    """
    return _URL.match(text) is not None and folder_of(text) is None


def folder_of(url: str) -> str | None:
    """Return the folder of file:///FOLDER, None of other texts.

    >>> folder_of("file:///runs/kappa")
    '/runs/kappa'
    """
    protocol, mark, rest = url.partition("://")
    if not mark or protocol.lower() not in ("file", "local"):
        return None
    if not rest:
        raise UserError(f"expected a folder, such as file:///FOLDER, got {url}")
    return rest


def check_url(url: str) -> str:
    """Return the URL in one spelling, without closing slashes.

    A text that may hold a secret is not repeated in errors.

    >>> check_url("S3://bucket/run/")
    's3://bucket/run'

    Raises
    ------
    UserError : one that has credentials or options in it, is made of several, or names no folder.
    """
    match = _URL.match(url)
    if match is None:
        raise UserError(f"expected a URL such as s3://BUCKET/FOLDER, got {url!r}")
    protocol, rest = match[1].lower(), url[match.end() :]
    hidden = f"{protocol}://..."
    user, mark, _ = rest.rpartition("@")
    if mark and (protocol not in _USERS or ":" in user):
        raise UserError(f"{hidden}: expected a URL without credentials: give them in the environment")
    if "?" in rest or "#" in rest:
        raise UserError(f"{hidden}: expected a URL without ? and #: give options in the environment (FSSPEC_...)")
    if match[2] == "::" or "::" in rest or not rest.strip("/") or not rest.isprintable():
        raise UserError(f"{hidden}: expected one protocol and a folder, such as s3://BUCKET/FOLDER")
    return f"{protocol}://{rest.rstrip('/')}"


class Store:
    """Files below a URL; names are relative to it.

    Raises
    ------
    UserError : a URL that cannot be used, or whose package is missing (code 2); of every function, a service that
        does not answer or refuses (code 5).
    """

    def __init__(self, url: str) -> None:
        self.url = check_url(url)
        self._protocol = self.url.partition("://")[0]
        try:
            import fsspec

            # No cache of listings, as others write there too, nor of connections, whose settings may change.
            options = {"use_listings_cache": False} if self._protocol in _BUCKETS else {}
            self._fs, root = fsspec.url_to_fs(self.url, skip_instance_cache=True, **options)
        except ImportError as error:
            advice = "pip install 'kakehashi[s3]'" if self._protocol in ("s3", "s3a") else _words(error)
            raise UserError(f"{self.url} needs a package that is not installed: {advice}") from None
        except ValueError as error:
            raise UserError(f"{self.url}: {_words(error)}; fsspec's protocols can be used, such as s3://") from None
        except Exception as error:
            raise UserError(f"cannot connect to {self.url}: {_words(error)}", 5) from None
        self._root = str(root).rstrip("/")

    def at(self, name: str) -> str:
        """Return the URL of a file."""
        return f"{self.url}/{name}"

    def names(self) -> list[str]:
        """Return all files below the URL, sorted."""
        return sorted(self.sizes())

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every file below the URL."""
        with self._asking("list", self.url):
            listing = self._fs.find(self._root, detail=True)
        sizes = {path[len(self._root) + 1 :]: int(entry["size"]) for path, entry in listing.items()}
        return {name: size for name, size in sizes.items() if name and not _temporary(name)}

    def read(self, name: str) -> bytes | None:
        """Return a small file's bytes, None without the file."""
        try:
            with self._asking("read", self.at(name)):
                return bytes(self._fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Replace a small file directly below the URL, whole."""
        with self._asking("write", self.at(name)):
            self._make_parent(name)
            if self._protocol in (*_BUCKETS, "memory"):
                self._fs.pipe_file(self._path(name), data)
            else:
                self._fs.pipe_file(self._path(TEMPORARY + name), data)
                self._fs.mv(self._path(TEMPORARY + name), self._path(name))
        self._check_read_back(name, Entry(len(data), hashlib.sha256(data).hexdigest()))

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file unless it exists; True if written.

        Of all who try at once one succeeds.

        Where a service cannot tell who was first, the last one wins: read it again.
        """
        with self._asking("write", self.at(name)):
            self._make_parent(name)
            try:
                self._fs.pipe_file(self._path(name), data, mode="create")
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS):
                    raise
                # The service has no such condition, or reports in its own way that it is not met.
                if self._fs.exists(self._path(name)):
                    return False
                self._fs.pipe_file(self._path(name), data)
        return True

    def upload(self, name: str, path: Path, entry: Entry) -> None:
        """Replace a file by a local one, checked.

        entry : length and sha256 of the file
        """
        with self._asking("write", self.at(name)):
            self._make_parent(name)
            self._fs.put_file(str(path), self._path(name))
        try:
            self._check_read_back(name, entry)
        except UserError:
            if not holds(path, entry):
                raise UserError(f"{path} is damaged: its bytes do not fit the manifest beside it", code=6) from None
            raise

    def download(self, name: str, path: Path) -> None:
        """Make a local file equal to the URL's.

        Missing or damaged too, as it is there.
        """
        pieces = self._pieces(name)
        try:
            with DurableFile(path) as file:
                for piece in pieces:
                    file.write(piece)
                file.commit()
        except FileNotFoundError:
            path.unlink(missing_ok=True)

    def holds(self, name: str, entry: Entry, *, patient: bool = True) -> bool:
        """Tell whether a file is that of an entry.

        All its bytes are read.

        patient : read other bytes again before they count; a file that is not there is not waited for
        """
        for last in tries():
            fingerprint = self._fingerprint(name)
            if last or not patient or fingerprint in (None, (entry.bytes, entry.sha256)):
                break
        return fingerprint == (entry.bytes, entry.sha256)

    def _fingerprint(self, name: str) -> tuple[int, str] | None:
        """Return a file's length and sha256, None without the file."""
        size, digest = 0, hashlib.sha256()
        try:
            for piece in self._pieces(name):
                size += len(piece)
                digest.update(piece)
        except FileNotFoundError:
            return None
        return size, digest.hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        try:
            with self._asking("remove", self.at(name)):
                self._fs.rm_file(self._path(name))
        except FileNotFoundError:
            return

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _make_parent(self, name: str) -> None:
        if self._protocol not in _BUCKETS:
            self._fs.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)

    def _pieces(self, name: str) -> Iterator[bytes]:
        with self._asking("read", self.at(name)), self._fs.open(self._path(name), "rb") as file:
            while piece := file.read(_CHUNK):
                yield piece

    def _check_read_back(self, name: str, entry: Entry) -> None:
        for _ in tries():  # a service may be late, or wrong once
            if self.holds(name, entry, patient=False):
                return
        raise UserError(f"{self.at(name)}: what was written is not what is read back, nor when asked again", 5)

    @contextmanager
    def _asking(self, what: str, where: str) -> Iterator[None]:
        """Turn a service's errors into a line.

        A missing file stays FileNotFoundError while one is read or removed.
        """
        try:
            self._fs.invalidate_cache()
            yield
        except FileNotFoundError as error:
            if what in ("read", "remove"):
                raise
            raise _failed(what, where, error) from None
        except Exception as error:
            raise _failed(what, where, error) from None


def _temporary(name: str) -> bool:
    return name.rpartition("/")[2].startswith(TEMPORARY)


def _failed(what: str, where: str, error: Exception) -> UserError:
    hint = ""
    if type(error).__name__ == "NoCredentialsError":
        hint = ": set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    return UserError(f"could not {what} {where} ({_words(error)}{hint})", 5)


def _words(error: Exception) -> str:
    """Return an error's words without secrets of the environment."""
    message = " ".join(str(error).split()) or type(error).__name__
    for name, value in os.environ.items():
        if len(value) >= 8 and _SECRET.search(name.upper()):
            message = message.replace(value, "***")
    return message[:300]
