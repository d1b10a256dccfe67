"""Crystal structures: which columns of a table hold them, folders and documents of them, and reading one.

They stay in their table: a ranking that carried them would be many times its size. Accepted are the three list
columns lattice (9 numbers, Å, one row vector after the other), species and frac_coords (3 numbers per site), or one
text column `structure`, `cif` or `poscar` that holds CIF, POSCAR or the JSON of a pymatgen structure; a folder of CIF
and POSCAR files, known by their names; and JSON documents of the Materials Project (material_id and structure), as one
list or one a line.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.crystals.poscar_reader import is_poscar
from kakehashi.catalogs.crystals.sites import Sites, in_words, of_answer, of_json, of_lists
from kakehashi.catalogs.crystals.structure_folders import UNREAD, holds_structures, notes_of, read_folder
from kakehashi.catalogs.files.guarded import Workers
from kakehashi.catalogs.properties.material_columns import id_column
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.reading.column_names import IDS
from kakehashi.catalogs.records import UserError

PARTS = ("lattice", "species", "frac_coords")
TEXTS = ("structure", "cif", "poscar")
_MARKS = ("_cell_length_a", '"lattice"')
_DOCUMENTS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_PIECE = 1000

Pieces = Callable[[], Iterator[pa.Table]]


def structure_columns(file: Path) -> tuple[str, ...]:
    """Columns of a table file that hold structures; empty where none do."""
    schema = readers.schema_of(file)
    if all(name in schema.names and _is_list(schema.field(name).type) for name in PARTS):
        return PARTS
    for name in TEXTS:
        if name in schema.names and readers.is_text(schema.field(name).type):
            first = next((cell for piece in readers.batches(file, [name]) if (cell := _filled(piece[name]))), "")
            if any(mark in first for mark in _MARKS) or is_poscar(first):
                return (name,)
    return ()


def structure_names(table: pa.Table) -> tuple[str, ...]:
    """Columns of a table in memory that are called as those of structures; UserError where none are."""
    if set(PARTS) <= set(table.column_names):
        return PARTS
    if found := next((name for name in TEXTS if name in table.column_names), None):
        return (found,)
    raise UserError(f"expected structures, in columns {' + '.join(PARTS)} or in one of {', '.join(TEXTS)}")


def holds_only_structures(path: Path) -> bool:
    """Whether a path is CIF or POSCAR, a folder with such files in it or in folders of it, or JSON documents."""
    return _is_crystals(path) or (not path.is_dir() and path.name.lower().endswith(_DOCUMENTS))


def structure_file(path: Path) -> Pieces:
    """Pieces with a text column `id` and structure columns, of a table, a folder or documents; UserError if none."""
    if _is_crystals(path):
        return lambda: read_folder(path)
    if path.name.lower().endswith(_DOCUMENTS) and path.is_file():
        return lambda: _of_documents(path)
    readers.check_file(path)
    label, columns = id_column(readers.column_names(path)), structure_columns(path)
    if label is None or not columns:
        what = (
            "an id column (id, material_id or mbid)" if label is None else f"{' + '.join(PARTS)}, or structure or cif"
        )
        raise UserError(f"--structures {path}: expected {what} among {', '.join(readers.column_names(path))}")

    def pieces() -> Iterator[pa.Table]:
        for raw in readers.batches(path, [label, *columns]):
            yield raw.select(columns).add_column(0, "id", readers.as_ids(raw[label], path, label))

    return pieces


def structure_notes(path: Path, rows: int | None = None) -> tuple[str, ...]:
    """What to know of a folder of structures: how many its files hold (`rows`, where counted), what is not read."""
    if not _is_crystals(path):
        return ()
    return notes_of(path, sum(piece.num_rows for piece in read_folder(path)) if rows is None else rows)


def _is_crystals(path: Path) -> bool:
    """Whether a path is CIF or POSCAR, or a folder of such files; a table never is, whatever it is called."""
    return (path.is_dir() or not readers.suffix_of(path)) and holds_structures(path)


def wanted(pieces: Iterator[pa.Table], ids: Collection[str]) -> Iterator[dict[str, Any]]:
    """Rows of those ids that hold a structure, or the reason why it cannot be read, as mappings."""
    known = pa.array(sorted(ids), pa.string())
    for piece in pieces:
        found = piece.filter(pc.is_in(piece["id"], known))
        whole = all if set(PARTS) <= set(found.column_names) else any
        yield from (row for row in found.to_pylist() if whole(row[name] for name in found.column_names[1:]))


class StructureReader:
    """Reads the structures of rows; CIF and POSCAR in worker processes, which end with the context."""

    def __init__(self) -> None:
        self._workers = Workers("structure")

    def __enter__(self) -> StructureReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.__exit__(kind, error, trace)

    def read(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Sites | None, str]]:
        """Sites in the structure columns of each row and "", or None and the reason why there are none."""
        found: list[tuple[Sites | None, str]] = [(None, "")] * len(rows)
        texts: dict[int, str] = {}
        for i, row in enumerate(rows):
            try:
                sites = _by_hand(row)
            except (Exception, SystemExit) as error:  # whatever a foreign row holds
                found[i] = None, in_words(error)
                continue
            if isinstance(sites, str):
                texts[i] = sites
            else:
                found[i] = sites, ""
        for i, answer in zip(texts, self._workers.read(list(texts.values())), strict=True):
            found[i] = (None, answer.reason) if answer.reason else of_answer(answer.value)
        return found


def _by_hand(row: Mapping[str, Any]) -> Sites | str:
    """Sites in the lists or the JSON of a row, or its text of CIF or POSCAR; ValueError with the reason if neither."""
    if row.get(UNREAD):
        raise ValueError(row[UNREAD])
    if PARTS[0] in row:
        lattice, species, positions = (row[name] for name in PARTS)
        if not (lattice and species and positions):
            raise ValueError("no structure")
        return of_lists(lattice, species, positions)
    text: str | None = next(row[name] for name in TEXTS if name in row)
    if not text or not text.strip():
        raise ValueError("no structure")
    return of_json(text) if text.lstrip().startswith("{") else text


def _of_documents(path: Path) -> Iterator[pa.Table]:
    """Documents as texts; one without id is known by its number, one without a structure has an empty text."""
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            text = stream.read().decode("utf-8-sig")
        if text.lstrip().startswith("["):
            documents = json.loads(text)
        else:
            documents = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: expected a JSON list of documents, or one a line: {error}", code=6) from None
    odd = [i for i, found in enumerate(documents, 1) if not isinstance(found, dict)]
    if odd:
        raise UserError(f"{path}: document {odd[0]} is no JSON object with material_id and structure")
    for start in range(0, len(documents), _PIECE):
        chosen = documents[start : start + _PIECE]
        names = [
            next((str(found[key]) for key in IDS if found.get(key)), str(i + 1))
            for i, found in enumerate(chosen, start)
        ]
        for i, name in enumerate(names, start + 1):
            if not name.isascii() and name.encode(errors="replace").decode() != name:
                raise UserError(f"{path}: document {i}: its id {name!a} is not valid Unicode", code=6)
        texts = [json.dumps(found["structure"]) if found.get("structure") else "" for found in chosen]
        yield pa.table({"id": pa.array(names, pa.string()), "structure": pa.array(texts, pa.string())})


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _filled(column: pa.ChunkedArray) -> str:
    return next((cell for cell in column.to_pylist() if cell and cell.strip()), "")
