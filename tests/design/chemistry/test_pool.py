"""Pools of monomers: rows that cannot be read are set aside, columns are found."""

from pathlib import Path

import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.pool import read_pool

CASES = Path(__file__).parents[3].parent / "shared/cases/polymers/own-pool"


def written(folder, *rows):
    path = folder / "pool.csv"
    path.write_text("smiles,name,cas\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_rows_that_cannot_be_read_are_set_aside_all_at_once(tmp_path):
    path = written(
        tmp_path, "NCCN,ethylenediamine,107-15-3", "Cl.NCCCCN.Cl,a salt,1", " OC(=O)CCCCC(=O)O\u00a0, adipic acid ,2",
        "C1CC,,", ",empty,", "[Na+].[Cl-],table salt,", "*CC*,a unit,",
    )  # fmt: skip
    pool = read_pool(path)
    assert [(one.smiles, one.name, one.cas) for one in pool.molecules] == [
        ("NCCN", "ethylenediamine", "107-15-3"), ("O=C(O)CCCCC(=O)O", "adipic acid", "2"),
    ]  # fmt: skip
    assert [(one.row, one.id) for one in pool.rejected] == [(2, "a salt"), (4, "4"), (5, "empty"), (6, "table salt"),
                                                            (7, "a unit")]  # fmt: skip
    reasons = [one.reason for one in pool.rejected]
    for reason, said in zip(reasons, ("fragments", "not SMILES", "empty", "fragments", "expected 0"), strict=True):
        assert said in reason
    assert "5 of 7 molecules set aside" in pool.rejection()
    assert "row 2 (Cl.NCCCCN.Cl): several fragments" in pool.rejection()
    assert pool.named()["NCCN"].cas == "107-15-3"


def test_a_pool_without_faults_has_nothing_to_say(tmp_path):
    assert read_pool(written(tmp_path, "NCCN,,")).rejection() == ""


@pytest.mark.fault
def test_a_pool_of_salts_alone_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"2 of 2 molecules set aside.*row 1 .*no molecule is left"):
        read_pool(written(tmp_path, "Cl.NCCN,,", "C1CC,,"))


@pytest.mark.parametrize(("name", "salts"), [("pool", 2), ("pool2", 0)])
def test_cases_of_pools(name, salts):
    path = CASES / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"shared cases are absent: {path}")
    pool = read_pool(path)
    assert len(pool.rejected) == salts
    assert all("fragments" in one.reason for one in pool.rejected)
    assert pool.named()["NCCCCCCN"][1:] == ("hexamethylenediamine", "124-09-4")
    assert pool.named()["CC1OC(=O)C(C)OC1=O"].name == "L-lactide"


def test_a_pool_of_a_spreadsheet(tmp_path):
    file = tmp_path / "pool.csv"
    file.write_bytes("sep=;\r\nName;SMILES;CAS\r\nethanediol;OCCO;107-21-1\r\n;NCCN;\r\n".encode("utf-16"))
    found = [tuple(molecule[:3]) for molecule in read_pool(file).molecules]
    assert found == [("OCCO", "ethanediol", "107-21-1"), ("NCCN", "", "")]


def test_the_column_of_a_pool_is_told(tmp_path):
    file = tmp_path / "pool.tsv"
    file.write_text("smiles\tpurified\nCC\tOCCO\n")
    assert [one.smiles for one in read_pool(file, ("other", "purified")).molecules] == ["OCCO"]
    assert [one.smiles for one in read_pool(file).molecules] == ["CC"]
    file.write_text("what\nOCCO\n")
    with pytest.raises(UserError, match=r"no column 'smiles' \(columns: what\); name it with --material COL"):
        read_pool(file)
