"""Measured values judge the screening, without metals and without the target."""

import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.screen.studies.ltc.measured import count_inside, fit_measured, join_measured, paired


def test_measured_values_are_new_and_of_no_metal() -> None:
    formulas = ["MgO", "Cu", "GaN", "BAs", "AlN", "NaCl", "KCl"]
    measured = assemble("m", formulas, np.array([40.0, 400, 180, 1000, 300, 6, 7]), log=True, minimum=1)
    target = assemble("t", ["MgO", "ZnO"], np.array([50.0, 60.0]), log=True, minimum=1)
    compositions = pa.table(
        {
            "reduced_formula": ["GaN", "Cu", "MgO", "AlN", "NaCl", "KCl", "SiC"], "domain": ["in"] * 7,
            "mean": [100.0] * 7, "lower": [10.0] * 7, "upper": [200.0] * 7,
        }
    )  # fmt: skip
    direct = np.array([180.0, 1, 1, 300, 6, 7, 1])
    found = join_measured(measured, target, compositions, compositions, {"mean_direct": direct})
    assert found.table["formula"].to_pylist() == ["Cu", "AlN", "GaN", "KCl", "NaCl"]  # BAs is no candidate
    scores = pa.table({"reduced_formula": ["GaN", "GaN", "Cu", "AlN", "NaCl", "KCl"],
                       "band_gap": [0.0, 3.4, 0.0, 6.0, 5.0, None]})  # fmt: skip
    found = join_measured(measured, target, scores, compositions, {"mean_direct": direct})
    assert found.table["formula"].to_pylist() == ["AlN", "GaN", "NaCl"]
    assert found.metals == 2
    assert found.table["measured"].to_pylist() == [300, 180, 6]
    assert found.table["mean_direct"].to_pylist() == [300, 180, 6]
    assert count_inside(found.table) == 1
    gain, _ = paired(found.table, "mean_direct", "mean")
    assert gain == pytest.approx(np.mean(np.abs(np.log([3, 1.8, 0.06]))))
    assert np.isnan(fit_measured(found.table, "mean").mae)  # three values say nothing
    assert fit_measured(pa.concat_tables([found.table] * 2), "mean_direct")[:3] == (6, 0.0, 0.0)
