import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.files.plain_text import BLANKS, trimmed
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.reading.number_cells import MISSING, is_missing
from kakehashi.catalogs.reading.number_columns import are_missing, as_numbers, looks_numeric, read_numbers, strip_cells
from kakehashi.catalogs.records import UserError

CASES = Path(__file__).parents[3] / "../shared/cases/targets"


def column(*cells: str) -> pa.ChunkedArray:
    return pa.chunked_array([list(cells)])


def case(name: str) -> tuple[pa.ChunkedArray, str]:
    if not (CASES / name).is_file():
        pytest.skip(f"{CASES / name} is not here")
    table = readers.read(CASES / name)
    return table.column(1), table.column_names[1]


def test_numbers_of_text_cells() -> None:
    cells = column("1.5", " 2 ", "", "nan", "NaN", "-1e-3", "+4")
    expected = [1.5, 2, np.nan, np.nan, np.nan, -1e-3, 4]
    np.testing.assert_array_equal(as_numbers(cells, "f", "x"), expected)
    assert read_numbers(cells, "f", "x").remarks == ()


def test_columns_and_cells_agree_on_missing_values() -> None:
    words = [*MISSING, *(word.upper() for word in MISSING), "1.5", "NO", "\u200b"]
    cells = [
        before + word + after for word in words for before in ("", " \u00a0", *BLANKS) for after in ("", "\t\ufeff ")
    ]
    text = strip_cells(column(*cells))
    assert text.to_pylist() == [trimmed(cell) for cell in cells]
    assert are_missing(text).to_pylist() == [is_missing(cell) for cell in cells]


def test_numbers_of_typed_cells() -> None:
    np.testing.assert_array_equal(as_numbers(pa.chunked_array([[1, None]]), "f", "x"), [1, np.nan])
    np.testing.assert_array_equal(as_numbers(pa.chunked_array([[1.5, None]]), "f", "x"), [1.5, np.nan])
    with pytest.raises(UserError, match="holds bool; expected numbers"):
        as_numbers(pa.chunked_array([[True]]), "f", "x")


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("abc", "leave the cell empty where a value is missing"),
        ("1_000", "leave the cell empty"),
        ("n.d.", "leave the cell empty"),
        ("<0.5", "is a bound, not a value"),
        ("≥ 3", "is a bound, not a value"),
        ("2.0 ± 0.1", "write the value alone, and the uncertainty in a column of its own"),
        ("2.0 +/- 0.1", "with its uncertainty"),
        ("2.01(3)", "has its uncertainty in brackets"),
        ("3-4", "is a range"),
        ("3 to 4", "is a range"),
        ("~5", "is a rough value"),
        ("5 K", "its unit in the header"),
        ("5*", "has a mark behind it"),
        ("#DIV/0!", "is an error of a spreadsheet"),
    ],
)
def test_a_cell_that_is_not_a_number_is_named_with_what_to_do(cell: str, what: str) -> None:
    cells = pa.chunked_array([["1"], ["2", cell, "3"]])
    with pytest.raises(UserError, match=r"t\.csv: 1 cell of kappa is not a number: row 3 '") as caught:
        as_numbers(cells, "t.csv", "kappa")
    assert f"'{cell}'" in str(caught.value)
    assert what in str(caught.value)
    assert caught.value.code == 2


def test_all_bad_cells_are_in_one_message() -> None:
    cells = column(*["<0.5", "1.5", "n.d."] * 9)
    with pytest.raises(UserError, match=r"18 cells of x are not numbers: row 1 '<0.5', row 3 'n\.d\.'") as caught:
        as_numbers(cells, "f", "x")
    text = str(caught.value)
    assert "and 13 more" in text
    assert "is a bound" in text
    assert "leave the cell empty where a value is missing" in text


@pytest.mark.parametrize("word", ["NA", "N/A", "#N/A", "-", "--", "null", "None", "n.a.", "?", "—", "<NA>"])
def test_words_for_no_value_are_no_value_and_said(word: str) -> None:
    read = read_numbers(column("1.5", word, "2"), "f", "kappa")
    np.testing.assert_array_equal(read.values, [1.5, np.nan, 2])
    assert read.remarks == (
        f"kappa: 1 cell has a word for no value: row 2 '{word}'; these rows have no value, fill them in or leave them"
        " empty",
    )


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("−5", -5),
        ("–0.5", -0.5),
        ("1e−3", 1e-3),
        ("1.5D+01", 15),
        ("1d-3", 1e-3),
        ("2×10^3", 2000),
        ("1.5·10⁻²", 0.015),
        ("3 x 10^{2}", 300),
        ("3 x 10^(2)", 300),
        ("1,200", 1200),
        ("1,200.5", 1200.5),
        ("1\N{NARROW NO-BREAK SPACE}200", 1200),
        ("1'200", 1200),
        ("\N{NO-BREAK SPACE}7\N{ZERO WIDTH SPACE}", 7),
        ("1.2x103", None),
        ("1 200", None),
        ("1,20", None),
    ],
)
def test_notations_beside_decimal_points(cell: str, number: float | None) -> None:
    cells = column("0.25", cell)
    if number is None:
        with pytest.raises(UserError, match="1 cell of x is not a number: row 2"):
            as_numbers(cells, "f", "x")
        return
    read = read_numbers(cells, "f", "x")
    np.testing.assert_array_equal(read.values, [0.25, number])
    assert read.remarks or cell.strip("\N{ZERO WIDTH SPACE}\N{NO-BREAK SPACE}") == "7"


@pytest.mark.parametrize("expected", [".", ","])
def test_commas_are_decimal_signs_where_nothing_else_can_be(expected: str) -> None:
    cells = column("0,25", "3,041", "12", "1.234,5")
    numbers = as_numbers(cells, "f", "x", expected)  # type: ignore[arg-type]  # one of the two signs
    np.testing.assert_array_equal(numbers, [0.25, 3.041, 12, 1234.5])


def test_a_group_of_three_digits_alone_means_nothing_certain() -> None:
    for cells in (column("1,200", "3"), column("1.234", "2,5"), column("1.5", "2,5")):
        with pytest.raises(UserError, match=r"not numbers?: row|is not a number: row"):
            as_numbers(cells, "f", "x")
    np.testing.assert_array_equal(as_numbers(column("1,200", "3"), "f", "x", ","), [1.2, 3])  # a file with commas
    with pytest.raises(UserError, match=r"'1\.200' can have decimals or thousands"):
        as_numbers(column("1.200", "3"), "f", "x", ",")
    np.testing.assert_array_equal(as_numbers(column("1.5", "3"), "f", "x", ","), [1.5, 3])


def test_columns_of_measurements_are_told_from_names() -> None:
    for cells in ("1.5 NA 2", "2.0±0.1 3(1) <5", "0,5 1,5", "1D-3 x"):
        assert looks_numeric(column(*cells.split(), ""))
    for cells in ("2H2O 4-aminophenol 1", "123-45-6 71-43-2", "2020-01-02", "- NA", ""):
        assert not looks_numeric(column(*cells.split(), ""))


@pytest.mark.parametrize(
    ("name", "row", "value"),
    [("comma", 4, 82.5002), ("thousands", 4, 1200), ("uminus", 2, -0.5274), ("fortran", 4, 15), ("na", 4, math.nan),
     ("excel", 4, math.nan)],
)  # fmt: skip
def test_columns_with_one_meaning_are_read_and_said(name: str, row: int, value: float) -> None:
    cells, header = case(f"{name}.csv")
    read = read_numbers(cells, name, header)
    np.testing.assert_equal(read.values[row - 1], value)
    assert len(read.remarks) == 1
    filled = np.isfinite(read.values)
    plain, _ = case("spaces.csv")  # the same compounds as they were
    same = np.isclose(np.abs(read.values), as_numbers(plain, "plain", "kappa"))
    assert filled.sum() >= 43
    assert same.sum() >= 42


@pytest.mark.parametrize(
    ("name", "count", "what"),
    [
        ("censored", "3 cells of kappa are not numbers: row 4 '<0.5', row 10 '<0.5', row 21 '<0.5'", "is a bound"),
        ("plusminus", "45 cells of kappa are not numbers: row 1 '0.44 ± 0.1'", "column of its own"),
        ("esd", "45 cells of kappa are not numbers: row 1 '0.44", "column of its own"),
    ],
)
def test_columns_without_one_meaning_say_what_to_do(name: str, count: str, what: str) -> None:
    cells, header = case(f"{name}.csv")
    with pytest.raises(UserError, match="are not numbers") as caught:
        read_numbers(cells, name, header)
    assert count in str(caught.value)
    assert what in str(caught.value)


@pytest.mark.parametrize("blank", ["\u200e", "\u00ad", "\u180e", "\u200b", "\ufeff", "\u00a0", "\u3000"])
def test_outer_blanks_of_every_kind_mean_nothing(blank: str) -> None:
    found = read_numbers(column(f"{blank}1.5{blank} ", f" {blank}", "2"), "f", "x")
    np.testing.assert_array_equal(found.values, [1.5, np.nan, 2.0])
