"""`kh.catalogs.list` and `kh.catalogs.show`: the data at hand."""

from __future__ import annotations

from dataclasses import asdict

import pyarrow as pa

from kakehashi.catalogs.properties import embedded
from kakehashi.catalogs.properties.embedded import DatasetInfo
from kakehashi.catalogs.reading import pulled, readers


def describe_datasets() -> list[DatasetInfo]:
    """Describe the embedded data sets and the catalogues that were pulled."""
    return [*embedded.names(), *(describe_pulled(name) for name in pulled.names())]


def describe_pulled(name: str) -> DatasetInfo:
    """Describe a pulled catalogue like an embedded one."""
    card = pulled.card(name)
    last = card["since_former"]
    description = f"candidates, and sources as {name}:COLUMN"
    if last["new"] < card["rows"]:
        description += f"; since the pull before {last['new']:,} new, {last['changed']:,} changed"
        description += f", {last['vanished']:,} no longer there"
    description += "".join(f"; {count:,} records: {remark}" for remark, count in card.get("remarks", {}).items())
    return DatasetInfo(
        name, "pulled", "", "", card["rows"], pulled.origin(card), card["licence"], description, card["citation"]
    )


def list_catalogs() -> pa.Table:
    """List the data sets at hand: sources, targets and candidates that come with the package, and pulled catalogues.

    Columns are name, kind, quantity, unit, rows, source, licence, description, citation, log and use.

    Examples
    --------
    >>> import kakehashi as kh
    >>> listed = kh.catalogs.list()
    >>> "ltc" in listed["name"].to_pylist(), listed.column_names[:3]
    (True, ['name', 'kind', 'quantity'])
    """
    return pa.Table.from_pylist([asdict(info) for info in describe_datasets()])


def show_catalog(name: str, rows: int = 5) -> pa.Table:
    """Return the first rows of a data set.

    Of a property these are id, formula and value; of candidates, and of a pulled catalogue, their columns.

    Raises
    ------
    UserError : no data set of that name.

    Examples
    --------
    >>> import kakehashi as kh
    >>> kh.catalogs.show("ltc", rows=2).column_names
    ['id', 'formula', 'value']
    """
    if name in pulled.names():
        folder = pulled.folder(name)
        return next(readers.batches(folder)).slice(0, rows)
    if embedded.info(name).kind == "candidates":
        return embedded.candidates(name).slice(0, rows)
    table = embedded.table(name)
    return pa.table({"id": table.ids[:rows], "formula": table.materials[:rows], "value": table.values[:rows]})
