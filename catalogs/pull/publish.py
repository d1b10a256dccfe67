"""Publication of pulled catalogues: files, card, comparison with before.

A pull writes `catalogs/NAME/<version>/part-*.parquet` and then replaces `catalogs/NAME/card.json`, which names that
folder: readers see the former catalogue or the new one, whole. The version before stays for runs that still read it.
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
from kakehashi.catalogs.files.home import PRIVATE
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.reading.pulled import CARD, SCHEMA, digest
from kakehashi.catalogs.records import UserError

PART_ROWS = 65_536
VANISHED = "_vanished.parquet"


class Difference(NamedTuple):
    """Difference from the version before.

    Counts of records, and the vanished ones (`id` and `formula`).
    """

    new: int
    changed: int
    unchanged: int
    vanished: pa.Table


def publish(name: str, schema: pa.Schema, pieces: Iterator[pa.Table], rows: int, body: Mapping[str, Any]) -> Difference:
    """Write a catalogue's files and make them current.

    Returns the difference from the version before.

    Parameters
    ----------
    pieces : chunks of its rows
    rows : number of rows that are expected
    body : content of the card: service, database_version, filter, date, licence, and more

    Raises
    ------
    UserError : no rows, or another number of them, code 6.
    """
    base = pulled.root(name)
    building = base / "building"
    shutil.rmtree(building, ignore_errors=True)
    make_folder(building, PRIVATE)
    metadata = {
        "kakehashi.catalog": name,
        "kakehashi.source": pulled.origin(body),
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
    former = pulled.card(name)["folder"] if name in pulled.names() else ""
    if (base / version).exists() and not (version == former and _sound(name)):
        shutil.rmtree(base / version)
    if not (base / version).exists():
        building.rename(base / version)
        sync_folder(base)
    content = {
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
    text = json.dumps({**content, "sha256": digest(content)}, indent=1, ensure_ascii=False)
    write_durably(base / CARD, (text + "\n").encode())
    for path in base.iterdir():
        if path.is_dir() and path.name not in (version, former, "pulling", "newer"):
            shutil.rmtree(path, ignore_errors=True)
    return difference


def _counting(pieces: Iterator[pa.Table], nulls: Counter[str]) -> Iterator[pa.Table]:
    """Pass chunks on; add missing values to `nulls`."""
    for piece in pieces:
        nulls.update({name: piece[name].null_count for name in piece.column_names if piece[name].null_count})
        yield piece


def _sound(name: str) -> bool:
    try:
        pulled.folder(name)
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
    """Group chunks into lists of `size` rows.

    The last has the rest.
    """
    waiting: list[pa.Table] = []
    count = 0
    for piece in pieces:
        while count + piece.num_rows >= size:
            room = size - count
            yield [*waiting, piece.slice(0, room)]
            piece, waiting, count = piece.slice(room), [], 0
        if piece.num_rows:
            waiting.append(piece)
            count += piece.num_rows
    if waiting:
        yield waiting


def _compare(name: str, new: pa.Table) -> Difference:
    """Compare with the version before, by id.

    Structures are not compared.
    """
    flat = new.column_names
    gone = pa.schema([("id", pa.string()), ("formula", pa.string())])
    if name not in pulled.names():
        return Difference(new.num_rows, 0, 0, gone.empty_table())
    try:
        former = pulled.folder(name)
        columns = readers.column_names(former)
        old = readers.read(former, [column for column in flat if column in columns])
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
