"""Pulled catalogues: partitioned Parquet under the cache folder, and a card that says what they are.

A pull leaves `catalogs/NAME/<version>/part-*.parquet` and then replaces `catalogs/NAME/card.json`, which names that
folder: who reads sees the former catalogue or the new one, whole. The version before stays for runs that still read it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.files import parquet
from kakehashi.catalogs.files.durable import DurableFile, make_folder, sync_folder, write_durably
from kakehashi.catalogs.files.home import PRIVATE, cache_folder, cache_folder_or_none, check_own
from kakehashi.catalogs.providers import advice
from kakehashi.catalogs.reading import parquet_folders, readers
from kakehashi.catalogs.records import UserError

SCHEMA = 1
PART_ROWS = 65_536
MATERIALS_PROJECT = "mp"
VANISHED = "_vanished.parquet"
_CARD = "card.json"


class Column(NamedTuple):
    """A column of a pulled catalogue. quantity : its name where that of the column is another."""

    name: str
    kind: pa.DataType
    unit: str = ""
    quantity: str = ""
    description: str = ""


class Difference(NamedTuple):
    """How a catalogue differs from the one before: counts, and the records that are gone (`id` and `formula`)."""

    new: int
    changed: int
    unchanged: int
    vanished: pa.Table


def schema_of(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema, each field with its unit and quantity."""
    return pa.schema(
        pa.field(c.name, c.kind, metadata={"unit": c.unit, "quantity": c.quantity or c.name}) for c in columns
    )


def root(name: str) -> Path:
    """Folder of a pulled catalogue; it need not exist."""
    return cache_folder("catalogs", name)


def names() -> tuple[str, ...]:
    """Names of the catalogues that were pulled; none where there is no cache folder."""
    folder = cache_folder_or_none("catalogs")
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{_CARD}"))) if folder else ()


def card(name: str) -> dict[str, Any]:
    """What a pulled catalogue is; UserError where there is none, code 6 where its card is damaged."""
    path = root(name) / _CARD
    check_own(path)
    try:
        body: dict[str, Any] = json.loads(path.read_bytes())
        if body["schema"] != SCHEMA:
            raise UserError(f"{path} has schema {body['schema']!r}, expected {SCHEMA}: pull it again", 6)
        if body.pop("sha256") != _digest(body):
            raise UserError(f"{path} is damaged: its checksum does not fit its content; pull it again", 6)
        return body
    except FileNotFoundError:
        raise UserError(f"'{name}' has not been pulled: {advice(name)}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged ({type(error).__name__}): pull it again", 6) from error


def default_name() -> str:
    """The candidates that are screened unless others are named: the Materials Project's once they were pulled."""
    return MATERIALS_PROJECT if MATERIALS_PROJECT in names() else "default"


def folder(name: str) -> Path:
    """The folder of a catalogue's Parquet files, every byte of them checked; UserError if it cannot be used."""
    found = card(name)
    path = root(name) / str(found["folder"])
    for part in found["parts"]:
        file = path / part["name"]
        if not file.is_file() or readers.sha256(file) != part["sha256"]:
            raise UserError(f"{file} is missing or damaged: pull it again with --again", 6)
    strays = {file.name for file in parquet_folders.parquet_files_of(path)} - {part["name"] for part in found["parts"]}
    if strays:
        raise UserError(f"{path / min(strays)} does not belong there: take it away", 6)
    return path


def name_of(path: Path) -> str:
    """The name of the catalogue whose files lie in a folder; the path itself where there is none."""
    name = path.parent.name
    return name if path.is_dir() and name in names() and path.parent == root(name) else str(path)


def origin(found: Mapping[str, Any]) -> str:
    """Where a catalogue comes from, in words."""
    version = f", database version {found['database_version']}" if found["database_version"] else ""
    query = f", {found['filter']}" if found.get("filter") else ""
    unchecked = "" if found.get("counted", True) else ", its number of records unchecked"
    return f"{found['service']}{version}{query}, pulled {found['date']}{unchecked}"


def publish(name: str, schema: pa.Schema, pieces: Iterator[pa.Table], rows: int, body: Mapping[str, Any]) -> Difference:
    """Write a catalogue's parts and make it the one of that name; how it differs from the one before.

    rows : that there must be; body : service, database_version, filter, date, licence, and whatever else belongs on
    the card
    """
    base = root(name)
    building = base / "building"
    shutil.rmtree(building, ignore_errors=True)
    make_folder(building, PRIVATE)
    metadata = {
        "kakehashi.catalog": name,
        "kakehashi.source": origin(body),
        "kakehashi.database_version": body["database_version"],
        "kakehashi.date": body["date"],
        "kakehashi.licence": body["licence"],
    }
    nulls: Counter[str] = Counter()
    parts = _write_parts(building, schema, _counting(pieces, nulls), metadata)
    if (written := sum(part["rows"] for part in parts)) != rows or not rows:
        raise UserError(f"{written:,} of {rows:,} records are there to write to {base}: pull again", 6)
    flat = [field.name for field in schema if not pa.types.is_list(field.type)]
    written_back = readers.read(building, flat)
    difference = _compare(name, written_back)
    if difference.vanished.num_rows:
        with DurableFile(building / VANISHED) as file:
            writer = parquet.TableWriter(file, difference.vanished.schema, metadata)
            writer.write(difference.vanished)
            writer.close()
            file.commit()
    version = hashlib.sha256("".join(part["sha256"] for part in parts).encode()).hexdigest()[:16]
    former = card(name)["folder"] if name in names() else ""
    if (base / version).exists() and not (version == former and _sound(name)):
        shutil.rmtree(base / version)
    if not (base / version).exists():
        building.rename(base / version)
        sync_folder(base)
    found = {
        **body,
        "schema": SCHEMA,
        "name": name,
        "folder": version,
        "rows": rows,
        "parts": parts,
        "columns": {f.name: {k.decode(): v.decode() for k, v in f.metadata.items()} for f in schema},
        "empty": [column for column in flat if written_back[column].null_count == rows],
        "nulls": dict(nulls),
        "since_former": {
            "new": difference.new,
            "changed": difference.changed,
            "unchanged": difference.unchanged,
            "vanished": difference.vanished.num_rows,
        },
    }
    text = json.dumps({**found, "sha256": _digest(found)}, indent=1, ensure_ascii=False)
    write_durably(base / _CARD, (text + "\n").encode())
    for path in base.iterdir():
        if path.is_dir() and path.name not in (version, former, "pulling", "newer"):
            shutil.rmtree(path, ignore_errors=True)
    return difference


def _counting(pieces: Iterator[pa.Table], nulls: Counter[str]) -> Iterator[pa.Table]:
    """The pieces as they go by, their missing values added to `nulls` by column."""
    for piece in pieces:
        nulls.update({name: piece[name].null_count for name in piece.column_names if piece[name].null_count})
        yield piece


def _sound(name: str) -> bool:
    try:
        folder(name)
    except UserError:
        return False
    return True


def _write_parts(
    where: Path, schema: pa.Schema, pieces: Iterator[pa.Table], metadata: Mapping[str, str]
) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for number, tables in enumerate(_cut(pieces, PART_ROWS)):
        path = where / f"part-{number:04}.parquet"
        with DurableFile(path) as file:
            writer = parquet.TableWriter(file, schema, metadata)
            for table in tables:
                writer.write(table)
            writer.close()
            file.commit()
            parts.append({"name": path.name, "rows": writer.rows, "bytes": file.size, "sha256": file.sha256})
    return parts


def _cut(pieces: Iterator[pa.Table], size: int) -> Iterator[list[pa.Table]]:
    """Tables of `size` rows together, the last ones with what is left."""
    held: list[pa.Table] = []
    count = 0
    for piece in pieces:
        while count + piece.num_rows >= size:
            room = size - count
            yield [*held, piece.slice(0, room)]
            piece, held, count = piece.slice(room), [], 0
        if piece.num_rows:
            held.append(piece)
            count += piece.num_rows
    if held:
        yield held


def _compare(name: str, new: pa.Table) -> Difference:
    """Compare with the catalogue before, by id; structures are not compared."""
    flat = new.column_names
    gone = pa.schema([("id", pa.string()), ("formula", pa.string())])
    if name not in names():
        return Difference(new.num_rows, 0, 0, gone.empty_table())
    try:
        former = folder(name)
        held = readers.column_names(former)
        old = readers.read(former, [column for column in flat if column in held])
    except UserError:  # damaged, or of another schema: nothing can be said of it
        return Difference(new.num_rows, 0, 0, gone.empty_table())
    places = pc.index_in(new["id"], value_set=old["id"].combine_chunks())
    known = pc.is_valid(places)
    before, after = old.take(places.filter(known)), new.filter(known)
    same = pa.chunked_array([pa.repeat(True, after.num_rows)])
    for column in flat:
        if column not in before.column_names or before[column].type != after[column].type:
            same = pa.chunked_array([pa.repeat(False, after.num_rows)])
            break
        a, b = before[column], after[column]
        equal = pc.fill_null(pc.equal(a, b), pc.and_(pc.is_null(a), pc.is_null(b)))
        same = pc.and_(same, equal)
    unchanged = pc.sum(same).as_py() or 0
    vanished = old.filter(pc.invert(pc.is_in(old["id"], new["id"].combine_chunks())))
    return Difference(
        new.num_rows - after.num_rows, after.num_rows - unchanged, unchanged, vanished.select(["id", "formula"])
    )


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
