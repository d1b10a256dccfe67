"""Files that may be gzipped, with the suffix `.gz`."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO, cast


def is_gzipped(path: Path) -> bool:
    """Return True for a name that ends in `.gz`.

    >>> is_gzipped(Path("table.csv.GZ"))
    True
    """
    return path.suffix.lower() == ".gz"


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file to read its unpacked bytes.

    Raises
    ------
    OSError : the file cannot be opened. Damaged gzip raises OSError, EOFError or zlib.error on reading.
    """
    return cast(IO[bytes], gzip.open(path, "rb")) if is_gzipped(path) else path.open("rb")
