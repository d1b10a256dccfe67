"""Run folders at a URL, published from a working copy.

Every commit is published before the next one.

The manifest at the URL goes through the states of a local one. Before a file is uploaded it names it as pending, and
not as a result; afterwards, when all its bytes were read back, as a result. So at every moment it names only files
that are whole there, and whatever a killed run left beside them is known to be its own.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Container
from contextlib import suppress
from typing import Any

from kakehashi.catalogs.files.durable import make_folder, write_durably
from kakehashi.catalogs.files.home import PRIVATE, cache_folder
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs import manifest as manifests
from kakehashi.catalogs.runs.holders import has_ended, process_of, process_table
from kakehashi.catalogs.runs.manifest import Entry, Manifest
from kakehashi.catalogs.runs.results import Results
from kakehashi.catalogs.runs.rundir import HOLDER, RunDir, in_words, sweep, this_process
from kakehashi.catalogs.runs.store import Store, tries


class RemoteResults(Results):
    """Reader of a run at a URL, without copy or lock.

    at_work : which process had locked it just before, "" for none; one of another machine may have been killed
    """

    def __init__(self, store: Store, manifest: Manifest, at_work: str) -> None:
        self.store, self.where, self.manifest, self.at_work = store, store.url, manifest, at_work

    @classmethod
    def find(cls, url: str) -> RemoteResults | None:
        """Return the run at a URL, None without one."""
        store = Store(url)
        process = process_of(store.read(HOLDER))
        if (manifest := _manifest(store)) is None:
            return None
        at_work = "" if has_ended(process) else in_words(process)
        return cls(store, manifest[1], at_work)

    def check_sizes(self) -> None:
        """Check the lengths of committed files; UserError code 6."""
        sizes = self.store.sizes()
        for name in self.names():
            if sizes.get(name) not in [entry.bytes for entry in self._choices(name)]:
                what = "damaged" if name in sizes else "missing"
                raise UserError(f"{self.store.at(name)} is {what}: it does not fit {manifests.FILE}", code=6)

    def _holds(self, name: str, entry: Entry) -> bool:
        # Until its upload ends, a pending file has other bytes.
        return self.store.holds(name, entry, patient=(name, entry) != self.manifest.pending)

    def _bytes(self, name: str) -> bytes:
        """Read a file, again while its bytes are wrong."""
        data: bytes | None = b""
        for _ in tries():
            if (data := self.store.read(name)) is None:
                raise FileNotFoundError(self.store.at(name))
            if any((entry.bytes, entry.sha256) == (len(data), _digest(data)) for entry in self._choices(name)):
                break
        return data or b""


class RemoteRunDir(RunDir):
    """Write a run at a URL, as a context manager.

    It holds the lock at the URL and that of its working copy on this machine.

    What is read is read from the working copy. With `resume` the URL decides: it replaces a working copy unless that
    is whole and was the last to write there, so that it can only be ahead of it. Both locks answer code 4.

    Raises
    ------
    UserError : beside those of `RunDir`, a service that does not answer or refuses (code 5).
    """

    def __init__(self, url: str, *, resume: bool = False, overwrite: bool = False) -> None:
        self._store = Store(url)
        self._home = cache_folder("remote", hashlib.sha256(self._store.url.encode()).hexdigest()[:16])
        make_folder(self._home, PRIVATE)
        super().__init__(self._home / "run", resume=resume, overwrite=overwrite)
        self.where = self._store.url
        self._token = ""
        self._there = Manifest()
        self._written = b""
        self._perhaps: list[str] = []

    def _is_locked(self) -> bool:
        return self._store.read(HOLDER) is not None

    def _held(self) -> list[str]:
        return self._store.names()

    def _acquire(self) -> None:
        super()._acquire()
        try:
            self._lock_there()
        except BaseException:
            self._release()
            raise

    def _lock_there(self) -> None:
        mine = {**this_process(), "processes": process_table(), "token": secrets.token_hex(8)}
        data = json.dumps(mine).encode()
        self._token = mine["token"]
        self._remember(tokens=[*self._memory().get("tokens", ()), self._token])
        if not self._store.create(HOLDER, data):
            process = process_of(self._store.read(HOLDER))
            if not self._is_gone(process):
                raise UserError(
                    f"{self.where} is in use by {in_words(process)}: wait for it or choose another URL;"
                    " if it was killed,"
                    f" delete {self._store.at(HOLDER)}",
                    4,
                )
            self._store.write(HOLDER, data)
        self._check_lock()
        self._remember(tokens=[self._token])

    def _is_gone(self, process: Any) -> bool:
        """Tell whether the URL's process has certainly ended.

        It has if it had this working copy.
        """
        if isinstance(process, dict) and process.get("token") in self._memory().get("tokens", ()):
            return True
        return has_ended(process)

    def _check_lock(self) -> None:
        for _ in tries():  # a service may show the former lock for a moment
            process = process_of(self._store.read(HOLDER))
            if isinstance(process, dict) and process.get("token") == self._token:
                return
        raise UserError(f"{self.where}: the lock of this run was taken away by {in_words(process)}", 4)

    def _release(self) -> None:
        if self._token:
            with suppress(UserError):  # reported before
                self._check_lock()
                self._store.remove(HOLDER)
            self._token = ""
        super()._release()

    def _open(self) -> None:
        self._refuse_used()
        there = _manifest(self._store)
        if there is None:
            others = [name for name in self._store.names() if name != HOLDER]
            self._clear(())
            self._begin(others)
        else:
            data, self._there = there
            self._written, self._perhaps = data, [_digest(data)]
            self._settle_there()
            if not self._resume:
                self._clear(())
                self._begin(sorted(self._there.foreign))
            elif not self._is_ahead(data):
                self._pull(data)
        self._publish()

    def _settle_there(self) -> None:
        """Finish or drop an upload cut short, in memory.

        A torn file will be removed.
        """
        there = self._there
        if there.pending is not None:
            (name, entry), there.pending = there.pending, None
            if self._store.holds(name, entry):
                there.files[name] = entry
            elif name not in there.files:
                there.removing = (*there.removing, name)

    def _is_ahead(self, data: bytes) -> bool:
        """Take the working copy if nobody else wrote since.

        It must be whole.
        """
        if _digest(data) not in self._memory().get("manifests", ()):
            return False
        try:
            manifest = manifests.load(self.path)
        except UserError:
            return False
        if manifest is None:
            return False
        self.manifest = manifest
        self._settle()
        sweep(self.path)
        if not all(manifests.holds(self.path / name, entry) for name, entry in manifest.files.items()):
            return False
        for name, entry in list(self._there.files.items()):
            if manifest.files.get(name) == entry and not self._store.holds(name, entry):
                del self._there.files[name]
                self.notes.append(f"{self._store.at(name)} was damaged or missing: it is written again")
        if late := sorted(name for name, entry in manifest.files.items() if self._there.files.get(name) != entry):
            self.notes.append(f"what had not reached {self.where} when the last run ended follows: {_some(late)}")
        return True

    def _pull(self, data: bytes) -> None:
        """Make the working copy equal to the URL."""
        files = self._there.files
        here = sorted(name for name in sweep(self.path) if name != manifests.FILE)
        if other := [n for n in here if n not in files or not manifests.holds(self.path / n, files[n])]:
            self.notes.append(
                f"the copy of {self.where} on this machine is older or damaged: it is replaced ({_some(other)})"
            )
        self._clear(files)
        for name, entry in files.items():
            if not (manifests.holds(self.path / name, entry) and self._store.holds(name, entry)):
                self._store.download(name, self.path / name)
            if not manifests.holds(self.path / name, entry):
                self.notes.append(f"{self._store.at(name)} is damaged or missing")
        self.manifest = Manifest(files=dict(files), foreign=self._there.foreign)
        self.manifest.save(self.path)
        self._remember(manifests=[_digest(data)])

    def _clear(self, keep: Container[str]) -> None:
        """Remove the working copy's files, its manifest first."""
        (self.path / manifests.FILE).unlink(missing_ok=True)
        for name in sweep(self.path):
            if name not in keep:
                (self.path / name).unlink()

    def _changed(self, *names: str) -> None:
        self._publish(names)

    def _publish(self, again: tuple[str, ...] = ()) -> None:
        """Make the URL equal to the working copy.

        again : names whose bytes there may be wrong whatever the manifest there says
        """
        self._check_lock()
        there, files = self._there, self.manifest.files
        if gone := {name for name in (*there.files, *there.removing) if name not in files}:
            for name in gone:
                there.files.pop(name, None)
            there.removing = tuple(sorted(gone))
            self._put()
            for name in there.removing:
                self._store.remove(name)
        there.removing = ()
        for name, entry in files.items():
            if there.files.get(name) != entry or name in again:
                there.files.pop(name, None)
                there.pending = (name, entry)
                self._put()
                self._store.upload(name, self.path / name, entry)
                there.files[name], there.pending = entry, None
                self._put()
        there.foreign = self.manifest.foreign
        self._put()

    def _put(self) -> None:
        data = self._there.encoded()
        if data != self._written:
            # Any of these manifests at the URL was written by this run.
            self._perhaps = [*self._perhaps, _digest(data)]
            self._remember(manifests=self._perhaps)
            self._store.write(manifests.FILE, data)
            self._written, self._perhaps = data, [_digest(data)]

    def _memory(self) -> dict[str, Any]:
        """Return the notes on the URL, {} if new."""
        try:
            return dict(json.loads((self._home / "state.json").read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return {}

    def _remember(self, **facts: Any) -> None:
        text = json.dumps({**self._memory(), "url": self.where, **facts})
        write_durably(self._home / "state.json", text.encode())


def _manifest(store: Store) -> tuple[bytes, Manifest] | None:
    """Return the manifest at a URL, None without one.

    Raises UserError code 6 if it stays damaged.
    """
    for last in tries():
        if (data := store.read(manifests.FILE)) is None:
            break
        try:
            return data, manifests.decode(data, store.at(manifests.FILE))
        except UserError:
            if last:
                raise
    return None


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
