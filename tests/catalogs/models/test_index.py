"""The index of models: a row for every network and property, always that of the cards that are there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kakehashi.catalogs.models import index as model_index
from kakehashi.catalogs.models import library
from kakehashi.catalogs.models.index import Condition, conditions, query
from kakehashi.catalogs.models.index_fields import FIELDS, MDL
from kakehashi.catalogs.records import UserError

ONE, TWO, THREE = ("0" * 63 + c for c in "abc")

NAMES = (
    "id transferred succeed is_regression deprecated modelset method property descriptor lang accuracy precision"
    " recall f1 sensitivity prevalence specificity ppv npv mean_abs_error max_abs_error mean_square_error"
    " root_mean_square_error r2 p_value spearman_corr pearson_corr"
)


def card(name: str, pearson: list[float | None], **more: Any) -> dict[str, Any]:
    metrics = {"mae": 0.2, "max_ae": 1.0, "mse": 0.09, "rmse": 0.3, "r2": 0.7, "spearman": 0.8, "p_value": 1e-9}
    entries = [
        {"structure": "290-100-50-20-1", "parameters": 1000 + i, "epochs": 9, "held_out": [12],
         "metrics": [{**metrics, "pearson": r}]}
        for i, r in enumerate(pearson)
    ]  # fmt: skip
    task = {"property": name, "unit": "eV", "log": False, "rows": 120, "source": "somewhere", "licence": ""}
    return {"kind": "networks", "tasks": [task], "entries": entries, "networks": len(entries), "seed": 0,
            "split": "validation", "convention": "reduced", "descriptor": "composition:reduced", "date": "2026",
            **more}  # fmt: skip


def keep(key: str, body: dict[str, Any]) -> None:
    assert library.store(key, {"x": np.zeros(3)}, body) == ""


def ids(*wanted: Condition, **fields: Any) -> list[str]:
    return sorted(query([*wanted, *conditions(fields)]).table["id"].to_pylist())


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    monkeypatch.setattr(library, "SHIPPED", tmp_path / "shipped")
    keep(ONE, card("band_gap", [0.95, 0.5, None]))
    keep(TWO, card("volume_per_atom", [0.91], descriptor="smiles:ecfp4@ring/atom"))
    return tmp_path


def name(key: str, number: int) -> str:
    return f"{key[:16]}-{number}"


def test_it_has_the_27_fields_of_mdl_under_their_names() -> None:
    assert " ".join(MDL.names) == NAMES
    assert len(MDL) == 27
    row = query([Condition("parameters", "==", 1001)]).table.to_pylist()[0]
    assert (row["mean_abs_error"], row["pearson_corr"], row["max_abs_error"], row["p_value"]) == (0.2, 0.5, 1.0, 1e-9)
    assert (row["accuracy"], row["transferred"], row["is_regression"], row["layers"]) == (None, False, True, 3)


def test_texts_are_parts_and_numbers_are_bounds() -> None:
    assert ids() == sorted([name(ONE, 0), name(ONE, 1), name(ONE, 2), name(TWO, 0)])
    assert ids(property="GAP", min_pearson=0.9) == [name(ONE, 0)]
    assert ids(property="volume", min_pearson=0.9, descriptor="composition") == []
    assert ids(descriptor="ecfp4", unit="eV", transferred=False) == [name(TWO, 0)]
    assert ids(max_pearson=0.9) == [name(ONE, 1)]  # a null meets no bound
    assert ids(max_mae=0.1) == []
    assert ids(Condition("property", "!=", "band_gap")) == [name(TWO, 0)]
    assert ids(Condition("stack", "==", TWO), Condition("succeed", "==", "true")) == [name(TWO, 0)]
    assert ids(Condition("p_value", "<", "1e-3"), min_parameters=1002) == [name(ONE, 2)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"min_person": 0.9}, "no field 'person'"),
        ({"propety": "x"}, "did you mean 'property'?"),
        ({"min_property": "x"}, "is text"),
        ({"r2": "much"}, "expected a number"),
        ({"transferred": "maybe"}, "expected true or false"),
        ({"min_transferred": True}, "use == or !="),
    ],
)
def test_what_cannot_be_asked_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        ids(**fields)


def test_the_index_follows_the_cards(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids()
    written = (home / model_index.FILE).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(model_index, "_build", lambda *_: pytest.fail("built again"))
        assert len(ids()) == 4
    keep(THREE, card("density", [0.3]))
    assert name(THREE, 0) in ids()
    assert (home / model_index.FILE).read_bytes() != written
    shutil.rmtree(library.models_folder() / ONE)
    assert ids() == sorted([name(TWO, 0), name(THREE, 0)])
    library.store(TWO, {"x": np.zeros(3)}, card("renamed", [0.1, 0.2]), replace=True)
    assert ids(property="renamed") == [name(TWO, 0), name(TWO, 1)]


def test_what_is_indexed_again_is_what_a_new_index_holds(home: Path) -> None:
    ids()
    keep(THREE, card("density", [0.3, 0.4]))
    after = query().table
    (home / model_index.FILE).unlink()
    assert sorted(after.to_pylist(), key=lambda row: row["id"]) == sorted(
        query().table.to_pylist(), key=lambda row: row["id"]
    )


def test_a_damaged_index_is_built_again(home: Path) -> None:
    whole = ids()
    path = home / model_index.FILE
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(bytes(data))
    assert ids() == whole
    path.write_bytes(b"PAR1")
    assert ids() == whole


@pytest.mark.parametrize("harm", ["flip", "text", "kind", "seed", "entries"])
def test_a_card_that_cannot_be_trusted_is_said_every_time(harm: str) -> None:
    path = library.models_folder() / ONE / library.CARD
    if harm == "flip":
        path.write_text(path.read_text().replace("0.95", "0.99"))
    elif harm == "text":
        path.write_text("{")
    else:
        wrong = {"kind": {"kind": "virus"}, "seed": {"seed": "x"}, "entries": {"entries": [3]}}
        body = json.loads(path.read_text()) | wrong[harm]
        del body["card_sha256"]
        path.write_text(json.dumps({**body, "card_sha256": library._digest(body)}))
    for _ in range(2):
        found = query()
        assert found.table["id"].to_pylist() == [name(TWO, 0)]
        assert len(found.warnings) == 1
        assert ONE in found.warnings[0]


def test_nothing_kept_is_an_empty_table(home: Path) -> None:
    shutil.rmtree(library.models_folder())
    found = query(conditions({"property": "x"}))
    assert found.table.num_rows == 0
    assert found.table.schema.names == FIELDS.names


def test_an_unwritable_home_is_queried_all_the_same(home: Path) -> None:
    (home / model_index.FILE).mkdir()
    assert len(ids()) == 4
