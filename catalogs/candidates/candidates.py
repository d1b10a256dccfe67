"""Open a catalogue of candidates by name: embedded, pulled, virtual, table or structures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from kakehashi.catalogs.candidates.catalog import VIRTUAL, Catalog
from kakehashi.catalogs.candidates.space import NAME, make_space, read_space
from kakehashi.catalogs.candidates.structure_catalog import catalog_of_structures
from kakehashi.catalogs.candidates.table_catalog import catalog_of_table
from kakehashi.catalogs.crystals.structures import (
    holds_only_structures,
)
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties.material_columns import (
    Material,
    given_columns,
)
from kakehashi.catalogs.properties.tables import split_spec
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.reading.open_table import OpenTable
from kakehashi.catalogs.records import UserError

_EMBEDDED_BATCH = 65_536


def open_catalog(
    spec: str | OpenTable, material: Material = None, limit: int | None = None, *, virtual: bool = False
) -> Catalog:
    """Open a catalogue by its name or path, or a table in memory.

    An embedded or pulled name, a table file, a folder of Parquet, or structures.

    Structures are a folder of CIF or POSCAR files or JSON documents; their formulas are read from them.

    material : column of formulas or SMILES
    limit : rows to read at most
    virtual : take `enumerate`, or a TOML file of `catalogs.candidates.space`, too, whose batches hold no rows

    Raises
    ------
    UserError
        If there is no such catalogue, or it has no column of formulas.

    Examples
    --------
    >>> catalog = open_catalog("enumerate", limit=5, virtual=True)
    >>> [batch.to_pylist() for batch in catalog.batches(4)]
    [[{'start': 0, 'stop': 4}], [{'start': 4, 'stop': 5}]]
    """
    from kakehashi.catalogs.properties import embedded

    if limit is not None and limit < 1:
        raise UserError(f"--limit must be at least 1, got {limit}")
    if isinstance(spec, OpenTable):
        catalog = catalog_of_table(str(spec), spec, material)
        return replace(catalog, rows=catalog.rows if limit is None else min(limit, catalog.rows))
    path = path_of(spec)
    if spec in embedded.known():
        if given_columns(material):
            raise UserError(f"'{spec}' is an embedded list; --material is for files")
        catalog = _embedded(spec, embedded.candidates(spec))
    elif spec in pulled.names():
        catalog = catalog_of_table(spec, pulled.folder(spec), material)
        catalog = replace(catalog, notes=(pulled.origin(pulled.card(spec)), *catalog.notes))
    elif is_virtual(spec):
        if given_columns(material):
            raise UserError(f"{spec} is a virtual catalogue; --material is for files of rows")
        if not virtual:
            raise UserError(f"{spec} is a virtual catalogue: only `kakehashi screen` and kh.screen look for its best")
        catalog = _virtual(spec)
    elif path.exists() and holds_only_structures(path):
        if given_columns(material):
            raise UserError(f"{spec} holds structures; --material is for tables")
        catalog = catalog_of_structures(spec, path)
    elif path.is_dir() or readers.suffix_of(path) or path.exists():
        catalog = catalog_of_table(spec, path, material)
    else:
        raise UserError(embedded.unknown_name(spec, (*embedded.known(), *pulled.names())))
    if catalog.rows == 0:
        what = "holds no structures" if holds_only_structures(path) else "has a header but no rows"
        raise UserError(f"{spec} {what}")
    rows = catalog.rows if limit is None else min(limit, catalog.rows)
    return replace(catalog, rows=rows)


def is_virtual(spec: str) -> bool:
    """Tell whether a name stands for a virtual catalogue.

    >>> is_virtual("enumerate"), is_virtual("space.toml"), is_virtual("my.csv")
    (True, True, False)
    """
    return spec == NAME or Path(spec).suffix.lower() == ".toml"


def columns_of(spec: str) -> list[str]:
    """Return the columns of a table, none of other catalogues."""
    from kakehashi.catalogs.properties import embedded

    path, _ = split_spec(spec)
    if spec in embedded.known() or is_virtual(spec) or not path.exists() or holds_only_structures(path):
        return []
    return readers.column_names(path)


def named_materials(material: Material, specs: Sequence[str]) -> dict[str, str | None]:
    """Find the column of `--material` in each file, else None.

    None means that the known names apply.

    Raises
    ------
    UserError : no file has any of them.
    """
    choices = given_columns(material)
    if not choices:
        return dict.fromkeys(specs)
    chosen: dict[str, str | None] = {}
    for spec in specs:
        columns = columns_of(spec)
        chosen[spec] = next((name.strip() for name in choices if name.strip() in columns), None)
    if not any(chosen.values()):
        tables = [spec for spec in chosen if columns_of(spec)] or list(chosen)
        raise UserError(f"--material: no column {' or '.join(map(repr, choices))} in any of {', '.join(tables)}")
    return chosen


def _embedded(name: str, table: pa.Table) -> Catalog:
    digest = hashlib.sha256(name.encode())
    for column in ("id", "formula"):
        digest.update("\n".join(table[column].to_pylist()).encode())

    def pieces() -> Iterator[pa.Table]:
        for start in range(0, table.num_rows, _EMBEDDED_BATCH):
            yield table.slice(start, _EMBEDDED_BATCH)

    return Catalog(name, table.num_rows, table.schema, digest.hexdigest(), (), pieces)


def _virtual(spec: str) -> Catalog:
    space = make_space() if spec == NAME else read_space(path_of(spec))
    return Catalog(spec, space.size, VIRTUAL, space.sha256, (), lambda: iter(()), space=space)
