"""Text tables as people have them: which separator, encoding and decimal mark a file has, and its rows in pieces.

Commas, semicolons and tabs are told apart by which of them gives every row as many cells as the header. A line
`sep=;`, lines of comments before the header, and an encoding told by the file's first bytes are understood.
Everything is read as text.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.files.parquet import in_memory
from kakehashi.catalogs.files.paths import for_arrow
from kakehashi.catalogs.files.plain_text import trimmed
from kakehashi.catalogs.reading.column_names import KNOWN, fold
from kakehashi.catalogs.reading.number_cells import Decimal
from kakehashi.catalogs.records import UserError

_BLOCK = 4 << 20
# Characters from which a file's format is told, and rows of them.
_SAMPLE, _SAMPLE_ROWS = 1 << 16, 200
_DELIMITERS = (",", ";", "\t")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_LONGEST_HEADER, _FEWEST_LINES = 64 << 20, 50
# Characters of a file that is not UTF-8, which is held whole to be made so.
_MOST_RECODED = 1 << 30
# Numbers that can only be read with this decimal mark: 1,234 and 1.234 may be thousands, 0,234 and 1,23 are none.
_CERTAIN = {
    mark: (rf"^\s*[+-]?\d*{mark}\d+([eE][+-]?\d+)?\s*$", rf"^\s*[+-]?[1-9]\d{{0,2}}{mark}\d{{3}}\s*$")
    for mark in (r"\.", ",")
}


class Dialect(NamedTuple):
    """How a text table is written.

    skipped : lines before the header; header : its cells; names : one a column, "" where the header has none
    """

    delimiter: str
    encoding: str
    skipped: int
    header: tuple[str, ...]
    names: tuple[str, ...]


def read_dialect(path: Path) -> Dialect:
    """Tell how a text table is written from its first lines.

    Raises
    ------
    UserError : an empty file, a header that cannot be read, or text that is not UTF-8 or UTF-16 with its mark.
    """
    encoding = _encoding(path)
    text, cut = _sample(path, encoding)
    lines = _LINE.findall(text)
    skipped, told = 0, None
    if lines and (told := re.fullmatch(r'"?sep=(.)"?', lines[0].rstrip("\r\n"))):
        skipped = 1
    skipped += _above_header(lines[skipped:])
    body = "".join(lines[skipped:])
    first = "\t" if ".tsv" in path.suffixes or ".TSV" in path.suffixes else ","
    delimiter = told[1] if told else _delimiter(body, cut, first)
    header = _header(path, body, delimiter)
    return Dialect(delimiter, encoding, skipped, header, _names(header))


def batches(path: Path, dialect: Dialect, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the named columns as text in pieces of a few megabytes, in row order."""
    wanted = [dialect.header[dialect.names.index(name)] for name in columns]
    for piece in _read(path, dialect, wanted):
        yield piece.rename_columns(list(columns))


def _read(path: Path, dialect: Dialect, wanted: Sequence[str]) -> Iterator[pa.Table]:
    """Columns by their cells in the header; an open quotation mark, which arrow closes at the end, is a UserError."""
    from pyarrow import csv as arrow_csv

    final = dialect.header[-1]
    last = ""
    try:
        reader = arrow_csv.open_csv(
            _for_arrow(path, dialect.encoding),
            # One thread: arrow then names the row in its errors, and pieces come in file order.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK, skip_rows=dialect.skipped),
            # An empty line is a row with an empty cell only where there is just one column.
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.delimiter, newlines_in_values=True, ignore_empty_lines=len(dialect.header) > 1
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(dialect.header, pa.string()),
                include_columns=list(dict.fromkeys([*wanted, final])),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            if batch.num_rows:
                last = batch.column(final)[-1].as_py()
            yield pa.Table.from_batches([batch]).select(list(wanted))
        if re.search(r"[\r\n]", last) and not _ends_in_quote(path, dialect.encoding):
            raise UserError(f"{path}: a quotation mark is not closed; what follows it would be one cell: {last[:60]!r}")
    except UnicodeError as error:
        raise _not_text(path, dialect.encoding) from error
    except pa.ArrowInvalid as error:
        text = str(error).splitlines()[0]
        if "utf8" in text.lower():
            raise _not_text(path, dialect.encoding) from error
        if "Empty CSV" in text:  # arrow's word for a header without a line end; the header was read before
            return
        if "straddling" in text:
            text = f"a row is longer than {_BLOCK >> 20} MB, or a quotation mark is not closed; correct it"
        counted = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", text)
        if counted:  # arrow counts the lines from the first, everything here counts data rows
            row = int(counted[1]) - 1 - dialect.skipped
            text = f"row {row}: expected {counted[2]} columns, got {counted[3]}"
        raise UserError(f"{path}: {text}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _cannot_read(path, error) from error


def decimal_mark(path: Path, dialect: Dialect) -> Decimal:
    """The decimal mark of a table: "," where some cell can be read with no other and none needs a point."""
    if dialect.delimiter == ",":
        return "."
    found: Decimal = "."
    for piece in _read(path, dialect, tuple(dict.fromkeys(dialect.header))):
        if any(_has_certain(column, r"\.") for column in piece.columns):
            return "."
        if any(_has_certain(column, ",") for column in piece.columns):
            found = ","
    return found


def _has_certain(column: pa.ChunkedArray, mark: str) -> bool:
    number, thousand = _CERTAIN[mark]
    numbers = pc.match_substring_regex(column, number)
    return bool(pc.any(pc.and_not(numbers, pc.match_substring_regex(column, thousand))).as_py())


def _encoding(path: Path) -> str:
    try:
        with _bytes(path) as stream:
            start = stream.read(4)
    except (OSError, EOFError, zlib.error) as error:
        raise _cannot_read(path, error) from error
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


def _sample(path: Path, encoding: str) -> tuple[str, bool]:
    """The first characters of a file, more than its header, and whether there are more."""
    try:
        with _bytes(path) as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
            read = text.read(_SAMPLE)
            while len(read) < _LONGEST_HEADER and len(_LINE.findall(read)) < _FEWEST_LINES:
                more = text.read(len(read) or 1)
                if not more:
                    break
                read += more
            cut = bool(text.read(1))
    except UnicodeError as error:
        raise _not_text(path, encoding) from error
    except (OSError, EOFError, zlib.error) as error:
        raise _cannot_read(path, error) from error
    if "\0" in read:
        raise _not_text(path, encoding, read)
    return read, cut


def _bytes(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if _is_packed(path) else path.open("rb")


def _ends_in_quote(path: Path, encoding: str) -> bool:
    with _bytes(path) as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
        end = ""
        while block := text.read(_BLOCK):
            end = (end + block)[-100:]
    return end.rstrip("\r\n").endswith('"')


def _for_arrow(path: Path, encoding: str) -> Any:
    """A file of UTF-8 as arrow opens it; arrow's threads never call Python, which may be ending."""
    if encoding.startswith("utf-8"):
        return pa.input_stream(for_arrow(path), compression="gzip") if _is_packed(path) else for_arrow(path)
    with _bytes(path) as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
        read = text.read(_MOST_RECODED + 1)
    if len(read) > _MOST_RECODED:
        raise UserError(f"{path} is {encoding.upper()} text of more than {_MOST_RECODED >> 20} MB; save it as UTF-8")
    return in_memory(read.encode())


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _cannot_read(path: Path, error: Exception) -> UserError:
    if _is_packed(path) and getattr(error, "errno", None) is None:
        return UserError(f"{path} is not a readable gzip file ({error}); it may be truncated, copy it again", code=6)
    return UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}")


def _not_text(path: Path, encoding: str, read: str = "") -> UserError:
    """Say how a text is saved as UTF-8; zeros at every other place of what was `read` tell UTF-16 without its mark."""
    for wide, zeros, signs in (("UTF-16-LE", read[1:99:2], read[:98:2]), ("UTF-16-BE", read[:98:2], read[1:99:2])):
        if zeros and not zeros.strip("\0") and "\0" not in signs:
            return UserError(f"{path} is not UTF-8 text, but {wide} with no mark: iconv -f {wide} -t UTF-8 {path.name}")
    if encoding.startswith("utf-8"):
        return UserError(
            f"{path} is not UTF-8 text; save it as UTF-8 (a spreadsheet offers 'CSV UTF-8'; for Western European text:"
            f" iconv -f LATIN1 -t UTF-8 {path.name})"
        )
    return UserError(f"{path} begins as {encoding.upper()} text and does not go on so; save it as UTF-8")


def _above_header(lines: Sequence[str]) -> int:
    """Number of empty lines and comments above the header; the last is the header itself if only it is known."""
    count = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    comments = [i for i in range(count) if lines[i].startswith("#")]
    following = lines[count] if count < len(lines) else ""
    if comments and (count == len(lines) or (_is_known(lines[comments[-1]]) and not _is_known(following))):
        return comments[-1]
    return count if count < len(lines) else 0


def _is_known(line: str) -> bool:
    """Whether some cell of a line, between any separators, is a known name."""
    return any(fold(cell.strip().strip('"')) in KNOWN for cell in re.split(r"[,;\t]", line.lstrip("# ")))


def _delimiter(body: str, cut: bool, first: str) -> str:
    """The separator by which all rows have as many cells as the header, and then one by which a name is known.

    first : what is preferred, and taken where none fits
    """
    order = sorted(_DELIMITERS, key=lambda delimiter: delimiter != first)
    read = {delimiter: _rows(body, delimiter, cut) for delimiter in order}
    several = [delimiter for delimiter, rows in read.items() if rows and len(rows[0]) > 1]
    even = [d for d in several if all(len(row) == len(read[d][0]) for row in read[d] if row)]
    knowing = [d for d in several if any(fold(name) in KNOWN for name in read[d][0])]
    best = [d for d in even if d in knowing] or even or knowing or [first]
    return best[0]


def _rows(body: str, delimiter: str, cut: bool) -> list[list[str]]:
    """The first rows; the last of a sample that is cut is not whole."""
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            rows.append(row)
            if len(rows) > _SAMPLE_ROWS:
                return rows
    except csv.Error:  # a cell beyond what the module reads; the rows before it tell enough
        return rows
    return rows[:-1] if cut and len(rows) > 1 else rows


def _header(path: Path, body: str, delimiter: str) -> tuple[str, ...]:
    try:
        header = next(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        raise UserError(f"{path}: the header line cannot be read ({error})") from error
    if not any(name.strip() for name in header):
        raise UserError(f"{path} is empty (or its first line is); expected a header line and rows")
    return tuple(header)


def _names(header: Sequence[str]) -> tuple[str, ...]:
    """Names without outer blanks, and without the mark of a comment before a known name."""
    names = [trimmed(name) for name in header]
    bare = names[0].lstrip("# ")
    if names[0].startswith("#") and fold(bare) in KNOWN and not any(fold(name) in KNOWN for name in names[1:]):
        names[0] = bare
    return tuple(names)
