"""Work and terminal output of the `kakehashi models` commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.models import archive, index_fields
from kakehashi.catalogs.models import index as model_index
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.models.index import Condition
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.shown import as_json, say, shown
from kakehashi.screen.progress import Mode, warn

# Digits of an id printed; fields of a line of `query`.
SHOWN = 16
LINE = ("id", "transferred", "property", "unit", "log", "structure", "rows", "mean_abs_error", "root_mean_square_error",
        "r2", "pearson_corr", "spearman_corr")  # fmt: skip
# Ends of fields that are best when small.
_ERRORS = ("error", "p_value")


def show_list(*, json_out: bool) -> int:
    """Print a line for every stack of networks and every model."""
    import pyarrow.compute as pc

    found = model_index.query()
    _say(found.warnings)
    keyed = found.table.group_by(["stack", "property"], use_threads=False).aggregate(
        [("pearson_corr", "approximate_median"), ("pearson_corr", "max"), ("id", "count")]
    )
    by_stack = {(row["stack"], row["property"]): row for row in keyed.to_pylist()}
    of_stack = found.table.group_by("stack", use_threads=False).aggregate(
        [("pearson_corr", "approximate_median"), ("pearson_corr", "max"), ("id", "count")]
    )
    whole = {row["stack"]: row for row in of_stack.to_pylist()}
    # The first row of every stack and property says what is the same for all its networks.
    first = {(row["stack"], row["property"]): row for row in found.table.filter(
        pc.fill_null(pc.equal(found.table["number"], 0), True)).to_pylist()}  # fmt: skip
    rows = [
        {"id": stack, "kind": row["kind"], "origin": row["origin"], "property": name, "unit": row["unit"],
         "log": row["log"], "descriptor": row["descriptor"], "networks": row["networks"], "rows": row["rows"],
         "pearson_median": by_stack[stack, name]["pearson_corr_approximate_median"],
         "pearson_best": by_stack[stack, name]["pearson_corr_max"], "bytes": row["bytes"], "date": row["date"]}
        for (stack, name), row in first.items()
    ]  # fmt: skip
    for row in rows:
        if row["kind"] == "foundation":  # many properties in one line
            all_of_it = whole[row["id"]]
            row |= {"property": f"{all_of_it['id_count']} properties", "unit": "", "log": None,
                    "pearson_median": all_of_it["pearson_corr_approximate_median"],
                    "pearson_best": all_of_it["pearson_corr_max"]}  # fmt: skip
    rows.sort(key=lambda row: (row["kind"], row["property"], row["id"]))
    if json_out:
        print(as_json(rows))
    elif rows:
        _print([{**row, "id": row["id"][:SHOWN], "bytes": f"{row['bytes'] / 1e6:.1f} MB"} for row in rows])
    else:
        say("no models yet: kakehashi models train --source volume_per_atom")
    return 0


def show_card(id: str, *, json_out: bool) -> int:
    """Print a card."""
    key, number, path = shelf.find_by_id(id)
    shelf.check_entry(path)
    try:
        card = json.loads((path / shelf.CARD).read_bytes())
        shelf.check_card(card, key)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path / shelf.CARD} is damaged or unreadable ({error})", code=6) from None
    # The numbers of a foundation are those of its properties.
    listed = "tasks" if card["kind"] == "foundation" else "entries"
    entries = card.get(listed, [])
    if number is not None:
        if number >= len(entries):
            raise UserError(f"{id}: expected a number from 0 to {len(entries) - 1}")
        card |= {listed: [entries[number]]}
    if json_out:
        print(as_json(card))
        return 0
    hidden = () if number is not None else (listed,)
    print(as_json({name: v for name, v in card.items() if name not in hidden}, 1))
    if hidden and entries:
        what = "networks" if listed == "entries" else "properties"
        say(f"{len(entries)} {what}: kakehashi models query --filter stack=={key}; files: {path}")
    return 0


def train_and_print(
    flags: Mapping[str, Any], file: str | None, mode: Mode, *, dry_run: bool, json_out: bool, quiet: bool
) -> int:
    """Train networks and print a line for each source."""
    from kakehashi.screen.models.config import resolve
    from kakehashi.screen.models.train import train

    config = resolve(flags, file)
    from kakehashi.screen.device import choose

    choose(config.device)
    if config.foundation is not None:
        from kakehashi.screen.models.foundation import train_on_folder

        _print_foundation(train_on_folder(config, mode, dry_run=dry_run), json_out=json_out, quiet=quiet)
        return 0
    done = train(config, mode, dry_run=dry_run)
    if json_out:
        print(as_json(done))
    elif not quiet:
        wide = ("folder", "split", "reused")
        _print([
            {name: _joined(value) for name, value in row.items() if name not in wide}
            | ({"id": row["id"][:SHOWN], "bytes": f"{row['bytes'] / 1e6:.1f} MB"} if "id" in row else {})
            for row in done["made"]
        ])  # fmt: skip
        for row in done["missing"]:
            say(f"cannot be had: {row['property']}: {row['reason']}")
        if not dry_run and done["made"]:
            say(f"errors: {done['made'][0]['split']}; on the fitted scale")
    return 0


def _print_foundation(done: dict[str, Any], *, json_out: bool, quiet: bool) -> None:
    """Print the properties of a foundation, a line each, and where it is."""
    if json_out:
        print(as_json(done))
    elif not quiet:
        _print([{name: value for name, value in task.items() if name not in ("source", "licence")}
                for task in done["tasks"]])  # fmt: skip
        say(f"{done['name']}: {done['formulas']:,} formulas, {len(done['tasks'])} properties")
        if "folder" in done:
            size = f"{done['bytes'] / 1e6:.1f} MB"
            say(f"{done['networks']} networks, {size}, {done['seconds']:,.0f} s: {done['folder']}")
            say(f"errors: {done['split']}; on the learned scale")


def query_and_print(
    wanted: dict[str, Any], filters: Sequence[str], sort: str, limit: int | None, *, json_out: bool
) -> int:
    """Print the networks that meet conditions."""
    from kakehashi.screen.ranking.filters import parse_filter

    conditions = model_index.conditions(wanted)
    conditions += [Condition(f.column, f.operator, f.value) for f in map(parse_filter, filters)]
    field = index_fields.known(sort)
    found = model_index.query(conditions)
    _say(found.warnings)
    order = "ascending" if field.endswith(_ERRORS) or index_fields.is_text(field) else "descending"
    table = found.table.sort_by([(field, order), ("id", "ascending")])
    total = table.num_rows
    if limit is not None:
        if limit < 1:
            raise UserError(f"--limit: expected at least 1, got {limit}")
        table = table.slice(0, limit)
    if json_out:
        print(as_json(table.to_pylist()))
        return 0
    _print(table.select(LINE).to_pylist())
    say(f"{total:,} networks" + (f", the first {table.num_rows:,} shown" if table.num_rows < total else ""))
    return 0


def verify_and_print(ids: Sequence[str], device: str, *, json_out: bool, quiet: bool) -> int:
    """Verify entries and print the outcome of each.

    Raises
    ------
    UserError : an entry is not sound (code 6).
    """
    from kakehashi.screen.device import choose

    choose(device)
    from kakehashi.screen.models.verify import verify

    done = [verify(key, path) for key, path in _folders(ids).items()]
    if json_out:
        print(json.dumps([{**one._asdict(), "difference": None if one.difference != one.difference else one.difference}
                          for one in done]))  # fmt: skip
    elif not quiet:
        for one in done:
            say(f"{one.key[:SHOWN]}  {one.outcome:<9}  {one.text}")
        if not done:
            say("no models to verify")
    bad = [one for one in done if not one.sound]
    if bad:
        raise UserError(f"{len(bad)} of {len(done)} models are not sound: {bad[0].key[:SHOWN]}: {bad[0].text}", code=6)
    return 0


def export_and_print(
    ids: Sequence[str], out: str, *, overwrite: bool, dry_run: bool, json_out: bool, quiet: bool
) -> int:
    """Write networks into an archive."""
    path = path_of(out)
    if path.exists() and not overwrite:
        raise UserError(f"--out {path} is there already: choose another name or give --overwrite")
    folders = _folders(ids)
    if ids:
        entries = archive.networks_in(folders, list(folders))
    else:
        own = {key: folder for key, folder in folders.items() if folder.parent != shelf.SHIPPED}
        entries = {key: folder for key, folder in own.items() if archive.holds_networks(folder)}
    size = None if dry_run else archive.write(path, entries)
    if json_out:
        print(json.dumps({"file": str(path), "bytes": size, "entries": list(entries)}))
    elif not quiet:
        did = "would write" if size is None else f"{size / 1e6:.1f} MB:"
        say(f"{path}: {did} {_stacks(len(entries))}")
    return 0


def import_and_print(file: str, *, json_out: bool, quiet: bool) -> int:
    """Read an archive."""
    from kakehashi.screen.foundation.kept import KIND, stored_of
    from kakehashi.screen.foundation.training.cards import check_foundation
    from kakehashi.screen.models.verify import verify_arrays
    from kakehashi.screen.networks.card_checks import check_against
    from kakehashi.screen.networks.kept import networks_of

    def accept(found: shelf.StoredEntry) -> None:
        index_fields.table_of([index_fields.rows_of(found.card or {}, Path())])
        one = verify_arrays("", found)
        if not one.sound:
            raise ValueError(one.text)
        card, arrays = found.card or {}, found.arrays or {}
        if card.get("kind") == KIND:
            check_foundation(card, stored_of(arrays).foundation)
        else:
            check_against(card, networks_of(arrays))

    done = archive.read(path_of(file), accept)
    if json_out:
        print(json.dumps(done._asdict()))
    elif not quiet:
        say(f"{_stacks(len(done.added))} added, {len(done.present)} there already")
    return 0


def _folders(ids: Sequence[str]) -> dict[str, Path]:
    """Find the folders of entries by key, of all if none are named."""
    if not ids:
        return shelf.folders()
    return {key: path for key, _, path in map(shelf.find_by_id, ids)}


def _stacks(count: int) -> str:
    return f"{count} stack{'' if count == 1 else 's'} of networks"


def _say(warnings: Sequence[str]) -> None:
    for text in warnings:
        warn("auto", text)


def _joined(value: Any) -> Any:
    return ", ".join(_cell(v) for v in value) if isinstance(value, list) else value


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else shown(str(value))


def _print(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as aligned columns of any width."""
    if not rows:
        return
    names = list(rows[0])
    lines = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    for line in lines:
        say("  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip())
