"""A table with planted faults, looked at before a run."""

from pathlib import Path

import pytest

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.screening.inspection import Conflict, find_conflicts, inspect
from kakehashi.screen.screening.inspection_text import inspection_text

ROWS = "GaAs,46 As1Ga1,55 GaAs,46 MgO,60 AlN,285 GaN,220 ZnS,27 NaCl,6.5 KCl,7.1 PbTe,2 BAs,1300 InP,68 Xx2,3 CaO,"
EXAMPLES = Path(__file__).parents[3] / "examples"


def test_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("formula,kappa_W_mK\n" + "\n".join(ROWS.split()) + "\n")
    conflicts = find_conflicts(str(path))
    assert conflicts == (Conflict("GaAs", (1, 2, 3), (46.0, 55.0, 46.0)),)
    found = inspect(load_table(str(path)), conflicts=conflicts)
    assert (found.rows, found.materials, found.merged, found.missing, found.refused_rows) == (14, 10, 2, 1, 1)
    assert ("In", "InP") in found.lone
    assert "Ga" not in dict(found.lone)
    text = inspection_text(found)
    for part in ("row 13 (Xx2, 3)", "GaAs (row 1: 46, row 2: 55", "2 to 1,300 W/(m K); spans 2.8 decades: use --log"):
        assert part in text


@pytest.mark.parametrize("spec", ["conductivity.csv:kappa_W_mK", "polymers.csv:tc_W_mK", "glass_transition.csv:tg_K"])
def test_examples_are_whole(spec: str) -> None:
    found = inspect(load_table(str(EXAMPLES / spec)), conflicts=find_conflicts(str(EXAMPLES / spec)))
    assert (found.refused_rows, found.merged, found.missing, found.conflicts) == (0, 0, 0, ())
    assert found.unit in ("W/(m K)", "K")
