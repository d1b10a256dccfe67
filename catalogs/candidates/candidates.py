"""Candidate catalogues read in batches: an embedded list, a table file, a folder of Parquet, structures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.candidates.space import NAME, Space, make_space, read_space
from kakehashi.catalogs.crystals.sites import formula_of
from kakehashi.catalogs.crystals.structure_folders import hashed_files
from kakehashi.catalogs.crystals.structures import (
    Pieces,
    StructureReader,
    holds_only_structures,
    structure_columns,
    structure_file,
    structure_notes,
    wanted,
)
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties.material_columns import (
    Material,
    file_holds_smiles,
    given_columns,
    id_column,
    material_column,
)
from kakehashi.catalogs.properties.tables import split_spec
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.reading.column_types import as_type, profile
from kakehashi.catalogs.records import UserError

_OUTPUT = (
    "rank mean lower upper probability spread at_ceiling domain domain_reason nearest_training distance reduced_formula"
)
RESERVED = frozenset(_OUTPUT.split())
"""Columns of a ranking; a catalogue's own column of such a name travels as `catalog_NAME`."""
STRUCTURE = "structure of the row"
"""Column of batches `with_structures`: a struct of a row's structure columns, null where it has none."""
REFUSED = "refusal of the row"
"""Last column of batches whose formulas are read from structures: why there is none, "" where there is one."""
_EMBEDDED_BATCH = 65_536
VIRTUAL = pa.schema([("id", pa.string()), ("formula", pa.string()), ("origin", pa.string())])
"""Columns of what is kept of a virtual catalogue."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """Candidates to score: text columns `id` and `formula` first, then the catalogue's own columns.

    Where `smiles` is set the formulas are repeat units. `schema` is that of every batch; `sha256` stands for the
    content (file bytes, or the embedded table). Where formulas are read from structures a batch ends in `REFUSED`, and
    `unread` says what of a folder is left aside. `structures` yields pieces with `id` and the columns of crystal
    structures, which no batch has; None without any. A virtual catalogue has a `space`, and its batches are ranges of
    indices: one row with `start` and `stop`.
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
        """Yield tables of `size` rows (the last may be shorter), `rows` rows in all, in catalogue order."""
        if size < 1:
            raise ValueError(f"batch size must be at least 1, got {size}")
        if self.space is not None:
            for start in range(0, self.rows, size):
                yield pa.table({"start": [start], "stop": [min(start + size, self.rows)]})
            return
        waiting: list[pa.Table] = []
        held = 0
        left = self.rows
        for piece in self.pieces():
            piece = piece.slice(0, left)
            left -= piece.num_rows
            while held + piece.num_rows >= size:
                taken = size - held
                yield pa.concat_tables([*waiting, piece.slice(0, taken)]).combine_chunks()
                piece, waiting, held = piece.slice(taken), [], 0
            if piece.num_rows:
                waiting.append(piece)
                held += piece.num_rows
                readers.check_held(sum(table.nbytes for table in waiting), f"{self.name}, {held:,} rows at a time")
            if left <= 0:
                break
        if held:
            yield pa.concat_tables(waiting).combine_chunks()
        if left > 0:
            raise UserError(f"{self.name}: {left} of {self.rows} rows are gone; the file changed while it was read")


def open_catalog(spec: str, material: Material = None, limit: int | None = None, *, virtual: bool = False) -> Catalog:
    """Open a catalogue: an embedded or pulled name, a table file, a folder of Parquet, or structures; `limit` cuts it.

    Structures are a folder of CIF or POSCAR files or JSON documents; their formulas are read from them.

    virtual : take `enumerate`, or a TOML file of `catalogs.candidates.space`, too, whose batches hold no rows

    Raises
    ------
    UserError
        If there is no such catalogue, or it has no column of formulas.
    """
    from kakehashi.catalogs.properties import embedded

    if limit is not None and limit < 1:
        raise UserError(f"--limit must be at least 1, got {limit}")
    path = path_of(spec)
    if spec in embedded.known():
        if given_columns(material):
            raise UserError(f"'{spec}' is an embedded list; --material is for files")
        found = _embedded(spec, embedded.candidates(spec))
    elif spec in pulled.names():
        found = _of_table(spec, pulled.folder(spec), material)
        found = replace(found, notes=(pulled.origin(pulled.card(spec)), *found.notes))
    elif is_virtual(spec):
        if given_columns(material):
            raise UserError(f"{spec} is a virtual catalogue; --material is for files of rows")
        if not virtual:
            raise UserError(f"{spec} is a virtual catalogue: only `kakehashi screen` and kh.screen look for its best")
        found = _virtual(spec)
    elif path.exists() and holds_only_structures(path):
        if given_columns(material):
            raise UserError(f"{spec} holds structures; --material is for tables")
        found = _structures(spec, path)
    elif path.is_dir() or readers.suffix_of(path) or path.exists():
        found = _of_table(spec, path, material)
    else:
        raise UserError(embedded.unknown_name(spec, (*embedded.known(), *pulled.names())))
    if found.rows == 0:
        what = "holds no structures" if holds_only_structures(path) else "has a header but no rows"
        raise UserError(f"{spec} {what}")
    rows = found.rows if limit is None else min(limit, found.rows)
    return replace(found, rows=rows)


def is_virtual(spec: str) -> bool:
    """Whether a spec names a virtual catalogue."""
    return spec == NAME or Path(spec).suffix.lower() == ".toml"


def _virtual(spec: str) -> Catalog:
    space = make_space() if spec == NAME else read_space(path_of(spec))
    return Catalog(spec, space.size, VIRTUAL, space.sha256, (), lambda: iter(()), space=space)


def with_structures(catalog: Catalog, by_id: Pieces | None = None, sha256: str = "") -> Catalog:
    """The catalogue with a last column `STRUCTURE` in every batch, its own or, where it has none, found `by_id`.

    sha256 : of what is found by id

    Raises
    ------
    UserError : it has no structures, and none are given.
    """
    own = catalog.structures
    if own is None and by_id is None:
        raise UserError(
            f"{catalog.name} holds no structures (lattice, species and frac_coords, or structure, cif or poscar as"
            " text): give them by id with --structures PATH"
        )

    def pieces() -> Iterator[pa.Table]:
        if own is not None:
            for rows, held in side_by_side(catalog.pieces(), own()):
                yield rows.append_column(STRUCTURE, as_struct(held.drop_columns(["id"])))
        elif by_id is not None:
            kind = pa.struct(list(next(by_id()).schema))
            for rows in catalog.pieces():
                found: dict[str, dict[str, object]] = {}
                for row in wanted(by_id(), set(rows["id"].to_pylist())):
                    found.setdefault(str(row["id"]), row)
                yield rows.append_column(STRUCTURE, pa.array([found.get(i) for i in rows["id"].to_pylist()], kind))

    content = catalog.sha256 if own is not None else hashlib.sha256(f"{catalog.sha256} {sha256}".encode()).hexdigest()
    return replace(catalog, pieces=pieces, sha256=content)


def side_by_side(left: Iterator[pa.Table], right: Iterator[pa.Table]) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Pairs of pieces with the same rows, of two readings of one table that are cut in different places."""
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        rows = min(one.num_rows, other.num_rows)
        if rows:
            yield one.slice(0, rows), other.slice(0, rows)
        one = one.slice(rows) if one.num_rows > rows else next(left, None)
        other = other.slice(rows) if other.num_rows > rows else next(right, None)
    if one is not None or other is not None:
        raise UserError("a catalogue has more rows than structures, or fewer; the file changed while it was read")


def columns_of(spec: str) -> list[str]:
    """Column names of the file or folder that `spec` names; none for other specs."""
    from kakehashi.catalogs.properties import embedded

    path, _ = split_spec(spec)
    if spec in embedded.known() or is_virtual(spec) or not path.exists() or holds_only_structures(path):
        return []
    return readers.column_names(path)


def named_materials(material: Material, specs: Sequence[str]) -> dict[str, str | None]:
    """By spec, the first column `--material` names that the file has, None where the known names apply.

    Raises
    ------
    UserError : no file has any of them.
    """
    given = given_columns(material)
    if not given:
        return dict.fromkeys(specs)
    found: dict[str, str | None] = {}
    for spec in specs:
        columns = columns_of(spec)
        found[spec] = next((name.strip() for name in given if name.strip() in columns), None)
    if not any(found.values()):
        tables = [spec for spec in found if columns_of(spec)] or list(found)
        raise UserError(f"--material: no column {' or '.join(map(repr, given))} in any of {', '.join(tables)}")
    return found


def _embedded(name: str, table: pa.Table) -> Catalog:
    digest = hashlib.sha256(name.encode())
    for column in ("id", "formula"):
        digest.update("\n".join(table[column].to_pylist()).encode())

    def pieces() -> Iterator[pa.Table]:
        for start in range(0, table.num_rows, _EMBEDDED_BATCH):
            yield table.slice(start, _EMBEDDED_BATCH)

    return Catalog(name, table.num_rows, table.schema, digest.hexdigest(), (), pieces)


def as_struct(table: pa.Table) -> pa.Array:
    """The columns of a table as one column `STRUCTURE`."""
    table = table.combine_chunks()
    columns = [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in table.columns]
    return pa.StructArray.from_arrays(columns, fields=list(table.schema))


def _structures(name: str, path: Path) -> Catalog:
    structures = structure_file(path)
    schema = pa.schema([("id", pa.string()), ("formula", pa.string())])
    batch = schema.append(pa.field(REFUSED, pa.string()))

    def pieces() -> Iterator[pa.Table]:
        with StructureReader() as reader:
            for held in structures():
                found = reader.read(held.to_pylist())
                formulas = [formula_of(sites) if sites else "" for sites, _ in found]
                reasons = pa.array([reason for _, reason in found], pa.string())
                yield pa.Table.from_arrays([held["id"], pa.array(formulas, pa.string()), reasons], schema=batch)

    rows = sum(held.num_rows for held in structures())
    unread = structure_notes(path, rows)
    return Catalog(name, rows, schema, structures_sha256(path), unread, pieces, structures, unread=unread)


def structures_sha256(path: Path) -> str:
    """Hash of the bytes of a file, or of the names and bytes of a folder's files."""
    return _sha256_named(hashed_files(path) if path.is_dir() else [(path.name, path)])


def _of_table(name: str, path: Path, material: Material) -> Catalog:
    names = readers.column_names(path)
    formula, label = material_column(names, path, material), id_column(names)
    if label == formula:
        label = None
    structural = tuple(name for name in structure_columns(path) if name not in (formula, label))
    others = [column for column in names if column not in (formula, label, *structural)]
    decimal = readers.decimal_mark(path)
    rows, kinds = profile(path, others, decimal)
    if readers.is_typed(path):
        known = readers.schema_of(path)
        readers.as_text(pa.chunked_array([], known.field(formula).type), name, formula)
        if label is not None:
            readers.as_ids(pa.chunked_array([], known.field(label).type), name, label)
    renamed = _passed_on(others)
    schema = pa.schema(
        [("id", pa.string()), ("formula", pa.string())] + [(renamed[column], kinds[column]) for column in others]
    )

    def pieces() -> Iterator[pa.Table]:
        start = 0
        for raw in readers.batches(path, [column for column in names if column not in structural]):
            formulas = readers.as_text(raw[formula], path, formula)
            own = [as_type(raw[column], kinds[column], decimal) for column in others]
            yield pa.Table.from_arrays([_ids(raw, path, start, label), formulas, *own], schema=schema)
            start += raw.num_rows

    def structures() -> Iterator[pa.Table]:
        start = 0
        for raw in readers.batches(path, [*([label] if label else []), *structural]):
            yield raw.select(structural).add_column(0, "id", _ids(raw, path, start, label))
            start += raw.num_rows

    notes = [f"catalogue column '{old}' is passed on as '{new}'" for old, new in renamed.items() if old != new]
    if unnamed := readers.unnamed_columns(path):
        notes.append(f"{unnamed} column{'s' * (unnamed > 1)} without a name left out")
    unread = _unread(path)
    notes.extend(unread)
    if structural:
        notes.append(
            f"structures ({', '.join(structural)}) stay in the catalogue: --export cif writes those of the best"
        )
    return Catalog(
        name,
        rows,
        schema,
        _content(path),
        tuple(notes),
        pieces,
        structures if structural else None,
        file_holds_smiles(path, formula),
        unread=unread,
    )


def _unread(folder: Path) -> tuple[str, ...]:
    """What to say of files that a folder of Parquet holds besides its data."""
    left = readers.unread(folder) if folder.is_dir() else []
    more = f" and {len(left) - 3:,} more" if len(left) > 3 else ""
    return (f"not read in {folder}: {', '.join(left[:3])}{more}",) if left else ()


def _ids(raw: pa.Table, file: Path, start: int, label: str | None) -> pa.ChunkedArray:
    """Ids as text; the number of the row where there is none."""
    numbers = pc.cast(pa.array(range(start + 1, start + raw.num_rows + 1), pa.int64()), pa.string())
    if label is None:
        return pa.chunked_array([numbers])
    text = readers.as_ids(raw[label], file, label)
    return pc.if_else(pc.fill_null(pc.not_equal(text, ""), False), text, numbers)


def _passed_on(columns: list[str]) -> dict[str, str]:
    """Name each of the catalogue's own columns; reserved names get a prefix."""
    taken = {"id", "formula", *(column for column in columns if column not in RESERVED | {"id", "formula"})}
    renamed = {}
    for column in columns:
        new = column
        if column in RESERVED or column in ("id", "formula"):
            new = f"catalog_{column}"
            while new in taken:
                new = f"catalog_{new}"
            taken.add(new)
        renamed[column] = new
    return renamed


def _content(path: Path) -> str:
    """Hash of a table's bytes; of a folder those of its files, and the keys that its folders name."""
    files = readers.parquet_files_of(path) if path.is_dir() else [path]
    return _sha256(files) if all(file.parent in (path, path.parent) for file in files) else readers.sha256(path)


def _sha256(files: list[Path]) -> str:
    return _sha256_named([(file.name, file) for file in files])


def _sha256_named(files: list[tuple[str, Path]]) -> str:
    if len(files) == 1:
        return readers.sha256(files[0][1])
    lines = "".join(f"{name} {readers.sha256(file)}\n" for name, file in files)
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
