from pathlib import Path

import pytest

from kakehashi.catalogs.properties.refused import check_share, refused_lines
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import UserError


def file_of(folder: Path, bad: list[str]) -> str:
    good = [f"Li{i}O,{i}" for i in range(1, 21)]
    file = folder / "t.csv"
    file.write_text("\n".join(["formula,y", *bad, *good]) + "\n", encoding="utf-8")
    return str(file)


def test_reasons_come_with_their_first_rows(tmp_path: Path) -> None:
    table = load_table(file_of(tmp_path, ["Xx2O,1", *[f"Am{i}O,2" for i in range(1, 6)]]))
    first, second = refused_lines(table)
    assert first.startswith("y: 5 of 26 rows refused: ")
    assert first.endswith("row 2 (Am1O, 2), row 3 (Am2O, 2), row 4 (Am3O, 2) and 2 more")
    assert second.endswith("row 1 (Xx2O, 1)")
    assert refused_lines(table, 1)[1] == "y: 1 more row refused for another reason"
    assert refused_lines(load_table(file_of(tmp_path, []))) == []


@pytest.mark.parametrize(
    ("limit", "refused"), [(0.0, True), (0.09, True), (2 / 22, False), (1.0, False), (None, False)]
)
def test_more_refused_rows_than_allowed_are_an_error(tmp_path: Path, limit: float | None, refused: bool) -> None:
    # A row without a value is no row that is refused, and none that counts.
    file = file_of(tmp_path, ["Xx2O,1", "Am2O,2", "Xx2O,", "LiF,"])
    if not refused:
        assert len(load_table(file, max_rejected=limit)) == 20
        return
    with pytest.raises(UserError, match=r"t\.csv: 2 of 22 rows with a value are refused") as caught:
        load_table(file, max_rejected=limit)
    assert "row 1 (Xx2O, 1)" in str(caught.value)
    assert "--max-rejected 0.1" in str(caught.value)
    assert caught.value.code == 2


def test_shares() -> None:
    assert check_share(0.5) == 0.5
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(UserError, match="expected a share from 0 to 1"):
            check_share(share)
