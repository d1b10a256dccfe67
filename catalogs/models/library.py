"""Library of trained models, stored by content hash.

An entry is a folder `models/<hash>` in the cache folder with `stack.safetensors` and `card.json`. It appears whole, by
one rename, and is never written to again; an entry that cannot be trusted is a miss with the reason, not an error.
Entries that runs left stay below a bound (`evict`); those marked by `keep` stay for good. Some entries come with the
package, in `SHIPPED`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.files.durable import TEMPORARY, make_folder, sync_folder, write_durably
from kakehashi.catalogs.files.home import PRIVATE, PRIVATE_FILE, SharedFolder, cache_folder, check_own
from kakehashi.catalogs.models.evict import KEPT, VARIABLE, evict, mark_used, size_limit
from kakehashi.catalogs.records import UserError

SCHEMA = 1
ARRAYS, CARD = "stack.safetensors", "card.json"
SHIPPED = Path(__file__).parents[1] / "networks"
# Bytes of arrays that are stored, at most: larger ones are faster computed again.
LARGEST = 512 * 2**20
# Digits of a key that must be given.
LEAST = 4
# Age in seconds at which the temporaries of a killed process are removed.
_STALE = 24 * 3600.0

Arrays = dict[str, NDArray[Any]]


class StoredEntry(NamedTuple):
    """An entry of the library, or why there is none.

    arrays, card : None where there is no entry that can be trusted
    warning : why an entry that is there is not used, else ""
    replaceable : whether it may be replaced: not so one of another version of this library
    """

    arrays: Arrays | None = None
    card: dict[str, Any] | None = None
    warning: str = ""
    replaceable: bool = True


def models_folder() -> Path:
    """Return the folder of the entries; it need not exist.

    Raises
    ------
    UserError : the cache folder cannot be created, or others may write to it or to this one.
    """
    return cache_folder("models")


def find(key: str) -> StoredEntry:
    """Read and verify an entry: schema, key and checksums.

    Raises
    ------
    SharedFolder : others may write to the entry or to a folder around it.
    """
    try:
        path = models_folder() / _checked(key)
    except SharedFolder:
        raise
    except UserError:
        return StoredEntry()  # `store` says that nothing can be kept
    entry = read(path, key)
    if entry.arrays is not None:
        mark_used(path)
    return entry


def shipped(key: str) -> StoredEntry:
    """Read and verify an entry that comes with the package."""
    return read(SHIPPED / _checked(key), key)


def read(path: Path, key: str) -> StoredEntry:
    """Read and verify the entry in a folder.

    The folder may have any name. Raises SharedFolder as `find`.
    """
    if not os.path.lexists(path):
        return StoredEntry()
    check_entry(path)
    from safetensors import SafetensorError

    try:
        card = json.loads((path / CARD).read_bytes())
        if card["schema"] != SCHEMA:
            state = f"has schema {card['schema']!r}, expected {SCHEMA}"
            return StoredEntry(warning=f"{path} {state}: not used; delete it to have it built again", replaceable=False)
        check_card(card, key)
        if (path / ARRAYS).stat().st_size != card["bytes"]:
            raise ValueError(f"{ARRAYS} has not the {card['bytes']} bytes written")
        return StoredEntry(decode((path / ARRAYS).read_bytes(), card), card)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        if not os.path.lexists(path):  # another process is replacing it
            return StoredEntry()
        return StoredEntry(warning=f"{path} is damaged or unreadable ({_reason(error)}): not used, built again")


def decode(data: bytes, card: Mapping[str, Any]) -> Arrays:
    """Read the arrays that a card describes.

    Raises ValueError, KeyError, TypeError or SafetensorError.
    """
    from safetensors.numpy import load

    if len(data) != card["bytes"] or hashlib.sha256(data).hexdigest() != card["sha256"]:
        raise ValueError(f"{ARRAYS} has not the bytes written")
    return _wide(load(data))


def encode(key: str, arrays: Mapping[str, NDArray[Any]], card: Mapping[str, Any]) -> dict[str, bytes]:
    """Bytes of the two files of an entry, by name; the arrays come first."""
    from safetensors.numpy import save

    data = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    body = {**card, "schema": SCHEMA, "key": key, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    text = json.dumps({**body, "card_sha256": _digest(body)}, indent=1, ensure_ascii=False, allow_nan=False)
    return {ARRAYS: data, CARD: (text + "\n").encode()}


def check_entry(path: Path) -> None:
    """Refuse an entry that others may write to; SharedFolder."""
    if path.parent != SHIPPED:
        for part in (path, path / CARD, path / ARRAYS):
            check_own(part)


def check_card(card: Mapping[str, Any], key: str) -> None:
    """Refuse a card of another key or a wrong checksum.

    Raises ValueError, KeyError or TypeError.
    """
    if card["card_sha256"] != _digest({name: card[name] for name in card if name != "card_sha256"}):
        raise ValueError("the card's checksum does not fit its content")
    if card["key"] != key:
        raise ValueError(f"it belongs to {card['key']}")


def _wide(arrays: Arrays) -> Arrays:
    """Widen half precision, which only saves room, to single."""
    return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in arrays.items()}


def folders() -> dict[str, Path]:
    """Return the folders of all entries by key.

    Those stored here and those that come with the package.
    """
    paths: dict[str, Path] = {}
    for root in (SHIPPED, models_folder()):
        if root.is_dir():
            paths |= {path.name: path for path in sorted(root.iterdir()) if re.fullmatch("[0-9a-f]{64}", path.name)}
    return paths


def find_by_id(id: str) -> tuple[str, int | None, Path]:
    """Find an entry by the first digits of its key.

    Returns the key, the number of a network in it (`id-number`), and the folder; UserError unless it is just one.

    id : the first digits of the key, `LEAST` at least
    """
    parts = re.fullmatch(r"([0-9a-f]+)(?:-(\d+))?", id.strip())
    if parts is None or len(parts[1]) < LEAST:
        raise UserError(f"expected the id of a model (`kakehashi models list`), {LEAST} digits at least, got {id!r}")
    entries = folders()
    fitting = [key for key in entries if key.startswith(parts[1])]
    if len(fitting) != 1:
        which = f"{len(fitting)} models have ids" if fitting else "no model has an id"
        raise UserError(f"{which} that begin with {parts[1]}: see `kakehashi models list`")
    return fitting[0], int(parts[2]) if parts[2] else None, entries[fitting[0]]


def keep(path: Path) -> None:
    """Mark an entry that is never evicted."""
    if path.parent != SHIPPED:
        write_durably(path / KEPT, b"", PRIVATE_FILE)


def store(
    key: str,
    arrays: Mapping[str, NDArray[Any]],
    card: Mapping[str, Any],
    *,
    replace: bool = False,
    folder: Path | None = None,
    private: bool = False,
) -> str:
    """Store arrays and card; return "" or why not.

    An entry that is already there stays (another process was faster, with the same content), unless `replace` says
    that it was found to be damaged.

    Parameters
    ----------
    card : strict JSON values; schema, key and checksums are added here.
    folder : of the entries, by default `models_folder()`; no bound holds for another.
    private : whether nobody else may enter that folder, as the default one; caches are refused otherwise.
    """
    _checked(key)
    size = sum(array.nbytes for array in arrays.values())
    if size > LARGEST:
        return f"not kept for the next run: {size / 2**20:,.0f} MB, more than {LARGEST / 2**20:,.0f}"
    try:
        most = size_limit() if folder is None else math.inf
        if size > most:
            return f"not kept for the next run: {size / 1e9:.3g} GB, more than {VARIABLE} allows ({most / 1e9:.3g})"
        mode = PRIVATE if private or folder is None else 0o777
        folder = folder or models_folder()
        make_folder(folder, mode)
        _sweep(folder)
        temporary = folder / f"{TEMPORARY}{key}-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            temporary.mkdir(mode=mode)
            for name, data in encode(key, arrays, card).items():
                write_durably(temporary / name, data)
            publish(temporary, folder / key, replace=replace)
            evict(folder, most, keep=key)
        finally:
            _remove(temporary)
    except SharedFolder:
        raise
    except (OSError, UserError) as error:
        return f"not kept for the next run: {_reason(error)}"
    return ""


def publish(temporary: Path, path: Path, *, replace: bool) -> None:
    """Give a complete entry its name.

    A damaged one of that name is moved out of the way first, whole.
    """
    aside = temporary.with_name(f"{temporary.name}-old")
    if replace:
        with suppress(FileNotFoundError):
            os.rename(path, aside)
    try:
        os.rename(temporary, path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
    sync_folder(path.parent)
    _remove(aside)


def _sweep(folder: Path) -> None:
    for temporary in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - temporary.lstat().st_mtime > _STALE:
                _remove(temporary)


def _remove(path: Path) -> None:
    """Remove a file or a folder as far as possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _checked(key: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise ValueError(f"expected a sha256 as key, got {key!r}")
    return key


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
