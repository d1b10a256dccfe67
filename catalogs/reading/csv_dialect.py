"""Dialect of a text table, told from its first lines.

Commas, semicolons and tabs are told apart by which of them gives every row as many cells as the header. A line
`sep=;`, comments above the header, and an encoding told by the file's first bytes are understood.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kakehashi.catalogs.files.gzipped import is_gzipped, open_bytes
from kakehashi.catalogs.files.plain_text import trimmed
from kakehashi.catalogs.reading.column_names import KNOWN, fold
from kakehashi.catalogs.records import UserError

# Characters from which a dialect is told, and rows of them.
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


class Dialect(NamedTuple):
    """Dialect of a text table.

    skipped : lines above the header
    header : cells of the header as written
    names : names of the columns, "" where one has none
    """

    delimiter: str
    encoding: str
    skipped: int
    header: tuple[str, ...]
    names: tuple[str, ...]


def read_dialect(path: Path) -> Dialect:
    """Tell the dialect of a text table.

    Raises
    ------
    UserError : an empty file, an unreadable header, or text that is neither UTF-8 nor UTF-16 or UTF-32 with its mark.
    """
    encoding = _encoding(path)
    text, cut = _sample(path, encoding)
    lines = _LINE.findall(text)
    skipped, separator = 0, None
    if lines and (separator := re.fullmatch(r'"?sep=(.)"?', lines[0].rstrip("\r\n"))):
        skipped = 1
    skipped += _above_header(lines[skipped:])
    body = "".join(lines[skipped:])
    first = "\t" if ".tsv" in path.suffixes or ".TSV" in path.suffixes else ","
    delimiter = separator[1] if separator else _delimiter(body, cut, first)
    header = _header(path, body, delimiter)
    return Dialect(delimiter, encoding, skipped, header, _names(header))


def _encoding(path: Path) -> str:
    try:
        with open_bytes(path) as stream:
            start = stream.read(4)
    except (OSError, EOFError, zlib.error) as error:
        raise cannot_read(path, error) from error
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


def _sample(path: Path, encoding: str) -> tuple[str, bool]:
    """Read a file's first characters, more than its header.

    Returns them, and whether more follow.
    """
    try:
        with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
            sample = text.read(_SAMPLE)
            while len(sample) < _LONGEST_HEADER and len(_LINE.findall(sample)) < _FEWEST_LINES:
                more = text.read(len(sample) or 1)
                if not more:
                    break
                sample += more
            cut = bool(text.read(1))
    except UnicodeError as error:
        raise not_text(path, encoding) from error
    except (OSError, EOFError, zlib.error) as error:
        raise cannot_read(path, error) from error
    if "\0" in sample:
        raise not_text(path, encoding, sample)
    return sample, cut


def _above_header(lines: Sequence[str]) -> int:
    """Count the empty lines and comments above the header.

    The last comment is the header if it has a known name and the line below has none.
    """
    count = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    comments = [i for i in range(count) if lines[i].startswith("#")]
    following = lines[count] if count < len(lines) else ""
    if comments and (count == len(lines) or (_is_known(lines[comments[-1]]) and not _is_known(following))):
        return comments[-1]
    return count if count < len(lines) else 0


def _is_known(line: str) -> bool:
    """Test whether a line has a known name.

    Cells are parted at any separator.
    """
    return any(fold(cell.strip().strip('"')) in KNOWN for cell in re.split(r"[,;\t]", line.lstrip("# ")))


def _delimiter(body: str, cut: bool, first: str) -> str:
    """Choose the separator of a table.

    It gives all rows as many cells as the header, and among several such a known name.

    first : preferred separator, and the choice where none fits
    """
    order = sorted(_DELIMITERS, key=lambda delimiter: delimiter != first)
    samples = {delimiter: _rows(body, delimiter, cut) for delimiter in order}
    several = [delimiter for delimiter, rows in samples.items() if rows and len(rows[0]) > 1]
    even = [d for d in several if all(len(row) == len(samples[d][0]) for row in samples[d] if row)]
    familiar = [d for d in several if any(fold(name) in KNOWN for name in samples[d][0])]
    best = [d for d in even if d in familiar] or even or familiar or [first]
    return best[0]


def _rows(body: str, delimiter: str, cut: bool) -> list[list[str]]:
    """Split the first rows into cells.

    The last row of a cut sample is dropped.
    """
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
    """Strip names of outer blanks and comment marks.

    A comment mark belongs to the name unless the rest is a known one.
    """
    names = [trimmed(name) for name in header]
    bare = names[0].lstrip("# ")
    if names[0].startswith("#") and fold(bare) in KNOWN and not any(fold(name) in KNOWN for name in names[1:]):
        names[0] = bare
    return tuple(names)


def cannot_read(path: Path, error: Exception) -> UserError:
    """Build the error of an unreadable file."""
    if is_gzipped(path) and getattr(error, "errno", None) is None:
        return UserError(f"{path} is not a readable gzip file ({error}); it may be truncated, copy it again", code=6)
    return UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}")


def not_text(path: Path, encoding: str, sample: str = "") -> UserError:
    """Build the error of bytes that are no text.

    sample : the first characters; zeros at every other place tell UTF-16 without its mark
    """
    even, odd = sample[:98:2], sample[1:99:2]
    for wide, zeros, signs in (("UTF-16-LE", odd, even), ("UTF-16-BE", even, odd)):
        if zeros and not zeros.strip("\0") and "\0" not in signs:
            return UserError(f"{path} is not UTF-8 text, but {wide} with no mark: iconv -f {wide} -t UTF-8 {path.name}")
    if encoding.startswith("utf-8"):
        return UserError(
            f"{path} is not UTF-8 text; save it as UTF-8 (a spreadsheet offers 'CSV UTF-8'; for Western European text:"
            f" iconv -f LATIN1 -t UTF-8 {path.name})"
        )
    return UserError(f"{path} begins as {encoding.upper()} text and does not go on so; save it as UTF-8")
