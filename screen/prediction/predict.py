"""Predictions of a model in the order of its input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.candidates.catalog import STRUCTURE
from kakehashi.catalogs.candidates.structure_catalog import as_struct
from kakehashi.screen.prediction.materials import Materials
from kakehashi.screen.scoring.partitions import PARTITION_ROWS, PartitionScorer

# Columns of predictions beside those that name a row.
PREDICTED = pa.schema(
    [("mean", pa.float64()), ("lower", pa.float64()), ("upper", pa.float64()), ("domain", pa.string()),
     ("reason", pa.string()), ("nearest", pa.string())]
)  # fmt: skip
# Columns of scores that they are.
_SCORES = dict(zip(PREDICTED.names, ("mean", "lower", "upper", "domain", "domain_reason", "nearest_training"),
                   strict=True))  # fmt: skip


def predict_table(scorer: PartitionScorer, materials: Materials, *, rows: int = PARTITION_ROWS) -> pa.Table:
    """Predict n materials; a table of n rows in their order.

    Columns are `id` (where given), `formula` or `smiles`, and those of `PREDICTED`, in the target's unit. A row that
    cannot be predicted has NaN, no domain, and the reason.

    rows : predicted at a time

    Raises
    ------
    UserError : a model of structures, and materials without any.
    """
    n = len(materials.texts)
    parts = [_part(scorer, materials, start, min(start + rows, n)) for start in range(0, max(n, 1), rows)]
    name = "formula" if scorer.model.target.molecules is None else "smiles"
    named = {name: pa.array(materials.texts, pa.string())}
    if materials.ids is not None:
        named = {"id": pa.array(materials.ids, pa.string()), **named}
    predicted = pa.concat_tables(parts)
    return pa.table({**named, **{column: predicted[column] for column in predicted.column_names}})


def _part(scorer: PartitionScorer, materials: Materials, start: int, stop: int) -> pa.Table:
    n = stop - start
    places = [str(i) for i in range(n)]
    rows = pa.table({"id": places, "formula": pa.array(materials.texts[start:stop], pa.string())})
    if materials.structures is not None:
        rows = rows.append_column(STRUCTURE, as_struct(materials.structures.slice(start, n)))
    part = scorer(rows)
    good = part.scores["id"].cast(pa.int64()).to_numpy()
    bad = part.quarantine["id"].cast(pa.int64()).to_numpy()
    reasons = np.array(materials.reasons[start:stop], dtype=object)
    said = np.array(part.quarantine["reason"].to_pylist(), dtype=object)
    columns: dict[str, Any] = {}
    for field in PREDICTED:
        cells = np.full(n, np.nan) if pa.types.is_floating(field.type) else np.full(n, None, object)
        cells[good] = part.scores[_SCORES[field.name]].to_numpy(zero_copy_only=False)
        columns[field.name] = cells
    columns["reason"][bad] = np.where(reasons[bad] == "", said, reasons[bad]) if len(bad) else said
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in PREDICTED})
