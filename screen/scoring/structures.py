"""Score a catalogue of structures, each on its own, polymorphs apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.candidates.catalog import REFUSED, STRUCTURE
from kakehashi.catalogs.crystals.structures import StructureReader
from kakehashi.catalogs.crystals.tables import parse_rows
from kakehashi.catalogs.formulas.slots import formula_text, reduce
from kakehashi.catalogs.records import Crystals, UserError
from kakehashi.screen.cache.packing import content_hash
from kakehashi.screen.descriptors.neighbours import connect
from kakehashi.screen.scoring.batches import Predictions
from kakehashi.screen.scoring.columns import (
    SCORES,
    ScoredPartition,
    score_columns,
    scoring_environment,
    set_aside,
)
from kakehashi.screen.transfer.features import compute_features, distance_space
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.stack import predict_stack
from kakehashi.screen.validation.domain import nearest

# Structures at a time: their features take up to 100 MB.
CHUNK = 2_048


def score_structures(model: Model, rows: pa.Table) -> ScoredPartition:
    """Score a table of structures with text columns `id` and `formula`.

    Structures are in the column `STRUCTURE`, which the scores leave out. A structure goes to quarantine, with the
    reason, if it cannot be read, has another composition than its formula, no crystal graph, or no finite score.
    """
    if STRUCTURE not in rows.column_names:
        raise UserError("this model was fitted on structures: the candidates need structures too")
    if REFUSED in rows.column_names:  # reasons come from the structures instead
        rows = rows.drop_columns([REFUSED])
    with StructureReader() as reader:
        starts = range(0, max(rows.num_rows, 1), CHUNK)
        parts = [_chunk(model, rows.slice(start, CHUNK), reader) for start in starts]
    return ScoredPartition(
        pa.concat_tables(part.scores for part in parts), pa.concat_tables(part.quarantine for part in parts)
    )


def predict_crystals(model: Model, crystals: Crystals) -> Predictions:
    """Predictions for n structures that have crystal graphs."""
    features = compute_features(model.library, crystals)
    mean, spread = predict_stack(model.stack, features, np.arange(len(features.raw)))
    index, distance = nearest(distance_space(features, model.reference), model.training)
    return Predictions(mean, spread, distance / model.unit, index)


def hash_model(model: Model) -> str:
    """Sha256 of everything that scores of a structure model depend on."""
    bare = model._replace(target=None, leaderboard=(), verdict=None, checkpoint=None)  # type: ignore[arg-type]
    sources = tuple(source._replace(checkpoint=None) for source in model.library.sources)
    bare = bare._replace(library=model.library._replace(sources=sources))
    return content_hash(
        {"model": bare, "keys": model.target.keys, "log": model.target.log, "in": scoring_environment()}
    )


def _chunk(model: Model, rows: pa.Table, reader: StructureReader) -> ScoredPartition:
    structures = [row or {"structure": ""} for row in rows[STRUCTURE].to_pylist()]
    rows = rows.drop_columns([STRUCTURE])
    parsed = parse_rows(structures, rows["formula"].to_pylist(), reader)
    reasons, crystals = parsed.reasons, parsed.crystals
    good = np.flatnonzero(reasons == "")
    reasons[good] = connect(crystals).reasons
    crystals = crystals.take(np.flatnonzero(reasons[good] == ""))
    good = np.flatnonzero(reasons == "")
    columns, finite = _columns(model, crystals)
    reasons[good[~finite]] = "the prediction is not a finite number"
    scored = rows.take(pa.array(good[finite]))
    for field in SCORES:
        scored = scored.append_column(field, pa.array(columns[field.name][finite], field.type))
    return ScoredPartition(scored, set_aside(rows, reasons))


def _columns(model: Model, crystals: Crystals) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    if not len(crystals.lattices):
        return {field.name: np.empty(0, dtype=object) for field in SCORES}, np.empty(0, bool)
    reduced = reduce(crystals.compositions)
    return score_columns(model, reduced, formula_text(reduced), predict_crystals(model, crystals))
