"""The `kakehashi catalogs list` and `show` commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kakehashi.catalogs.cli.flags import JsonFlags
from kakehashi.catalogs.cli.flatten import flatten_flags
from kakehashi.catalogs.shown import as_json, shown

if TYPE_CHECKING:
    from rich.text import Text

    from kakehashi.catalogs.properties.embedded import DatasetInfo

# Width of a terminal that shows sources and licences without breaking words.
_WIDE = 140
# Printed below the names: a virtual catalogue has no rows to show.
_VIRTUAL = "virtual: --catalog enumerate (kakehashi catalogs build enumerate --help)"


@flatten_flags
def list_datasets(*, call: JsonFlags) -> None:
    """List the embedded data sets (sources, targets and candidates) and the catalogues that were pulled."""
    from dataclasses import asdict

    from kakehashi.catalogs.candidates.listing import describe_datasets

    datasets = describe_datasets()
    if call.json:
        _print_json([asdict(info) for info in datasets])
        return
    from textwrap import wrap

    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    if console.width < _WIDE:  # narrow columns would break every word
        width = max(len(info.name) for info in datasets)
        for info in datasets:
            line = f"{info.name:<{width}}  {info.kind:<10}  {info.rows:>7,}  {_unit(info)}"
            console.print(shown(line.rstrip()), markup=False)
            for part in wrap(_about(info), console.width - 4):
                console.print(shown(f"    {part}"), markup=False)
        console.print("sources and licences: kakehashi catalogs show NAME")
        console.print(_VIRTUAL)
        return
    view = Table(box=box.SIMPLE_HEAD)
    for heading in ("name", "kind", "rows", "unit", "what it is and is good for", "source", "licence"):
        view.add_column(
            heading,
            justify="right" if heading == "rows" else "left",
            overflow="fold",
            no_wrap=heading in ("name", "kind", "rows", "unit"),
        )
    for info in datasets:
        cells = (info.name, info.kind, f"{info.rows:,}", _unit(info), _about(info), info.source, info.licence)
        view.add_row(*map(_text, cells))
    console.print(view)
    console.print(_VIRTUAL)


@flatten_flags
def show_dataset(name: str, *, call: JsonFlags) -> None:
    """Show one data set, embedded or pulled: description, source, licence, first rows.

    Parameters
    ----------
    name
        A name from `kakehashi catalogs list`.
    """
    from dataclasses import asdict

    from kakehashi.catalogs.candidates.listing import describe_pulled
    from kakehashi.catalogs.properties import embedded
    from kakehashi.catalogs.reading import pulled

    info = describe_pulled(name) if name in pulled.names() else embedded.info(name)
    first, notes = _first_rows(info)
    if call.json:
        _print_json({**asdict(info), "notes": list(notes), "first_rows": first})
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(shown(f"{info.name}: {info.description}"), markup=False)
    facts = {
        "kind": info.kind,
        "quantity": info.quantity,
        "unit": _unit(info),
        "rows": f"{info.rows:,}",
        "source": info.source,
        "citation": info.citation,
        "licence": info.licence,
    }
    for label, text in facts.items():
        if text:
            console.print(shown(f"  {label:<9} {text}"), markup=False)
    for note in notes:
        console.print(shown(f"  note      {note}"), markup=False)
    view = Table(box=box.SIMPLE_HEAD)
    for heading in first[0]:
        view.add_column(_text(heading), overflow="fold")
    for row in first:
        view.add_row(*(f"{cell:.6g}" if isinstance(cell, float) else _text(_cell(cell)) for cell in row.values()))
    console.print(view)


def _first_rows(info: DatasetInfo, count: int = 5) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    from kakehashi.catalogs.properties import embedded
    from kakehashi.catalogs.reading import pulled, readers

    if info.kind == "pulled":
        folder, columns = pulled.folder(info.name), pulled.card(info.name)["columns"]
        kinds = readers.schema_of(folder)
        flat = [column for column in columns if readers.is_text(kinds.field(column).type) or column == "n_sites"]
        units = (f"{column} ({said['unit']})" if said["unit"] else column for column, said in columns.items())
        return next(readers.batches(folder, flat)).slice(0, count).to_pylist(), (f"columns: {', '.join(units)}",)
    if info.kind == "candidates":
        return embedded.candidates(info.name).slice(0, count).to_pylist(), ()
    table = embedded.table(info.name)
    rows = [
        {"id": label, "formula": formula, "value": float(value)}
        for label, formula, value in zip(table.ids[:count], table.materials[:count], table.values[:count], strict=True)
    ]
    return rows, table.notes


def _unit(info: DatasetInfo) -> str:
    unit = info.unit.removesuffix(" upstream")
    return f"ln {unit}" if info.log else unit


def _about(info: DatasetInfo) -> str:
    """What a data set is, and what it is good for."""
    return f"{info.description}; {info.use}" if info.use else info.description


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _text(text: str) -> Text:
    """Show a cell or heading literally: brackets in it are no markup."""
    from rich.text import Text

    return Text(shown(text))


def _print_json(value: object) -> None:
    print(as_json(value, 2))
