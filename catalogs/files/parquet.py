"""Parquet files as written here: zstd, checksums, reproducible bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kakehashi.catalogs.files.durable import DurableFile
from kakehashi.catalogs.records import UserError

SCHEMA_KEY = "kakehashi.schema"
SCHEMA = 1
# Most rows of a row group, and most bytes of its texts: a row group is in memory until it is full.
ROW_GROUP = 131_072
GROUP_BYTES = 64 << 20
OPTIONS: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


def stamped(schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """Add metadata and the schema version to a schema.

    Entries of the same name are replaced.
    """
    added = {**(metadata or {}), SCHEMA_KEY: str(SCHEMA)}
    # As bytes, like arrow's own: the same name as text and as bytes would be written twice, and the first one read.
    return schema.with_metadata({**(schema.metadata or {}), **{k.encode(): v.encode() for k, v in added.items()}})


def in_memory(data: bytes) -> pa.BufferReader:
    """Copy bytes into a file in arrow's own memory.

    Arrow's threads may release a file while Python ends. Releasing Python's memory would wait for the interpreter
    then, and the process would abort ("terminate called without an active exception").
    """
    buffer = pa.allocate_buffer(len(data))
    memoryview(buffer).cast("B")[:] = data
    return pa.BufferReader(buffer)


def read(data: bytes, name: str) -> pa.Table:
    """Read a table from a file's bytes; check every page.

    name : of the file, for errors

    Raises
    ------
    UserError : damaged bytes or another schema version, code 6.
    """
    try:
        table = pq.read_table(in_memory(data), page_checksum_verification=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{name} is not a readable Parquet file ({reason}): compute it again", code=6) from error
    version = (table.schema.metadata or {}).get(SCHEMA_KEY.encode(), b"none").decode(errors="replace")
    if version != str(SCHEMA):
        raise UserError(f"{name} has schema {version}, expected {SCHEMA}: it was written by another program", code=6)
    return table


def write_file(path: Path, table: pa.Table, metadata: Mapping[str, str] | None = None) -> None:
    """Replace a file by a table, whole; equal tables give equal bytes."""
    with DurableFile(path) as file:
        writer = TableWriter(file, table.schema, metadata)
        try:
            writer.write(table)
        finally:
            writer.close()
        file.commit()


class TableWriter:
    """Writer of a Parquet file in chunks.

    Equal rows in the same order give equal bytes, however they are chunked. `rows` counts the rows written.
    """

    def __init__(self, sink: Any, schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> None:
        self.rows = 0
        self._schema = stamped(schema, metadata)
        self._writer = pq.ParquetWriter(sink, self._schema, **OPTIONS)
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_text = 0

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        self.rows += table.num_rows
        table = table.replace_schema_metadata(self._schema.metadata)
        text = np.cumsum(_text_bytes(table))
        while (room := self._room(text)) <= table.num_rows:
            self._write([*self._waiting, table.slice(0, room)])
            table, text = table.slice(room), text[room:] - text[room - 1]
            self._waiting, self._waiting_rows, self._waiting_text = [], 0, 0
        if table.num_rows:
            self._waiting.append(table)
            self._waiting_rows += table.num_rows
            self._waiting_text += int(text[-1])

    def _room(self, text: NDArray[np.int64]) -> int:
        """Count the rows that fill the row group.

        It is more than there are if they do not.

        text : (n,) cumulative bytes of the rows' texts. Rows alone decide where a row group ends, not their chunks.
        """
        room = int(np.searchsorted(text, GROUP_BYTES - self._waiting_text)) + 1
        return min(ROW_GROUP - self._waiting_rows, room)

    def close(self) -> None:
        """Write the remaining rows and the footer."""
        waiting, self._waiting = self._waiting, []
        if waiting or not self.rows:
            self._write(waiting or [self._schema.empty_table()])
        self._writer.close()

    def _write(self, tables: list[pa.Table]) -> None:
        self._writer.write_table(pa.concat_tables(tables).combine_chunks(), ROW_GROUP)


def _text_bytes(table: pa.Table) -> NDArray[np.int64]:
    """Count the bytes of each row's texts (n,).

    Texts inside lists and structs do not count.
    """
    total = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
            total += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return total
