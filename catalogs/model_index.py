"""The index of the library of trained models: a row for every network and property, queried by its fields.

The fields are the 27 that XenonPy.MDL (Liu, Yamada & Wu, 2021) lets its users query, then what else a card says. Those
of classifications are null: all models here are regressions. The index is a Parquet file beside the library, brought
up to date from the cards whenever one of them has come, gone or changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalogs import library
from catalogs.durable import DurableFile
from catalogs.home import cache_folder
from catalogs.parquet import SCHEMA, SCHEMA_KEY, TableWriter
from catalogs.records import UserError

FILE = "models-index.parquet"
STAMPS = "kakehashi.cards"
_WORDS = pa.dictionary(pa.int32(), pa.string())
_CLASSIFICATION = (
    *("accuracy", "precision", "recall", "f1", "sensitivity", "prevalence", "specificity", "ppv", "npv"),
)
# Names in a card's metrics, by field.
_METRICS = {
    "mean_abs_error": "mae", "max_abs_error": "max_ae", "mean_square_error": "mse", "root_mean_square_error": "rmse",
    "r2": "r2", "p_value": "p_value", "spearman_corr": "spearman", "pearson_corr": "pearson",
}  # fmt: skip
MDL = pa.schema(
    [
        ("id", pa.string()),
        *((name, pa.bool_()) for name in ("transferred", "succeed", "is_regression", "deprecated")),
        *((name, _WORDS) for name in ("modelset", "method", "property", "descriptor", "lang")),
        *((name, pa.float64()) for name in (*_CLASSIFICATION, *_METRICS)),
    ]
)
OWN = pa.schema(
    [
        *((name, _WORDS) for name in ("stack", "kind", "origin", "unit")),
        ("log", pa.bool_()),
        ("structure", pa.string()),
        *((name, pa.int64()) for name in ("layers", "parameters", "epochs", "number", "networks", "seed")),
        *((name, pa.int64()) for name in ("rows", "held_out")),
        *((name, _WORDS) for name in ("split", "convention", "licence", "date")),
        ("bytes", pa.int64()),
    ]
)
FIELDS = pa.schema([*MDL, *OWN])
# What people call some fields for short.
SHORT = {"mae": "mean_abs_error", "max_ae": "max_abs_error", "mse": "mean_square_error",
         "rmse": "root_mean_square_error", "pearson": "pearson_corr", "spearman": "spearman_corr"}  # fmt: skip
OPERATORS = ("==", "!=", "<=", ">=", "<", ">", "has")


class Condition(NamedTuple):
    """`field operator value`; `has` looks for a part of a text, whatever its case."""

    field: str
    operator: str
    value: Any


class Index(NamedTuple):
    """The rows that were asked for, and why some cards are not among those searched."""

    table: pa.Table
    warnings: tuple[str, ...] = ()


def query(conditions: Iterable[Condition] = ()) -> Index:
    """Rows that meet every condition; a null meets none.

    Raises
    ------
    UserError : an unknown field or operator, or a value that does not fit the field.
    """
    chosen = None
    for condition in conditions:
        one = _expression(condition)
        chosen = one if chosen is None else chosen & one
    stamps = _stamps()
    path = cache_folder() / FILE
    if _stamps_of(path) != stamps:
        table, warnings = _build(path, stamps)
        return Index(table if chosen is None else table.filter(chosen), warnings)
    try:
        return Index(pq.read_table(path, filters=chosen, page_checksum_verification=True))
    except (pa.ArrowException, OSError) as error:
        table, warnings = _build(path, stamps)
        found = table if chosen is None else table.filter(chosen)
        return Index(found, (f"{path} was damaged ({str(error).splitlines()[0]}): built again", *warnings))


def conditions(wanted: Mapping[str, Any]) -> list[Condition]:
    """Conditions of keywords: `field=value` (a part of a text), `min_field=` and `max_field=` (numbers).

    Raises
    ------
    UserError : an unknown field, or a bound on a text.
    """
    found = []
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
        found.append(Condition(field, operator, value))
    return found


def rows_of(card: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    """Rows of the index of one card.

    Raises
    ------
    KeyError, TypeError, ValueError : a card that does not say what the index needs.
    """
    key, kind = str(card["key"]), str(card["kind"])
    origin = "package" if path.parent == library.SHIPPED else "library"
    common = {
        "transferred": kind == "model", "succeed": True, "is_regression": True, "deprecated": False, "lang": "python",
        "descriptor": card.get("descriptor", ""), "stack": key, "kind": kind, "origin": origin,
        "seed": card["seed"], "split": card.get("split") or "", "convention": card["convention"],
        "date": card.get("date", ""), "bytes": card["bytes"],
    }  # fmt: skip
    if kind == "model":
        about = {
            "modelset": card["source"], "method": "stack of transferred and direct models", "property":
            card["property"], "unit": card["unit"], "log": card["log"], "rows": card["used"],
            "licence": card["licence"], "held_out": card.get("held_out"),
        }  # fmt: skip
        return [{"id": key[:16], **common, **about, **_errors(card.get("metrics", {}))}]
    if kind != "networks":
        raise ValueError(f"a card of kind {kind!r}")
    found = []
    for number, entry in enumerate(card["entries"]):
        own = {
            "id": f"{key[:16]}-{number}", "method": "fully connected network", "structure": entry["structure"],
            "layers": entry["structure"].count("-") - 1, "parameters": entry["parameters"], "epochs": entry["epochs"],
            "number": number, "networks": card["networks"],
        }  # fmt: skip
        for i, task in enumerate(card["tasks"]):
            about = {
                "property": task["property"], "unit": task["unit"], "log": task["log"], "rows": task["rows"],
                "modelset": task["source"], "licence": task["licence"],
                "held_out": entry["held_out"][i] if entry["held_out"] else None,
            }  # fmt: skip
            found.append({**common, **own, **about, **_errors(entry["metrics"][i] if entry["metrics"] else {})})
    return found


def _errors(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {field: metrics.get(name) for field, name in _METRICS.items()}


def _stamps() -> dict[str, list[int]]:
    """Time and size of every card, by key."""
    found = {}
    for key, path in library.folders().items():
        with suppress(OSError):  # another process removes it
            stat = (path / library.CARD).stat()
            found[key] = [stat.st_mtime_ns, stat.st_size]
    return dict(sorted(found.items()))


def _stamps_of(path: Path) -> Any:
    """Stamps of the cards an index was built from, None where there is none to be read."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        if metadata.get(SCHEMA_KEY.encode()) != str(SCHEMA).encode():
            return None
        return json.loads(metadata[STAMPS.encode()])
    except (pa.ArrowException, OSError, ValueError, KeyError):
        return None


def _build(path: Path, stamps: Mapping[str, list[int]]) -> tuple[pa.Table, tuple[str, ...]]:
    """Read every card and write the index; where it cannot be written, it is built again the next time."""
    rows: list[dict[str, Any]] = []
    warnings = []
    folders = library.folders()
    for key in stamps:
        card_path = folders[key] / library.CARD
        try:
            card = json.loads(card_path.read_bytes())
            library.check_card(card, key)
            rows += rows_of(card, folders[key])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            warnings.append(f"{card_path} is not in the index: {type(error).__name__}: {error}")
    columns = {
        field.name: pa.array([row.get(field.name) for row in rows], _plain(field.type)).cast(field.type)
        for field in FIELDS
    }
    table = pa.table(columns, schema=FIELDS)
    # An index without the cards it could not read would say so once and never again.
    if not warnings:
        with suppress(OSError), DurableFile(path) as file:
            writer = TableWriter(file, FIELDS, {STAMPS: json.dumps(stamps)})
            writer.write(table)
            writer.close()
            file.commit()
    return table, tuple(warnings)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def is_text(field: str) -> bool:
    """Whether a field holds texts."""
    return bool(pa.types.is_string(_plain(FIELDS.field(field).type)))


def known(name: str) -> str:
    """The field of that name or short name; UserError with the nearest if there is none."""
    field = SHORT.get(name, name)
    if field not in FIELDS.names:
        near = get_close_matches(name, [*FIELDS.names, *SHORT], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UserError(f"no field {name!r} in the index of models{hint}; fields: {', '.join(FIELDS.names)}")
    return field


def _expression(condition: Condition) -> pc.Expression:
    name, operator, value = known(condition.field), condition.operator, condition.value
    kind = _plain(FIELDS.field(name).type)
    field = pc.field(name)
    if operator not in OPERATORS:
        raise UserError(f"field {name}: expected one of {', '.join(OPERATORS)}, got {operator!r}")
    if pa.types.is_string(kind):
        if operator not in ("==", "!=", "has"):
            raise UserError(f"field {name} is text: it can be equal or hold a text, not be {operator} {value!r}")
        if operator == "has":
            return pc.match_substring(field.cast(pa.string()), str(value), ignore_case=True)
        same = field.cast(pa.string()) == str(value)
        return same if operator == "==" else ~same
    if operator == "has":
        raise UserError(f"field {name} is no text")
    value = _truth(name, value) if pa.types.is_boolean(kind) else _number(name, value)
    if pa.types.is_boolean(kind) and operator not in ("==", "!="):
        raise UserError(f"field {name} is true or false: use == or !=, not {operator}")
    return {"==": field == value, "!=": field != value, "<=": field <= value, ">=": field >= value,
            "<": field < value, ">": field > value}[operator]  # fmt: skip


def _truth(name: str, value: Any) -> bool:
    words = {"true": True, "false": False}
    found = words.get(str(value).lower())
    if found is None:
        raise UserError(f"field {name}: expected true or false, got {value!r}")
    return found


def _number(name: str, value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if found != found:
        raise UserError(f"field {name}: expected a number, got {value!r}")
    return found
