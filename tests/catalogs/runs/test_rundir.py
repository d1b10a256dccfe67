"""A run folder survives a second writer, a kill, a full disk and flipped bits."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.files import durable
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import LOCK, Results, RunDir

TABLE = pa.table({"id": ["a", "b", "c"], "mean": [1.0, None, -3.5], "domain": ["in", "in", "out"]})
NEWER = pa.table({"id": ["a", "b"], "mean": [2.0, 4.0], "domain": ["in", "edge"]})


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".kakehashi.lock"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_round_trip(tmp_path: Path) -> None:
    with RunDir(tmp_path / "a" / "run") as run:
        run.write_table("scores/part-0.parquet", TABLE, {"unit": "W/(m K)"})
        run.write_text("run.json", "{'κ': 1}")
        assert run.names() == ["run.json", "scores/part-0.parquet"]
        assert run.names("scores/") == ["scores/part-0.parquet"]
    found = Results(tmp_path / "a" / "run")
    table = found.read_table("scores/part-0.parquet")
    assert table.equals(TABLE)
    assert table.schema.metadata == {b"unit": b"W/(m K)", b"kakehashi.schema": b"1"}
    assert found.rows("scores/part-0.parquet") == 3
    assert found.rows("run.json") is None
    assert found.read_text("run.json") == "{'κ': 1}"
    found.verify()


def test_same_table_same_bytes_however_chunked(tmp_path: Path) -> None:
    with RunDir(tmp_path) as run:
        run.write_table("one.parquet", TABLE)
        run.write_table("two.parquet", pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]))
        with run.table_writer("three.parquet", TABLE.schema) as writer:
            writer.write(TABLE)
    one, two, three = ((tmp_path / f"{name}.parquet").read_bytes() for name in ("one", "two", "three"))
    assert one == two == three
    assert pq.read_metadata(tmp_path / "one.parquet").row_group(0).column(0).compression == "ZSTD"


def test_what_is_said_of_a_table_replaces_what_it_said_before(tmp_path: Path) -> None:
    with RunDir(tmp_path) as run:
        run.write_table("a.parquet", TABLE, {"unit": "eV", "made": "by hand"})
        run.write_table("b.parquet", run.read_table("a.parquet"), {"unit": "K"})
        found = run.read_table("b.parquet").schema.metadata
    assert found == {b"unit": b"K", b"made": b"by hand", b"kakehashi.schema": b"1"}


def test_page_checksums_are_written(tmp_path: Path) -> None:
    values = pa.table({"x": pa.array(np.random.default_rng(0).random(1000))})
    with RunDir(tmp_path) as run:
        run.write_table("x.parquet", values)
    data = bytearray((tmp_path / "x.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(OSError, match=r"(?i)crc|checksum"):
        pq.read_table(pa.BufferReader(bytes(data)), page_checksum_verification=True)


def write_pieces(run: RunDir, table: pa.Table, fail: bool = False) -> None:
    with run.table_writer("p.parquet", TABLE.schema) as writer:
        writer.write(table)
        if fail:
            raise ZeroDivisionError


def test_pieces_are_committed_whole_or_not_at_all(tmp_path: Path) -> None:
    with RunDir(tmp_path) as run:
        with run.table_writer("p.parquet", TABLE.schema) as writer:
            writer.write(TABLE.slice(0, 2))
            writer.write(TABLE.slice(2))
        assert run.read_table("p.parquet").equals(TABLE)
        before = contents(tmp_path)
        with pytest.raises(ZeroDivisionError):
            write_pieces(run, NEWER, fail=True)
        with pytest.raises(ValueError, match="schema"):
            write_pieces(run, pa.table({"other": [1]}))
        assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../x", ".hidden", "a//b", "manifest.json", "a\\b"])
def test_names_stay_inside(tmp_path: Path, name: str) -> None:
    with RunDir(tmp_path) as run, pytest.raises(UserError, match="name of a result"):
        run.write_text(name, "x")


def test_used_folders_are_refused(tmp_path: Path) -> None:
    with RunDir(tmp_path / "run") as run:
        run.write_text("run.json", "{}")
    with (
        pytest.raises(UserError, match=r"holds a run .*--resume .*--overwrite") as caught,
        RunDir(tmp_path / "run"),
    ):
        pass
    assert caught.value.code == 2
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"other files \(thesis\.tex\)"), RunDir(foreign):
        pass
    with pytest.raises(UserError, match="no run to resume"), RunDir(foreign, resume=True):
        pass
    assert not (foreign / "manifest.json").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"), RunDir(tmp_path / "file"):
        pass
    with pytest.raises(UserError, match="choose one"):
        RunDir(tmp_path, resume=True, overwrite=True)


def test_overwrite_removes_only_what_the_manifest_names(tmp_path: Path) -> None:
    (tmp_path / "ranking.csv").write_text("mine")
    with RunDir(tmp_path, overwrite=True) as run:
        run.write_table("scores/part-0.parquet", TABLE)
        run.write_text("run.json", "{}")
        with pytest.raises(UserError, match="was there before the run"):
            run.write_text("ranking.csv", "theirs")
    (tmp_path / "notes.txt").write_text("kept")
    with RunDir(tmp_path, overwrite=True) as run:
        assert run.names() == []
        with pytest.raises(UserError, match="was there before the run"):
            run.write_text("ranking.csv", "theirs")
    assert sorted(contents(tmp_path)) == ["manifest.json", "notes.txt", "ranking.csv"]
    assert (tmp_path / "ranking.csv").read_text() == "mine"


@pytest.mark.fault
def test_resume_keeps_what_is_right_and_sweeps_temporaries(tmp_path: Path) -> None:
    with RunDir(tmp_path) as run:
        run.write_table("scores/0.parquet", TABLE)
        run.write_table("scores/1.parquet", TABLE)
    (tmp_path / "scores" / "1.parquet").write_bytes(b"damaged")
    (tmp_path / "scores" / ".kakehashi-2.parquet.tmp").write_bytes(b"half")
    with RunDir(tmp_path, resume=True) as run:
        assert run.holds("scores/0.parquet")
        assert not run.holds("scores/1.parquet")
        assert not run.holds("scores/2.parquet")
        run.remove("scores/1.parquet")
    assert sorted(contents(tmp_path)) == ["manifest.json", "scores/0.parquet"]


HOLD = """
import sys, time
from kakehashi.catalogs.runs.rundir import RunDir
with RunDir(sys.argv[1]) as run:
    run.write_text("part.txt", "done")
    print("held", flush=True)
    time.sleep(60)
"""
TRY = """
import sys
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir
try:
    with RunDir(sys.argv[1], resume=True) as run:
        print(run.read_text("part.txt"))
except UserError as error:
    print(error)
    sys.exit(error.code)
"""


@pytest.mark.fault
def test_one_writer_at_a_time_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        command = [sys.executable, "-c", TRY, str(tmp_path)]
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert second.returncode == 4, second.stderr
        assert f"process {holder.pid} on " in second.stdout
        assert Results(tmp_path).read_text("part.txt") == "done"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        third = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (third.returncode, third.stdout) == (0, "done\n"), third.stderr
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


CALLS = ("open", "write", "fsync", "replace", "close")


class Faulty(SimpleNamespace):
    """`os` whose N-th call fails, once or from then on."""

    def __init__(self, nth: int, lasting: bool = False) -> None:
        super().__init__(nth=nth, lasting=lasting, seen=0)

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*arguments: object) -> object:
            self.seen += 1
            later = self.lasting and 0 < self.nth < self.seen and name != "close"
            if self.seen == self.nth or later:
                if name == "close":
                    real(*arguments)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments)

        return call


def rewrite(folder: Path) -> None:
    with RunDir(folder, resume=True) as run:
        run.write_table("scores/0.parquet", NEWER)
        run.write_text("run.json", "new")
        run.write_table("more/1.parquet", NEWER)
        run.remove("stale.txt")


@pytest.mark.fault
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_every_failed_call_leaves_old_or_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasting: bool) -> None:
    counter = Faulty(0)
    for nth in range(1000):
        folder = tmp_path / str(nth)
        with RunDir(folder) as run:
            run.write_table("scores/0.parquet", TABLE)
            run.write_text("run.json", "old")
            run.write_text("stale.txt", "stale")
        counter = Faulty(nth, lasting)
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", counter)
            if nth == 0:
                rewrite(folder)
                calls = counter.seen
            else:
                with pytest.raises(OSError, match="No space left") as caught:
                    rewrite(folder)
                assert str(folder) in str(caught.value.filename)
        found = Results(folder)
        assert any(found.read_table("scores/0.parquet").equals(table) for table in (TABLE, NEWER))
        assert found.read_text("run.json") in ("old", "new")
        found.verify()
        rewrite(folder)
        assert contents(folder) == contents(tmp_path / "0"), nth
        if nth == calls:
            break
    assert calls > 50


def test_bytes_reach_the_disk_before_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def watched(name: str) -> object:
        return lambda *arguments: done.append(name) or getattr(os, name)(*arguments)

    names = ("open", "write", "fsync", "close", "replace")
    watching = SimpleNamespace(
        **{name: watched(name) for name in names}, **{k: getattr(os, k) for k in dir(os) if k[0] == "O"}
    )
    monkeypatch.setattr(durable, "os", watching)
    durable.write_durably(tmp_path / "x", b"abc")
    assert done == ["open", "write", "fsync", "close", "replace", "open", "fsync", "close"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.fault
def test_a_kill_between_rename_and_commit_is_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunDir(tmp_path) as run:
        run.write_text("run.json", "old")
        publish = durable.DurableFile.publish

        def die(file: durable.DurableFile) -> None:
            publish(file)
            if file.path.name == "run.json":
                raise KeyboardInterrupt

        monkeypatch.setattr(durable.DurableFile, "publish", die)
        with pytest.raises(KeyboardInterrupt):
            run.write_text("run.json", "new")
        monkeypatch.undo()
    assert Results(tmp_path).read_text("run.json") == "new"
    with RunDir(tmp_path, resume=True) as run:
        assert run.read_text("run.json") == "new"
    assert json.loads((tmp_path / "manifest.json").read_text())["pending"] is None


@pytest.mark.fault
def test_no_flipped_bit_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(20211)
    table = pa.table({"id": [f"mp-{i}" for i in range(500)], "mean": rng.normal(size=500)})
    with RunDir(tmp_path) as run:
        run.write_table("ranking.parquet", table)
    whole = (tmp_path / "ranking.parquet").read_bytes()
    for bit in rng.integers(0, 8 * len(whole), size=200):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << (bit % 8)
        (tmp_path / "ranking.parquet").write_bytes(data)
        with pytest.raises(UserError, match=r"ranking\.parquet is damaged") as caught:
            Results(tmp_path).read_table("ranking.parquet")
        assert caught.value.code == 6


def same_json(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


@pytest.mark.fault
def test_no_flipped_bit_of_the_manifest_is_believed(tmp_path: Path) -> None:
    (tmp_path / "foreign.txt").write_text("")
    with RunDir(tmp_path, overwrite=True) as run:
        run.write_table("ranking.parquet", TABLE)
        run.write_text("run.json", "{}")
    whole = (tmp_path / "manifest.json").read_bytes()
    for bit in np.random.default_rng(5).integers(0, 8 * len(whole), size=200):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << (bit % 8)
        (tmp_path / "manifest.json").write_bytes(data)
        outcome: list[object] = []
        try:
            outcome.append(Results(tmp_path).read_table("ranking.parquet").equals(TABLE))
        except UserError as error:
            outcome.append(error.code)
        assert outcome == [6] or (outcome == [True] and same_json(data, whole))  # only white space was hit


@pytest.mark.fault
@pytest.mark.parametrize("harm", ["missing", "truncated", "foreign", "folder"])
def test_harm_is_named(tmp_path: Path, harm: str) -> None:
    with RunDir(tmp_path) as run:
        run.write_table("ranking.parquet", TABLE)
    path = tmp_path / "ranking.parquet"
    name = "ranking.parquet"
    if harm == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif harm == "foreign":
        name = "other.parquet"
        pq.write_table(TABLE, tmp_path / name)
    else:
        path.unlink()
        if harm == "folder":
            path.mkdir()
    with pytest.raises(UserError, match=name) as caught:
        Results(tmp_path).read_table(name)
    assert caught.value.code == 6


@pytest.mark.fault
def test_another_programs_parquet_is_refused(tmp_path: Path) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink)
    with RunDir(tmp_path) as run:
        run.write_bytes("x.parquet", sink.getvalue().to_pybytes())
        with pytest.raises(UserError, match="schema none") as caught:
            run.read_table("x.parquet")
        run.write_bytes("x.parquet", b"not parquet")
        with pytest.raises(UserError, match="not a readable Parquet"):
            run.read_table("x.parquet")
    assert caught.value.code == 6


def test_no_manifest_is_a_wrong_path(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected the folder of a run") as caught:
        Results(tmp_path / "nowhere")
    assert caught.value.code == 2


FULL = """
import resource, sys
import pyarrow as pa
from kakehashi.catalogs.runs.rundir import RunDir
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
with RunDir(sys.argv[1], resume=True) as run:
    try:
        run.write_bytes("big.bin", bytes(100_000))
    except OSError as error:
        print(error.errno, error.filename)
    run.write_text("small.txt", "new")
"""


@pytest.mark.fault
def test_a_file_size_limit_leaves_the_old_file(tmp_path: Path) -> None:
    with RunDir(tmp_path) as run:
        run.write_bytes("big.bin", b"old")
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout == f"{errno.EFBIG} {tmp_path / 'big.bin'}\n", done.stderr
    assert sorted(contents(tmp_path)) == ["big.bin", "manifest.json", "small.txt"]
    assert Results(tmp_path).read_bytes("big.bin") == b"old"


@pytest.mark.fault
@pytest.mark.parametrize("folder", ["/dev/null/run", "/proc/kakehashi-run"])
def test_unwritable_folders(folder: str) -> None:
    with pytest.raises(OSError, match=folder.split("/")[1]), RunDir(folder):
        pass


def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write to read-only folders")
        with pytest.raises(PermissionError, match=LOCK), RunDir(tmp_path):
            pass
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.fault
def test_locked_within_one_process_too(tmp_path: Path) -> None:
    codes = []

    def second() -> None:
        with pytest.raises(UserError, match="in use by process") as caught, RunDir(tmp_path, resume=True):
            pass
        codes.append(caught.value.code)

    with RunDir(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert codes == [4]
