"""A run at a URL has the bytes of one in a folder, whatever fails on the way, whoever else writes there."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs import manifest, store
from kakehashi.catalogs.runs.manifest import Entry
from kakehashi.catalogs.runs.open import find_run, look, open_run, results_at
from kakehashi.catalogs.runs.remote import RemoteRunDir
from kakehashi.catalogs.runs.rundir import HOLDER, LOCK, RunDir
from kakehashi.catalogs.runs.store import Store, check_url

URL = "memory://bucket/run"
TABLE = pa.table({"id": ["a", "b", "c"], "mean": [1.0, None, -3.5]})
OPERATIONS = ("find", "cat_file", "pipe_file", "put_file", "rm_file", "open")
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY"


class Cut(MemoryFileSystem):
    """Files in memory whose service fails at its N-th operation, once or from then on.

    The one that fails has gone through or not, by turns, or (of a file) has left half of it.
    """

    seen = nth = 0
    lasting = False

    def _ask(self) -> bool:
        Cut.seen += 1
        return Cut.seen == Cut.nth or (self.lasting and 0 < Cut.nth < Cut.seen)

    def _arrives(self, cut: bool) -> bool:
        return not cut or (Cut.seen == Cut.nth and Cut.nth % 2 != self.lasting)

    def find(self, *given: Any, **named: Any) -> Any:
        self._fail(self._ask())
        return super().find(*given, **named)

    def cat_file(self, *given: Any, **named: Any) -> Any:
        self._fail(self._ask())
        return super().cat_file(*given, **named)

    def pipe_file(self, *given: Any, **named: Any) -> Any:
        cut = self._ask()
        if self._arrives(cut):
            super().pipe_file(*given, **named)
        self._fail(cut)

    def put_file(self, here: str, there: str, **named: Any) -> None:
        cut = self._ask()
        data = Path(here).read_bytes()
        self.store.pop(there, None)
        with MemoryFileSystem.open(self, there, "wb") as file:
            file.write(data if self._arrives(cut) else data[: len(data) // 2])
        self._fail(cut)

    def rm_file(self, path: str) -> None:
        cut = self._ask()
        if self._arrives(cut):
            super().rm_file(path)
        self._fail(cut)

    def open(self, path: str, mode: str = "rb", **named: Any) -> Any:
        if mode == "rb":
            self._fail(self._ask())
        return super().open(path, mode, **named)

    @staticmethod
    def _fail(cut: bool) -> None:
        if cut:
            raise ConnectionError(f"the service went away; it knew {SECRET}")


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home and a memory of each test's own, and a secret in the environment; nothing is flushed for real."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(store, "PAUSES", (0, 0))
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    MemoryFileSystem.store.clear()
    fsspec.register_implementation("memory", Cut, clobber=True)
    Cut.seen = Cut.nth = 0
    Cut.lasting = False
    yield
    fsspec.register_implementation("memory", MemoryFileSystem, clobber=True)
    MemoryFileSystem.store.clear()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """Be on another machine: nothing of this one is there."""

    @contextmanager
    def there() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KAKEHASHI_HOME", str(tmp_path / "elsewhere"))
            patch.setattr(socket, "gethostname", lambda: "elsewhere")
            yield

    return there


Elsewhere = Callable[[], AbstractContextManager[None]]


def there() -> dict[str, bytes]:
    """Every file at the URL."""
    root = "/bucket/run/"
    return {path.removeprefix(root): file.getvalue() for path, file in MemoryFileSystem.store.items()}


def here(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in (LOCK, HOLDER))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def work(run: RunDir) -> None:
    """What a run does: new files, replaced ones, removed ones."""
    for i in range(3):
        if not run.holds(f"scores/{i}.parquet"):
            run.write_table(f"scores/{i}.parquet", TABLE.slice(i))
    run.write_text("plan.json", "{}")
    run.write_text("run.json", '{"κ": 1}')
    run.write_text("run.json", '{"κ": 2}')
    run.remove("plan.json")


def check_whole() -> None:
    """What the manifest at the URL names is there, with the bytes it names."""
    held = there()
    if manifest.FILE in held:
        for name, entry in manifest.decode(held[manifest.FILE], "there").files.items():
            assert hashlib.sha256(held[name]).hexdigest() == entry.sha256, name


def test_a_url_holds_what_a_folder_holds(tmp_path: Path) -> None:
    for out in (str(tmp_path / "run"), URL):
        with open_run(out) as run:
            work(run)
            assert run.where == out
    assert there() == here(tmp_path / "run")
    assert results_at(URL).read_table("scores/1.parquet").equals(TABLE.slice(1))
    results_at(URL).verify()
    assert look(URL)[1] == ""


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    with open_run(f"file://{tmp_path}/run") as run:
        work(run)
    assert type(run) is RunDir
    assert results_at(f"file://{tmp_path}/run").names() == results_at(str(tmp_path / "run")).names()
    with pytest.raises(UserError, match="expected a folder"):
        open_run("file://")


def test_a_service_with_folders(tmp_path: Path) -> None:
    """One that writes a file piece by piece: a manifest takes its name when it is whole."""

    class Disk(LocalFileSystem):
        protocol = ("disk",)
        moved: list[str] = []  # noqa: RUF012  # of all instances

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return super()._strip_protocol(path.removeprefix("disk://"))

        def mv(self, old: str, new: str, **named: Any) -> None:
            self.moved.append(new)
            super().mv(old, new, **named)

        def pipe_file(self, path: str, value: bytes, **named: Any) -> None:
            assert not path.endswith(manifest.FILE) or ".kakehashi-" in path
            super().pipe_file(path, value, **named)

    fsspec.register_implementation("disk", Disk, clobber=True)
    for out in (f"disk://{tmp_path}/there", str(tmp_path / "here")):
        with open_run(out) as run:
            work(run)
    assert here(tmp_path / "there") == here(tmp_path / "here")
    assert len(Disk.moved) > 10


def test_a_used_url_is_refused() -> None:
    with open_run(URL) as run:
        run.write_text("run.json", "{}")
    with pytest.raises(UserError, match=r"memory://bucket/run already holds a run .*--resume") as caught, open_run(URL):
        pass
    assert caught.value.code == 2
    MemoryFileSystem.store.clear()
    Store(URL).write("thesis.tex", b"years of work")
    with pytest.raises(UserError, match=r"other files \(thesis\.tex\)"), open_run(URL):
        pass
    with pytest.raises(UserError, match="no run to resume"), open_run(URL, resume=True):
        pass
    assert list(there()) == ["thesis.tex"]
    assert find_run(URL) is None
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        results_at(URL)


def test_overwrite_removes_only_what_the_manifest_names(elsewhere: Elsewhere) -> None:
    Store(URL).write("ranking.csv", b"mine")
    with open_run(URL, overwrite=True) as run:
        run.write_table("scores/0.parquet", TABLE)
        with pytest.raises(UserError, match="was there before the run"):
            run.write_text("ranking.csv", "theirs")
    Store(URL).write("notes.txt", b"kept")
    with elsewhere(), open_run(URL, overwrite=True) as run:
        assert run.names() == []
        with pytest.raises(UserError, match="was there before the run"):
            run.write_text("ranking.csv", "theirs")
    assert sorted(there()) == ["manifest.json", "notes.txt", "ranking.csv"]
    assert there()["ranking.csv"] == b"mine"


def test_resume_elsewhere_brings_the_files(elsewhere: Elsewhere, tmp_path: Path) -> None:
    with open_run(URL) as run:
        run.write_table("scores/0.parquet", TABLE)
    with elsewhere(), open_run(URL, resume=True) as run:
        assert run.holds("scores/0.parquet")
        assert run.path.is_relative_to(tmp_path / "elsewhere")
        assert run.notes == []
        work(run)
    with open_run(tmp_path / "run") as run:
        run.write_table("scores/0.parquet", TABLE)
        work(run)
    assert there() == here(tmp_path / "run")


@pytest.mark.fault
def test_a_new_run_takes_nothing_that_an_older_one_had_not_uploaded(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, open_run(URL) as run:
        patch.setattr(RemoteRunDir, "_publish", stop)
        with pytest.raises(SystemExit):
            run.write_text("a.txt", "old")
    with open_run(URL) as run:
        assert run.names() == []
    assert list(there()) == ["manifest.json"]


@pytest.mark.fault
def test_the_url_replaces_a_copy_that_is_older(elsewhere: Elsewhere) -> None:
    """Two machines in turn: neither's copy is taken for what is at the URL."""
    with open_run(URL) as run:
        run.write_text("a.txt", "old")
        run.write_text("b.txt", "old")
    with elsewhere(), open_run(URL, resume=True) as other:
        other.write_text("a.txt", "new")
        other.remove("b.txt")
    with open_run(URL, resume=True) as run:
        assert run.names() == ["a.txt"]
        assert run.read_text("a.txt") == "new"
        assert "older or damaged" in run.notes[0]
        assert "a.txt, b.txt" in run.notes[0]
    assert sorted(there()) == ["a.txt", "manifest.json"]


@pytest.mark.fault
def test_what_was_not_uploaded_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the local commit: nothing is computed again."""
    with open_run(URL) as run:
        run.write_text("a.txt", "first")
        with monkeypatch.context() as patch:
            patch.setattr(RemoteRunDir, "_publish", stop)
            with pytest.raises(SystemExit):
                run.write_text("b.txt", "second")
    assert "b.txt" not in there()
    with open_run(URL, resume=True) as run:
        assert run.read_text("b.txt") == "second"
        assert run.notes == [f"what had not reached {URL} when the last run ended follows: b.txt"]
    assert there()["b.txt"] == b"second"


def stop(*_: object) -> None:
    raise SystemExit


@pytest.mark.fault
def test_half_a_file_is_removed(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed run's own leavings go, even where the run that goes on never writes that file."""

    def half(self: Cut, here: str, there: str, **named: Any) -> None:
        MemoryFileSystem.pipe_file(self, there, Path(here).read_bytes()[:3])
        raise ConnectionError

    with open_run(URL) as run:
        with monkeypatch.context() as patch:
            patch.setattr(Cut, "put_file", half)
            with pytest.raises(UserError, match=r"could not write .*b\.txt"):
                run.write_text("b.txt", "second")
        Store(URL).write("stranger.txt", b"")
    assert "b.txt" in there()
    with elsewhere(), open_run(URL, resume=True) as run:
        assert run.names() == []
        assert sorted(there()) == [HOLDER, "manifest.json", "stranger.txt"]


def test_a_new_run_has_nothing_of_an_older_copy() -> None:
    for overwrite in (False, True):
        with open_run(URL, overwrite=True) as run:
            work(run)
        if not overwrite:
            MemoryFileSystem.store.clear()
        with open_run(URL, overwrite=overwrite) as run:
            assert sorted(here(run.path)) == ["manifest.json"]
            run.write_text("run.json", "{}")
        assert sorted(there()) == sorted(here(run.path)) == ["manifest.json", "run.json"]


@pytest.mark.fault
@pytest.mark.parametrize(("machine", "lasting"), [("here", False), ("here", True), ("elsewhere", False)])
def test_every_operation_that_fails_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, lasting: bool
) -> None:
    """Code 5 and a line without the secret; the manifest names whole files; the run resumed has the same bytes."""

    def again(out: str = URL, whole: dict[str, Entry] | None = None) -> None:
        with open_run(out, resume=True) as run:
            check_whole()
            assert whole in (None, run.manifest.files), "committed here and computed again"
            work(run)
            run.remove("ranking.csv")

    again(str(tmp_path / "alone"))
    nth = calls = 0
    while nth <= calls:
        MemoryFileSystem.store.clear()
        monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / f"home-{nth}"))
        with open_run(URL) as run:
            run.write_text("ranking.csv", "old")
        Cut.seen, Cut.nth, Cut.lasting = 0, nth, lasting
        try:
            again()
        except UserError as error:
            said = (error.code, str(error))
        else:
            assert nth in (0, calls - 1, calls), "only what lets go of the lock may fail unseen"
            said, calls = (5, ""), calls or Cut.seen
        assert said[0] == 5, said
        assert not said[1] or (URL in said[1] and "the service went away; it knew ***" in said[1])
        Cut.nth = 0
        check_whole()
        if machine == "elsewhere":
            monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / f"other-{nth}"))
            MemoryFileSystem.store.pop(f"/bucket/run/{HOLDER}", None)  # as the message of code 4 says
        mine = manifest.load(RemoteRunDir(URL).path)
        again(whole=mine and mine.files)
        assert there() == here(tmp_path / "alone"), nth
        nth += 1
    assert calls > 50


@pytest.mark.fault
@pytest.mark.parametrize("method", ["put_file", "pipe_file"], ids=["file", "manifest"])
def test_a_service_that_keeps_other_bytes_is_not_believed(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    with open_run(URL) as run:
        run.write_text("a.txt", "first")

        def short(self: Cut, one: str, other: Any, **named: Any) -> None:
            path, data = (other, Path(one).read_bytes()) if method == "put_file" else (one, other)
            MemoryFileSystem.pipe_file(self, path, data[:-1])

        with monkeypatch.context() as patch:
            patch.setattr(Cut, method, short)
            with pytest.raises(UserError, match=r"not what is read back") as caught:
                run.write_text("b.txt", "second")
        assert caught.value.code == 5
        if method == "put_file":
            (run.path / "b.txt").write_text("damaged here")
            with pytest.raises(UserError, match=r"b\.txt is damaged") as caught:
                run.write_text("c.txt", "third")
            assert caught.value.code == 6


@pytest.mark.fault
@pytest.mark.parametrize("name", ["a.txt", manifest.FILE, HOLDER])
@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_other_bytes_are_read_again_before_they_count(monkeypatch: pytest.MonkeyPatch, name: str, wrong: int) -> None:
    """Twice is borne, by who writes and by who reads; three times is not."""
    given: list[str] = []

    def other(self: Cut, path: str, **named: Any) -> bytes:
        if path not in MemoryFileSystem.store:
            raise FileNotFoundError(path)
        data = MemoryFileSystem.store[path].getvalue()
        if path.endswith(name) and len(given) < wrong:
            given.append(path)
            return data[:-1] + b"?"
        return data

    def opened(self: Cut, path: str, mode: str = "rb", **named: Any) -> Any:
        return io.BytesIO(other(self, path)) if mode == "rb" else MemoryFileSystem.open(self, path, mode, **named)

    with open_run(URL) as run, monkeypatch.context() as patch:
        run.write_text("b.txt", "0")
        patch.setattr(Cut, "cat_file", other)
        patch.setattr(Cut, "open", opened)
        if wrong < 3:
            run.write_text("a.txt", "1")
        else:
            with pytest.raises(UserError, match=r"not what is read back|the lock of this run was taken") as caught:
                run.write_text("a.txt", "1")
            assert caught.value.code in (4, 5)
        assert len(given) == wrong
    if wrong == 3:
        return
    with monkeypatch.context() as patch:
        patch.setattr(Cut, "cat_file", other)
        patch.setattr(Cut, "open", opened)
        given.clear()
        assert results_at(URL).read_text("a.txt") == "1"
        assert len(given) == (wrong if name != HOLDER else 0)


@pytest.mark.fault
def test_a_flipped_bit_at_the_url_is_seen(elsewhere: Elsewhere) -> None:
    with open_run(URL) as run:
        work(run)
    for name, file in list(MemoryFileSystem.store.items()):
        whole = file.getvalue()
        for bit in range(0, 8 * len(whole), max(1, len(whole) // 2)):
            data = bytearray(whole)
            data[bit // 8] ^= 1 << bit % 8
            Store(URL)._fs.pipe_file(name, bytes(data))
            with pytest.raises(UserError) as caught:
                results_at(URL).verify()
            assert caught.value.code == 6
            assert name.removeprefix("/") in str(caught.value)
        Store(URL)._fs.pipe_file(name, whole)
    results_at(URL).verify()
    Store(URL)._fs.pipe_file("/bucket/run/scores/1.parquet", b"damaged")
    with pytest.raises(UserError, match=r"scores/1\.parquet is damaged"):
        look(URL)[0].check_sizes()  # type: ignore[attr-defined]
    with elsewhere(), open_run(URL, resume=True) as run:
        assert not run.holds("scores/1.parquet")
        assert run.notes == [f"{URL}/scores/1.parquet is damaged or missing"]
        work(run)
    results_at(URL).verify()


@pytest.mark.fault
def test_the_machine_that_wrote_it_heals_the_url() -> None:
    with open_run(URL) as run:
        work(run)
    before = there()
    Store(URL)._fs.pipe_file("/bucket/run/scores/1.parquet", b"damaged")
    Store(URL).remove("scores/2.parquet")
    with open_run(URL, resume=True) as run:
        assert len([note for note in run.notes if "it is written again" in note]) == 2
    assert there() == before


@pytest.mark.fault
def test_a_damaged_copy_of_this_machine_is_not_believed() -> None:
    with open_run(URL) as run:
        work(run)
    before = there()
    (run.path / "run.json").write_text("damaged")
    with open_run(URL, resume=True) as run:
        assert json.loads(run.read_text("run.json")) == {"κ": 2}
        (run.path / "scores/0.parquet").write_bytes(b"damaged")
        assert "run.json" in run.notes[0]
    assert there() == before


@pytest.mark.fault
def test_one_writer_at_a_time(elsewhere: Elsewhere) -> None:
    with open_run(URL) as first:
        first.write_text("a.txt", "1")
        assert look(URL)[1].startswith(f"process {os.getpid()} on {socket.gethostname()} since ")
        for resume in (False, True):
            with pytest.raises(UserError, match=r"memory://bucket/run is in use by process") as caught:
                open_run(URL, resume=resume).__enter__()
            assert caught.value.code == 4
        name = socket.gethostname()
        for resume in (False, True):
            with elsewhere(), pytest.raises(UserError, match=rf"on {name} .* delete {URL}/{HOLDER}") as caught:
                open_run(URL, resume=resume).__enter__()
            assert caught.value.code == 4
        first.write_text("b.txt", "2")
    assert HOLDER not in there()


@pytest.mark.fault
def test_a_lock_whose_process_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken over on its own machine, by a copy that was there or by the number of a process that is gone."""
    with monkeypatch.context() as patch, open_run(URL) as run:
        run.write_text("a.txt", "1")
        patch.setattr(RemoteRunDir, "_release", RunDir._release)
    lock = json.loads(there()[HOLDER])
    with open_run(URL, resume=True):
        assert json.loads(there()[HOLDER])["token"] != lock["token"]
    store = Store(URL)
    for changed, taken in (({"pid": 2**22 + 1}, True), ({"pid": 1}, False), ({"pid": 2**22 + 1, "host": "x"}, False),
                           ({"pid": 2**22 + 1, "processes": "pid:[1]"}, False), ({"pid": "?"}, False)):  # fmt: skip
        store.write(HOLDER, json.dumps({**lock, "token": "another", **changed}).encode())
        with nullcontext() if taken else pytest.raises(UserError, match="in use by process") as caught:
            open_run(URL, resume=True).__enter__().__exit__(None, None, None)
        assert taken or caught.value.code == 4
        store.remove(HOLDER)
    store.write(HOLDER, b"{torn")
    with pytest.raises(UserError, match="in use by another process"):
        open_run(URL, resume=True).__enter__()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS], ids=["other words", "unknown"])
def test_a_service_that_cannot_tell_who_was_first(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The lock is looked for before it is written."""

    def refuse(self: Cut, path: str, value: bytes, mode: str = "overwrite") -> None:
        if mode == "create":
            raise OSError(number, os.strerror(number))
        MemoryFileSystem.pipe_file(self, path, value)

    monkeypatch.setattr(Cut, "pipe_file", refuse)
    with open_run(URL) as run:
        work(run)
        assert not Store(URL).create(HOLDER, b"another")
    assert Store(URL).create(HOLDER, b"another")


@pytest.mark.fault
def test_whoever_loses_the_lock_stops() -> None:
    with open_run(URL) as run:
        run.write_text("a.txt", "1")
        lock = json.loads(there()[HOLDER])
        Store(URL).write(HOLDER, json.dumps({**lock, "token": "another"}).encode())
        before = there()
        with pytest.raises(UserError, match="was taken away by process") as caught:
            run.write_text("b.txt", "2")
    assert caught.value.code == 4
    assert there() == before


@pytest.mark.parametrize(
    "url",
    [f"s3://AKIAKEY:{SECRET}@bucket/run", f"s3://AKIAKEY@bucket/{SECRET}", f"sftp://me:{SECRET}@host/run",
     f"s3://bucket/run?key={SECRET}", f"s3://bucket/run#{SECRET}", f"simplecache::s3://{SECRET}/x", "s3://", "s3:///",
     "memory://", "s3://bucket/a\nb"],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(UserError, match=r"^[a-z0-9]+://\.\.\.: expected") as caught:
        open_run(url)
    assert caught.value.code == 2
    assert "KEY" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_url_is_no_path() -> None:
    with pytest.raises(UserError, match="expected a URL as text"):
        open_run(Path(URL))


def test_urls_that_are_taken() -> None:
    assert check_url("S3://bucket/Run//") == "s3://bucket/Run"
    assert check_url("abfs://container@account.dfs.core.windows.net/run") == (
        "abfs://container@account.dfs.core.windows.net/run"
    )


def test_protocols_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"nope://a/b: Protocol not known: nope") as caught:
        open_run("nope://a/b")
    assert caught.value.code == 2
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "s3fs", None)
        patch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
        with pytest.raises(UserError, match=r"pip install 'kakehashi\[s3\]'") as caught:
            open_run("s3://bucket/run")
        assert caught.value.code == 2
        with pytest.raises(UserError, match=r"gs://bucket/run needs a package"):
            open_run("gs://bucket/run")
