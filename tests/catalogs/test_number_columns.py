import numpy as np
import pyarrow as pa
import pytest

from catalogs.number_columns import as_numbers
from catalogs.records import UserError


def test_numbers_of_text_cells() -> None:
    cells = pa.chunked_array([["1.5", " 2 ", "", "nan", "NaN", "-1e-3", "+4"]])
    expected = [1.5, 2, np.nan, np.nan, np.nan, -1e-3, 4]
    np.testing.assert_array_equal(as_numbers(cells, "f", "x"), expected)


@pytest.mark.parametrize("cell", ["abc", "1,5", "1_000", "NA", "null", "5 K", "--"])
def test_a_cell_that_is_not_a_number_is_named(cell: str) -> None:
    cells = pa.chunked_array([["1"], ["2", cell, "3"]])
    with pytest.raises(UserError, match=r"t\.csv: row 3, column 'kappa': expected a number, got ") as caught:
        as_numbers(cells, "t.csv", "kappa")
    assert f"'{cell}'" in str(caught.value)
    assert caught.value.code == 2


def test_numbers_of_typed_cells() -> None:
    np.testing.assert_array_equal(as_numbers(pa.chunked_array([[1, None]]), "f", "x"), [1, np.nan])
    np.testing.assert_array_equal(as_numbers(pa.chunked_array([[1.5, None]]), "f", "x"), [1.5, np.nan])
    with pytest.raises(UserError, match="holds bool; expected numbers"):
        as_numbers(pa.chunked_array([[True]]), "f", "x")
