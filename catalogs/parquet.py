"""Parquet as every file here is written: zstd, page checksums, a schema version, the same bytes each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalogs.records import UserError

SCHEMA_KEY = "kakehashi.schema"
SCHEMA = 1
ROW_GROUP = 131_072
OPTIONS: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


def stamped(schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """Add the schema version and `metadata` to a schema's own metadata, replacing what has the same name."""
    given = {**(metadata or {}), SCHEMA_KEY: str(SCHEMA)}
    # As bytes, like arrow's own: a name given both ways would be written twice, and the first one read.
    return schema.with_metadata({**(schema.metadata or {}), **{k.encode(): v.encode() for k, v in given.items()}})


def read(data: bytes, name: str) -> pa.Table:
    """Read a table from the bytes of a file, checking every page; UserError code 6 naming the file."""
    try:
        table = pq.read_table(pa.BufferReader(data), page_checksum_verification=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{name} is not a readable Parquet file ({reason}): compute it again", code=6) from error
    version = (table.schema.metadata or {}).get(SCHEMA_KEY.encode(), b"none").decode(errors="replace")
    if version != str(SCHEMA):
        raise UserError(f"{name} has schema {version}, expected {SCHEMA}: it was written by another program", code=6)
    return table


class TableWriter:
    """A Parquet file written in pieces to an open binary file; `rows` counts what was given.

    Equal rows in the same order give equal bytes, in whatever pieces they come.
    """

    def __init__(self, sink: Any, schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> None:
        self.rows = 0
        self._schema = stamped(schema, metadata)
        self._writer = pq.ParquetWriter(sink, self._schema, **OPTIONS)
        self._waiting: list[pa.Table] = []
        self._held = 0

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        self.rows += table.num_rows
        table = table.replace_schema_metadata(self._schema.metadata)
        while self._held + table.num_rows >= ROW_GROUP:
            room = ROW_GROUP - self._held
            self._write([*self._waiting, table.slice(0, room)])
            table, self._waiting, self._held = table.slice(room), [], 0
        if table.num_rows:
            self._waiting.append(table)
            self._held += table.num_rows

    def close(self) -> None:
        """Write the remaining rows and the footer."""
        waiting, self._waiting = self._waiting, []
        if waiting or not self.rows:
            self._write(waiting or [self._schema.empty_table()])
        self._writer.close()

    def _write(self, tables: list[pa.Table]) -> None:
        self._writer.write_table(pa.concat_tables(tables).combine_chunks(), ROW_GROUP)
