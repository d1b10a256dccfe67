"""Pulled catalogues: Parquet in the cache, with a card each.

`catalogs/NAME/card.json` names the version in use, whose rows are `catalogs/NAME/<version>/part-*.parquet`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from kakehashi.catalogs.files.home import cache_folder, cache_folder_or_none, check_own
from kakehashi.catalogs.providers import advice
from kakehashi.catalogs.reading import parquet_folders, readers
from kakehashi.catalogs.records import UserError

SCHEMA = 1
MATERIALS_PROJECT = "mp"
CARD = "card.json"


class Column(NamedTuple):
    """Column of a pulled catalogue.

    quantity : name of the quantity, that of the column if ""
    """

    name: str
    kind: pa.DataType
    unit: str = ""
    quantity: str = ""
    description: str = ""


def schema_of(columns: tuple[Column, ...]) -> pa.Schema:
    """Build the Arrow schema, with units and quantities."""
    return pa.schema(
        pa.field(c.name, c.kind, metadata={"unit": c.unit, "quantity": c.quantity or c.name}) for c in columns
    )


def root(name: str) -> Path:
    """Return a catalogue's folder, which may be absent."""
    return cache_folder("catalogs", name)


def names() -> tuple[str, ...]:
    """List the pulled catalogues; none without a cache folder."""
    folder = cache_folder_or_none("catalogs")
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{CARD}"))) if folder else ()


def card(name: str) -> dict[str, Any]:
    """Read the card of a pulled catalogue.

    Raises
    ------
    UserError : not pulled, or a damaged card, code 6.
    """
    path = root(name) / CARD
    check_own(path)
    try:
        body: dict[str, Any] = json.loads(path.read_bytes())
        if body["schema"] != SCHEMA:
            raise UserError(f"{path} has schema {body['schema']!r}, expected {SCHEMA}: pull it again", 6)
        if body.pop("sha256") != digest(body):
            raise UserError(f"{path} is damaged: its checksum does not fit its content; pull it again", 6)
        return body
    except FileNotFoundError:
        raise UserError(f"'{name}' has not been pulled: {advice(name)}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged ({type(error).__name__}): pull it again", 6) from error


def default_name() -> str:
    """Return the default catalogue.

    It is the Materials Project once that was pulled, else the embedded one.
    """
    return MATERIALS_PROJECT if MATERIALS_PROJECT in names() else "default"


def folder(name: str) -> Path:
    """Return a catalogue's folder of Parquet, with hashes checked.

    Raises
    ------
    UserError : not pulled, or damaged, code 6.
    """
    body = card(name)
    path = root(name) / str(body["folder"])
    for part in body["parts"]:
        file = path / part["name"]
        if not file.is_file() or readers.sha256(file) != part["sha256"]:
            raise UserError(f"{file} is missing or damaged: pull it again with --again", 6)
    strays = {file.name for file in parquet_folders.parquet_files_of(path)} - {part["name"] for part in body["parts"]}
    if strays:
        raise UserError(f"{path / min(strays)} does not belong there: take it away", 6)
    return path


def name_of(path: Path) -> str:
    """Return the catalogue in a folder, else the path."""
    name = path.parent.name
    return name if path.is_dir() and name in names() and path.parent == root(name) else str(path)


def origin(body: Mapping[str, Any]) -> str:
    """Describe where a catalogue comes from.

    body : its card

    >>> origin({"service": "COD", "database_version": "", "date": "2026-01-31"})
    'COD, pulled 2026-01-31'
    """
    version = f", database version {body['database_version']}" if body["database_version"] else ""
    query = f", {body['filter']}" if body.get("filter") else ""
    unchecked = "" if body.get("counted", True) else ", its number of records unchecked"
    return f"{body['service']}{version}{query}, pulled {body['date']}{unchecked}"


def digest(body: Mapping[str, Any]) -> str:
    """Return the sha256 of a card's content."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
