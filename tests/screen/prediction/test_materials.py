"""Materials as callers give them: missing cells are told from others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.prediction.materials import read_materials


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_a_missing_cell_of_a_list_is_empty(missing: object) -> None:
    found = read_materials(["MgO", missing, "NaN", 7])
    assert found.texts == ["MgO", None, "NaN", None]
    assert found.reasons == ["", "empty", "", "expected a formula or SMILES as text, got int '7'"]


def test_a_missing_cell_of_a_frame_is_the_same() -> None:
    column = pd.DataFrame({"formula": pd.array(["MgO", pd.NA], "string")})
    listed = read_materials(list(column["formula"]))
    assert read_materials(column)[:2] == listed[:2] == (["MgO", None], ["", "empty"])


def test_one_text_is_no_list() -> None:
    with pytest.raises(UserError, match=r"write \['MgO'\]"):
        read_materials("MgO")
