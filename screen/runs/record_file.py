"""Read run.json, the record that a run leaves in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.results import Results

RECORD = "run.json"
SCHEMA = 1
"""Version of the entries of a record."""


def read_record(results: Results) -> dict[str, Any]:
    """Record of a finished run, its bytes checked against the manifest.

    Raises
    ------
    UserError : code 6, the file is missing, damaged, no record, or of another schema
    """
    return parse_record(results.read_text(RECORD), f"{results.where}/{RECORD}")


def load_record(path: Path) -> dict[str, Any]:
    """Record in a plain file, without a manifest.

    Raises
    ------
    UserError : code 2, there is no such file; code 6, it cannot be read
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"no {path.name} in {path.parent}: expected the folder of a finished run") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return parse_record(text, path)


def parse_record(text: str, path: str | Path) -> dict[str, Any]:
    """Record in the text of a file; UserError code 6 otherwise.

    >>> parse_record('{"schema": 1, "seed": 0}', "run.json")["seed"]
    0
    """
    record = parse_object(text, path)
    check_schema(record, path)
    return record


def parse_object(text: str, path: str | Path) -> dict[str, Any]:
    """JSON object in the text of a file.

    UserError code 6 for anything else.

    >>> parse_object('{"rows": 3}', "plan.json")
    {'rows': 3}
    """
    try:
        record = json.loads(text)
    except ValueError as error:
        raise _unreadable(path, error) from None
    if not isinstance(record, dict):
        raise UserError(f"{path} holds {type(record).__name__}, expected an object: repeat the run", 6)
    return record


def check_schema(record: Mapping[str, Any], path: str | Path) -> None:
    """Refuse a record of another schema."""
    if (schema := record.get("schema", SCHEMA)) != SCHEMA:
        raise UserError(
            f"{path} has schema {schema!r}, expected {SCHEMA}: it was written by another version, read it with that"
            " one",
            code=6,
        )


def _unreadable(path: str | Path, error: Exception) -> UserError:
    return UserError(f"{path} cannot be read ({error}): restore the file or repeat the run", 6)
