"""The shortlist obeys its rule."""

import pyarrow as pa

from kakehashi.screen.studies.ltc.shortlist import shortlist


def scores(**columns: list[object]) -> pa.Table:
    n = len(columns["reduced_formula"])
    rest = {"id": [f"m{i}" for i in range(n)], "formula": columns["reduced_formula"]}
    return pa.table(rest | {"domain": ["in"] * n, "mean": [float(n - i) for i in range(n)]} | columns)


def test_shortlist_rule() -> None:
    table = scores(
        reduced_formula=["MgO", "Mg2O", "UC", "BeO", "AlN", "GaN", "BN", "BAs", "Si"],
        domain=["in", "in", "in", "out", "edge", "in", "in", "in", "in"],
        e_above_hull=[0.0, 0.0, 0.0, 0.0, 0.05, 0.06, None, 0.01, 0.0],
    )
    found = shortlist(table, {"BAs"}, log=False)
    # Mg2O is of MgO's system, UC radioactive, BeO outside, GaN unstable, BN unknown, BAs no news, Si no compound
    assert found.table["formula"].to_pylist() == ["MgO", "AlN"]
    assert "0.05 eV/atom" in found.rule
    assert shortlist(table, {"MgO"}, log=False).table["formula"].to_pylist() == ["Mg2O", "AlN", "BAs"]
    assert shortlist(table, set(), log=False, size=1).table["formula"].to_pylist() == ["MgO"]
    gapped = table.append_column("band_gap", pa.array([0.0, 0.2, 1, 1, 0.1, 1, 1, None, 1]))
    assert shortlist(gapped, set(), log=False).table["formula"].to_pylist() == ["Mg2O"]
    assert "band gap above 0.1 eV" in shortlist(gapped, set(), log=False).rule
    without = shortlist(table.drop_columns("e_above_hull"), set(), log=False)
    assert without.table["formula"].to_pylist() == ["MgO", "AlN", "GaN", "BN", "BAs"]
    assert "hull" not in without.rule
