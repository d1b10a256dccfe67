"""Store pages of records on disk, by number and sha256."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa

from kakehashi.catalogs.files import parquet
from kakehashi.catalogs.files.durable import TEMPORARY, make_folder, write_durably
from kakehashi.catalogs.files.home import PRIVATE

_STATE, _PAGES = "pull.json", "pages"


class Page(NamedTuple):
    """Some records of a query.

    rows : with a text column `id`
    following : where the next page begins, "" behind the last
    total : records of the whole query, as the service says; None where it does not
    more : whether records follow, as the service says; None where it does not
    remarks : records of the page by what is wrong with them, as far as they can be kept all the same
    """

    rows: pa.Table
    following: str
    total: int | None
    more: bool | None = None
    remarks: Mapping[str, int] = MappingProxyType({})


class Store:
    """Pages on disk, numbered from 0.

    Only an unbroken sequence of undamaged pages counts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = ""

    def open(self, identity: Mapping[str, Any]) -> str:
        """Clear the pages of any other query or database.

        Returns why, "" if nothing was cleared.
        """
        make_folder(self.folder / _PAGES, PRIVATE)
        for temporary in (self.folder / _PAGES).glob(f"{TEMPORARY}*"):
            temporary.unlink()
        try:
            state = json.loads((self.folder / _STATE).read_bytes())
            if state["identity"] == json.loads(json.dumps(identity)):
                self.started = str(state["started"])
                return ""
            changed = sorted(k for k in identity if state["identity"].get(k) != identity[k])
            why = f"another {', '.join(changed)} than that of the pages kept"
        except FileNotFoundError:
            why = ""
        except (ValueError, KeyError, TypeError, AttributeError):
            why = f"{self.folder / _STATE} is damaged"
        had = self._count() > 0
        self.clear()
        self.started = datetime.now(UTC).date().isoformat()
        state = {"identity": dict(identity), "started": self.started}
        write_durably(self.folder / _STATE, (json.dumps(state, indent=1) + "\n").encode())
        return why if had else ""

    def clear(self) -> None:
        """Remove all pages."""
        shutil.rmtree(self.folder / _PAGES, ignore_errors=True)
        make_folder(self.folder / _PAGES, PRIVATE)

    def add(self, number: int, cursor: str, page: Page) -> None:
        """Store a page."""
        sink = pa.BufferOutputStream()
        place = {"kakehashi.page": json.dumps([cursor, page.following, page.total, page.more, dict(page.remarks)])}
        writer = parquet.TableWriter(sink, page.rows.schema, place)
        writer.write(page.rows)
        writer.close()
        data = sink.getvalue().to_pybytes()
        name = f"{number:06}-{hashlib.sha256(data).hexdigest()}.parquet"
        write_durably(self.folder / _PAGES / name, data)

    def pages(self) -> Iterator[Page]:
        """Yield the stored pages up to a damaged one."""
        cursor: str | None = None
        for number in range(self._count()):
            files = sorted((self.folder / _PAGES).glob(f"{number:06}-*.parquet"))
            if len(files) != 1:
                return
            data = files[0].read_bytes()
            if hashlib.sha256(data).hexdigest() != files[0].stem.partition("-")[2]:
                files[0].unlink()
                return
            table = parquet.read(data, str(files[0]))
            begins, following, total, *rest = json.loads(table.schema.metadata[b"kakehashi.page"])
            if cursor is not None and begins != cursor:
                return
            cursor = following
            yield Page(table, following, total, *rest)

    def replace(self, number: int, cursor: str, page: Page) -> None:
        """Store a page in place of another."""
        for path in (self.folder / _PAGES).glob(f"{number:06}-*.parquet"):
            path.unlink()
        self.add(number, cursor, page)

    def cut(self, number: int) -> None:
        """Remove the pages from a number on."""
        for path in (self.folder / _PAGES).glob("*.parquet"):
            if int(path.name[:6]) >= number:
                path.unlink()

    def _count(self) -> int:
        return len(list((self.folder / _PAGES).glob("*.parquet"))) if (self.folder / _PAGES).is_dir() else 0
