"""Candidates of a batch differ: compositions by atoms, repeat units by fingerprints."""

from __future__ import annotations

from kakehashi.screen.next.diverse import pick_compositions, pick_units, words_of_limits

NYLONS = ["*NCCNC(=O)CC(=O)*", "*NCCCNC(=O)CC(=O)*", "*NCCCCNC(=O)CC(=O)*"]
OTHERS = ["*CC(*)c1ccccc1", "*OCCOC(=O)c1ccc(C(=O)*)cc1", "*C(F)(F)C(F)(F)*"]


def test_one_of_a_chemical_system_and_far_enough_apart() -> None:
    names = ["GaN", "Ga2N3", "AlN", "Al2O3", "MgO"]
    assert pick_compositions(names, 4, None).tolist() == [0, 2, 3, 4]
    assert pick_compositions(names, 2, None).tolist() == [0, 2]
    assert pick_compositions(names, 4, 0.6).tolist() == [0, 3]  # GaN and AlN share half of their atoms


def test_of_nylons_alike_one_is_taken() -> None:
    units = [*NYLONS, *OTHERS]
    picked = pick_units(units, 4, None).tolist()
    assert picked[0] == 0
    assert picked[-3:] == [3, 4, 5]
    assert len(set(picked) & {1, 2}) == 0
    assert pick_units(units, 6, 0.0).tolist() == [0, 1, 2, 3, 4, 5]
    assert pick_units([*NYLONS[:1] * 2, *OTHERS], 6, 0.0).tolist() == [0, 2, 3, 4]  # the same unit once
    assert pick_units(units, 6, 1.0).tolist()[0] == 0


def test_limits_in_words() -> None:
    assert words_of_limits(None, units=False) == "one per chemical system, any two at least 10% of the atoms apart"
    assert words_of_limits(0.5, units=True) == "any two repeat units at least 50% unlike by fingerprints"
