"""Predict the materials of a file, and write or print them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.files import parquet
from kakehashi.catalogs.files.durable import write_durably
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.reading.readers import open_table
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.shown import as_json, say
from kakehashi.screen.device import choose
from kakehashi.screen.device_names import Device
from kakehashi.screen.prediction.materials import read_materials
from kakehashi.screen.prediction.predict import predict_table
from kakehashi.screen.prediction.saved import read_model
from kakehashi.screen.ranking.csv_text import csv_bytes
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.transfer.fit import Model


def predict_file(
    file: str,
    model: str,
    out: str | None = None,
    *,
    material: Sequence[str] | None = None,
    device: Device = "auto",
    overwrite: bool = False,
    json_out: bool = False,
    quiet: bool = False,
) -> int:
    """Predict a file with a saved model; the exit code.

    Raises
    ------
    UserError : no such file or model, or a file to write that is there already.
    """
    target = None if out is None else _to_write(out, overwrite)
    choose(device)
    fitted = read_model(model)
    structural = fitted.target.crystals is not None
    table = predict_table(
        make_scorer(fitted), read_materials(open_table(path_of(file)), material, structural=structural)
    )
    if target is not None:
        _write(target, table, fitted)
    refused = pc.sum(pc.is_null(table["domain"])).as_py() or 0
    if json_out:
        say(as_json({"rows": _rows(table), "unit": fitted.target.unit, "refused": refused, "written": out}))
    elif target is None:
        say(csv_bytes(_blank(table)).decode().removesuffix("\n"))
    elif not quiet:
        say(f"{table.num_rows - refused:,} of {table.num_rows:,} rows predicted; written: {target}")
    if refused and not json_out and not quiet:
        say(f"{refused:,} rows have no prediction; the column reason says why", error=True)
    return 0


def _to_write(out: str, overwrite: bool) -> Path:
    path = path_of(out)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UserError(f"--out: expected a name that ends in .csv or .parquet, got {out}")
    if path.exists() and not overwrite:
        raise UserError(f"{out} is there already: --overwrite replaces it")
    return path


def _write(path: Path, table: pa.Table, model: Model) -> None:
    if path.suffix.lower() == ".csv":
        write_durably(path, csv_bytes(_blank(table)))
        return
    parquet.write_file(path, table, {"unit": model.target.unit, "target": model.target.name})


def _blank(table: pa.Table) -> pa.Table:
    """Table whose numbers are empty, not NaN, where there is none."""
    for i, name in enumerate(table.column_names):
        if pa.types.is_floating(table.schema.field(name).type):
            column = table[name]
            table = table.set_column(i, name, pc.if_else(pc.is_nan(column), None, column))
    return table


def _rows(table: pa.Table) -> list[dict[str, object]]:
    return [
        {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in row.items()}
        for row in table.to_pylist()
    ]
