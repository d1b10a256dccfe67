"""Entries of the model library: whole or not there, verified when read, never an error of the run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kakehashi.catalogs.models import library
from kakehashi.catalogs.models.library import ARRAYS, CARD, find, models_folder, store

KEY, OTHER = "0" * 63 + "a", "0" * 63 + "b"
CONTENT = {
    "kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "odd": np.array([np.nan, np.inf, -0.0, 5e-324]),
    "epochs": np.array(7, np.int64),
    "alive": np.array([True, False]),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    return tmp_path


def left_over() -> list[str]:
    return sorted(path.name for path in models_folder().iterdir() if path.name not in (KEY, OTHER))


def same(arrays: object) -> bool:
    return isinstance(arrays, dict) and {k: (v.dtype, v.shape, v.tobytes()) for k, v in arrays.items()} == {
        k: (v.dtype, v.shape, v.tobytes()) for k, v in CONTENT.items()
    }


def test_what_is_stored_comes_back_bit_by_bit_with_its_card() -> None:
    assert find(KEY) == (None, None, "", True)
    assert store(KEY, CONTENT, {"property": "κ", "r2": None}) == ""
    found = find(KEY)
    assert same(found.arrays)
    assert found.card is not None
    assert (found.card["property"], found.card["r2"], found.card["schema"], found.card["key"]) == ("κ", None, 1, KEY)
    assert found.card["sha256"] == library.hashlib.sha256((models_folder() / KEY / ARRAYS).read_bytes()).hexdigest()
    assert left_over() == []


def test_an_entry_that_is_there_is_not_written_again() -> None:
    store(KEY, CONTENT, {"who": "first"})
    before = {path.name: (path.stat().st_ino, path.read_bytes()) for path in (models_folder() / KEY).iterdir()}
    assert store(KEY, CONTENT, {"who": "second"}) == ""
    assert {path.name: (path.stat().st_ino, path.read_bytes()) for path in (models_folder() / KEY).iterdir()} == before
    assert left_over() == []


@pytest.mark.fault
@pytest.mark.parametrize("name", [ARRAYS, CARD])
def test_every_flipped_bit_is_seen(name: str) -> None:
    store(KEY, CONTENT, {"property": "kappa"})
    path = models_folder() / KEY / name
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << int(rng.integers(8))]) + whole[place + 1 :])
        found = find(KEY)
        assert found.arrays is None, place
        assert str(models_folder() / KEY) in found.warning
    path.write_bytes(whole)
    assert same(find(KEY).arrays)


def _truncate(path: Path) -> None:
    (path / ARRAYS).write_bytes((path / ARRAYS).read_bytes()[:-1])


def _empty(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


def _file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("not a folder")


def _dangling(path: Path) -> None:
    shutil.rmtree(path)
    path.symlink_to("nowhere")


def _foreign(path: Path) -> None:
    store(OTHER, CONTENT, {})
    shutil.rmtree(path)
    shutil.copytree(models_folder() / OTHER, path)


def _no_tensors(path: Path) -> None:
    """A card that is right about arrays that are none."""
    (path / ARRAYS).write_bytes(b"\xff" * 64)
    card = json.loads((path / CARD).read_bytes())
    card |= {"bytes": 64, "sha256": library.hashlib.sha256(b"\xff" * 64).hexdigest()}
    del card["card_sha256"]
    (path / CARD).write_text(json.dumps({**card, "card_sha256": library._digest(card)}))


def _list(path: Path) -> None:
    (path / CARD).write_text("[]")


def _deep(path: Path) -> None:
    (path / CARD).write_text("[" * 100_000)


@pytest.mark.parametrize("harm", [_truncate, _empty, _file, _dangling, _foreign, _no_tensors, _list, _deep])
def test_a_damaged_or_foreign_entry_is_a_miss_that_says_why_and_is_replaced(harm) -> None:
    store(KEY, CONTENT, {})
    harm(models_folder() / KEY)
    found = find(KEY)
    assert found.arrays is None
    assert found.replaceable
    assert "not used, built again" in found.warning
    assert store(KEY, CONTENT, {}, replace=True) == ""
    assert same(find(KEY).arrays)
    assert left_over() == []


@pytest.mark.fault
def test_an_unknown_schema_is_refused_and_left_alone() -> None:
    store(KEY, CONTENT, {})
    path = models_folder() / KEY / CARD
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
    found = find(KEY)
    assert (found.arrays, found.replaceable) == (None, False)
    assert "has schema 2, expected 1" in found.warning


WRITER = """
import sys, numpy as np
from kakehashi.catalogs.models.library import store
for i in range(40):
    said = store(f"{i:064x}", {"x": np.arange(20_000.0)}, {}, replace=sys.argv[1] == "replace")
    assert said == "", said
"""


@pytest.mark.parametrize("how", ["keep", "replace"])
def test_two_processes_write_the_same_entries(root: Path, how: str) -> None:
    words = [sys.executable, "-c", WRITER, how]
    both = [subprocess.Popen(words, cwd=root, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0
    for i in range(40):
        found = find(f"{i:064x}")
        assert found.warning == ""
        assert found.arrays is not None
        np.testing.assert_array_equal(found.arrays["x"], np.arange(20_000.0))
    assert len(list(models_folder().iterdir())) == 40


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("moment", ["os.replace:1", "os.replace:2", "os.rename:1"])
def test_killed_in_the_middle_leaves_no_entry(root: Path, moment: str) -> None:
    call, _, time_ = moment.partition(":")
    script = f"""
import os, signal, numpy as np
from kakehashi.catalogs.models.library import store
real, calls = {call}, []
def killed(*arguments):
    calls.append(1)
    if len(calls) == {time_}: os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
{call} = killed
store({KEY!r}, {{"x": np.arange(9.0)}}, {{}})
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=root, check=False).returncode == -9
    assert find(KEY) == (None, None, "", True)
    (left,) = left_over()
    assert store(KEY, CONTENT, {}) == ""
    assert same(find(KEY).arrays)
    assert left_over() == [left]  # it might be at work still
    old = time.time() - 2 * library._STALE
    os.utime(models_folder() / left, (old, old))
    store(OTHER, CONTENT, {})
    assert left_over() == []


def test_an_unwritable_home_is_no_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "models").write_text("in the way")
    assert find(KEY).arrays is None
    assert store(KEY, CONTENT, {}).startswith("not kept for the next run: File exists")
    monkeypatch.setenv("KAKEHASHI_HOME", str(home / "models" / "below"))
    assert find(KEY) == (None, None, "", True)
    assert "cannot create the cache folder" in store(KEY, CONTENT, {})


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_is_read(home: Path) -> None:
    store(KEY, CONTENT, {})
    models_folder().chmod(0o555)
    try:
        assert same(find(KEY).arrays)
        assert "Permission denied" in store(OTHER, CONTENT, {})
        assert find(OTHER) == (None, None, "", True)
    finally:
        models_folder().chmod(0o755)


def test_a_read_only_file_system_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    store(KEY, CONTENT, {})

    def refuse(path: object, *_: object) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    assert same(find(KEY).arrays)
    assert store(OTHER, CONTENT, {}).startswith("not kept for the next run: Read-only file system")


def test_a_full_disk_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kakehashi.catalogs.files.durable.os.write", full)
    assert "No space left on device" in store(KEY, CONTENT, {})
    assert (find(KEY), left_over()) == ((None, None, "", True), [])


def test_arrays_too_large_to_be_worth_it_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "LARGEST", 10)
    assert "not kept for the next run" in store(KEY, CONTENT, {})
    assert find(KEY).arrays is None


@pytest.mark.parametrize("key", ["", "../" + "a" * 61, "A" * 64, "a" * 63])
def test_only_hashes_are_keys(key: str) -> None:
    with pytest.raises(ValueError, match="expected a sha256"):
        store(key, CONTENT, {})
    with pytest.raises(ValueError, match="expected a sha256"):
        find(key)


def test_least_recently_used_entries_go_when_the_bound_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"{i:064x}" for i in range(4)]
    store(keys[0], CONTENT, {})
    size = sum(path.stat().st_size for path in (models_folder() / keys[0]).iterdir())
    monkeypatch.setenv("KAKEHASHI_CACHE_GB", str(3.5 * size / 1e9))
    for i, key in enumerate(keys[:3]):
        store(key, CONTENT, {})
        os.utime(models_folder() / key, (i, i))
    assert same(find(keys[0]).arrays)  # used just now: the second one is the oldest
    assert store(keys[3], CONTENT, {}) == ""
    assert sorted(path.name for path in models_folder().iterdir()) == [keys[0], keys[2], keys[3]]
    monkeypatch.setenv("KAKEHASHI_CACHE_GB", str(1.5 * size / 1e9))
    store(keys[1], CONTENT, {})
    assert [path.name for path in models_folder().iterdir()] == [keys[1]]


@pytest.mark.parametrize("text", ["0", "nonsense", "-1", "nan"])
def test_a_bound_that_admits_nothing_is_said(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("KAKEHASHI_CACHE_GB", text)
    assert "KAKEHASHI_CACHE_GB" in store(KEY, CONTENT, {})
    assert find(KEY).warning == ""


READER = """
import sys, time
from kakehashi.catalogs.models.library import find
found, end = [], time.monotonic() + 2
while time.monotonic() < end:
    found.append(find(sys.argv[1]))
assert not any(one.warning for one in found), [one.warning for one in found if one.warning][:1]
assert all(one.arrays is None or one.arrays["kernel"].sum() == 15 for one in found)
print(sum(one.arrays is not None for one in found), sum(one.arrays is None for one in found))
"""


def test_a_reader_finds_an_entry_whole_or_not_at_all_while_it_is_evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    store(KEY, CONTENT, {})
    size = sum(path.stat().st_size for path in (models_folder() / KEY).iterdir())
    monkeypatch.setenv("KAKEHASHI_CACHE_GB", str(1.5 * size / 1e9))
    command = [sys.executable, "-P", "-c", READER, KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        while reader.poll() is None:
            store(OTHER, CONTENT, {})
            store(KEY, CONTENT, {})
        said, err = reader.communicate()
    assert (reader.returncode, err) == (0, "")
    whole, none = map(int, said.split())
    assert whole > 0
    assert none > 0
