import datetime
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.reading import readers, spreadsheets
from kakehashi.catalogs.records import UserError

FORMULAS = ["LiF", "NaCl", "KBr", "RbI", "MgO", "CaO", "SrO", "BaO", "ZnS", "CdTe"]


def workbook(path: Path, *sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"s{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_cells_are_their_text(tmp_path: Path) -> None:
    day = datetime.datetime(2024, 3, 1)
    rows = [
        [" formula ", "x", "y", None],
        ["NaN", 1, 0.1],
        [" NO", 300.0, True],
        [None, None, None],
        ["1E5", day, 1e-5],
        ["CO", day.replace(hour=12), "n.d."],
        [None, "#N/A", -2.5e300],
    ]
    file = workbook(tmp_path / "a.xlsx", rows, [])
    assert readers.column_names(file) == ["formula", "x", "y"]
    assert [tuple(row.values()) for row in readers.read(file).to_pylist()] == [
        ("NaN", "1", "0.1"),
        (" NO", "300", "TRUE"),
        ("1E5", "2024-03-01", "1e-05"),
        ("CO", "2024-03-01T12:00:00", "n.d."),
        ("", "#N/A", "-2.5e+300"),
    ]
    assert readers.read(file, ["y", "formula"]).column_names == ["y", "formula"]


def test_target_and_catalogue(tmp_path: Path) -> None:
    rows = [["Formula", "kappa (W/mK)"], *([formula, i + 0.5] for i, formula in enumerate(FORMULAS))]
    file = workbook(tmp_path / "My values.XLSX", [], rows)
    table = load_table(f"{file}:kappa (W/mK)")
    assert table.keys == tuple(FORMULAS)
    assert table.values.tolist() == [i + 0.5 for i in range(10)]
    catalog = open_catalog(str(file))
    (batch,) = catalog.batches(100)
    assert batch.column_names == ["id", "formula", "kappa (W/mK)"]
    assert batch["kappa (W/mK)"].to_pylist() == table.values.tolist()


def test_pieces_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "_CHARACTERS", 1000)
    for held in (64 << 20, 2000):  # read once and held, or read again
        monkeypatch.setattr(spreadsheets, "_CACHED", held)
        file = workbook(
            tmp_path / f"{held}.xlsx", [["formula", "note"], *([f"Fe{i + 1}", "x" * 400] for i in range(10))]
        )
        for _ in range(2):
            pieces = list(readers.batches(file))
            assert [piece.num_rows for piece in pieces] == [3, 3, 3, 1]
            assert pa.concat_tables(pieces)["formula"].to_pylist() == [f"Fe{i + 1}" for i in range(10)]


def test_a_workbook_that_was_changed_is_read_again(tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [["formula"], ["Fe"]])
    assert readers.read(file)["formula"].to_pylist() == ["Fe"]
    workbook(file, [["formula"], ["Ni"], ["Co"]])
    assert readers.read(file)["formula"].to_pylist() == ["Ni", "Co"]


def test_a_formula_without_its_result_is_not_an_empty_cell(tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [["formula", "x"], ["Fe", 1], ["Ni", "=1+1"]])
    with pytest.raises(UserError, match=r"cell B3 holds a formula \(=1\+1\) and not its result"):
        readers.read(file)
    results = tmp_path / "b.xlsx"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(results, "w") as copy:
        for name in source.namelist():
            copy.writestr(name, source.read(name).replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>"))
    assert readers.read(results)["x"].to_pylist() == ["1", "2"]


def test_a_size_that_another_program_wrote_wrong_hides_no_rows(tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [["formula", "x"], ["Fe", 1], ["Ni", 2]])
    wrong = tmp_path / "b.xlsx"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(wrong, "w") as copy:
        for name in source.namelist():
            copy.writestr(name, source.read(name).replace(b'ref="A1:B3"', b'ref="A1"'))
    assert readers.read(wrong).to_pylist() == [{"formula": "Fe", "x": "1"}, {"formula": "Ni", "x": "2"}]


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        (
            [[["formula"], ["Fe"]], [["formula"], ["Ni"]]],
            r"has cells on 2 sheets \('s0', 's1'\); save the one you mean",
        ),
        ([[], []], "is empty; expected a header line and rows"),
        ([[["formula", "x"]]], "has a header but no rows"),
        ([[["formula", "x"], ["Fe", 1], ["Ni", 1, "note"]]], r"row 2 has more cells than the header has names \(2\)"),
        ([[["formula", "x", "x"], ["Fe", 1, 2]]], "column 'x' appears more than once"),
    ],
)
def test_sheets_that_cannot_be_read(tmp_path: Path, sheets: list[list[list[Any]]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        readers.read(workbook(tmp_path / "a.xlsx", *sheets))


@pytest.mark.fault
def test_damaged_and_oversized_workbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workbook(tmp_path / "a.xlsx", [["formula", "x"], *(["Fe", i] for i in range(500))])
    whole = file.read_bytes()
    for broken in (whole[:-40], b"PK", b"", whole[:300] + b"\xff" * 200 + whole[500:]):
        file.write_bytes(broken)
        with pytest.raises(UserError, match=r"a\.xlsx is not a readable \.xlsx workbook") as caught:
            readers.read(file)
        assert caught.value.code == 6
    file.write_bytes(whole)
    monkeypatch.setattr(spreadsheets, "_UNPACKED", 10_000)
    with pytest.raises(UserError, match=r"unpacks to .* GB, at most .* is read; save it as CSV"):
        readers.read(file)
