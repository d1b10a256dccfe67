"""Folders of Parquet as Dask, Spark and pandas write them.

A folder `year=2023` holds the rows whose column `year` is 2023. Files are in the order of their numbers, so that
part.10 follows part.9. A file without rows, or a column that is empty in a file, takes the type of the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.reading import parquet_files
from kakehashi.catalogs.reading.open_table import OpenTable
from kakehashi.catalogs.records import UserError

_KEY = re.compile(r"([^=]+)=(.*)", re.DOTALL)
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")


class ParquetFolder(NamedTuple):
    """Folder of Parquet as one table.

    files : those with rows, in the order they are read
    schema : of all files
    keys : per file, the values of the `key=value` folders around it
    """

    files: tuple[Path, ...]
    schema: pa.Schema
    keys: tuple[dict[str, str], ...]
    rows: int


def parquet_files_of(folder: Path) -> list[Path]:
    """List the data files of a folder in order.

    Those of its `key=value` folders belong to it; the order is that of their numbers.

    Raises
    ------
    UserError : there are none.
    """
    files = sorted(_data_files(folder), key=lambda file: _natural(file.relative_to(folder)))
    if not files:
        documents = any(path.name.lower().endswith((".json", ".jsonl", ".json.gz")) for path in folder.iterdir())
        hint = "; of JSON documents give the file itself" if documents else ""
        raise UserError(f"{folder} is a folder that holds no .parquet files{hint}")
    return files


def unread(folder: Path) -> list[str]:
    """List the names that are neither data nor hidden.

    Those of `key=value` folders belong to it.
    """
    data = set(_data_files(folder))
    folders = {folder} | {above for file in data for above in file.parents if folder in above.parents}
    inside = {path for above in folders for path in above.iterdir() if not path.name.startswith((".", "_"))}
    return sorted(path.relative_to(folder).as_posix() for path in inside - data - folders)


def open_folder(folder: Path) -> ParquetFolder:
    """Find a folder's files and their common schema.

    Raises
    ------
    UserError : no files, columns that some lack, or types without a common one.
    """
    files = parquet_files_of(folder)
    opened = [parquet_files.open_parquet(file) for file in files]
    filled = [(f, o.schema_arrow) for f, o in zip(files, opened, strict=True) if o.metadata.num_rows]
    rows = sum(file.metadata.num_rows for file in opened)
    if not filled:
        filled = [(files[0], opened[0].schema_arrow)]
    used = tuple(file for file, _ in filled)
    keys = tuple(_keys(file.relative_to(folder)) for file in used)
    schema = _one_schema(filled)
    for name in _key_names(folder, keys):
        if name in schema.names:
            raise UserError(f"{folder}: '{name}' is a column of the files and a folder {name}=...; rename one of them")
        schema = schema.append(pa.field(name, _key_type([key[name] for key in keys])))
    return ParquetFolder(used, schema, keys, rows)


def open_table(path: Path) -> OpenTable:
    """Open a folder of Parquet as one table."""
    folder = open_folder(path)
    return OpenTable(path, tuple(folder.schema.names), folder.schema, partial(batches, folder), rows=folder.rows)


def batches(folder: ParquetFolder, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the named columns of all files in chunks.

    Types are those of the folder's schema.
    """
    for file, keys in zip(folder.files, folder.keys, strict=True):
        # A piece needs a column to have rows.
        stored = [name for name in columns if name not in keys] or [folder.schema.names[0]]
        for piece in parquet_files.batches(file, stored):
            arrays = [
                _key_column(keys[name], piece.num_rows, folder.schema.field(name).type)
                if name in keys
                else _cast(piece[name], folder.schema.field(name).type, file, name)
                for name in columns
            ]
            yield pa.Table.from_arrays(arrays, list(columns))


def common_type(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    """Find the common type of several, None without one.

    >>> common_type([pa.int32(), pa.float32()])
    DataType(double)
    """
    known = list(dict.fromkeys(parquet_files.plain_type(kind) for kind in kinds if not pa.types.is_null(kind)))
    if len(known) < 2:
        return known[0] if known else pa.null()
    if all(pa.types.is_integer(kind) for kind in known):
        return pa.int64()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in known):
        return pa.float64()
    return None


def _one_schema(parts: Sequence[tuple[Path, pa.Schema]]) -> pa.Schema:
    first_file, first = parts[0]
    for file, schema in parts[1:]:
        _check_columns(file, schema, first_file, first)
        _check_columns(first_file, first, file, schema)
    return pa.schema([_one_field(name, parts) for name in first.names], first.metadata)


def _check_columns(file: Path, schema: pa.Schema, other: Path, others: pa.Schema) -> None:
    missing = next((name for name in others.names if name not in schema.names), None)
    if missing is not None:
        raise UserError(
            f"{file}: no column '{missing}', which {other} has; all files of a folder need the same columns"
        )


def _one_field(name: str, parts: Sequence[tuple[Path, pa.Schema]]) -> pa.Field:
    fields = [(file, schema.field(name)) for file, schema in parts]
    kind = common_type([field.type for _, field in fields])
    if kind is None:
        first, known = next((file, field.type) for file, field in fields if not pa.types.is_null(field.type))
        file, other = next(
            (file, field.type) for file, field in fields if common_type([known, field.type]) is None
        )  # fmt: skip
        raise UserError(
            f"{file}: column '{name}' holds {other}, in {first} {known}; all files of a folder need the same types"
        )
    return pa.field(name, kind, metadata=fields[0][1].metadata)


def _cast(column: pa.ChunkedArray, kind: pa.DataType, file: Path, name: str) -> pa.ChunkedArray:
    try:
        return column if column.type == kind else column.cast(kind)
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{file}: column '{name}' holds {column.type}, other files {kind}: {reason}") from None


def _data_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            if _KEY.fullmatch(path.name):
                yield from _data_files(path)
        elif path.suffix == ".parquet":
            yield path


def _natural(path: Path) -> list[tuple[int, str]]:
    """Build a sort key with runs of digits as numbers."""
    pieces = re.split(r"(\d+)", str(path))
    return [(int(piece), piece) if i % 2 else (-1, piece) for i, piece in enumerate(pieces)]


def _keys(path: Path) -> dict[str, str]:
    matches = [match for part in path.parts[:-1] if (match := _KEY.fullmatch(part))]
    return {unquote(match[1]): unquote(match[2]) for match in matches}


def _key_names(folder: Path, keys: Sequence[dict[str, str]]) -> list[str]:
    if len({tuple(key) for key in keys}) > 1:
        names = sorted({name for key in keys for name in key})
        raise UserError(f"{folder}: some files are below {', '.join(f'{n}=...' for n in names)} and others are not")
    return list(keys[0])


def _key_type(texts: Sequence[str]) -> pa.DataType:
    return pa.int64() if all(_WHOLE.fullmatch(text) or text == _NO_VALUE for text in texts) else pa.string()


def _key_column(text: str, rows: int, kind: pa.DataType) -> pa.Array:
    value = None if text == _NO_VALUE else int(text) if pa.types.is_integer(kind) else text
    return pa.repeat(pa.scalar(value, kind), rows) if value is not None else pc.cast(pa.nulls(rows), kind)
