"""Catalogues of table files and folders of Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.candidates.catalog import RESERVED, Catalog, hash_files
from kakehashi.catalogs.crystals.structures import (
    structure_columns,
)
from kakehashi.catalogs.properties.material_columns import (
    Material,
    file_holds_smiles,
    id_column,
    material_column,
)
from kakehashi.catalogs.reading import parquet_folders, readers
from kakehashi.catalogs.reading.column_types import as_type, profile
from kakehashi.catalogs.reading.open_table import Readable


def catalog_of_table(name: str, given: Readable, material: Material) -> Catalog:
    """Open a table as a catalogue; its column types are found in one pass."""
    table = readers.open_table(given)
    path = table.path
    names = readers.column_names(table)
    formula, label = material_column(names, table, material), id_column(names)
    if label == formula:
        label = None
    structural = tuple(name for name in structure_columns(table) if name not in (formula, label))
    others = [column for column in names if column not in (formula, label, *structural)]
    decimal = readers.decimal_mark(table)
    rows, kinds = profile(table, others, decimal)
    if readers.is_typed(table):
        readers.as_text(pa.chunked_array([], table.schema.field(formula).type), name, formula)
        if label is not None:
            readers.as_ids(pa.chunked_array([], table.schema.field(label).type), name, label)
    renamed = _passed_on(others)
    schema = pa.schema(
        [("id", pa.string()), ("formula", pa.string())] + [(renamed[column], kinds[column]) for column in others]
    )

    def pieces() -> Iterator[pa.Table]:
        start = 0
        for raw in readers.batches(table, [column for column in names if column not in structural]):
            formulas = readers.as_text(raw[formula], path, formula)
            values = [as_type(raw[column], kinds[column], decimal) for column in others]
            yield pa.Table.from_arrays([_ids(raw, path, start, label), formulas, *values], schema=schema)
            start += raw.num_rows

    def structures() -> Iterator[pa.Table]:
        start = 0
        for raw in readers.batches(table, [*([label] if label else []), *structural]):
            yield raw.select(structural).add_column(0, "id", _ids(raw, path, start, label))
            start += raw.num_rows

    notes = [f"catalogue column '{old}' is passed on as '{new}'" for old, new in renamed.items() if old != new]
    if unnamed := readers.unnamed_columns(table):
        notes.append(f"{unnamed} column{'s' * (unnamed > 1)} without a name left out")
    unread = _unread(path)
    notes.extend(unread)
    if structural:
        notes.append(
            f"structures ({', '.join(structural)}) stay in the catalogue: --export cif writes those of the best"
        )
    return Catalog(
        name,
        rows,
        schema,
        table.digest or _content(path),
        tuple(notes),
        pieces,
        structures if structural else None,
        file_holds_smiles(table, formula),
        unread=unread,
    )


def _unread(folder: Path) -> tuple[str, ...]:
    """Name the files beside the data of a folder."""
    strays = parquet_folders.unread(folder) if folder.is_dir() else []
    more = f" and {len(strays) - 3:,} more" if len(strays) > 3 else ""
    return (f"not read in {folder}: {', '.join(strays[:3])}{more}",) if strays else ()


def _ids(raw: pa.Table, file: Path, start: int, label: str | None) -> pa.ChunkedArray:
    """Return ids as text, row numbers where there are none."""
    numbers = pc.cast(pa.array(range(start + 1, start + raw.num_rows + 1), pa.int64()), pa.string())
    if label is None:
        return pa.chunked_array([numbers])
    text = readers.as_ids(raw[label], file, label)
    return pc.if_else(pc.fill_null(pc.not_equal(text, ""), False), text, numbers)


def _passed_on(columns: list[str]) -> dict[str, str]:
    """Name the catalogue's own columns; reserved names get a prefix."""
    taken = {"id", "formula", *(column for column in columns if column not in RESERVED | {"id", "formula"})}
    renamed = {}
    for column in columns:
        new = column
        if column in RESERVED or column in ("id", "formula"):
            new = f"catalog_{column}"
            while new in taken:
                new = f"catalog_{new}"
            taken.add(new)
        renamed[column] = new
    return renamed


def _content(path: Path) -> str:
    """Hash a table's bytes, or a folder's files and keys."""
    files = parquet_folders.parquet_files_of(path) if path.is_dir() else [path]
    if all(file.parent in (path, path.parent) for file in files):
        return hash_files([(file.name, file) for file in files])
    return readers.sha256(path)
