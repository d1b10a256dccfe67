"""Crystal structures that come with a table of materials: which columns hold them, and reading them by id.

They stay in their table: a ranking that carried them would be many times its size. Accepted are the three list
columns lattice (9 numbers, Å, one row vector after the other), species and frac_coords (3 numbers per site), or one
text column `structure` or `cif` that holds CIF or the JSON of a pymatgen structure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from catalogs import readers
from catalogs.records import UserError
from catalogs.tables import id_column

PARTS = ("lattice", "species", "frac_coords")
TEXTS = ("structure", "cif")
_MARKS = ("_cell_length_a", '"lattice"')

Pieces = Callable[[], Iterator[pa.Table]]


def structure_columns(file: Path) -> tuple[str, ...]:
    """Columns of a table file that hold structures; empty where none do."""
    schema = readers.schema_of(file)
    if all(name in schema.names and _is_list(schema.field(name).type) for name in PARTS):
        return PARTS
    for name in TEXTS:
        if name in schema.names and readers.is_text(schema.field(name).type):
            first = next((cell for piece in readers.batches(file, [name]) if (cell := _filled(piece[name]))), "")
            if any(mark in first for mark in _MARKS):
                return (name,)
    return ()


def structure_file(path: Path) -> Pieces:
    """Pieces with a text column `id` and the structure columns of a file of its own; UserError if it lacks either."""
    readers.check_file(path)
    label, columns = id_column(readers.column_names(path)), structure_columns(path)
    if label is None or not columns:
        what = (
            "an id column (id, material_id or mbid)" if label is None else f"{' + '.join(PARTS)}, or structure or cif"
        )
        raise UserError(f"--structures {path}: expected {what} among {', '.join(readers.column_names(path))}")

    def pieces() -> Iterator[pa.Table]:
        for raw in readers.batches(path, [label, *columns]):
            yield raw.select(columns).add_column(0, "id", readers.as_text(raw[label], path, label))

    return pieces


def wanted(pieces: Iterator[pa.Table], ids: Collection[str]) -> Iterator[dict[str, object]]:
    """Rows of those ids that hold a structure, as mappings."""
    known = pa.array(sorted(ids), pa.string())
    for piece in pieces:
        found = piece.filter(pc.is_in(piece["id"], known))
        yield from (row for row in found.to_pylist() if all(row[name] for name in found.column_names[1:]))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _filled(column: pa.ChunkedArray) -> str:
    return next((cell for cell in column.to_pylist() if cell and cell.strip()), "")
