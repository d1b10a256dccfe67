"""Predictions come in the order of the input, every row accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import kakehashi as kh
from kakehashi.catalogs.records import UserError
from kakehashi.screen.api.fitted import fitted
from kakehashi.screen.prediction.materials import read_materials
from kakehashi.screen.prediction.predict import predict_table
from kakehashi.screen.scoring.partitions import make_scorer

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model

MIXED = ["MgO", "Xx2O3", None, "GaAs", 5, "MgO", "", "Zr3"]


def test_rows_keep_their_order_and_bad_ones_say_why(tiny_model: Model) -> None:
    table = fitted(tiny_model).predict(MIXED)
    assert table.column_names == ["formula", "mean", "lower", "upper", "domain", "reason", "nearest"]
    assert table["formula"].to_pylist() == ["MgO", "Xx2O3", None, "GaAs", None, "MgO", "", "Zr3"]
    finite = np.isfinite(table["mean"].to_numpy()).tolist()
    assert finite == [True, False, False, True, False, True, False, True]
    reasons = table["reason"].to_pylist()
    assert reasons[1:3] == ["unknown element Xx", "empty"]
    assert reasons[4] == "expected a formula or SMILES as text, got int '5'"
    assert [d is None for d in table["domain"].to_pylist()] == [not ok for ok in finite]
    assert table["mean"][0] == table["mean"][5]


def test_they_are_those_of_a_ranking(tiny_model: Model) -> None:
    formulas = ["PbTe", "MgO", "GaAs", "CaF2"]
    ranked = {row["formula"]: row for row in kh.rank(tiny_model, formulas).to_pylist()}
    for row in fitted(tiny_model).predict(formulas).to_pylist():
        other = ranked[row["formula"]]
        assert [row[name] for name in ("mean", "lower", "upper", "domain")] == [
            other[name] for name in ("mean", "lower", "upper", "domain")
        ]
        assert (row["reason"], row["nearest"]) == (other["domain_reason"], other["nearest_training"])


def test_pieces_change_no_bit(tiny_model: Model) -> None:
    scorer, materials = make_scorer(tiny_model), read_materials(["PbTe", "Xx", "MgO", "GaAs", "CaF2"])
    whole = predict_table(scorer, materials)
    pieces = predict_table(scorer, materials, rows=2)
    assert whole.drop_columns(["mean", "lower", "upper"]).equals(pieces.drop_columns(["mean", "lower", "upper"]))
    for name in ("mean", "lower", "upper"):
        np.testing.assert_array_equal(whole[name].to_numpy(), pieces[name].to_numpy())


def test_a_frame_comes_back_as_a_frame(tiny_model: Model) -> None:
    model = fitted(tiny_model)
    frame = pd.DataFrame({"id": ["a", "b"], "Composition": ["MgO", None]}, index=[7, 3])
    predicted = model.predict(frame)
    assert isinstance(predicted, pd.DataFrame)
    assert predicted.index.tolist() == [7, 3]
    assert predicted["id"].tolist() == ["a", "b"]
    assert predicted["mean"].isna().tolist() == [False, True]
    series = model.predict(pd.Series(["MgO"], index=["x"]))
    assert series.index.tolist() == ["x"]
    assert isinstance(model.predict(frame, as_arrow=True), pa.Table)
    assert isinstance(model.predict(np.array(["MgO"])), pa.Table)
    assert model.predict([]).num_rows == 0


def test_what_has_no_materials_is_said(tiny_model: Model) -> None:
    model = fitted(tiny_model)
    for wrong, said in (
        ("MgO", "expected a list of materials, got the text 'MgO'"),
        (3, "expected materials as a list, a column or a data frame, got int"),
        (np.zeros((2, 2)), "expected one column of materials"),
        ({"x": ["?"]}, "no column 'formula', 'composition' or 'smiles'"),
    ):
        with pytest.raises(UserError) as raised:
            model.predict(wrong)
        assert said in str(raised.value)


def test_frames_are_ranked_too(tiny_model: Model) -> None:
    frame = pd.DataFrame({"Composition": ["MgO", "PbTe"], "note": ["a", "b"]})
    ranked = kh.rank(tiny_model, frame)
    notes = dict(zip(ranked["formula"].to_pylist(), ranked["note"].to_pylist(), strict=True))
    assert notes == {"MgO": "a", "PbTe": "b"}
