"""Folds of a design never split a cluster of similar polymers."""

from dataclasses import replace

import numpy as np
import pytest

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.design.report.clusters import cluster
from kakehashi.design.run.folds import SIMILAR, cluster_folds, with_cluster_folds
from kakehashi.screen.transfer.problem import folds_text, outer_folds

UNITS = [f"*{'C' * k}O*" for k in range(2, 8)] + [f"*c1ccc({'C' * k}*)cc1" for k in range(1, 7)] + [
    "*CC(*)C#N", "*N1C(=O)c2ccccc2C1*", "*[Si](C)(C)O*", "*CC(F)(F)C(F)(F)*", "*OC(=O)c1ccco1*", "*SCCS(=O)(=O)CC*",
]  # fmt: skip


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "units.csv"
    path.write_text("smiles,tg\n" + "".join(f"{unit},{200 + k}\n" for k, unit in enumerate(UNITS)))
    return load_table(f"{path}:tg")


def test_clusters_stay_together(table):
    numbers = np.array(cluster(table.keys, SIMILAR).numbers)
    assert len(set(numbers)) < len(table)
    folds = cluster_folds(table, 3, 0)
    assert set(folds) == {0, 1, 2}
    for number in set(numbers):
        assert len(set(folds[numbers == number])) == 1
    dealt = with_cluster_folds(table, 3, 0)
    np.testing.assert_array_equal(dealt.folds, folds)
    assert folds_text(dealt, outer_folds(dealt, 3, 0)) == "3 folds, no cluster of polymers on both sides"


def test_given_folds_and_targets_without_clusters_stay(table):
    given = replace(table, folds=np.arange(len(table)) % 2)
    assert with_cluster_folds(given, 3, 0) is given
    assert folds_text(given, given.folds) == "given folds"
    assert with_cluster_folds(table, len(table), 0) is table  # fewer clusters than folds
