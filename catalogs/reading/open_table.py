"""Records of table formats and open tables.

A format opens a file once, and the open table is passed along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from kakehashi.catalogs.reading.number_cells import Decimal


def _point() -> Decimal:
    return "."


class OpenTable(NamedTuple):
    """Table with its header read.

    A table is a file, a folder of Parquet, or in memory; as text it is its path.

    columns : names of all columns, "" where one has none
    schema : names and types of the named columns; all are text where a format has no types
    read_batches : yields the named columns in chunks of a few megabytes, in row order
    rows : number of rows where columns have types, else None
    read_decimal_mark : returns "." or "," for numbers written as text
    digest : sha256 of a table in memory, "" of a file
    """

    path: Path
    columns: tuple[str, ...]
    schema: pa.Schema
    read_batches: Callable[[Sequence[str]], Iterator[pa.Table]]
    rows: int | None = None
    read_decimal_mark: Callable[[], Decimal] = _point
    digest: str = ""

    def __str__(self) -> str:
        return str(self.path)


Readable = Path | OpenTable
"""Table by its path, or open."""


class TableFormat(NamedTuple):
    """Format of table files.

    suffixes : of file names, in lower case
    open : reads the header of a file; raises UserError
    """

    suffixes: tuple[str, ...]
    open: Callable[[Path], OpenTable]


def text_schema(names: Sequence[str]) -> pa.Schema:
    """Build a schema of text columns.

    Columns without a name are left out.

    >>> text_schema(["formula", ""]).names
    ['formula']
    """
    return pa.schema([(name, pa.string()) for name in names if name])
