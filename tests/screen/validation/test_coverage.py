"""Coverage by distance and of families: counted right, and families never split."""

import numpy as np
import pytest

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.screen.validation.coverage import (
    FAMILY_FOLDS,
    coverage_by_distance,
    family_coverage,
    family_folds,
    name_families,
)


def test_families_are_anions():
    texts = ["MgO", "Fe2O3", "BaTiO3", "GaAs", "NaCl", "NH4Cl", "SiC", "Bi2Te3", "C", "Cu3Au"]
    assert name_families(parse_column(texts).compositions) == ["O", "O", "O", "As", "Cl", "Cl", "C", "Te", "C", "Au"]


def test_families_are_never_split():
    groups = [str(i % 9) for i in range(50)]
    folds = family_folds(groups, 0, 5)
    assert len(np.unique(folds)) == FAMILY_FOLDS
    assert all(len({f for f, g in zip(folds, groups, strict=True) if g == group}) == 1 for group in set(groups))


def test_too_few_families_or_compounds_to_train_on():
    assert family_folds(["O"] * 20, 0, 5) is None
    assert family_folds(["O"] * 20 + ["S"] * 4, 0, 5) is None
    assert family_folds(["O"] * 20 + ["S"] * 5, 0, 5) is not None


def test_coverage_by_distance_counts_every_compound_once():
    distance = np.array([0.0, 0.5, 0.51, 1.0, 2.5, 9.0])
    inside = np.array([True, False, True, True, True, False])
    bins = coverage_by_distance(inside, distance)
    assert [tuple(b) for b in bins] == [(0.0, 0.5, 2, 0.5), (0.5, 1.0, 2, 1.0), (2.0, None, 2, 0.5)]


def test_family_intervals_come_from_the_other_families():
    y, folds = np.zeros(40), np.repeat([0, 1], 20)
    ratios = np.where(folds == 0, 10.0, 1.0)  # the first fold's residuals are ten times the second's
    found = np.stack([np.full(40, 5.0), np.ones(40), np.zeros(40)])
    result = family_coverage(y, ["a"] * 20 + ["b"] * 20, folds, ratios, 1.0, found)
    # Errors of 5: inside 10 (the second fold, judged by the first), outside 1.
    assert (result.families, result.folds, result.coverage) == (2, 2, 0.5)
    assert result.mae == pytest.approx(5.0)


def test_a_model_records_both(planted_model):
    reach = planted_model.reach
    assert sum(b.compounds for b in reach.by_distance) == 40
    found = planted_model.out_of_fold
    covered = np.mean((found.lower <= planted_model.target.y) & (planted_model.target.y <= found.upper))
    assert sum(b.compounds * b.coverage for b in reach.by_distance) / 40 == pytest.approx(covered)
    assert reach.by_family.families == len(set(name_families(planted_model.target.compositions)))
    assert 0.5 < reach.by_family.coverage <= 1
