"""Names of common polymers: the table's form, and structures of three published lists that carry names."""

import csv
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.molecules.polymers import attempt, parse
from kakehashi.catalogs.properties.polymer_names import COMMON, name_unit, polymer_names

SHARED = Path(__file__).parents[3].parent / "shared/data/organic"
LISTS = ("bicerano_tg", "crow_polymer_properties", "mafa2020_tg_density_cte", "polyverse_melt_viscosity")


def rows() -> list[dict[str, str]]:
    with COMMON.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_row_is_a_polymer_of_its_own_with_a_check() -> None:
    found = rows()
    assert len(found) >= 200
    assert len({row["smiles"] for row in found}) == len({row["name"] for row in found}) == len(found)
    for row in found:
        assert parse(row["smiles"])[1] == row["smiles"], row["name"]
        assert set(row["checked"].split("; ")) <= {"monomers", *LISTS}, row["name"]
        assert ("monomers" in row["checked"]) == bool(row["monomers"]), row["name"]
        assert all(re.fullmatch(r"\d{2,7}-\d\d-\d", cas) for cas in row["monomers"].split("; ") if cas)
        assert name_unit(row["smiles"]) == row["name"]


def test_nylon_6_is_called_so_however_it_is_cut() -> None:
    for unit in ("*NCCCCCC(*)=O", "*C(=O)CCCCCN*", "*CCC(=O)NCCC*", "*NCCCCCC(=O)NCCCCCC(*)=O"):
        assert name_unit(parse(unit)[1]) == "nylon 6"


def test_typed_tables_add_their_names() -> None:
    assert len(polymer_names()) > len(rows())


@pytest.mark.parametrize("name", LISTS)
def test_names_of_a_published_list_have_its_structures(name: str) -> None:
    """Every row that claims a list has a polymer of that very chain there."""
    path = SHARED / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"shared data are absent: {path}")
    keys = {attempt(text, 2)[1] for text in pq.read_table(path, columns=["smiles"])["smiles"].to_pylist()}
    claimed = [row for row in rows() if name in row["checked"].split("; ")]
    assert len(claimed) > 10
    assert [row["name"] for row in claimed if row["smiles"] not in keys] == []
