from pathlib import Path

import pytest

from kakehashi.catalogs.reading import csv_dialect, readers
from kakehashi.catalogs.reading.csv_dialect import read_dialect
from kakehashi.catalogs.records import UserError


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def cells(path: Path) -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in readers.read(path).to_pylist()]


def test_a_header_behind_the_mark_of_a_comment(tmp_path: Path) -> None:
    for header, names in (
        ("# formula,gap", ["formula", "gap"]),
        ("# from a,b\n#formula,gap", ["formula", "gap"]),
        ("#,formula", ["#", "formula"]),
    ):
        file = write(tmp_path / "a.csv", f"{header}\nPbTe,MgO\n")
        assert readers.column_names(file) == names
        assert cells(file) == [("PbTe", "MgO")]


def test_commas_are_preferred_where_they_fit(tmp_path: Path) -> None:
    for text, header in (
        ("a,b;c\n1,2;3\n4,5;6\n", ["a", "b;c"]),
        ("formula;gap, eV\nPbTe;0,1\nMgO;7,2\n", ["formula", "gap, eV"]),  # by the known name
        ('x;formula\n"a;b";PbTe\n', ["x", "formula"]),
        ("formula;gap\nPbTe;1\nMgO;2;3\n", ["formula", "gap"]),  # named in the error, not another separator's table
    ):
        assert readers.column_names(write(tmp_path / "a.csv", text)) == header
    with pytest.raises(UserError, match="row 2: expected 2 columns, got 3"):
        readers.read(tmp_path / "a.csv")


def test_tabs_by_the_files_name(tmp_path: Path) -> None:
    file = write(tmp_path / "a.tsv", "formula\tnote\nPbTe\ta, b\nMgO\tc, d\n")
    assert cells(file) == [("PbTe", "a, b"), ("MgO", "c, d")]


def test_a_header_longer_than_the_sample(tmp_path: Path) -> None:
    names = ["formula", *(f"a rather long name of column {i}" for i in range(5000))]
    assert sum(map(len, names)) > csv_dialect._SAMPLE
    file = write(tmp_path / "a.csv", ";".join(names) + "\n" + ";".join(["Fe", *["1"] * 5000]) + "\n")
    assert readers.column_names(file) == names
    assert read_dialect(file).delimiter == ";"
    assert readers.read(file, [names[-1]])[names[-1]].to_pylist() == ["1"]
