"""Training of networks for later runs, `kakehashi models train`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kakehashi.catalogs.candidates.candidates import named_materials
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.properties import table1
from kakehashi.catalogs.properties.stated_units import check_named, parse_units
from kakehashi.catalogs.properties.tables import load_table, read_from
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.models.config import TrainConfig
from kakehashi.screen.networks.kept import load_or_pretrain
from kakehashi.screen.networks.library import groups
from kakehashi.screen.networks.source import Settings, Source, Trunk, source_name, tell_apart, training_rows
from kakehashi.screen.progress import Mode, Progress, warn
from kakehashi.screen.runs.refused import warnings_of


def train(config: TrainConfig, mode: Mode, *, dry_run: bool = False) -> dict[str, Any]:
    """Train, or find, the networks of every source and keep them.

    Returns
    -------
    made : a record per stack; missing : properties of Table 1 that cannot be trained, with reasons

    Raises
    ------
    UserError : a source that cannot be read or learned from; of Table 1 such rows are among the `missing`.
    """
    progress = Progress(mode)
    # No network sees a material of this target.
    exclude = load_table(config.exclude).keys if config.exclude else ()
    made: list[dict[str, Any]] = []
    missing: list[dict[str, str]] = []
    material = named_materials(config.material, config.source)
    units = parse_units(config.unit)
    tables = [
        load_table(spec, material=material[spec], minimum=1, attachments=(0, 2), units=units) for spec in config.source
    ]
    check_named(units, read_from(config.source, tables))
    for text in warnings_of(tables, written=False):
        warn(mode, text)
    tables = tell_apart(tables, config.source)
    trunk: Trunk = config.trunk  # type: ignore[assignment]  # checked by resolve
    for group in groups(tables, trunk) if tables else []:
        made.append(_train_stack(group, config, exclude, progress, dry_run))
    for row, table in _rows_of_table1(config):
        try:
            if isinstance(table, str):
                raise UserError(table)
            made.append(_train_stack((table(),), config, exclude, progress, dry_run))
        except UserError as error:
            missing.append({"property": row.property, "reason": " ".join(str(error).split())})
            warn(mode, f"{row.property} cannot be had: {missing[-1]['reason']}")
    return {"made": made, "missing": missing}


def _rows_of_table1(config: TrainConfig) -> Iterator[tuple[table1.Property, Any]]:
    """Yield the rows of Table 1, each with its loader or a reason."""
    if config.table1 is None:
        return
    folder = path_of(config.table1)
    if not folder.is_dir():
        raise UserError(f"--table1: expected the folder of the data, got {folder}")
    for row in table1.properties():
        reason = table1.missing(row, folder)
        yield row, reason or (lambda row=row: table1.table(row, folder, config.seed))


def _train_stack(
    tables: tuple[PropertyTable, ...], config: TrainConfig, exclude: Any, progress: Progress, dry_run: bool
) -> dict[str, Any]:
    """Train one stack; its record."""
    molecules = tables[0].molecules is not None
    convention = convention_for(
        tables,
        None if molecules and config.table1 is not None else config.convention,
        config.descriptors if molecules or config.table1 is None else None,
    )
    settings = Settings(config.networks, config.seed, convention)
    if dry_run:
        units = ", ".join(dict.fromkeys(table.unit for table in tables))
        rows = len(training_rows(tables, exclude, settings.seed).joined.keys)
        return {"property": source_name(tables), "unit": units, "rows": rows, "descriptor": convention,
                "networks": config.networks}  # fmt: skip
    start = time.perf_counter()
    source = load_or_pretrain(tables, settings, exclude=exclude, stage=progress.stage)
    checkpoint = source.checkpoint
    folder = shelf.folders().get(checkpoint.key) if checkpoint else None
    if checkpoint is None or folder is None:
        raise UserError(checkpoint.warning if checkpoint else "nothing was kept", code=1)
    shelf.keep(folder)
    if checkpoint.warning:
        warn(progress.mode, checkpoint.warning)
    return stack_record(source, folder, time.perf_counter() - start)


def stack_record(source: Source, folder: Path, seconds: float) -> dict[str, Any]:
    """Record of a trained stack, as JSON values."""
    scores = source.evidence.scores if source.evidence else np.full((len(source.networks), 1, 8), np.nan)
    with np.errstate(all="ignore"):
        best, middle = np.max(scores[..., 5], axis=0), np.median(scores, axis=0)
    checkpoint = source.checkpoint
    card = json.loads((folder / shelf.CARD).read_bytes())
    return {
        "id": folder.name, "property": card["property"], "unit": card["unit"], "log": card["log"],
        "descriptor": card["descriptor"], "networks": len(source.networks), "rows": len(source.keys),
        "split": card["split"], "mae": _numbers(middle[:, 0]), "pearson": _numbers(middle[:, 5]),
        "best_pearson": _numbers(best), "bytes": card["bytes"], "seconds": round(seconds, 1),
        "reused": bool(checkpoint and checkpoint.reused), "folder": str(folder),
    }  # fmt: skip


def _numbers(values: Any) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]
