"""Update a pulled catalogue with the records modified since."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.pull.collect import Patience, Say, Service, collect
from kakehashi.catalogs.pull.pages import Store
from kakehashi.catalogs.pull.web import Fault
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.records import UserError

MODIFIED = "last_modified"


@runtime_checkable
class Dated(Protocol):
    """A service that tells which records were modified."""

    def since(self, newest: str) -> Service:
        """Narrow the query to records modified then or later."""

    def count(self) -> int:
        """Ask once for the number of records; Fault if unknown."""


class Refreshed(NamedTuple):
    """All records, modified ones in place and new ones last.

    asked : pages asked for
    """

    table: pa.Table
    asked: int


def refreshed(service: Dated, name: str, store: Path, patience: Patience, say: Say) -> Refreshed | None:
    """Return the catalogue with modified records, None if unsure.

    Unsure where a record has no date, where the service refuses the question, and where it counts another number of
    records than there would be: some have gone, and it does not say which. Then only a whole pull is right.
    """
    folder = pulled.folder(name)
    former = readers.read(folder)
    if former[MODIFIED].null_count:
        return None
    # Texts of one length sort by time; of several lengths, none can be trusted.
    if len({len(text) for text in former[MODIFIED].unique().to_pylist()}) != 1:
        return None
    query = service.since(pc.max(former[MODIFIED]).as_py())
    pages_on_disk = Store(store)
    try:
        total = patience.ask(service.count, say)
        collected = collect(query, "", pages_on_disk, patience, say, lambda done, total: None)
    except (Fault, UserError) as error:
        say(f"it cannot be asked for what was modified ({error}): asking for everything")
        pages_on_disk.clear()
        return None
    changed = pa.concat_tables([page.rows for page in pages_on_disk.pages()]).select(former.column_names)
    table = _merge(former, changed.cast(former.schema))
    if table.num_rows != total:
        say(f"{table.num_rows:,} records would be held where the service has {total:,}: asking for everything")
        return None
    return Refreshed(table, collected.asked + 1)


def _merge(former: pa.Table, changed: pa.Table) -> pa.Table:
    places: Any = pc.index_in(former["id"], value_set=changed["id"].combine_chunks())
    both = pa.concat_tables([former, changed])
    rows = pc.if_else(
        pc.is_valid(places),
        pc.add(pc.fill_null(places, 0).cast(pa.int64()), former.num_rows),
        pa.array(range(former.num_rows), pa.int64()),
    )
    added = changed.filter(pc.invert(pc.is_in(changed["id"], former["id"].combine_chunks())))
    return pa.concat_tables([both.take(rows), added])
