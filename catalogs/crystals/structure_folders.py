"""CIF and POSCAR, a file or a folder of them: what is read, what each structure is called, what is left aside."""

from __future__ import annotations

import gzip
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from kakehashi.catalogs.crystals.cif_blocks import cif_blocks
from kakehashi.catalogs.records import UserError

UNREAD = "why the file is not read"
"""Text column beside `structure`: the reason where a file could not be read at all, else ""."""
LARGEST = 64 << 20
"""Bytes of one file, unpacked."""
_SUFFIXES = (".cif", ".vasp", ".poscar", ".contcar")
_NAMES = ("POSCAR", "CONTCAR")
_ROWS, _BYTES = 1000, 64 << 20  # of one piece: so many structures, or what takes so many bytes
_NAMED = 5


class Folder(NamedTuple):
    """Files with structures, in order, by the id of their first; the names of what else the folder holds."""

    files: tuple[tuple[str, Path], ...]
    others: tuple[str, ...]


def list_folder(folder: Path) -> Folder:
    """Find the files of a folder and of the folders in it; a file is a folder of itself.

    A file is known by its name without suffix, in a folder of its own (`mp-1/POSCAR`) by that of the folder, where
    there are several in it by both (`mp-1/POSCAR`, `mp-1/CONTCAR`).
    """
    if folder.is_file():
        return Folder(((_as_text(_id(Path(folder.name), 1)), folder),), ())
    files: list[Path] = []
    others: list[str] = []

    def fail(error: OSError) -> None:
        raise UserError(f"{error.filename}: {error.strerror}: make the folder readable, or give another") from None

    for top, below, names in os.walk(folder, onerror=fail):
        here = Path(top)
        for name in sorted(below):
            if name.startswith(".") or (here / name).is_symlink():
                others.append(f"{name}/")
        below[:] = sorted(name for name in below if not name.startswith(".") and not (here / name).is_symlink())
        for name in sorted(names):
            path = here / name
            if path.is_file() and _is_structure(name):
                files.append(path)
            else:
                others.append(name)
    in_folder = Counter(path.parent for path in files)
    files.sort(key=lambda path: (len(path.relative_to(folder).parts) > 1, path))
    named = [(_id(path.relative_to(folder), in_folder[path.parent]), path) for path in files]
    return Folder(tuple((_as_text(name), path) for name, path in named), tuple(map(_as_text, others)))


def holds_structures(folder: Path) -> bool:
    """Whether a folder has CIF or POSCAR files, or folders that have, and no Parquet beside those; or a file is one."""
    if not folder.is_dir():
        return folder.is_file() and _is_structure(folder.name)
    names = [path.name for path in folder.iterdir() if path.is_file()]
    if any(_is_structure(name) for name in names):
        return True
    return not any(name.lower().endswith(".parquet") for name in names) and bool(list_folder(folder).files)


def read_folder(folder: Path) -> Iterator[pa.Table]:
    """Pieces with text columns `id`, `structure` and `UNREAD`: a row for each structure, or file that has none."""
    rows: list[tuple[str, str, str]] = []
    size = 0
    for name, path in list_folder(folder).files:
        text, reason = _text(path)
        parts = cif_blocks(text) if len(text) and _is_cif(path) else []
        for number, part in enumerate(parts or [text], 1):
            rows.append((name if number == 1 else f"{name}#{number}", part, reason))
            size += len(part)
            if len(rows) >= _ROWS or size >= _BYTES:
                yield _table(rows)
                rows, size = [], 0
    if rows:
        yield _table(rows)


def notes_of(folder: Path, rows: int) -> tuple[str, ...]:
    """Say how many structures (rows) how many files hold, where these differ, and what is left aside."""
    found = list_folder(folder)
    notes = []
    if rows > len(found.files):
        count = "1 file" if len(found.files) == 1 else f"{len(found.files):,} files"
        notes.append(f"{folder}: {rows:,} structures in {count}; further ones are called id#2 ...")
    if twice := [name for name, count in Counter(name for name, _ in found.files).items() if count > 1]:
        notes.append(f"{folder}: several files are called {_some(Counter(twice))}: their rows share an id")
    if found.others:
        kinds = Counter(found.others)
        count = "1 file is" if len(found.others) == 1 else f"{len(found.others):,} files are"
        notes.append(f"{folder}: {count} not read as structures: {_some(kinds)}")
    return tuple(notes)


def hashed_files(folder: Path) -> list[tuple[str, Path]]:
    """Names and files that the content of a folder is known by: all at its top, and structures below."""
    top = sorted(path for path in folder.iterdir() if path.is_file())
    below = [path for _, path in list_folder(folder).files if path.parent != folder]
    return [(path.relative_to(folder).as_posix(), path) for path in (*top, *below)]


def _is_structure(name: str) -> bool:
    bare = _unpacked(name)
    return not name.startswith(".") and (bare.lower().endswith(_SUFFIXES) or bare.startswith(_NAMES))


def _is_cif(path: Path) -> bool:
    return _unpacked(path.name).lower().endswith(".cif")


def _unpacked(name: str) -> str:
    return name[:-3] if name.lower().endswith(".gz") else name


def _id(path: Path, beside: int) -> str:
    name = _unpacked(path.name)
    if name.lower().endswith(_SUFFIXES):
        name = name[: name.rindex(".")]
    if len(path.parts) == 1:
        return name
    if name in _NAMES and beside == 1:
        return path.parent.as_posix()
    return (path.parent / name).as_posix()


def _as_text(name: str) -> str:
    """A name that may hold bytes which are no UTF-8, with these written out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _text(path: Path) -> tuple[str, str]:
    """Text of a file, or "" and why it is not read."""
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        return "", f"the file cannot be read: {' '.join(str(error).split())[:150]}"
    if len(data) > LARGEST:
        return "", f"the file has more than {LARGEST >> 20} MiB: no structure that is read has"
    if not data.strip():
        return "", "the file is empty"
    return data.decode("utf-8-sig", errors="replace"), ""


def _table(rows: list[tuple[str, str, str]]) -> pa.Table:
    columns = zip(("id", "structure", UNREAD), zip(*rows, strict=True), strict=True)
    return pa.table({name: pa.array(cells, pa.string()) for name, cells in columns})


def _some(kinds: Counter[str]) -> str:
    """The commonest names with their counts."""
    shown = [f"{count:,} {name}" if count > 1 else name for name, count in kinds.most_common(_NAMED)]
    return ", ".join([*shown, "..."] if len(kinds) > _NAMED else shown)
