"""Archives of networks: a zip that holds nothing executable.

`manifest.json` names every other member with its length and sha256. A reader trusts nothing before it is checked:
names, kinds and sizes before a byte is written, lengths and hashes while writing, the entries themselves before they
get their names. Either all entries are imported or none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from kakehashi.catalogs.files.durable import TEMPORARY, DurableFile, make_folder
from kakehashi.catalogs.files.home import PRIVATE
from kakehashi.catalogs.models import library
from kakehashi.catalogs.models.library import ARRAYS, CARD, LARGEST, StoredEntry
from kakehashi.catalogs.records import UserError

MANIFEST = "manifest.json"
SCHEMA = 1
KIND = "kakehashi networks"
# Largest length of each kind of file; a card grows by half a kilobyte per network.
LIMITS = {MANIFEST: 2**24, CARD: 2**25, ARRAYS: LARGEST + 2**24}
MOST_ENTRIES = 10_000
_NAME = re.compile(rf"([0-9a-f]{{64}})/({re.escape(ARRAYS)}|{re.escape(CARD)})")
_CHUNK = 2**20
# A fixed date, so that equal libraries give equal files.
_DATE = (1980, 1, 1, 0, 0, 0)


class Imported(NamedTuple):
    """Keys that were added, and keys that were there already."""

    added: tuple[str, ...]
    present: tuple[str, ...]


def write(path: Path, entries: Mapping[str, Path]) -> int:
    """Write entries into one file; return its length.

    entries : key to folder

    Raises
    ------
    UserError : no entry, or one that is damaged (code 6).
    """
    if not entries:
        raise UserError("there are no networks to export: `kakehashi models train` makes some")
    members: dict[str, dict[str, Any]] = {}
    for key, folder in entries.items():
        stored = library.read(folder, key)
        if stored.card is None:
            raise UserError(f"not exported: {stored.warning or f'{folder} is gone'}", code=6)
        card = (folder / CARD).read_bytes()
        members[f"{key}/{CARD}"] = {"bytes": len(card), "sha256": hashlib.sha256(card).hexdigest()}
        members[f"{key}/{ARRAYS}"] = {"bytes": stored.card["bytes"], "sha256": stored.card["sha256"]}
    manifest = json.dumps({"kind": KIND, "schema": SCHEMA, "files": members}, indent=1).encode()
    with DurableFile(path) as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_member(MANIFEST, zipfile.ZIP_DEFLATED), manifest)
            for name in members:
                key, _, kind = name.partition("/")
                packing = zipfile.ZIP_DEFLATED if kind == CARD else zipfile.ZIP_STORED
                archive.writestr(_member(name, packing), (entries[key] / kind).read_bytes())
        file.commit()
        return file.size


def read(path: Path, accept: Callable[[StoredEntry], object] = lambda found: None) -> Imported:
    """Import all entries of a file, or none.

    Parameters
    ----------
    accept : raises ValueError, KeyError, TypeError, ... for an entry that is not what it should be.

    Raises
    ------
    UserError : code 6 for a file that is damaged or was made to do harm, with what is wrong with it.
    """
    folder = library.models_folder()
    make_folder(folder, PRIVATE)
    temporary = folder / f"{TEMPORARY}import-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        with zipfile.ZipFile(path) as archive:
            files = _checked(path, archive)
            _check_room(path, folder, files)
            temporary.mkdir(mode=PRIVATE)
            for name, entry in files.items():
                _extract(path, archive, name, entry, temporary / name)
        keys = list(dict.fromkeys(name.partition("/")[0] for name in files))
        for key in keys:
            found = library.read(temporary / key, key)
            if found.arrays is None:
                _refuse(path, f"entry {key[:16]}: {found.warning.replace(str(temporary), '')}")
            try:
                accept(found)
            except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
                _refuse(path, f"entry {key[:16]} holds no networks that can be read: {error}")
        present = [key for key in keys if library.read(folder / key, key).arrays is not None]
        for key in keys:
            if key not in present:
                library.publish(temporary / key, folder / key, replace=True)
            library.keep(folder / key)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: no such file") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError, RuntimeError) as error:
        _refuse(path, f"it is no whole zip file ({error})")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Imported(tuple(key for key in keys if key not in present), tuple(present))


def _member(name: str, packing: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _DATE)
    member.compress_type = packing
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    return member


def _refuse(path: Path, why: str) -> NoReturn:
    raise UserError(f"{path} is refused: {why}; nothing was imported", code=6)


def _checked(path: Path, archive: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    """Return the manifest once names, kinds and sizes fit it."""
    members = archive.infolist()
    for member in members:
        # The name as written: `filename` ends at a NUL and has no backslashes on some systems.
        name = member.orig_filename
        if name != MANIFEST and not _NAME.fullmatch(name):
            _refuse(path, f"unexpected member {name[:80]!r}")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            _refuse(path, f"member {name!r} is a link or another special file")
        if member.flag_bits & 0x1:
            _refuse(path, f"member {name!r} is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            _refuse(path, f"member {name!r} is compressed by method {member.compress_type}")
        most = LIMITS[name.rpartition("/")[2]]
        if member.file_size > most:
            _refuse(path, f"member {name!r} claims {member.file_size:,} bytes, more than {most:,}")
    twice = [name for name, count in Counter(member.filename for member in members).items() if count > 1]
    if twice:
        _refuse(path, f"member {twice[0]!r} is there twice")
    if MANIFEST not in archive.namelist():
        _refuse(path, f"it has no {MANIFEST}")
    files = _manifest(path, _bytes(path, archive, MANIFEST, LIMITS[MANIFEST]))
    have = {member.filename: member.file_size for member in members if member.filename != MANIFEST}
    for name in files.keys() - have.keys():
        _refuse(path, f"member {name!r} is missing")
    for name, size in have.items():
        if name not in files:
            _refuse(path, f"member {name!r} is not in the manifest")
        if size != files[name]["bytes"]:
            _refuse(path, f"member {name!r} claims {size:,} bytes, the manifest {files[name]['bytes']:,}")
    return files


def _manifest(path: Path, data: bytes) -> dict[str, dict[str, Any]]:
    try:
        body = json.loads(data)
        if body["kind"] != KIND:
            _refuse(path, f"expected a file of kind {KIND!r}, got {str(body['kind'])[:80]!r}")
        if body["schema"] != SCHEMA:
            _refuse(path, f"it has schema {str(body['schema'])[:20]}, expected {SCHEMA}: another version wrote it")
        files = {str(name): dict(entry) for name, entry in body["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        _refuse(path, f"its {MANIFEST} cannot be read ({type(error).__name__}: {error})")
    keys = set()
    for name, entry in files.items():
        match = _NAME.fullmatch(name)
        if match is None:
            _refuse(path, f"unexpected name {name[:80]!r} in its {MANIFEST}")
        size, sha256 = entry.get("bytes"), entry.get("sha256")
        if type(size) is not int or size < 0 or not re.fullmatch("[0-9a-f]{64}", str(sha256)):
            _refuse(path, f"its {MANIFEST} gives no length and sha256 of {name!r}")
        keys.add(match[1])
    if not 0 < len(keys) <= MOST_ENTRIES or len(files) != 2 * len(keys):
        _refuse(path, f"expected {ARRAYS} and {CARD} of 1 to {MOST_ENTRIES:,} entries, got {len(files)} files")
    return files


def _check_room(path: Path, folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    total, free = sum(entry["bytes"] for entry in files.values()), shutil.disk_usage(folder).free
    if total > free:
        raise UserError(f"{path} unpacks to {total / 1e9:.3g} GB, {folder} has room for {free / 1e9:.3g}", code=1)


def _bytes(path: Path, archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    with archive.open(name) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        _refuse(path, f"member {name!r} unpacks to more than {most:,} bytes")
    return data


def _extract(path: Path, archive: zipfile.ZipFile, name: str, entry: Mapping[str, Any], to: Path) -> None:
    """Write one member, checked against the manifest."""
    digest, remaining = hashlib.sha256(), int(entry["bytes"])
    with archive.open(name) as stream, DurableFile(to) as file:
        while chunk := stream.read(_CHUNK):
            remaining -= len(chunk)
            if remaining < 0:
                _refuse(path, f"member {name!r} unpacks to more than the {entry['bytes']:,} bytes it claims")
            digest.update(chunk)
            file.write(chunk)
        if remaining:
            _refuse(path, f"member {name!r} ends {remaining:,} bytes early")
        if digest.hexdigest() != entry["sha256"]:
            _refuse(path, f"member {name!r} has not the sha256 of the manifest")
        file.commit()


def holds_networks(folder: Path) -> bool:
    """Tell networks from a transferred model.

    A damaged entry counts as networks: `write` says what is wrong.
    """
    try:
        return bool(json.loads((folder / CARD).read_bytes()).get("kind") in ("networks", "foundation"))
    except (OSError, ValueError, AttributeError):
        return True


def networks_in(folders: Mapping[str, Path], keys: Sequence[str]) -> dict[str, Path]:
    """Return the folders of entries of networks; UserError for others."""
    chosen = {}
    for key in keys:
        if not holds_networks(folders[key]):
            raise UserError(f"{key[:16]} is a transferred model, of no use without its target: export its networks")
        chosen[key] = folders[key]
    return chosen
