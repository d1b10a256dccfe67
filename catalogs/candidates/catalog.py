"""A catalogue of candidates, and the columns of its batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from kakehashi.catalogs.candidates.space import Space
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import UserError

_OUTPUT = (
    "rank mean lower upper probability spread at_ceiling domain domain_reason nearest_training distance reduced_formula"
    " formula_seen known_values"
    " measured measured_row clipped mean_unclipped lower_unclipped upper_unclipped"
)
RESERVED = frozenset(_OUTPUT.split())
"""Columns of a ranking; a catalogue's own column of such a name travels as `catalog_NAME`."""
STRUCTURE = "structure of the row"
"""Last column of batches with structures: a struct of a row's structure columns, null without any."""
REFUSED = "refusal of the row"
"""Last column of batches whose formulas are read from structures: why a row has none, else ""."""
VIRTUAL = pa.schema([("id", pa.string()), ("formula", pa.string()), ("origin", pa.string())])
"""Columns of the best rows of a virtual catalogue."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """Candidates to score, in batches.

    schema : of every batch: text columns `id` and `formula`, then the catalogue's own; `REFUSED` is the last where
        formulas are read from structures
    sha256 : of the content (file bytes, or the embedded table)
    structures : yields pieces with `id` and the columns of crystal structures, which no batch has; None without any
    smiles : whether formulas are repeat units
    space : of a virtual catalogue, whose batches are ranges of indices: one row with `start` and `stop`
    unread : sentences on files of a folder that are not read
    """

    name: str
    rows: int
    schema: pa.Schema
    sha256: str
    notes: tuple[str, ...]
    pieces: Callable[[], Iterator[pa.Table]]
    structures: Callable[[], Iterator[pa.Table]] | None = None
    smiles: bool = False
    space: Space | None = None
    unread: tuple[str, ...] = ()

    def batches(self, size: int) -> Iterator[pa.Table]:
        """Yield tables of `size` rows in catalogue order.

        The last may be shorter; they have `rows` rows in all.
        """
        if size < 1:
            raise ValueError(f"batch size must be at least 1, got {size}")
        if self.space is not None:
            for start in range(0, self.rows, size):
                yield pa.table({"start": [start], "stop": [min(start + size, self.rows)]})
            return
        waiting: list[pa.Table] = []
        waiting_rows = 0
        rows_left = self.rows
        for piece in self.pieces():
            piece = piece.slice(0, rows_left)
            rows_left -= piece.num_rows
            while waiting_rows + piece.num_rows >= size:
                taken = size - waiting_rows
                yield pa.concat_tables([*waiting, piece.slice(0, taken)]).combine_chunks()
                piece, waiting, waiting_rows = piece.slice(taken), [], 0
            if piece.num_rows:
                waiting.append(piece)
                waiting_rows += piece.num_rows
                readers.check_held(
                    sum(table.nbytes for table in waiting), f"{self.name}, {waiting_rows:,} rows at a time"
                )
            if rows_left <= 0:
                break
        if waiting_rows:
            yield pa.concat_tables(waiting).combine_chunks()
        if rows_left > 0:
            raise UserError(
                f"{self.name}: {rows_left} of {self.rows} rows are gone; the file changed while it was read"
            )


def hash_files(files: Sequence[tuple[str, Path]]) -> str:
    """Hash one file's bytes, or the names and bytes of several."""
    if len(files) == 1:
        return readers.sha256(files[0][1])
    lines = "".join(f"{name} {readers.sha256(file)}\n" for name, file in files)
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
