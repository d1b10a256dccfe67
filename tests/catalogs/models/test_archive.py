"""Archives of networks: what is written comes back, and nothing a stranger could put into one does any harm."""

from __future__ import annotations

import hashlib
import json
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kakehashi.catalogs.models import archive, library
from kakehashi.catalogs.models.archive import MANIFEST
from kakehashi.catalogs.models.library import ARRAYS, CARD, models_folder, store
from kakehashi.catalogs.records import UserError

KEY, OTHER = "0" * 63 + "a", "0" * 63 + "b"
CONTENT = {"kernel": np.arange(6000, dtype=np.float32), "odd": np.array([np.nan, -0.0])}

Members = dict[str, bytes]


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good archive of two entries, and an empty library to import it into."""
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "there"))
    for key in (KEY, OTHER):
        assert store(key, CONTENT, {"kind": "networks", "who": key}) == ""
    archive.write(tmp_path / "good.zip", library.folders() | {})
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "here"))
    return tmp_path / "good.zip"


@pytest.fixture(autouse=True)
def _nothing_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "SHIPPED", tmp_path / "none")


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as found:
        return {name: found.read(name) for name in found.namelist()}


def rewrite(path: Path, content: Members, how: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", how) as made:
        for name, data in content.items():
            made.writestr(name, data)


def manifest(content: Members) -> Any:
    return json.loads(content[MANIFEST])


def test_what_is_written_comes_back(packed: Path) -> None:
    done = archive.read(packed)
    assert (done.added, done.present) == ((KEY, OTHER), ())
    found = library.find(KEY)
    assert found.arrays is not None
    assert found.arrays["kernel"].tobytes() == CONTENT["kernel"].tobytes()
    assert found.card is not None
    assert found.card["who"] == KEY
    assert archive.read(packed) == ((), (KEY, OTHER))
    assert sorted(path.name for path in models_folder().iterdir()) == [KEY, OTHER]


def test_equal_libraries_give_equal_files_with_nothing_but_arrays_and_cards(packed: Path, tmp_path: Path) -> None:
    archive.read(packed)
    archive.write(tmp_path / "again.zip", library.folders())
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()
    names = {f"{key}/{name}" for key in (KEY, OTHER) for name in (ARRAYS, CARD)}
    assert set(members(packed)) == {MANIFEST, *names}


def test_a_damaged_entry_here_is_replaced_by_the_import(packed: Path) -> None:
    archive.read(packed)
    path = models_folder() / KEY / ARRAYS
    path.write_bytes(path.read_bytes()[:-1])
    assert archive.read(packed) == ((KEY,), (OTHER,))
    assert library.find(KEY).arrays is not None


def test_imported_entries_are_never_evicted(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.read(packed)
    monkeypatch.setenv("KAKEHASHI_CACHE_GB", "0.00003")
    store("c" * 64, CONTENT, {})
    store("d" * 64, CONTENT, {})
    left = {path.name for path in models_folder().iterdir()}
    assert {KEY, OTHER, "d" * 64} <= left
    assert "c" * 64 not in left


def test_a_damaged_entry_is_not_exported(packed: Path, tmp_path: Path) -> None:
    archive.read(packed)
    path = models_folder() / KEY / ARRAYS
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match=r"not exported: .*damaged") as caught:
        archive.write(tmp_path / "bad.zip", library.folders())
    assert caught.value.code == 6
    assert not (tmp_path / "bad.zip").exists()


# Each makes a hostile file of the members of a good one.
Harm = Callable[[Path, Members], None]


def extra(name: str) -> Harm:
    def harm(path: Path, content: Members) -> None:
        rewrite(path, content | {name: b"#!/bin/sh\n"})

    return harm


def listed(name: str) -> Harm:
    """An odd name that the manifest vouches for."""

    def harm(path: Path, content: Members) -> None:
        body = manifest(content)
        body["files"][name] = {"bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
        rewrite(path, content | {MANIFEST: json.dumps(body).encode(), name: b"abc"})

    return harm


def told(change: Callable[[Any], object]) -> Harm:
    """A changed manifest."""

    def harm(path: Path, content: Members) -> None:
        body = manifest(content)
        change(body)
        rewrite(path, content | {MANIFEST: json.dumps(body).encode()})

    return harm


def raw_manifest(data: bytes) -> Harm:
    return lambda path, content: rewrite(path, content | {MANIFEST: data})


def link(path: Path, content: Members) -> None:
    with zipfile.ZipFile(path, "w") as made:
        for name, data in content.items():
            info = zipfile.ZipInfo(name)
            if name.endswith(ARRAYS):
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                data = b"/etc/passwd"
            made.writestr(info, data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def twice(path: Path, content: Members) -> None:
    with zipfile.ZipFile(path, "w") as made:
        for name, data in [*content.items(), (f"{KEY}/{CARD}", b"{}")]:
            made.writestr(name, data)


def nul(path: Path, content: Members) -> None:
    """A name that looks right up to a NUL, where Python's own reading of it ends."""
    rewrite(path, {f"{name}?/../../evil" if name == f"{KEY}/{CARD}" else name: v for name, v in content.items()})
    path.write_bytes(path.read_bytes().replace(b"card.json?", b"card.json\x00"))


def gone(name: str) -> Harm:
    return lambda path, content: rewrite(path, {n: data for n, data in content.items() if n != name})


def changed(path: Path, content: Members) -> None:
    name = f"{KEY}/{ARRAYS}"
    data = content[name]
    rewrite(path, content | {name: data[:-1] + bytes([data[-1] ^ 1])})


def flipped(path: Path, content: Members) -> None:
    """A bit of the archive's own, which its checksum sees."""
    rewrite(path, content)
    data = bytearray(path.read_bytes())
    data[data.index(content[f"{KEY}/{ARRAYS}"][-400:])] ^= 4
    path.write_bytes(bytes(data))


def truncated(share: float) -> Harm:
    def harm(path: Path, content: Members) -> None:
        rewrite(path, content)
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

    return harm


def bomb(path: Path, content: Members) -> None:
    """A member that unpacks to 64 MB while card, manifest and central directory claim 9."""
    name = f"{KEY}/{CARD}"
    body = manifest(content)
    body["files"][name] = {"bytes": 9, "sha256": "0" * 64}
    rewrite(path, content | {MANIFEST: json.dumps(body).encode(), name: bytes(2**26)}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    size = struct.pack("<L", 2**26)
    while (at := bytes(data).find(size)) >= 0:
        data[at : at + 4] = struct.pack("<L", 9)
    path.write_bytes(bytes(data))


def huge(path: Path, content: Members) -> None:
    rewrite(path, content | {f"{KEY}/{CARD}": bytes(archive.LIMITS[CARD] + 1)}, zipfile.ZIP_DEFLATED)


def encrypted(path: Path, content: Members) -> None:
    rewrite(path, content)
    data = bytearray(path.read_bytes())
    at = bytes(data).index(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(bytes(data))


def bzip2(path: Path, content: Members) -> None:
    rewrite(path, content, zipfile.ZIP_BZIP2)


def not_a_zip(path: Path, content: Members) -> None:
    path.write_bytes(b"\x80\x04cos\nsystem\n")


def swapped(path: Path, content: Members) -> None:
    """Everything fits together, but the entry bears another's key."""
    body = manifest(content)
    new = "f" * 64
    files = {name.replace(KEY, new): entry for name, entry in body["files"].items()}
    renamed = {name.replace(KEY, new): data for name, data in content.items()}
    rewrite(path, renamed | {MANIFEST: json.dumps(body | {"files": files}).encode()})


def no_tensors(path: Path, content: Members) -> None:
    """Card and manifest are right about arrays that are none."""
    data = b"\xff" * 64
    card = json.loads(content[f"{KEY}/{CARD}"]) | {"bytes": 64, "sha256": hashlib.sha256(data).hexdigest()}
    del card["card_sha256"]
    text = json.dumps({**card, "card_sha256": library._digest(card)}).encode()
    body = manifest(content)
    for name, member in ((f"{KEY}/{ARRAYS}", data), (f"{KEY}/{CARD}", text)):
        body["files"][name] = {"bytes": len(member), "sha256": hashlib.sha256(member).hexdigest()}
        content = content | {name: member}
    rewrite(path, content | {MANIFEST: json.dumps(body).encode()})


HOSTILE: dict[str, tuple[Harm, str]] = {
    "absolute": (extra("/tmp/kakehashi-evil"), "unexpected member '/tmp/"),
    "parent": (extra("../evil"), "unexpected member '../evil'"),
    "nested-parent": (listed(f"{KEY}/../../evil"), "unexpected member"),
    "backslash": (extra("..\\evil"), "unexpected member"),
    "drive": (extra("C:evil"), "unexpected member"),
    "nul": (nul, "unexpected member"),
    "folder": (extra(f"{KEY}/"), "unexpected member"),
    "program": (listed(f"{KEY}/setup.py"), "unexpected member"),
    "pickle": (listed(f"{KEY}/model.pkl"), "unexpected member"),
    "long-key": (listed(f"{'0' * 65}/{CARD}"), "unexpected member"),
    "link": (link, "is a link"),
    "twice": (twice, "is there twice"),
    "encrypted": (encrypted, "is encrypted"),
    "bzip2": (bzip2, "is compressed by method 12"),
    "bomb": (bomb, "refused"),
    "huge": (huge, "claims"),
    "no-manifest": (gone(MANIFEST), "it has no manifest"),
    "missing": (gone(f"{OTHER}/{ARRAYS}"), "is missing"),
    "not-listed": (told(lambda body: body["files"].pop(f"{OTHER}/{ARRAYS}")), "is not in the manifest|files"),
    "wrong-size": (told(lambda body: body["files"][f"{KEY}/{CARD}"].update(bytes=7)), "the manifest 7"),
    "negative-size": (told(lambda body: body["files"][f"{KEY}/{CARD}"].update(bytes=-1)), "no length and sha256"),
    "float-size": (told(lambda body: body["files"][f"{KEY}/{CARD}"].update(bytes=7.5)), "no length and sha256"),
    "no-hash": (told(lambda body: body["files"][f"{KEY}/{CARD}"].pop("sha256")), "no length and sha256"),
    "wrong-hash": (told(lambda body: body["files"][f"{KEY}/{CARD}"].update(sha256="0" * 64)), "has not the sha256"),
    "changed": (changed, "has not the sha256"),
    "flipped": (flipped, "no whole zip file"),
    "schema": (told(lambda body: body.update(schema=2)), "it has schema 2, expected 1"),
    "kind": (told(lambda body: body.update(kind="something")), "expected a file of kind"),
    "empty": (told(lambda body: body.update(files={})), "expected .* of 1 to"),
    "list": (raw_manifest(b"[]"), "cannot be read"),
    "deep": (raw_manifest(b"[" * 100_000), "cannot be read"),
    "not-json": (raw_manifest(b"\xff{"), "cannot be read"),
    "half": (truncated(0.5), "no whole zip file"),
    "one-byte-short": (truncated(0.99999), "no whole zip file"),
    "nothing": (truncated(0.0), "no whole zip file"),
    "not-a-zip": (not_a_zip, "no whole zip file"),
    "swapped-key": (swapped, "it belongs to"),
    "no-tensors": (no_tensors, "damaged or unreadable"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_leaves_nothing(packed: Path, tmp_path: Path, name: str) -> None:
    harm, said = HOSTILE[name]
    harm(tmp_path / "bad.zip", members(packed))
    before = {path for path in tmp_path.rglob("*") if "here" not in path.parts}
    with pytest.raises(UserError, match=said) as caught:
        archive.read(tmp_path / "bad.zip")
    assert caught.value.code == 6
    assert list(models_folder().iterdir()) == []
    assert {path for path in tmp_path.rglob("*") if "here" not in path.parts} == before
    assert not Path("/tmp/kakehashi-evil").exists()


def test_what_the_caller_does_not_accept_is_refused_whole(packed: Path) -> None:
    def accept(found: library.StoredEntry) -> None:
        if found.card is not None and found.card["who"] == OTHER:
            raise ValueError("holds a Scaling")

    with pytest.raises(UserError, match="holds no networks that can be read: holds a Scaling"):
        archive.read(packed, accept)
    assert list(models_folder().iterdir()) == []


def test_no_room_and_no_file_are_said(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no such file"):
        archive.read(tmp_path / "absent.zip")
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda path: type("Disk", (), {"free": 100})())
    with pytest.raises(UserError, match="has room for") as caught:
        archive.read(packed)
    assert caught.value.code == 1
