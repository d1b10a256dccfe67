"""Catalogues of crystal structures, and structures beside the rows of others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from kakehashi.catalogs.candidates.catalog import REFUSED, STRUCTURE, Catalog, hash_files
from kakehashi.catalogs.crystals.sites import formula_of
from kakehashi.catalogs.crystals.structure_folders import hashed_files
from kakehashi.catalogs.crystals.structures import (
    Pieces,
    StructureReader,
    structure_file,
    structure_notes,
    wanted,
)
from kakehashi.catalogs.records import UserError


def catalog_of_structures(name: str, path: Path) -> Catalog:
    """Open structures as a catalogue; formulas are read from them."""
    structures = structure_file(path)
    schema = pa.schema([("id", pa.string()), ("formula", pa.string())])
    batch = schema.append(pa.field(REFUSED, pa.string()))

    def pieces() -> Iterator[pa.Table]:
        with StructureReader() as reader:
            for piece in structures():
                answers = reader.read(piece.to_pylist())
                formulas = [formula_of(sites) if sites else "" for sites, _ in answers]
                reasons = pa.array([reason for _, reason in answers], pa.string())
                yield pa.Table.from_arrays([piece["id"], pa.array(formulas, pa.string()), reasons], schema=batch)

    rows = sum(piece.num_rows for piece in structures())
    unread = structure_notes(path, rows)
    return Catalog(name, rows, schema, structures_sha256(path), unread, pieces, structures, unread=unread)


def with_structures(catalog: Catalog, by_id: Pieces | None = None, sha256: str = "") -> Catalog:
    """Add a last column `STRUCTURE` to every batch.

    by_id : structures of a catalogue that has none of its own

    sha256 : of what is found by id

    Raises
    ------
    UserError : it has no structures, and none are given.
    """
    native = catalog.structures
    if native is None and by_id is None:
        raise UserError(
            f"{catalog.name} holds no structures (lattice, species and frac_coords, or structure, cif or poscar as"
            " text): give them by id with --structures PATH"
        )

    def pieces() -> Iterator[pa.Table]:
        if native is not None:
            for rows, structures in side_by_side(catalog.pieces(), native()):
                yield rows.append_column(STRUCTURE, as_struct(structures.drop_columns(["id"])))
        elif by_id is not None:
            kind = pa.struct(list(next(by_id()).schema))
            for rows in catalog.pieces():
                by_name: dict[str, dict[str, object]] = {}
                for row in wanted(by_id(), set(rows["id"].to_pylist())):
                    by_name.setdefault(str(row["id"]), row)
                yield rows.append_column(STRUCTURE, pa.array([by_name.get(i) for i in rows["id"].to_pylist()], kind))

    content = (
        catalog.sha256 if native is not None else hashlib.sha256(f"{catalog.sha256} {sha256}".encode()).hexdigest()
    )
    return replace(catalog, pieces=pieces, sha256=content)


def side_by_side(left: Iterator[pa.Table], right: Iterator[pa.Table]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Pair the rows of two readings that are cut differently."""
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        rows = min(one.num_rows, other.num_rows)
        if rows:
            yield one.slice(0, rows), other.slice(0, rows)
        one = one.slice(rows) if one.num_rows > rows else next(left, None)
        other = other.slice(rows) if other.num_rows > rows else next(right, None)
    if one is not None or other is not None:
        raise UserError("a catalogue has more rows than structures, or fewer; the file changed while it was read")


def as_struct(table: pa.Table) -> pa.Array:
    """Return the columns of a table as one struct column."""
    table = table.combine_chunks()
    columns = [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in table.columns]
    return pa.StructArray.from_arrays(columns, fields=list(table.schema))


def structures_sha256(path: Path) -> str:
    """Hash a file's bytes, or a folder's names and bytes."""
    return hash_files(hashed_files(path) if path.is_dir() else [(path.name, path)])
