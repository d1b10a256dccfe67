"""Index of trained models, a row per network and property.

It is a Parquet file beside the library, brought up to date from the cards whenever one of them has come, gone or
changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kakehashi.catalogs.files.durable import DurableFile
from kakehashi.catalogs.files.home import PRIVATE_FILE, SharedFolder, cache_folder
from kakehashi.catalogs.files.parquet import OPTIONS, stamped
from kakehashi.catalogs.files.paths import for_arrow
from kakehashi.catalogs.models import library
from kakehashi.catalogs.models.index_fields import FIELDS, SHORT, is_text, known, rows_of, table_of
from kakehashi.catalogs.records import UserError

FILE = "models-index.parquet"
STAMPS = "kakehashi.cards"
# Errors of reading a damaged or foreign card.
_NO_CARD = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError,
            pa.ArrowException)  # fmt: skip
_COMPARE = {"==": pc.equal, "!=": pc.not_equal, "<=": pc.less_equal, ">=": pc.greater_equal,
            "<": pc.less, ">": pc.greater}  # fmt: skip
OPERATORS = (*_COMPARE, "has")
# Rows of a group; those of a property stand together, so that a query reads few groups.
_GROUP = 8_192


class Condition(NamedTuple):
    """A condition on a field.

    operator : one of `OPERATORS`; `has` looks for a part of a text, whatever its case
    """

    field: str
    operator: str
    value: Any


class Index(NamedTuple):
    """Rows of a query.

    warnings : why some cards were not searched
    """

    table: pa.Table
    warnings: tuple[str, ...] = ()


def query(conditions: Iterable[Condition] = ()) -> Index:
    """Return the rows that meet every condition.

    A null meets none.

    Raises
    ------
    UserError : an unknown field or operator, or a value that does not fit the field.
    """
    checked = [_checked(condition) for condition in conditions]
    stamps = _stamps()
    path = cache_folder(FILE)
    damage: tuple[str, ...] = ()
    try:
        with pq.ParquetFile(for_arrow(path), page_checksum_verification=True) as file:
            if (file.schema_arrow.metadata or {}).get(STAMPS.encode()) == _text(stamps):
                return Index(_search(file, checked))
    except FileNotFoundError:
        pass
    except (pa.ArrowException, OSError) as error:
        damage = (f"{path} was damaged ({str(error).splitlines()[0]}): built again",)
    table, warnings = _build(path, stamps)
    return Index(table.filter(pa.array(_meeting(table, checked))), (*damage, *warnings))


def _search(file: pq.ParquetFile, conditions: Sequence[Condition]) -> pa.Table:
    """Read the row groups that hold a hit."""
    if not conditions:
        return file.read().replace_schema_metadata(None)
    hits = _meeting(file.read(list(dict.fromkeys(condition.field for condition in conditions))), conditions)
    groups = np.array_split(hits, np.cumsum([file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]))
    holding = [i for i, group in enumerate(groups) if group.any()]
    if not holding:
        return FIELDS.empty_table()
    rows = file.read_row_groups(holding).filter(pa.array(np.concatenate([groups[i] for i in holding])))
    return rows.replace_schema_metadata(None)


def _meeting(table: pa.Table, conditions: Sequence[Condition]) -> NDArray[np.bool_]:
    """Tell which rows meet all conditions, (rows,)."""
    hits = np.ones(table.num_rows, bool)
    for field, operator, value in conditions:
        column = table[field].unify_dictionaries().combine_chunks()
        if pa.types.is_dictionary(column.type):  # few texts, many rows
            places = column.indices.fill_null(len(column.dictionary)).to_numpy(zero_copy_only=False)
            hits &= np.append(_compared(column.dictionary, operator, value), False)[places]
        else:
            hits &= _compared(column, operator, value)
    return hits


def _compared(column: pa.Array, operator: str, value: Any) -> NDArray[np.bool_]:
    if operator == "has":
        matches = pc.match_substring(column, value, ignore_case=True)
    else:
        matches = _COMPARE[operator](column, pa.scalar(value, column.type))
    return np.asarray(matches.fill_null(False).to_numpy(zero_copy_only=False), bool)


def conditions(wanted: Mapping[str, Any]) -> list[Condition]:
    """Turn keywords into conditions.

    `field=value` (a part of a text), `min_field=` and `max_field=` (numbers).

    >>> conditions({"property": "gap", "max_mae": 0.3})[1][:2]
    ('mean_abs_error', '<=')

    Raises
    ------
    UserError : an unknown field, or a bound on a text.
    """
    checks = []
    for name, value in wanted.items():
        if value is None:
            continue
        field, operator = name, "=="
        for prefix, bound in (("min_", ">="), ("max_", "<=")):
            if name.startswith(prefix) and name not in (*FIELDS.names, *SHORT):
                field, operator = name.removeprefix(prefix), bound
        field = known(field)
        if operator == "==" and is_text(field):
            operator = "has"
        checks.append(Condition(field, operator, value))
    return checks


def _stamps() -> dict[str, list[int]]:
    """Return time and size of every card, by key."""
    stamps = {}
    for key, path in library.folders().items():
        with suppress(OSError):  # another process removes it
            stat = os.stat(f"{path}/{library.CARD}")
            stamps[key] = [stat.st_mtime_ns, stat.st_size]
    return dict(sorted(stamps.items()))


def _text(stamps: Mapping[str, list[int]]) -> bytes:
    return json.dumps(stamps).encode()


def _build(path: Path, stamps: Mapping[str, list[int]]) -> tuple[pa.Table, tuple[str, ...]]:
    """Read new cards and write the index.

    An index that cannot be written is built again the next time.
    """
    cards: list[list[dict[str, Any]]] = []
    warnings = []
    folders = library.folders()
    former = _unchanged(path, stamps)
    for key in sorted(stamps.keys() - set(former["stack"].unique().to_pylist())):
        card_path = folders[key] / library.CARD
        try:
            library.check_entry(folders[key])
            card = json.loads(card_path.read_bytes())
            library.check_card(card, key)
            cards.append(rows_of(card, folders[key]))
        except SharedFolder:
            raise
        except _NO_CARD as error:
            warnings.append(f"{card_path} is not in the index: {type(error).__name__}: {error}")
    try:
        fresh = table_of(cards)
    except _NO_CARD:  # find the card at fault
        fresh = FIELDS.empty_table()
        for rows in cards:
            try:
                fresh = pa.concat_tables([fresh, table_of([rows])])
            except _NO_CARD as error:
                warnings.append(f"{rows[0]['stack']} is not in the index: {type(error).__name__}: {error}")
    table = pa.concat_tables([former, fresh]).unify_dictionaries()
    order = pa.table({name: table[name].cast(pa.string()) for name in ("property", "id")})
    table = table.take(pc.sort_indices(order, sort_keys=[("property", "ascending"), ("id", "ascending")]))
    # A written index would hide the warnings from the next query.
    if not warnings:
        with suppress(OSError), DurableFile(path, PRIVATE_FILE) as file:
            schema = stamped(FIELDS, {STAMPS: _text(stamps).decode()})
            with pq.ParquetWriter(file, schema, **OPTIONS) as writer:
                writer.write_table(table.replace_schema_metadata(schema.metadata), _GROUP)
            file.commit()
    return table, tuple(warnings)


def _unchanged(path: Path, stamps: Mapping[str, list[int]]) -> pa.Table:
    """Return the index rows whose cards are still the same."""
    try:
        with pq.ParquetFile(for_arrow(path), page_checksum_verification=True) as file:
            former = json.loads((file.schema_arrow.metadata or {})[STAMPS.encode()])
            same = [key for key, stamp in stamps.items() if former.get(key) == stamp]
            table = file.read().replace_schema_metadata(None).cast(FIELDS)
    except (pa.ArrowException, OSError, ValueError, KeyError, AttributeError):
        return FIELDS.empty_table()
    return table.filter(pc.is_in(table["stack"].cast(pa.string()), pa.array(same, pa.string())))


def _checked(condition: Condition) -> Condition:
    """Return a condition of full name and fitting value.

    Raises UserError where field, operator and value do not go together.
    """
    name, operator, value = known(condition.field), condition.operator, condition.value
    if operator not in OPERATORS:
        raise UserError(f"field {name}: expected one of {', '.join(OPERATORS)}, got {operator!r}")
    if is_text(name):
        if operator not in ("==", "!=", "has"):
            raise UserError(f"field {name} is text: it can be equal or hold a text, not be {operator} {value!r}")
        return Condition(name, operator, str(value))
    if operator == "has":
        raise UserError(f"field {name} is no text")
    if pa.types.is_boolean(FIELDS.field(name).type):
        if operator not in ("==", "!="):
            raise UserError(f"field {name} is true or false: use == or !=, not {operator}")
        return Condition(name, operator, _truth(name, value))
    return Condition(name, operator, _number(name, value))


def _truth(name: str, value: Any) -> bool:
    words = {"true": True, "false": False}
    truth = words.get(str(value).lower())
    if truth is None:
        raise UserError(f"field {name}: expected true or false, got {value!r}")
    return truth


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number != number:
        raise UserError(f"field {name}: expected a number, got {value!r}")
    return number
