"""Candidates as callers give them: a name, a file, a data frame, a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.candidates.catalog import Catalog
from kakehashi.catalogs.reading.memory_tables import open_frame
from kakehashi.catalogs.reading.open_table import OpenTable
from kakehashi.catalogs.reading.pulled import default_name
from kakehashi.catalogs.records import UserError
from kakehashi.screen.prediction.materials import is_frame, read_materials


def open_candidates(given: Any, *, smiles: bool) -> Catalog:
    """Open a catalogue; None is `mp` where it was pulled, else `default`.

    smiles : what a list holds, SMILES or formulas

    Raises
    ------
    UserError : as `open_catalog`, or a list of something else than text.
    """
    if given is None:
        given = default_name()
    return open_catalog(
        str(given) if isinstance(given, str | Path) else candidate_table(given, smiles=smiles), virtual=True
    )


def candidate_table(given: Any, *, smiles: bool) -> OpenTable:
    """Table of candidates from a data frame, a column or a list.

    Raises
    ------
    UserError : a cell that is neither text nor missing, with its row.
    """
    if is_frame(given):
        return open_frame(given)
    read = read_materials(given)
    for row, reason in enumerate(read.reasons, start=1):
        if reason not in ("", "empty"):
            raise UserError(f"candidate {row}: {reason}")
    listed = open_frame({"smiles" if smiles else "formula": pa.array(read.texts, pa.string())})
    return listed._replace(path=Path("a list of candidates"))
