"""Electronic transport of 47,737 Materials Project entries, and candidates.

The table comes with matminer and is read out of its archive in memory: matminer's own class unpacks it into
site-packages.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from kakehashi.catalogs.files.home import PRIVATE, cache_folder_or_none, check_own
from kakehashi.catalogs.files.package_data import code_digest, digest, package_file, version
from kakehashi.catalogs.properties.source_table import UNIT_UNSTATED, CandidateList, Rows, SourceTable
from kakehashi.catalogs.records import UserError

_ARCHIVE, _MEMBER = "transport_database.tar.xz", "transport_database.csv"
DEFAULT_ROWS = 140_000


def transport(column: str) -> Rows:
    """Return a column of the table, a row per entry."""
    data = _transport_table()
    values = np.array(data[column].to_numpy(), dtype=np.float64)
    return Rows(data["mp_id"].to_pylist(), data["pretty_formula"].to_pylist(), values, (), _archive_sha256())


@cache
def mp_formulas() -> pa.Table:
    """Return the distinct reduced formulas of the entries.

    Columns id, formula, mp_ids and n_entries.
    """
    from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys

    data = _transport_table()
    parsed = parse_column(data["pretty_formula"])
    bad = [str(reason) for reason in parsed.reasons if reason]
    if bad:
        raise UserError(f"matminer's transport table holds a formula that cannot be read: {bad[0]}", code=6)
    entries: dict[str, list[str]] = {}
    for key, entry in zip(reduced_keys(parsed.compositions), data["mp_id"].to_pylist(), strict=True):
        entries.setdefault(key, []).append(entry)
    ordered = [sorted(ids, key=_mp_number) for ids in entries.values()]
    return pa.table(
        {
            "id": pa.array([ids[0] for ids in ordered], pa.string()),
            "formula": pa.array(list(entries), pa.string()),
            "mp_ids": pa.array([" ".join(ids) for ids in ordered], pa.string()),
            "n_entries": pa.array([len(ids) for ids in ordered], pa.int64()),
        }
    )


@cache
def default_candidates() -> pa.Table:
    """Return 140,000 candidates: Materials Project formulas, then enumerated ones.

    The enumerated ones are charge-balanced.

    Built once per set of package versions and kept under `cache_folder()`.
    """
    from kakehashi.catalogs.files import parquet

    folder = cache_folder_or_none("candidates")
    if folder is None:
        return _build_default()
    path = folder / f"default-{_recipe()}.parquet"
    check_own(path)
    try:
        table = parquet.read(path.read_bytes(), str(path))
        if table.num_rows == DEFAULT_ROWS:
            return table.replace_schema_metadata(None)
    except (OSError, UserError):
        pass  # absent or unreadable: build it again
    table = _build_default()
    _keep(table, path)
    return table


def _build_default() -> pa.Table:
    from kakehashi.catalogs.formulas.enumerate import charge_balanced

    real = mp_formulas()
    formulas = charge_balanced(DEFAULT_ROWS - real.num_rows, real["formula"].to_pylist())
    enumerated = pa.table(
        {
            "id": pa.array([f"enum-{number:06d}" for number in range(1, len(formulas) + 1)], pa.string()),
            "formula": pa.array(formulas, pa.string()),
            "mp_ids": pa.nulls(len(formulas), pa.string()),
            "n_entries": pa.array(np.zeros(len(formulas), dtype=np.int64)),
        }
    )
    origins = [f"materials_project (matminer {version('matminer')})", "enumerated"]
    which = np.repeat(np.arange(2, dtype=np.int64), [real.num_rows, enumerated.num_rows])
    origin = pa.array(origins, pa.string()).take(pa.array(which))
    return pa.concat_tables([real, enumerated]).append_column("origin", origin).combine_chunks()


def _keep(table: pa.Table, path: Path) -> None:
    """Write the cache; a failure only costs time."""
    from kakehashi.catalogs.files import parquet

    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        with temporary.open("wb") as sink:
            writer = parquet.TableWriter(sink, table.schema)
            writer.write(table)
            writer.close()
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()


def _recipe() -> str:
    """Name the cached table by its packages and code."""
    code = code_digest("kakehashi.catalogs.formulas.enumerate", __name__, "kakehashi.catalogs.elements")
    parts = [version("matminer"), version("pymatgen"), version("kakehashi"), code]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


@cache
def _transport_table() -> pa.Table:
    path = package_file("matminer", _ARCHIVE)
    try:
        with tarfile.open(path, mode="r:xz") as archive:
            member = archive.extractfile(_MEMBER)
            data = member.read() if member is not None else b""
    except (tarfile.TarError, OSError, EOFError, KeyError) as error:
        raise UserError(f"{path} cannot be read ({error}); reinstall matminer", code=6) from error
    from pyarrow import csv

    from kakehashi.catalogs.files.parquet import in_memory

    # Without these types pyarrow would be free to read NaN (sodium nitride) as a missing value.
    text = {"mp_id": pa.string(), "pretty_formula": pa.string()}
    options = csv.ConvertOptions(column_types=text, strings_can_be_null=False)
    return csv.read_csv(in_memory(data), convert_options=options)


@cache
def _archive_sha256() -> str:
    return digest([package_file("matminer", _ARCHIVE)])


def _mp_number(entry: str) -> tuple[str, int]:
    prefix, _, number = entry.rpartition("-")
    return prefix, int(number) if number.isdigit() else 0


_CARRIER = ("matminer (Materials Project)", "package modified BSD, data not stated")
_RICCI = "transport_database.tar.xz; Ricci et al., Scientific Data 4(1), 1-13 (2017), 10.1038/sdata.2017.85"
# Name, quantity, column without its sign, whether ln(value) is fitted, words.
_COLUMNS = (
    ("seebeck", "seebeck_coefficient", "S", False, "Seebeck coefficient"),
    ("power_factor", "power_factor", "PF", True, "power factor"),
    ("conductivity", "electrical_conductivity", "sigma", True, "electrical conductivity"),
    (
        *("electronic_thermal_conductivity", "electronic_thermal_conductivity", "kappa", True),
        "electronic part of the thermal conductivity",
    ),
    ("effective_mass", "effective_mass", "m", True, "conductivity effective mass"),
)


def _of_sign(quantity: str, column: str, log: bool, words: str) -> SourceTable:
    carrier = "holes" if column.endswith("_p") else "electrons"
    description = f"computed {words}, {carrier} ({UNIT_UNSTATED}; nor are temperature and doping)"
    return SourceTable(quantity, "", log, *_CARRIER, description, _RICCI, partial(transport, column))


SOURCES = {
    f"mp_{name}_{sign}": _of_sign(quantity, f"{column}_{sign}", log, words)
    for sign in "pn"
    for name, quantity, column, log, words in _COLUMNS
}
CANDIDATES = {
    "default": CandidateList(
        *_CARRIER,
        f"the formulas of mp_formulas, filled up with charge-balanced enumerated ones; "
        f"`origin` tells them apart ({DEFAULT_ROWS:,} rows)",
        _RICCI,
        default_candidates,
    ),
    "mp_formulas": CandidateList(
        *_CARRIER,
        "distinct reduced formulas of 47,737 Materials Project entries; other ids of a formula in `mp_ids`",
        _RICCI,
        mp_formulas,
    ),
}
