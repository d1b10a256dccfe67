from pathlib import Path

import pyarrow as pa
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.reading.column_types import as_type


def column(tmp_path: Path, cells: list[str], delimiter: str = ",") -> pa.ChunkedArray:
    file = tmp_path / "a.csv"
    file.write_text(f"formula{delimiter}x\n" + "".join(f"Fe{delimiter}{cell}\n" for cell in cells))
    (table,) = open_catalog(str(file)).batches(100)
    return table["x"]


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "NA", " 2 "], pa.int64(), [1, None, 2]),
        (["1.5", "#N/A", "-"], pa.float64(), [1.5, None, None]),
        (["NA", "n/a", "-"], pa.string(), ["NA", "n/a", "-"]),  # no number among them: words
        (["NaN", "NO"], pa.string(), ["NaN", "NO"]),
        (["007", "1"], pa.string(), ["007", "1"]),
        (["1", "\u200bNA", "2\ufeff"], pa.int64(), [1, None, 2]),  # without width: as columns of numbers are read
        (["\u200b007", "1"], pa.string(), ["\u200b007", "1"]),
    ],
)
def test_words_for_missing_values(tmp_path: Path, cells: list[str], kind: pa.DataType, values: list[object]) -> None:
    found = column(tmp_path, cells)
    assert found.type == kind
    assert found.to_pylist() == values


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["0,5", "2"], pa.float64(), [0.5, 2.0]),
        (["1,234", "12,5"], pa.float64(), [1.234, 12.5]),
        (["1,234", "2,345"], pa.string(), ["1,234", "2,345"]),  # thousands or decimals: neither is guessed
        (["1.234", "0,5"], pa.string(), ["1.234", "0,5"]),
        (["0.5", "2"], pa.float64(), [0.5, 2.0]),
    ],
)
def test_decimal_commas(tmp_path: Path, cells: list[str], kind: pa.DataType, values: list[object]) -> None:
    found = column(tmp_path, cells, ";")
    assert found.type == kind
    assert found.to_pylist() == values


def test_a_point_beside_decimal_commas_is_no_number() -> None:
    with pytest.raises(pa.ArrowInvalid, match="point beside decimal commas"):
        as_type(pa.chunked_array([["1.5"]]), pa.float64(), ",")
