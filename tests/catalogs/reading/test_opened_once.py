"""A table of a run is opened once for its header and once for each thing that needs all its bytes."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.reading import csv_files, parquet_files, readers

VALUES = [("GaAs", 4.2), ("GaP", 5.1), ("AlP", 6.3), ("InSb", 1.2), ("NaCl", 2.7), ("MgO", 7.7), ("KBr", 0.9)]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was opened, by Python or by arrow."""
    counts: Counter[str] = Counter()
    plain = Path.open

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        counts[str(path)] += 1
        return plain(path, *arguments, **options)

    def counted_by_arrow(path: str | Path) -> str | Path:
        counts[str(path)] += 1
        return path

    monkeypatch.setattr(Path, "open", counted)
    for module in (csv_files, parquet_files):
        monkeypatch.setattr(module, "for_arrow", counted_by_arrow)
    return counts


def _written(folder: Path, suffix: str) -> Path:
    path = folder / f"t{suffix}"
    if suffix == ".parquet":
        formulas, values = zip(*VALUES, strict=True)
        pq.write_table(pa.table({"formula": formulas, "kappa": values}), path)
    else:
        path.write_text("formula,kappa\n" + "".join(f"{formula},{value}\n" for formula, value in VALUES))
    return path


# Text: encoding, header, rows, hash. Parquet: footer, rows (footer, texts, cells), hash; each less than half of what
# asking for the names again and again took.
@pytest.mark.parametrize(("suffix", "most"), [(".csv", 4), (".parquet", 5)])
@pytest.mark.parametrize("column", [":kappa", ""])
def test_a_property_table_is_opened_once_for_each_need(
    tmp_path: Path, opened: Counter[str], suffix: str, most: int, column: str
) -> None:
    path = _written(tmp_path, suffix)
    opened.clear()
    table = load_table(f"{path}{column}", minimum=5)
    assert table.name == "kappa"
    assert 0 < opened[str(path)] <= most


# A catalogue is read three times: first cells, types, and batches.
@pytest.mark.parametrize(("suffix", "most"), [(".csv", 6), (".parquet", 8)])
def test_a_catalogue_is_opened_once_for_each_need(tmp_path: Path, opened: Counter[str], suffix: str, most: int) -> None:
    path = _written(tmp_path, suffix)
    opened.clear()
    catalog = open_catalog(str(path))
    assert sum(batch.num_rows for batch in catalog.batches(3)) == len(VALUES)
    assert 0 < opened[str(path)] <= most


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_open_table_knows_its_columns_without_the_file(tmp_path: Path, opened: Counter[str], suffix: str) -> None:
    table = readers.open_table(_written(tmp_path, suffix))
    opened.clear()
    assert readers.open_table(table) is table
    assert readers.column_names(table) == ["formula", "kappa"]
    assert readers.schema_of(table).names == ["formula", "kappa"]
    assert readers.unnamed_columns(table) == 0
    assert readers.decimal_mark(table) == "."
    assert readers.is_typed(table) == (suffix == ".parquet")
    assert f"{table}" == str(tmp_path / f"t{suffix}")
    assert not opened[str(table.path)]


def test_a_folder_of_parquet_is_listed_once(tmp_path: Path, opened: Counter[str]) -> None:
    part = _written(tmp_path, ".parquet")
    table = readers.open_table(tmp_path)
    assert (table.rows, opened[str(part)]) == (len(VALUES), 1)
    opened.clear()
    assert readers.read(table, ["kappa"])["kappa"].to_pylist() == [value for _, value in VALUES]
    assert opened[str(part)] <= 3
