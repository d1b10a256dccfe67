"""Crystal structures: which columns of a table hold them, folders and documents of them, and reading one.

They stay in their table: a ranking that carried them would be many times its size. Accepted are the three list
columns lattice (9 numbers, Å, one row vector after the other), species and frac_coords (3 numbers per site), or one
text column `structure`, `cif` or `poscar` that holds CIF, POSCAR or the JSON of a pymatgen structure; a folder of CIF
and POSCAR files, known by their names; and JSON documents of the Materials Project (material_id and structure), as one
list or one a line.
"""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from catalogs import readers
from catalogs.column_names import IDS
from catalogs.material_columns import id_column
from catalogs.records import UserError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

PARTS = ("lattice", "species", "frac_coords")
TEXTS = ("structure", "cif", "poscar")
_MARKS = ("_cell_length_a", '"lattice"')
_DOCUMENTS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_FILES = (".cif", ".vasp", ".poscar")
_PIECE = 1000

Pieces = Callable[[], Iterator[pa.Table]]


def structure_columns(file: Path) -> tuple[str, ...]:
    """Columns of a table file that hold structures; empty where none do."""
    schema = readers.schema_of(file)
    if all(name in schema.names and _is_list(schema.field(name).type) for name in PARTS):
        return PARTS
    for name in TEXTS:
        if name in schema.names and readers.is_text(schema.field(name).type):
            first = next((cell for piece in readers.batches(file, [name]) if (cell := _filled(piece[name]))), "")
            if any(mark in first for mark in _MARKS) or _is_poscar(first):
                return (name,)
    return ()


def structure_names(table: pa.Table) -> tuple[str, ...]:
    """Columns of a table in memory that are called as those of structures; UserError where none are."""
    if set(PARTS) <= set(table.column_names):
        return PARTS
    if found := next((name for name in TEXTS if name in table.column_names), None):
        return (found,)
    raise UserError(f"expected structures, in columns {' + '.join(PARTS)} or in one of {', '.join(TEXTS)}")


def holds_only_structures(path: Path) -> bool:
    """Whether a path is a folder with CIF or POSCAR files, or a file of JSON documents."""
    return bool(_structure_files(path)) if path.is_dir() else path.name.lower().endswith(_DOCUMENTS)


def structure_file(path: Path) -> Pieces:
    """Pieces with a text column `id` and structure columns, of a table, a folder or documents; UserError if none."""
    if path.is_dir() and (files := _structure_files(path)):
        return lambda: _of_files(files)
    if path.name.lower().endswith(_DOCUMENTS) and path.is_file():
        return lambda: _of_documents(path)
    readers.check_file(path)
    label, columns = id_column(readers.column_names(path)), structure_columns(path)
    if label is None or not columns:
        what = (
            "an id column (id, material_id or mbid)" if label is None else f"{' + '.join(PARTS)}, or structure or cif"
        )
        raise UserError(f"--structures {path}: expected {what} among {', '.join(readers.column_names(path))}")

    def pieces() -> Iterator[pa.Table]:
        for raw in readers.batches(path, [label, *columns]):
            yield raw.select(columns).add_column(0, "id", readers.as_ids(raw[label], path, label))

    return pieces


def wanted(pieces: Iterator[pa.Table], ids: Collection[str]) -> Iterator[dict[str, object]]:
    """Rows of those ids that hold a structure, as mappings."""
    known = pa.array(sorted(ids), pa.string())
    for piece in pieces:
        found = piece.filter(pc.is_in(piece["id"], known))
        yield from (row for row in found.to_pylist() if all(row[name] for name in found.column_names[1:]))


def read_structure(row: Mapping[str, Any]) -> tuple[Structure | None, str]:
    """Structure in the structure columns of a row, or None and the reason why there is none."""
    from pymatgen.core.structure import Structure

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rounded coordinates, and of what CIF leaves open
            if PARTS[0] in row:
                lattice, species, coords = (row[name] for name in PARTS)
                if not (lattice and species and coords):
                    return None, "no structure"
                if len(lattice) != 9 or len(coords) != 3 * len(species):
                    return None, f"{len(lattice)} lattice numbers, {len(species)} species, {len(coords)} coordinates"
                vectors = [lattice[i : i + 3] for i in (0, 3, 6)]
                return Structure(vectors, species, [coords[i : i + 3] for i in range(0, len(coords), 3)]), ""
            text = next(row[name] for name in TEXTS if name in row)
            if not text or not text.strip():
                return None, "no structure"
            kind = "json" if text.lstrip().startswith("{") else "poscar" if _is_poscar(text) else "cif"
            return Structure.from_str(text, fmt=kind), ""  # type: ignore[arg-type]  # one of the three
    except Exception as error:  # whatever a foreign text makes the parser raise
        return None, " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _structure_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and _is_structure_file(path))


def _is_structure_file(path: Path) -> bool:
    return path.suffix.lower() in _FILES or path.name.startswith(("POSCAR", "CONTCAR"))


def _of_files(files: list[Path]) -> Iterator[pa.Table]:
    for start in range(0, len(files), _PIECE):
        chosen = files[start : start + _PIECE]
        names = [path.stem if path.suffix.lower() in _FILES else path.name for path in chosen]
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in chosen]
        yield _texts(names, texts)


def _of_documents(path: Path) -> Iterator[pa.Table]:
    """Documents as texts; one without id is known by its number, one without a structure has an empty text."""
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            text = stream.read().decode("utf-8-sig")
        if text.lstrip().startswith("["):
            documents = json.loads(text)
        else:
            documents = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path}: expected a JSON list of documents, or one a line: {error}", code=6) from None
    odd = [i for i, found in enumerate(documents, 1) if not isinstance(found, dict)]
    if odd:
        raise UserError(f"{path}: document {odd[0]} is no JSON object with material_id and structure")
    for start in range(0, len(documents), _PIECE):
        chosen = documents[start : start + _PIECE]
        names = [
            next((str(found[key]) for key in IDS if found.get(key)), str(i + 1))
            for i, found in enumerate(chosen, start)
        ]
        yield _texts(names, [json.dumps(found["structure"]) if found.get("structure") else "" for found in chosen])


def _texts(names: list[str], texts: list[str]) -> pa.Table:
    return pa.table({"id": pa.array(names, pa.string()), "structure": pa.array(texts, pa.string())})


def _is_poscar(text: str) -> bool:
    """Whether lines 2 to 5 are a scale and three vectors."""
    lines = [line.split() for line in text.splitlines()[1:5]]
    try:
        counts = [len([float(word) for word in line]) for line in lines]
    except ValueError:
        return False
    return counts in ([1, 3, 3, 3], [3, 3, 3, 3])


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _filled(column: pa.ChunkedArray) -> str:
    return next((cell for cell in column.to_pylist() if cell and cell.strip()), "")
