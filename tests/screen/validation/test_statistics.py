"""Paired tests: against closed forms, and against how often they are wrong when nothing is there."""

import numpy as np
import pytest
from scipy import stats

from kakehashi.screen.validation.folds import Split, splits_of
from kakehashi.screen.validation.statistics import holm, paired_test


def test_without_overlap_it_is_the_paired_t_test():
    # Training sets so large that the overlap vanishes, folds of one compound: the textbook test.
    d = np.random.default_rng(0).normal(0.3, 1, 12)
    splits = [Split(np.arange(10**6), np.array([i])) for i in range(12)]
    found = paired_test(d, splits)
    assert found.p_value == pytest.approx(stats.ttest_1samp(d, 0).pvalue, rel=1e-3)
    assert (found.units, found.by) == (12, "folds")


def test_the_correction_is_the_ratio_of_test_to_training():
    d = np.random.default_rng(1).normal(0.3, 1, 50)
    found = paired_test(d, splits_of(np.repeat(np.arange(10), 5)))
    means = d.reshape(10, 5).mean(axis=1)
    # Nadeau & Bengio (2003): (1/K + n_test/n_train) s², K - 1 degrees of freedom.
    error = np.sqrt((1 / 10 + 5 / 45) * means.var(ddof=1))
    assert found.standard_error == pytest.approx(error)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(d.mean()) / error, 9))
    assert found.difference == pytest.approx(d.mean())


def test_differences_shared_within_a_fold_are_not_counted_as_many():
    # One lucky fitted model per fold: 200 compounds, but only 5 independent differences.
    rng = np.random.default_rng(2)
    folds = np.repeat(np.arange(5), 40)
    wrong = naive = 0
    for _ in range(300):
        d = rng.normal(0, 1, 5)[folds] + rng.normal(0, 0.2, 200)
        wrong += paired_test(d, splits_of(folds)).p_value < 0.05
        naive += stats.ttest_1samp(d, 0).pvalue < 0.05
    assert wrong <= 0.08 * 300
    assert naive > 0.5 * 300


def test_uneven_folds_weigh_as_their_compounds():
    d = np.array([1.0] * 8 + [0.0, 0.0])
    found = paired_test(d, splits_of(np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])))
    assert found.difference == pytest.approx(0.8)


def test_few_folds_compare_compounds():
    d = np.random.default_rng(3).normal(0.5, 1, 20)
    wide = np.concatenate([d, np.full(30, np.nan)])
    found = paired_test(wide, [Split(np.arange(20, 50), np.arange(20))])
    assert found.by == "compounds"
    assert found.p_value == pytest.approx(stats.ttest_1samp(d, 0).pvalue)


def test_no_difference_at_all():
    splits = splits_of(np.arange(12) % 4)
    assert paired_test(np.zeros(12), splits).p_value == 1.0
    assert np.isnan(paired_test(np.ones(2), [Split(np.arange(5), np.arange(2))]).p_value)


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    found = holm([0.5, float("nan"), 0.9])
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2]], [1.0, 1.0])
