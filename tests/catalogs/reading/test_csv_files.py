import gzip
from pathlib import Path

import pytest

from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import UserError

ROWS = [("PbTe", "0.01"), ("MgO", "0.0"), ("NaCl", "")]


def written(delimiter: str = ",", end: str = "\n") -> str:
    return end.join(delimiter.join(cells) for cells in (("formula", "gap"), *ROWS)) + end


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def cells(path: Path) -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in readers.read(path).to_pylist()]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(tmp_path: Path, delimiter: str, end: str) -> None:
    file = write(tmp_path / "a.csv", written(delimiter, end))
    assert cells(file) == ROWS
    assert readers.column_names(file) == ["formula", "gap"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_encodings_that_begin_with_a_mark(tmp_path: Path, encoding: str) -> None:
    text = written().replace("MgO", '"Mg,O\nµ"')
    assert cells(write(tmp_path / "a.csv", text, encoding)) == [ROWS[0], ("Mg,O\nµ", "0.0"), ROWS[2]]


@pytest.mark.parametrize(
    "above",
    ["sep=;\n", '"sep=;"\n', "# made by hand\n", "# one; two; three\n# it's the \"second\n", "sep=;\n# why\n\n", "\n"],
)
def test_lines_above_the_header(tmp_path: Path, above: str) -> None:
    assert cells(write(tmp_path / "a.csv", above + written(";"))) == ROWS


def test_rows_are_counted_from_the_header(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "# x\nsep\n# y\n")
    assert readers.column_names(file) == ["sep"]
    file = write(tmp_path / "a.csv", "# x\n# y\nformula,gap\nPbTe,1\nMgO,2,3\n")
    with pytest.raises(UserError, match="row 2: expected 2 columns, got 3"):
        readers.read(file)


def test_gzip(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    text = written().encode()
    file.write_bytes(gzip.compress(text[:20]) + gzip.compress(text[20:]))  # members are one file
    assert cells(file) == ROWS
    noise = "".join(f"Fe{i}O{i * 7 % 13 + 1},{i}\n" for i in range(5000))
    whole = gzip.compress(f"formula,gap\n{noise}".encode())
    for broken in (whole[:-9], b"formula,gap\n", whole[:2000] + b"\0\0\0" + whole[2003:]):
        file.write_bytes(broken)
        with pytest.raises(UserError, match="is not a readable gzip file") as caught:
            readers.read(file)
        assert caught.value.code == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("formula,n\nFe,rÃ¶f\n".encode("latin-1") + b"\xf6\n", "save it as UTF-8 .*iconv -f LATIN1 -t UTF-8 a.csv"),
        ("formula,n\nFe,1\n".encode("utf-16-le"), "is not UTF-8 text"),  # no mark, every other byte is zero
        (b"\xff\xfef\x00o", "begins as UTF-16 text|no column|is empty"),
        (b'formula,n\nFe,"1\n' + b"x,1\n" * 1_200_000, "a quotation mark is not closed; .*: '1.nx,1"),
        (b'formula,n\nFe,"1\nNi,2\n', "a quotation mark is not closed"),
        (b'formula,n\n"Fe,1\n' + b"x,1\n" * 1_200_000, "row 1: expected 2 columns, got 1"),
        (b"formula,n\nFe," + b"1" * (9 << 20) + b"\nFe,1\n", "a row is longer than 4 MB"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        readers.read(file, ["formula"])


@pytest.mark.parametrize(
    ("delimiter", "values", "mark"),
    [
        (";", ["0,01", "2"], ","),
        (";", ["12,5", "1,234"], ","),
        (";", ["1.234,5", "0,5"], ","),
        (";", ["1.234", "0,5"], ","),  # thousands beside decimals
        (";", ["0.5", "0,5"], "."),
        (";", ["1,234", "2,345"], "."),  # thousands or decimals: the column's reader asks
        (";", ["1.5", "2"], "."),
        ("\t", ["3,5e-3", "2"], ","),
        (",", ['"0,01"', "2"], "."),
    ],
)
def test_decimal_marks(tmp_path: Path, delimiter: str, values: list[str], mark: str) -> None:
    rows = "".join(f"Fe{i + 1}{delimiter}{value}\n" for i, value in enumerate(values))
    file = write(tmp_path / "a.csv", f"formula{delimiter}x\n{rows}")
    assert readers.decimal_mark(file) == mark


def test_decimal_mark_far_below_the_first_rows(tmp_path: Path) -> None:
    rows = "".join(f"Fe{i + 1};{i}\n" for i in range(20_000))
    file = write(tmp_path / "a.csv", f"formula;x\n{rows}Ni;0,5\n")
    assert readers.decimal_mark(file) == ","


def test_columns_without_a_name_are_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", ",formula, ,gap,\n0,PbTe,x,1,\n1,MgO,y,2,\n")
    assert readers.column_names(file) == ["formula", "gap"]
    assert cells(file) == [("PbTe", "1"), ("MgO", "2")]
    assert readers.unnamed_columns(file) == 3


@pytest.mark.parametrize("blank", ["\u200b", "\u200e", "\u00a0", "\u00ad"])
def test_blanks_without_width_around_a_name_mean_nothing(tmp_path: Path, blank: str) -> None:
    file = write(tmp_path / "a.csv", written().replace("formula,gap", f"{blank}formula{blank},gap{blank}"))
    assert readers.column_names(file) == ["formula", "gap"]
    assert cells(file) == ROWS


def test_utf_16_without_its_mark_is_called_that(tmp_path: Path) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(UserError, match=rf"no mark.*iconv -f {encoding.upper()} -t UTF-8 a\.csv"):
            readers.column_names(write(tmp_path / "a.csv", written(), encoding))
