"""CIF and POSCAR files, alone or in folders, and the ids of their structures."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from kakehashi.catalogs.crystals.cif_blocks import cif_blocks
from kakehashi.catalogs.files.gzipped import open_bytes
from kakehashi.catalogs.files.paths import as_text
from kakehashi.catalogs.records import UserError

UNREAD = "why the file is not read"
"""Text column beside `structure`: the reason why a file could not be read, or ""."""
LARGEST = 64 << 20
"""Bytes of one file, unpacked."""
_SUFFIXES = (".cif", ".vasp", ".poscar", ".contcar")
_NAMES = ("POSCAR", "CONTCAR")
_ROWS, _BYTES = 1000, 64 << 20  # most structures of a chunk, and most bytes of them
_NAMED = 5


class StructureFolder(NamedTuple):
    """Contents of a folder.

    files : structure files in order, each with the id of its first structure
    others : names of the other files
    """

    files: tuple[tuple[str, Path], ...]
    others: tuple[str, ...]


def list_folder(folder: Path) -> StructureFolder:
    """List the structure files in a folder and below.

    A file is a folder of itself.

    The id of a file is its name without suffix; that of a lone `mp-1/POSCAR` is its folder, and of several in one
    folder both (`mp-1/POSCAR`, `mp-1/CONTCAR`).
    """
    if folder.is_file():
        return StructureFolder(((as_text(_id(Path(folder.name), 1)), folder),), ())
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
    ids = [(_id(path.relative_to(folder), in_folder[path.parent]), path) for path in files]
    return StructureFolder(tuple((as_text(name), path) for name, path in ids), tuple(map(as_text, others)))


def holds_structures(folder: Path) -> bool:
    """Test for a CIF or POSCAR file, or a folder of them.

    Files in inner folders count, unless Parquet lies beside these.
    """
    if not folder.is_dir():
        return folder.is_file() and _is_structure(folder.name)
    names = [path.name for path in folder.iterdir() if path.is_file()]
    if any(_is_structure(name) for name in names):
        return True
    return not any(name.lower().endswith(".parquet") for name in names) and bool(list_folder(folder).files)


def read_folder(folder: Path) -> Iterator[pa.Table]:
    """Yield the structures of a folder in chunks.

    Columns are the texts `id`, `structure` and `UNREAD`.

    A file without a structure gives one row.
    """
    rows: list[tuple[str, str, str]] = []
    size = 0
    for name, path in list_folder(folder).files:
        text, reason = _text(path)
        blocks = cif_blocks(text) if len(text) and _is_cif(path) else []
        for number, block in enumerate(blocks or [text], 1):
            rows.append((name if number == 1 else f"{name}#{number}", block, reason))
            size += len(block)
            if len(rows) >= _ROWS or size >= _BYTES:
                yield _table(rows)
                rows, size = [], 0
    if rows:
        yield _table(rows)


def notes_of(folder: Path, rows: int) -> tuple[str, ...]:
    """Write notes on a folder of structures.

    They name files with several structures, shared ids, and files that are not read.

    rows : number of structures
    """
    contents = list_folder(folder)
    notes = []
    if rows > len(contents.files):
        count = "1 file" if len(contents.files) == 1 else f"{len(contents.files):,} files"
        notes.append(f"{folder}: {rows:,} structures in {count}; further ones are called id#2 ...")
    if twice := [name for name, count in Counter(name for name, _ in contents.files).items() if count > 1]:
        notes.append(f"{folder}: several files are called {_some(Counter(twice))}: their rows share an id")
    if contents.others:
        kinds = Counter(contents.others)
        count = "1 file is" if len(contents.others) == 1 else f"{len(contents.others):,} files are"
        notes.append(f"{folder}: {count} not read as structures: {_some(kinds)}")
    return tuple(notes)


def hashed_files(folder: Path) -> list[tuple[str, Path]]:
    """List the files that a folder's hash covers.

    These are all at its top, and the structures below, each with its name.
    """
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


def _text(path: Path) -> tuple[str, str]:
    """Read a file.

    Returns its text and "", or "" and the reason why it cannot be read.
    """
    try:
        with open_bytes(path) as stream:
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
    """List the commonest names with their counts."""
    shown = [f"{count:,} {name}" if count > 1 else name for name, count in kinds.most_common(_NAMED)]
    return ", ".join([*shown, "..."] if len(kinds) > _NAMED else shown)
