"""Excel workbooks (.xlsx) as tables of text.

Numbers become their digits, dates ISO 8601, errors `#N/A`.

Rows are streamed, so that texts which many cells share are in memory once. A formula without its result in the file is
an error, since it would look like an empty cell.
"""

from __future__ import annotations

import datetime
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pyarrow as pa

from kakehashi.catalogs.files.plain_text import trimmed
from kakehashi.catalogs.reading.open_table import OpenTable, TableFormat, text_schema
from kakehashi.catalogs.records import UserError

# Most rows of a chunk, and most characters of them.
_ROWS, _CHARACTERS = 10_000, 16 << 20
# Most bytes of a workbook that stays in memory from one reading to the next.
_CACHED = 64 << 20
# Most bytes that a workbook may unpack to; Excel's own limit of a million rows stays below.
_UNPACKED = 1 << 30

_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")

Row = tuple[Any, ...]


def header(path: Path) -> tuple[str, ...]:
    """Read the column names in the first filled row.

    A column without one has "".

    Raises
    ------
    UserError : an unreadable workbook, an empty one, or several filled sheets.
    """
    if (cached := _cached(path, _stamp(path))) is not None:
        return cached[0]
    with _rows(path) as rows:
        return next(rows)[1]


def open_table(path: Path) -> OpenTable:
    """Read the header of a workbook."""
    names = header(path)
    return OpenTable(path, names, text_schema(names), partial(batches, path))


FORMAT = TableFormat((".xlsx",), open_table)


def batches(path: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the named columns as text, in chunks.

    Empty rows are skipped.
    """
    names = header(path)
    places = [names.index(name) for name in columns]
    cached = _cached(path, _stamp(path))
    for piece in _pieces(path) if cached is None else cached[1]:
        yield piece.select(places).rename_columns(list(columns))


@lru_cache(maxsize=2)
def _cached(path: Path, stamp: tuple[int, ...]) -> tuple[tuple[str, ...], list[pa.Table]] | None:
    """Return header and chunks of a workbook from memory.

    A workbook is read several times; None if it is too large.
    """
    with _rows(path) as rows:
        names = next(rows)[1]
    pieces: list[pa.Table] = []
    for piece in _pieces(path):
        pieces.append(piece)
        if sum(table.nbytes for table in pieces) > _CACHED:
            return None
    return names, pieces


def _stamp(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _pieces(path: Path) -> Iterator[pa.Table]:
    """Yield all columns in chunks, named by their places."""
    waiting: list[tuple[str, ...]] = []
    characters = 0
    with _rows(path) as rows:
        width = len(next(rows)[1])
        for number, cells in rows:
            if len(cells) > width:
                raise UserError(f"{path}: row {number} has more cells than the header has names ({width})")
            waiting.append(cells + ("",) * (width - len(cells)))
            characters += sum(map(len, cells))
            if len(waiting) >= _ROWS or characters >= _CHARACTERS:
                yield _table(waiting)
                waiting, characters = [], 0
    if waiting:
        yield _table(waiting)


def _table(rows: list[tuple[str, ...]]) -> pa.Table:
    columns = [pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)]
    return pa.Table.from_arrays(columns, [str(i) for i in range(len(columns))])


@contextmanager
def _rows(path: Path) -> Iterator[Iterator[tuple[int, tuple[str, ...]]]]:
    """Open the filled sheet as numbered rows.

    Empty rows are skipped; the header is 0.
    """
    with _open(path, values=True) as values:
        number = _only_filled(path, values)
        if not _has_formulas(path):
            yield _texts(path, values.worksheets[number], None)
            return
        with _open(path, values=False) as formulas:
            yield _texts(path, values.worksheets[number], formulas.worksheets[number])


def _texts(path: Path, values: Any, formulas: Any | None) -> Iterator[tuple[int, tuple[str, ...]]]:
    filled = 0
    sources: Iterator[Row] = repeat(()) if formulas is None else _iterate(path, formulas)
    for row, source in zip(_iterate(path, values), sources, strict=False):
        for cell, formula in zip(row, source, strict=False):
            if cell.value is None and formula.value is not None:
                text = str(formula.value)[:60]
                raise UserError(
                    f"{path}: cell {formula.coordinate} holds a formula ({text}) and not its result; "
                    "open and save the file in a spreadsheet, or save it as CSV"
                )
        cells = tuple(_text(cell.value) for cell in row)
        if any(cells):
            while cells and not cells[-1]:
                cells = cells[:-1]
            yield filled, tuple(trimmed(cell) for cell in cells) if filled == 0 else cells
            filled += 1
    if filled == 0:
        raise UserError(f"{path} is empty; expected a header line and rows")


def _iterate(path: Path, sheet: Any) -> Iterator[Row]:
    sheet.reset_dimensions()  # some programs write wrong ones, which would hide rows
    with _readable(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions, on which no cell's value depends
        yield from sheet.iter_rows()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return value if isinstance(value, str) else repr(value) if isinstance(value, int | float) else str(value)


def _only_filled(path: Path, workbook: Any) -> int:
    """Return the number of the one sheet with cells.

    None or several are a UserError.
    """
    filled = [i for i, sheet in enumerate(workbook.worksheets) if _has_cells(path, sheet)]
    if not filled:
        raise UserError(f"{path} is empty; expected a header line and rows")
    if len(filled) > 1:
        names = ", ".join(f"'{workbook.worksheets[i].title}'" for i in filled)
        raise UserError(f"{path} has cells on {len(filled)} sheets ({names}); save the one you mean as CSV")
    return filled[0]


def _has_cells(path: Path, sheet: Any) -> bool:
    return any(cell.value is not None for row in _iterate(path, sheet) for cell in row)


@contextmanager
def _open(path: Path, *, values: bool) -> Iterator[Any]:
    """Open a workbook with its formulas, or their results."""
    import openpyxl

    with _readable(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unpacked = sum(entry.file_size for entry in _entries(path))
        if unpacked > _UNPACKED:
            raise UserError(f"{path} unpacks to {unpacked / 1e9:.1f} GB, at most 1 GB is read; save it as CSV")
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=values, keep_links=False)
    try:
        yield workbook
    finally:
        workbook.close()


def _entries(path: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(path) as archive:
        return archive.infolist()


def _has_formulas(path: Path) -> bool:
    """Test whether some sheet has a formula."""
    sheets = [entry for entry in _entries(path) if "worksheets/" in entry.filename]
    with _readable(path), zipfile.ZipFile(path) as archive:
        for entry in sheets:
            before = b""
            with archive.open(entry) as stream:
                while block := stream.read(1 << 20):
                    if _FORMULA.search(before + block):
                        return True
                    before = block[-64:]
    return False


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (UserError, MemoryError):
        raise
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # whatever a damaged file makes the parser raise
        raise UserError(
            f"{path} is not a readable .xlsx workbook ({type(error).__name__}: {str(error)[:100]}); "
            "open it in a spreadsheet and save it again, or save it as CSV",
            code=6,
        ) from error
