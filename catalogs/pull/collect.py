"""Collect the pages of a catalogue, each checked and stored.

A page is a table, stored under its number and the sha256 of its bytes, and never asked for twice: a pull that was
killed or refused goes on behind the last good page. A page that comes twice, is empty, holds a record twice or
contradicts the first page's total is asked for again, with patience. Where a service states no total, its pages are
followed to the last one, and the report says that their number could not be checked.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kakehashi.catalogs.files.durable import make_folder
from kakehashi.catalogs.files.home import PRIVATE
from kakehashi.catalogs.files.locks import Timeout, take
from kakehashi.catalogs.pull.pages import Page, Store
from kakehashi.catalogs.pull.web import UNFIT, Fault
from kakehashi.catalogs.records import UserError

SERVICE_ERROR = 5
RESTARTS = 2
# HTTP status of a service that has forgotten the address of a next page.
_FORGOTTEN = (400, 404, 410, 422)
_LOCK = ".kakehashi.lock"

Say = Callable[[str], None]


class Service(Protocol):
    """A service that answers page by page.

    first : where the first page begins; query : everything the records depend on but the database's version
    """

    name: str
    first: str
    query: Mapping[str, Any]

    def page(self, cursor: str) -> Page:
        """Ask once for a page; Fault if it is unusable."""

    def version(self) -> str:
        """Ask once for the database's version, "" without one.

        Raises Fault if it cannot be had.
        """


class Changed(Fault):
    """The database is no longer that of the first page."""


class Short(Fault):
    """The last page ends before the total is reached."""


@dataclass
class Patience:
    """Bounds on retries and waiting.

    tries : requests for one page in all; longest : seconds a service may ask to wait; pause : between good pages
    """

    tries: int = 6
    longest: float = 300.0
    pause: float = 0.0
    wait: Callable[[float], object] = time.sleep
    draw: random.Random = field(default_factory=lambda: random.Random(0))

    def ask(self, call: Callable[[], Any], say: Say) -> Any:
        """Call until no Fault comes; raise the last one."""
        for number in range(1, self.tries + 1):
            try:
                return call()
            except Fault as fault:
                last = number >= (self.tries if fault.tries is None else min(fault.tries, self.tries))
                if last or (fault.wait or 0) > self.longest:
                    raise
                # Twice as long each time, at random so that many who were refused do not return together.
                seconds = fault.wait if fault.wait is not None else 0.5 * 2**number * self.draw.uniform(0.5, 1.0)
                say(f"{fault}: asking again in {seconds:.3g} s")
                self.wait(seconds)
        raise AssertionError  # the last try returns or raises


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; UserError code 4 where it is taken."""
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
    """The complete records of a query.

    version : of the database
    asked : pages asked for in this pull
    total : records there should be, as the service says; None where it never did
    remarks : counts of records by what is wrong with them
    """

    rows: int
    version: str
    asked: int
    total: int | None
    remarks: Mapping[str, int]


def collect(
    service: Service,
    version: str,
    store: Store,
    patience: Patience,
    say: Say,
    advance: Callable[[int, int | None], None],
) -> Collected:
    """Ask for all pages that the store lacks.

    As many records as the service says, where it does.

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
                rows, asked, total = _collect(service, store, patience, say, advance)
                now, former = patience.ask(service.version, say), version
                if (version := now) != former:
                    raise Changed(f"the database changed from version {former} to {now}")
                return Collected(rows, version, asked, total, remarks_of(store))
            except Changed as fault:
                changed = fault
                store.clear()
                say(f"{fault}: beginning again")
    except Fault as fault:
        raise given_up(service.name, fault, store) from None
    reason = f"{service.name}: {changed}, {RESTARTS + 1} times in one pull"
    raise UserError(f"{reason}: it is being updated; run the same command again in an hour", SERVICE_ERROR)


def given_up(name: str, fault: Fault, store: Store | None = None) -> UserError:
    """Explain a failed pull: cause, records stored, advice."""
    stored = 0 if store is None else sum(page.rows.num_rows for page in store.pages())
    waiting = f", and asks to wait {fault.wait:,.0f} s" if fault.wait else ""
    remainder = f"; {stored:,} records are kept, the same command goes on from there" if stored else ""
    advice = fault.advice or "run the same command again later"
    return UserError(f"{name}: {fault}{waiting}: {advice}{remainder}", SERVICE_ERROR)


def remarks_of(store: Store) -> dict[str, int]:
    """Count the stored records by what is wrong."""
    return dict(sum((Counter(page.remarks) for page in store.pages()), Counter()))


def _collect(
    service: Service, store: Store, patience: Patience, say: Say, advance: Callable[[int, int | None], None]
) -> tuple[int, int, int | None]:
    """Collect pages; return records, pages asked for, and the total."""
    seen: set[str] = set()
    cursor, total, more, number = service.first, None, None, 0
    for page in store.pages():
        seen.update(page.rows["id"].to_pylist())
        cursor, total, more, number = page.following, _known(page, total), page.more, number + 1
    store.cut(number)
    requests = 0
    while cursor or number == 0:

        def once(cursor: str = cursor, total: int | None = total, whole: bool = True) -> Page:
            return _checked(service.page(cursor), seen, total, whole)

        if requests and patience.pause:
            patience.wait(patience.pause)
        try:
            page = patience.ask(once, say)
        except Short as fault:  # the records it lacks may be those of an earlier page
            say(f"{fault}: asking for the smaller pages again")
            requests += _mend(service, store, patience, say, seen)
            page = patience.ask(partial(once, whole=False), say)
        except Fault as fault:
            if total is None and more is False and fault.status in _FORGOTTEN:
                break  # the address lies behind the last page
            if number and not requests and fault.status in _FORGOTTEN:
                raise Changed(f"{fault} where the kept pages end") from None
            raise
        if not page.rows.num_rows:
            page = page._replace(following="")
        store.add(number, cursor, page)
        seen.update(page.rows["id"].to_pylist())
        cursor, total, more, number, requests = page.following, _known(page, total), page.more, number + 1, requests + 1
        advance(len(seen), total)
    if total is None and requests:
        sizes = [page.rows.num_rows for page in store.pages()]
        if any(size < max(sizes) for size in sizes[:-1]):
            say("pages with fewer records than others, and no total to check them by: asking for them again")
            requests += _mend(service, store, patience, say, seen)
    if total is not None and len(seen) != total:
        store.clear()  # nobody knows which page is not whole
        raise Fault(f"{len(seen):,} records came of {total:,}", advice="run the same command again, from the start")
    return len(seen), requests, total


def _known(page: Page, total: int | None) -> int | None:
    return total if page.total is None else page.total


def _mend(service: Service, store: Store, patience: Patience, say: Say, seen: set[str]) -> int:
    """Ask again for small pages and store what has more.

    Returns how many pages were asked for.
    """
    sizes = [page.rows.num_rows for page in store.pages()]
    small = [number for number, size in enumerate(sizes) if size < max(sizes)]
    begins = [service.first, *(page.following for page in store.pages())]
    for number in small:
        former = next(islice(store.pages(), number, None))
        former_ids = set(former.rows["id"].to_pylist())
        page = patience.ask(partial(service.page, begins[number]), say)
        ids = set(page.rows["id"].to_pylist())
        if page.following == former.following and former_ids < ids and not (ids - former_ids) & seen:
            store.replace(number, begins[number], page)
            seen |= ids
    return len(small)


def _checked(page: Page, seen: set[str], total: int | None, whole: bool) -> Page:
    """Return a page if it can follow the records seen.

    Raises Fault, Changed or Short otherwise.

    total : that was given before, None if none was; whole : whether a last page must complete it
    """
    if total is not None and page.total not in (None, total):
        raise Changed(f"the total changed from {total:,} to {page.total:,}", tries=3)
    total = _known(page, total)
    ids = page.rows["id"].to_pylist()
    count = len(seen) + len(ids)
    if not ids and total is None and page.following and page.more is not False:
        raise Fault(f"an empty page after {count:,} records, which is not said to be the last", tries=UNFIT)
    if not ids and total is not None and count < total:
        raise Fault(f"an empty page after {count:,} of {total:,} records")
    if twice := len(ids) - len(set(ids) - seen):
        first = next(i for n, i in enumerate(ids) if i in seen or i in ids[:n])
        raise Fault(f"{twice:,} of {len(ids):,} records came before ({first} for one)", tries=3)
    if total is not None and count > total:
        raise Fault(
            f"{count:,} records came of {total:,}",
            tries=UNFIT,
            advice="its count of records is wrong, so that nothing can be checked by it; report it to the service",
        )
    if page.more and not page.following and (total is None or count < total):
        raise Fault(
            f"it says that more follow its {count:,} records, and not where",
            tries=UNFIT,
            advice="the address of the next page is missing (links.next); report it to the service",
        )
    if whole and total is not None and not page.following and count < total:
        raise Short(f"the last page ends at {count:,} of {total:,} records", tries=2)
    return page
