"""A campaign asks and is told; its folder says everything."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kakehashi as kh
from kakehashi.catalogs.records import UserError

FORMULAS = ["LiF", "NaCl", "KBr", "MgO", "CaO", "SrO", "ZnS", "GaAs", "InP", "CdTe"]
GAPS = [14.2, 8.5, 7.4, 7.8, 7.1, 5.2, 3.7, 1.42, 1.34, 1.5]
OTHERS = ["BeO", "BN", "AlN", "GaN", "InN", "NaF", "KCl", "LiCl", "MgF2", "MgO"]
QUICK: dict[str, Any] = {"foundation": "none", "heads": ("ridge",), "outer_folds": 2}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("campaign") / "gap"
    target = kh.load({"formula": FORMULAS, "gap_ev": GAPS})
    kh.campaign(target, OTHERS, out=folder, **QUICK).ask(3, include_out=True, progress=False)
    return folder


@pytest.fixture
def loop(begun: Path, tmp_path: Path) -> Any:
    return kh.campaign(out=shutil.copytree(begun, tmp_path / "gap"))


def asked(loop: Any, batch: int = 3) -> list[str]:
    table = loop.ask(batch, include_out=True, progress=False)
    assert table["rank"].to_pylist() == list(range(1, table.num_rows + 1))
    names: list[str] = table["formula"].to_pylist()
    return names


def test_it_asks_the_same_until_it_is_told(loop: Any) -> None:
    first = asked(loop)
    assert asked(loop) == first
    assert set(first) <= set(OTHERS) - {"MgO"}
    assert loop.round == 1
    failed, measured = first[0], first[1]
    loop.tell({failed: None, measured: 9.0})
    assert (loop.round, len(loop.target)) == (2, 11)
    again = kh.campaign(out=loop.folder)
    assert again.known.drop_columns("value").equals(loop.known.drop_columns("value"))
    np.testing.assert_array_equal(again.known["value"].to_numpy(), loop.known["value"].to_numpy())
    second = asked(again, 8)
    assert not {failed, measured, "MgO"} & set(second)
    assert (loop.folder / "round-002/run.json").is_file()
    assert kh.load_model(loop.folder / "round-002").target.keys == again.target.keys


def test_tables_and_pairs_tell_the_same(loop: Any) -> None:
    known = [row["value"] for row in loop.tell([("BN", 6.4)]).known.to_pylist()]
    loop.tell({"formula": ["AlN"], "gap_ev": [6.0]}).tell({"composition": ["GaN"], "value": [3.4]})
    assert loop.known["value"].to_pylist() == [*known, 6.0, 3.4]
    assert loop.known["round"].to_pylist()[-3:] == [1, 2, 3]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"Xx2": 1.0}, "tell: Xx2: unknown element Xx; nothing was added"),
        ({"BN": float("inf")}, "the value is infinite"),
        ([], "tell: expected results, got none"),
        (["BN"], "expected {material: value}, pairs of material and value"),
        ({"formula": ["BN"], "x": [1.0]}, "no column 'value'"),
    ],
)
def test_wrong_results_add_nothing(loop: Any, rows: Any, said: str) -> None:
    before = loop.known
    with pytest.raises(UserError) as raised:
        loop.tell(rows)
    assert said in str(raised.value)
    assert loop.known is before
    assert kh.campaign(out=loop.folder).known.equals(before)


@pytest.mark.fault
def test_other_folders_are_refused(loop: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is in use: leave target and catalog out to go on with it"):
        kh.campaign("ltc", OTHERS, out=loop.folder)
    with pytest.raises(UserError, match="holds no campaign"):
        kh.campaign(out=tmp_path / "none")
    known = loop.folder / "known.parquet"
    known.write_bytes(known.read_bytes()[:-40])
    with pytest.raises(UserError) as raised:
        kh.campaign(out=loop.folder)
    assert raised.value.code == 6


def test_polymers_and_small_values(tmp_path: Path) -> None:
    units = ["*CC*", "*CC(C)*", "*CC(c1ccccc1)*", "*CC(Cl)*", "*CC(F)*", "*CO*", "*CCO*", "*CC(C#N)*", "*CC(O)*",
             "*CC(C)(C)*"]  # fmt: skip
    known = [195.0, 260.0, 373.0, 354.0, 314.0, 190.0, 206.0, 370.0, 358.0, 200.0]
    target = kh.load({"smiles": units, "tg_k": known})
    loop = kh.campaign(target, ["*CC(CC)*", "*CC(Br)*", "*CC(OC)*"], out=tmp_path / "tg", minimise=True, **QUICK)
    assert "small tg_k" in repr(loop)
    first = asked(loop, 1)
    assert first[0] in ("*CC(CC)*", "*CC(Br)*", "*CC(OC)*")
    assert asked(loop.tell({first[0]: None}), 1) != first
