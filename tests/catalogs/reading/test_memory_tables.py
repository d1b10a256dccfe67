"""Tables in memory are read as files are."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import kakehashi as kh
from kakehashi.catalogs.reading.memory_tables import open_frame
from kakehashi.catalogs.reading.readers import read
from kakehashi.catalogs.records import UserError

FORMULAS = ["LiF", "NaCl", "KBr", "MgO", "CaO", "SrO", "ZnS", "GaAs", "InP", "CdTe"]
TG = [14.2, 8.5, 7.4, 7.8, 7.1, 5.2, 3.7, 1.42, 1.34, 1.5]


class Stream:
    """A frame that offers nothing but the Arrow interface, as polars does."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def forms() -> dict[str, object]:
    columns = {"Formula": FORMULAS, "gap_ev": TG}
    frame = pd.DataFrame(columns)
    return {
        "dict": columns, "pandas": frame, "arrow": pa.table(columns), "stream": Stream(pa.table(columns)),
        "categories": frame.astype({"Formula": "category"}), "batch": pa.RecordBatch.from_pydict(columns),
        "own index": frame.set_index("Formula"),
    }  # fmt: skip


@pytest.mark.parametrize("form", forms())
def test_every_form_is_the_table_of_the_file(form: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame(forms()["dict"]).to_csv(path, index=False)
    file, memory = kh.load(path), kh.load(forms()[form])
    for field in dataclasses.fields(file):
        if field.name in ("materials", "keys", "unit", "quantity", "log", "ids", "rows", "notes"):
            assert getattr(file, field.name) == getattr(memory, field.name), field.name
    np.testing.assert_array_equal(file.values, memory.values)
    assert len(memory.sha256) == 64


def test_the_digest_follows_the_cells() -> None:
    first, same = open_frame(forms()["dict"]), open_frame(forms()["arrow"])
    other = open_frame({"Formula": FORMULAS, "gap_ev": [*TG[:-1], 1.6]})
    assert first.digest == same.digest != other.digest


def test_a_column_of_numbers_and_words_is_read_as_text_is() -> None:
    with pytest.warns(UserWarning, match="1 cell has a word for no value: row 11 'n/a'"):
        table = kh.load(pd.DataFrame({"formula": [*FORMULAS, "BN"], "gap_ev": [*TG, "n/a"]}), value="gap_ev")
    assert (len(table), table.missing) == (10, 1)
    with pytest.raises(UserError, match=r"1 cell of gap_ev is not a number: row 11 '<6'"):
        kh.load(pd.DataFrame({"formula": [*FORMULAS, "BN"], "gap_ev": [*TG, "<6"]}), value="gap_ev")


def test_missing_cells_stay_missing() -> None:
    cells = read(open_frame(pd.DataFrame({"formula": ["MgO", None, float("nan"), 7], "x": [1.0, None, math.nan, 2]})))
    assert cells["formula"].to_pylist() == ["MgO", None, None, "7"]
    assert cells["x"].to_pylist() == [1.0, None, None, 2.0]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (3, "an Arrow table or a mapping of columns, got int"),
        ({"formula": ["MgO"], "x": [1, 2]}, "columns of different lengths (formula 1, x 2)"),
        ({"formula": "MgO"}, "column 'formula': expected a list of cells, got str"),
        ({"formula": []}, "has columns but no rows"),
        ({"x": [{"a": 1}, "b"]}, "row 1, column 'x': expected text or a number, got dict"),
        (pa.table([[1], [2]], names=["x", "x "]), "column 'x' appears more than once"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_said(frame: object, said: str) -> None:
    with pytest.raises(UserError) as raised:
        open_frame(frame)
    assert said in str(raised.value)


def test_errors_are_collected_with_a_warning() -> None:
    rows = {"formula": [*FORMULAS, "Xx2", "Qq", "BN"], "gap_ev": [*TG, 1.0, 2.0, math.inf]}
    with pytest.raises(UserError, match="infinite"):
        kh.load(rows)
    with pytest.warns(UserWarning, match="refused"):
        table = kh.load(rows, errors="collect")
    assert [(row.row, row.formula, row.reason) for row in table.rejected] == [
        (11, "Xx2", "unknown element Xx"), (12, "Qq", "unknown element Qq"), (13, "BN", "the value is infinite"),
    ]  # fmt: skip
    assert len(table) == 10
    with pytest.raises(UserError, match="errors: expected 'raise' or 'collect', got 'ignore'"):
        kh.load(rows, errors="ignore")  # type: ignore[arg-type]


def test_units_and_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    pd.DataFrame(forms()["dict"]).to_csv(tmp_path / "t.csv", index=False)
    assert kh.load(Path("~/t.csv")).unit == kh.load("~/t.csv:gap_ev").unit == "eV"
    assert kh.load({"formula": FORMULAS, "gap": TG}, unit="eV").unit == "eV"
    with pytest.raises(UserError, match="no target or source is read from a column of that name"):
        kh.load({"formula": FORMULAS, "gap": TG}, unit={"gup": "eV"})
