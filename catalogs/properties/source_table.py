"""Records of a table that comes with the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa

from kakehashi.catalogs.records import FloatArray

UNIT_UNSTATED = "unit not stated upstream"


class Rows(NamedTuple):
    """Rows of a property as read, n of them.

    formulas : formulas or SMILES
    values : (n,) float64
    notes : sentences on rows that were left out
    """

    ids: list[str]
    formulas: list[str]
    values: FloatArray
    notes: tuple[str, ...]
    sha256: str


class SourceTable(NamedTuple):
    """A property known by a name, and its reader.

    unit : of the values, "" where nobody states it
    log : whether ln(value) is fitted
    source, licence : the package that carries the data, and its terms
    kind : "source" or "target"
    attachments : numbers of `*` a SMILES may have; None where materials are formulas
    """

    quantity: str
    unit: str
    log: bool
    source: str
    licence: str
    description: str
    citation: str
    load: Callable[[], Rows]
    kind: str = "source"
    attachments: tuple[int, ...] | None = None


class CandidateList(NamedTuple):
    """Formulas known by a name.

    load : returns columns `id` and `formula` first
    """

    source: str
    licence: str
    description: str
    citation: str
    load: Callable[[], pa.Table]
