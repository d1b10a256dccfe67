"""Fields of the index of trained models, and the rows of a card.

The fields are the 27 that XenonPy.MDL (Liu, Yamada & Wu, 2021) lets its users query, then the other facts of a card.
Those of classifications are null: all models here are regressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from kakehashi.catalogs.models import card_checks, library
from kakehashi.catalogs.records import UserError

_WORDS = pa.dictionary(pa.int32(), pa.string())
_CLASSIFICATION = (
    *("accuracy", "precision", "recall", "f1", "sensitivity", "prevalence", "specificity", "ppv", "npv"),
)
# Names of a card's metrics, by field.
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
# Fields by their short names.
SHORT = {"mae": "mean_abs_error", "max_ae": "max_abs_error", "mse": "mean_square_error",
         "rmse": "root_mean_square_error", "pearson": "pearson_corr", "spearman": "spearman_corr"}  # fmt: skip


def rows_of(card: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the index rows of one card.

    Raises
    ------
    KeyError, TypeError, ValueError : a card that does not say what the index needs, or says what cannot be.
    """
    card_checks.check(card)
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
    if kind == "foundation":
        own = {
            "method": card["method"], "structure": card["structure"], "layers": card["structure"].count("-") - 1,
            "parameters": card["parameters"], "epochs": card["epochs"], "networks": card["networks"],
        }  # fmt: skip
        return [
            {"id": f"{key[:16]}-{number}", **common, **own, **_about(task), "log": task["transform"] == "ln",
             "number": number, "held_out": task["held_out"], **_errors(task["metrics"])}
            for number, task in enumerate(card["tasks"])
        ]  # fmt: skip
    if kind == "crystal networks":
        raise ValueError(f"of an earlier version, not used any more: delete {path}")
    if kind != "networks":
        raise ValueError(f"a card of kind {kind!r}")
    rows = []
    for number, entry in enumerate(card["entries"]):
        own = {
            "id": f"{key[:16]}-{number}", "method": card.get("method", "fully connected network"),
            "structure": entry["structure"], "layers": entry.get("layers", entry["structure"].count("-") - 1),
            "parameters": entry["parameters"], "epochs": entry["epochs"], "number": number,
            "networks": card["networks"],
        }  # fmt: skip
        for i, task in enumerate(card["tasks"]):
            about = _about(task) | {
                "log": task["log"], "held_out": entry["held_out"][i] if entry["held_out"] else None
            }  # fmt: skip
            rows.append({**common, **own, **about, **_errors(entry["metrics"][i] if entry["metrics"] else {})})
    return rows


def _about(task: Mapping[str, Any]) -> dict[str, Any]:
    """Facts about a property that networks learned."""
    return {"property": task["property"], "unit": task["unit"], "rows": task["rows"], "modelset": task["source"],
            "licence": task["licence"]}  # fmt: skip


def _errors(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {field: metrics.get(name) for field, name in _METRICS.items()}


def table_of(cards: Iterable[Sequence[Mapping[str, Any]]]) -> pa.Table:
    """Return rows of cards as a table.

    Raises
    ------
    pa.ArrowException, TypeError, ValueError, OverflowError : a value that is not of its field's kind.
    """
    rows = [row for card in cards for row in card]
    columns = {
        field.name: pa.array([row.get(field.name) for row in rows], _plain(field.type)).cast(field.type)
        for field in FIELDS
    }
    return pa.table(columns, schema=FIELDS)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def is_text(field: str) -> bool:
    """Tell whether a field holds texts."""
    return bool(pa.types.is_string(_plain(FIELDS.field(field).type)))


def known(name: str) -> str:
    """Return a field by full or short name; UserError otherwise.

    >>> known("mae")
    'mean_abs_error'

    """
    field = SHORT.get(name, name)
    if field not in FIELDS.names:
        near = get_close_matches(name, [*FIELDS.names, *SHORT], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UserError(f"no field {name!r} in the index of models{hint}; fields: {', '.join(FIELDS.names)}")
    return field
