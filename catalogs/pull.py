"""Pulling a catalogue page by page: every page is checked, kept on disk and never asked for twice.

A page is a table; it is kept under its number and the sha256 of its bytes, so that a pull that was killed, or that a
service refused to go on with, begins again behind the last good page. What pages may not do: come twice, be empty,
hold a record twice, or say another total than the first. Those that do are asked for again, with patience.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from catalogs import parquet
from catalogs.durable import TEMPORARY, make_folder, write_durably
from catalogs.home import PRIVATE
from catalogs.locks import Timeout, take
from catalogs.records import UserError
from catalogs.web import Fault

SERVICE_ERROR = 5
RESTARTS = 2
# What a service answers that no longer knows an address it gave for the next page.
_FORGOTTEN = (400, 404, 410, 422)
_STATE, _PAGES, _LOCK = "pull.json", "pages", ".kakehashi.lock"

Say = Callable[[str], None]


class Page(NamedTuple):
    """Some records of a query.

    rows : with a text column `id`
    following : where the next page begins, "" behind the last; total : records of the whole query, as the service says
    """

    rows: pa.Table
    following: str
    total: int


class Service(Protocol):
    """What pages are asked from.

    first : where the first page begins; query : everything the records depend on but the database's version
    """

    name: str
    first: str
    query: Mapping[str, Any]

    def page(self, cursor: str) -> Page:
        """Ask once for the page that begins there; Fault if it cannot be used."""

    def version(self) -> str:
        """Ask once for the version of the database, "" where there is none; Fault if it cannot be had."""


class Changed(Fault):
    """The database is another than that of the first page."""


class Short(Fault):
    """The last page, and fewer records than there should be."""


@dataclass
class Patience:
    """How often and how long to wait for a service.

    tries : requests for one page in all; longest : seconds a service may ask to wait; pause : between good pages
    """

    tries: int = 6
    longest: float = 300.0
    pause: float = 0.0
    wait: Callable[[float], object] = time.sleep
    draw: random.Random = field(default_factory=lambda: random.Random(0))

    def ask(self, call: Callable[[], Any], say: Say) -> Any:
        """Call until it brings no Fault; the last Fault otherwise."""
        for number in range(1, self.tries + 1):
            try:
                return call()
            except Fault as fault:
                last = number >= (self.tries if fault.tries is None else min(fault.tries, self.tries))
                if last or (fault.wait or 0) > self.longest:
                    raise
                # Twice as long each time, and not in step with others that were refused together.
                seconds = fault.wait if fault.wait is not None else 0.5 * 2**number * self.draw.uniform(0.5, 1.0)
                say(f"{fault}: asking again in {seconds:.3g} s")
                self.wait(seconds)
        raise AssertionError  # the last try returns or raises


class Store:
    """Pages on disk, numbered from 0; only an unbroken run of undamaged ones counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = ""

    def open(self, identity: Mapping[str, Any]) -> str:
        """Keep what belongs to the same query of the same database, clear the rest; why, if anything was cleared."""
        make_folder(self.folder / _PAGES, PRIVATE)
        for left in (self.folder / _PAGES).glob(f"{TEMPORARY}*"):
            left.unlink()
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
        """Forget all pages."""
        shutil.rmtree(self.folder / _PAGES, ignore_errors=True)
        make_folder(self.folder / _PAGES, PRIVATE)

    def add(self, number: int, cursor: str, page: Page) -> None:
        """Keep a page."""
        sink = pa.BufferOutputStream()
        place = {"kakehashi.page": json.dumps([cursor, page.following, page.total])}
        writer = parquet.TableWriter(sink, page.rows.schema, place)
        writer.write(page.rows)
        writer.close()
        data = sink.getvalue().to_pybytes()
        name = f"{number:06}-{hashlib.sha256(data).hexdigest()}.parquet"
        write_durably(self.folder / _PAGES / name, data)

    def pages(self) -> Iterator[Page]:
        """The pages kept, from the first to the last before one that is missing or damaged."""
        cursor: str | None = None
        for number in range(self._count()):
            found = sorted((self.folder / _PAGES).glob(f"{number:06}-*.parquet"))
            if len(found) != 1:
                return
            data = found[0].read_bytes()
            if hashlib.sha256(data).hexdigest() != found[0].stem.partition("-")[2]:
                found[0].unlink()
                return
            table = parquet.read(data, str(found[0]))
            begins, following, total = json.loads(table.schema.metadata[b"kakehashi.page"])
            if cursor is not None and begins != cursor:
                return
            cursor = following
            yield Page(table, following, total)

    def replace(self, number: int, cursor: str, page: Page) -> None:
        """Keep a page in place of the one of that number."""
        for path in (self.folder / _PAGES).glob(f"{number:06}-*.parquet"):
            path.unlink()
        self.add(number, cursor, page)

    def cut(self, number: int) -> None:
        """Forget the pages from this number on."""
        for path in (self.folder / _PAGES).glob("*.parquet"):
            if int(path.name[:6]) >= number:
                path.unlink()

    def _count(self) -> int:
        return len(list((self.folder / _PAGES).glob("*.parquet"))) if (self.folder / _PAGES).is_dir() else 0


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; UserError code 4 if another process does."""
    make_folder(folder, PRIVATE)
    try:
        lock = take(folder / _LOCK)
    except Timeout:
        raise UserError(f"{folder} is in use by another pull: wait for it", 4) from None
    try:
        yield
    finally:
        lock.release()


class Collected(NamedTuple):
    """A query's records, complete, and of which version of the database; `asked` pages came just now."""

    rows: int
    version: str
    asked: int


def collect(
    service: Service,
    version: str,
    store: Store,
    patience: Patience,
    say: Say,
    advance: Callable[[int, int], None],
) -> Collected:
    """Ask for all pages that the store lacks, until it holds as many records as the service says there are.

    version : of the database, as the service just said; advance : called with the records held and their total

    Raises
    ------
    UserError : code 5 where the service fails for good; what was pulled is kept, and the message says how to go on.
    """
    changed = Changed("")
    try:
        for _ in range(RESTARTS + 1):
            if why := store.open({**service.query, "database_version": version}):
                say(f"{why}: beginning again")
            try:
                rows, asked = _collect(service, store, patience, say, advance)
                now, former = patience.ask(service.version, say), version
                if (version := now) != former:
                    raise Changed(f"the database changed from version {former} to {now}")
                return Collected(rows, version, asked)
            except Changed as fault:
                changed = fault
                store.clear()
                say(f"{fault}: beginning again")
    except Fault as fault:
        raise given_up(service.name, fault, store) from None
    said = f"{service.name}: {changed}, {RESTARTS + 1} times in one pull"
    raise UserError(f"{said}: it is being updated; run the same command again in an hour", SERVICE_ERROR)


def given_up(name: str, fault: Fault, store: Store | None = None) -> UserError:
    """What to say when a service cannot be pulled from: what happened, what is kept, what to do."""
    held = 0 if store is None else sum(page.rows.num_rows for page in store.pages())
    waiting = f", and asks to wait {fault.wait:,.0f} s" if fault.wait else ""
    kept = f"; {held:,} records are kept, the same command goes on from there" if held else ""
    advice = fault.advice or "run the same command again later"
    return UserError(f"{name}: {fault}{waiting}: {advice}{kept}", SERVICE_ERROR)


def _collect(
    service: Service, store: Store, patience: Patience, say: Say, advance: Callable[[int, int], None]
) -> tuple[int, int]:
    seen: set[str] = set()
    cursor, total, number = service.first, None, 0
    for page in store.pages():
        seen.update(page.rows["id"].to_pylist())
        cursor, total, number = page.following, page.total, number + 1
    store.cut(number)
    asked = 0
    while cursor or number == 0:

        def once(cursor: str = cursor, total: int | None = total, whole: bool = True) -> Page:
            return _checked(service.page(cursor), seen, total, whole)

        if asked and patience.pause:
            patience.wait(patience.pause)
        try:
            page = patience.ask(once, say)
        except Short as fault:  # the records it lacks may be those of an earlier page
            say(f"{fault}: asking for the smaller pages again")
            asked += _mend(service, store, patience, say, seen)
            page = patience.ask(partial(once, whole=False), say)
        except Fault as fault:
            if number and not asked and fault.status in _FORGOTTEN:
                raise Changed(f"{fault} where the kept pages end") from None
            raise
        store.add(number, cursor, page)
        seen.update(page.rows["id"].to_pylist())
        cursor, total, number, asked = page.following, page.total, number + 1, asked + 1
        advance(len(seen), page.total)
    if len(seen) != total:
        store.clear()  # nobody knows which page is not whole
        raise Fault(f"{len(seen):,} records came of {total:,}", advice="run the same command again, from the start")
    return len(seen), asked


def _mend(service: Service, store: Store, patience: Patience, say: Say, seen: set[str]) -> int:
    """Ask again for kept pages with fewer records than others, and keep what has more; how many were asked for."""
    sizes = [page.rows.num_rows for page in store.pages()]
    small = [number for number, size in enumerate(sizes) if size < max(sizes)]
    begins = [service.first, *(page.following for page in store.pages())]
    for number in small:
        former = next(islice(store.pages(), number, None))
        own = set(former.rows["id"].to_pylist())
        page = patience.ask(partial(service.page, begins[number]), say)
        ids = set(page.rows["id"].to_pylist())
        if page.following == former.following and own < ids and not (ids - own) & seen:
            store.replace(number, begins[number], page)
            seen |= ids
    return len(small)


def _checked(page: Page, seen: set[str], total: int | None, whole: bool) -> Page:
    if total is not None and page.total != total:
        raise Changed(f"the total changed from {total:,} to {page.total:,}", tries=3)
    ids = page.rows["id"].to_pylist()
    if not ids and len(seen) < page.total:
        raise Fault(f"an empty page after {len(seen):,} of {page.total:,} records")
    if twice := len(ids) - len(set(ids) - seen):
        first = next(i for n, i in enumerate(ids) if i in seen or i in ids[:n])
        raise Fault(f"{twice:,} of {len(ids):,} records came before ({first} for one)")
    held = len(seen) + len(ids)
    if held > page.total:
        raise Fault(f"{held:,} records came of {page.total:,}")
    if whole and not page.following and held < page.total:
        raise Short(f"the last page ends at {held:,} of {page.total:,} records", tries=2)
    return page
