"""Files that runs propose from, however they are written."""

from pathlib import Path

import pytest

from catalogs.records import UserError
from design import language, proposers
from design.constraints import read_fragments


def test_a_pool_of_a_spreadsheet(tmp_path: Path) -> None:
    file = tmp_path / "pool.csv"
    file.write_bytes("sep=;\r\nName;SMILES;CAS\r\nethanediol;OCCO;107-21-1\r\n;NCCN;\r\n".encode("utf-16"))
    found = [tuple(molecule[:3]) for molecule in proposers._read(file, None)]
    assert found == [("OCCO", "ethanediol", "107-21-1"), ("NCCN", "", "")]


def test_the_column_of_a_pool_is_told(tmp_path: Path) -> None:
    file = tmp_path / "pool.tsv"
    file.write_text("smiles\tpurified\nCC\tOCCO\n")
    assert [m.smiles for m in proposers._read(file, ("other", "purified"))] == ["OCCO"]
    assert [m.smiles for m in proposers._read(file, None)] == ["CC"]
    file.write_text("what\nOCCO\n")
    with pytest.raises(
        UserError, match=r"pool\.tsv: no column 'smiles' \(columns: what\); name it with --material COL"
    ):
        proposers._read(file, None)


def test_corpora_and_fragments(tmp_path: Path) -> None:
    file = tmp_path / "corpus.csv"
    file.write_text("Repeat Unit;n\n*CC*;0,5\n*CC(*)C;1,5\n")
    assert language._read(file, None) == ["*CC*", "*CC(*)C"]
    assert read_fragments(file) == ("*CC*", "*CC(*)C")
    assert read_fragments(file, "Repeat Unit") == ("*CC*", "*CC(*)C")
