"""What a record of a run says in words."""

from __future__ import annotations

from kakehashi.screen.screening.run_warnings import _distinct


def test_materials_that_share_a_score_are_called_what_they_are() -> None:
    assert _distinct(3, smiles=False).startswith("3 compositions: polymorphs of one composition share one score")
    assert _distinct(1, smiles=False).startswith("1 composition: ")
    assert _distinct(3, smiles=True).startswith("3 molecules or repeat units: one that is written in several ways")
    assert "composition" not in _distinct(1, smiles=True)
