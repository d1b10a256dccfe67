"""Crystal structures in tables, folders and JSON documents.

Accepted are

- three list columns: lattice (9 numbers, row vectors in Å), species, and frac_coords (3 numbers per site);
- a text column `structure`, `cif` or `poscar` of CIF, POSCAR or the JSON of a pymatgen structure;
- a folder of CIF and POSCAR files, whose names are their ids;
- JSON documents of the Materials Project (material_id and structure), as one list or one a line.

Structures stay in their table: a ranking that carried them would be many times its size.
"""

from __future__ import annotations

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
from kakehashi.catalogs.crystals.structure_text import TASK
from kakehashi.catalogs.files.guarded import Workers
from kakehashi.catalogs.files.gzipped import open_bytes
from kakehashi.catalogs.properties.material_columns import id_column
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.reading.column_names import IDS
from kakehashi.catalogs.reading.open_table import Readable
from kakehashi.catalogs.records import UserError

PARTS = ("lattice", "species", "frac_coords")
TEXTS = ("structure", "cif", "poscar")
_MARKS = ("_cell_length_a", '"lattice"')
_DOCUMENTS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_PIECE = 1000

Pieces = Callable[[], Iterator[pa.Table]]


def structure_columns(table: Readable) -> tuple[str, ...]:
    """Find the structure columns of a table; () without any."""
    table = readers.open_table(table)
    schema = table.schema
    if all(name in schema.names and _is_list(schema.field(name).type) for name in PARTS):
        return PARTS
    for name in TEXTS:
        if name in schema.names and readers.is_text(schema.field(name).type):
            first = next((cell for piece in readers.batches(table, [name]) if (cell := _filled(piece[name]))), "")
            if any(mark in first for mark in _MARKS) or is_poscar(first):
                return (name,)
    return ()


def structure_names(table: pa.Table) -> tuple[str, ...]:
    """Find the structure columns of a table in memory.

    They are known by their names.

    Raises
    ------
    UserError : there are none.
    """
    if set(PARTS) <= set(table.column_names):
        return PARTS
    if column := next((name for name in TEXTS if name in table.column_names), None):
        return (column,)
    raise UserError(f"expected structures, in columns {' + '.join(PARTS)} or in one of {', '.join(TEXTS)}")


def holds_only_structures(path: Path) -> bool:
    """Test for files of structures alone: CIF, POSCAR, a folder of these, or JSON documents."""
    return _is_crystals(path) or (not path.is_dir() and path.name.lower().endswith(_DOCUMENTS))


def structure_file(path: Path) -> Pieces:
    """Open structures as chunks.

    Reads a table, a file, a folder or JSON documents; the chunks have a text column `id` and structure columns.

    Raises
    ------
    UserError : no ids, or no structures.
    """
    if _is_crystals(path):
        return lambda: read_folder(path)
    if path.name.lower().endswith(_DOCUMENTS) and path.is_file():
        return lambda: _of_documents(path)
    readers.check_file(path)
    table = readers.open_table(path)
    names = readers.column_names(table)
    label, columns = id_column(names), structure_columns(table)
    if label is None or not columns:
        what = (
            "an id column (id, material_id or mbid)" if label is None else f"{' + '.join(PARTS)}, or structure or cif"
        )
        raise UserError(f"--structures {path}: expected {what} among {', '.join(names)}")

    def pieces() -> Iterator[pa.Table]:
        for raw in readers.batches(table, [label, *columns]):
            yield raw.select(columns).add_column(0, "id", readers.as_ids(raw[label], path, label))

    return pieces


def structure_notes(path: Path, rows: int | None = None) -> tuple[str, ...]:
    """Write notes on a file or folder of structures.

    They are those of `structure_folders.notes_of`; other paths have none.

    rows : number of structures, counted if None
    """
    if not _is_crystals(path):
        return ()
    return notes_of(path, sum(piece.num_rows for piece in read_folder(path)) if rows is None else rows)


def _is_crystals(path: Path) -> bool:
    """Test for CIF, POSCAR, or a folder of these.

    A table is none, whatever its name.
    """
    return (path.is_dir() or not readers.suffix_of(path)) and holds_structures(path)


def wanted(pieces: Iterator[pa.Table], ids: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of some ids as mappings.

    Rows have a structure, or the reason why it cannot be read.
    """
    known = pa.array(sorted(ids), pa.string())
    for piece in pieces:
        rows = piece.filter(pc.is_in(piece["id"], known))
        filled = all if set(PARTS) <= set(rows.column_names) else any
        yield from (row for row in rows.to_pylist() if filled(row[name] for name in rows.column_names[1:]))


class StructureReader:
    """Reader of the structures in rows.

    CIF and POSCAR are parsed in worker processes, which end with the context.
    """

    def __init__(self) -> None:
        self._workers = Workers(TASK)

    def __enter__(self) -> StructureReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.__exit__(kind, error, trace)

    def read(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Sites | None, str]]:
        """Read the structure columns of each row.

        Returns sites and "", or None and the reason for refusal.
        """
        answers: list[tuple[Sites | None, str]] = [(None, "")] * len(rows)
        texts: dict[int, str] = {}
        for i, row in enumerate(rows):
            try:
                sites = _sites_or_text(row)
            except (Exception, SystemExit) as error:  # whatever a foreign row holds
                answers[i] = None, in_words(error)
                continue
            if isinstance(sites, str):
                texts[i] = sites
            else:
                answers[i] = sites, ""
        for i, answer in zip(texts, self._workers.read(list(texts.values())), strict=True):
            answers[i] = (None, answer.reason) if answer.reason else of_answer(answer.value)
        return answers


def _sites_or_text(row: Mapping[str, Any]) -> Sites | str:
    """Read a row's structure, or return its text for a worker.

    Lists and JSON are read here; CIF and POSCAR are for a worker to parse.

    Raises
    ------
    ValueError : with the reason.
    """
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
    """Yield JSON documents in chunks of ids and structure texts.

    A document without an id gets its number.
    """
    try:
        with open_bytes(path) as stream:
            text = stream.read().decode("utf-8-sig")
        if text.lstrip().startswith("["):
            documents = json.loads(text)
        else:
            documents = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: expected a JSON list of documents, or one a line: {error}", code=6) from None
    odd = [i for i, document in enumerate(documents, 1) if not isinstance(document, dict)]
    if odd:
        raise UserError(f"{path}: document {odd[0]} is no JSON object with material_id and structure")
    for start in range(0, len(documents), _PIECE):
        chunk = documents[start : start + _PIECE]
        names = [
            next((str(document[key]) for key in IDS if document.get(key)), str(i + 1))
            for i, document in enumerate(chunk, start)
        ]
        for i, name in enumerate(names, start + 1):
            if not name.isascii() and name.encode(errors="replace").decode() != name:
                raise UserError(f"{path}: document {i}: its id {name!a} is not valid Unicode", code=6)
        texts = [json.dumps(document["structure"]) if document.get("structure") else "" for document in chunk]
        yield pa.table({"id": pa.array(names, pa.string()), "structure": pa.array(texts, pa.string())})


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _filled(column: pa.ChunkedArray) -> str:
    return next((cell for cell in column.to_pylist() if cell and cell.strip()), "")
