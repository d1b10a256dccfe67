"""Targets that cannot be learned from are refused; given folds are used."""

from dataclasses import replace

import numpy as np
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.networks.source import Library
from kakehashi.screen.transfer.fit import transfer

NOTHING = Library((), "reduced", 0)


def test_given_folds_are_used(planted):
    given = np.repeat([7, 3, 11, 20], 10)
    model = transfer(NOTHING, replace(planted.target, folds=given), inner=5)
    np.testing.assert_array_equal(model.out_of_fold.folds, np.repeat([1, 0, 2, 3], 10))


def test_refusals(planted):
    table = planted.target
    few = replace(table, values=table.values[:9], keys=table.keys[:9])
    with pytest.raises(UserError, match="at least 10 distinct compositions, got 9"):
        transfer(NOTHING, few)
    with pytest.raises(UserError, match="all 40 values are equal"):
        transfer(NOTHING, replace(table, values=np.full(40, 0.1)))
    with pytest.raises(UserError, match="at least 2 different fold numbers"):
        transfer(NOTHING, replace(table, folds=np.zeros(40, int)))
    with pytest.raises(UserError, match="at least 5 compositions outside every fold, got 4"):
        transfer(NOTHING, replace(table, folds=np.repeat([0, 1, 2], [36, 2, 2])))
    for unit in (1e16, 1e-17):
        with pytest.raises(UserError, match="another unit or fit their logarithm"):
            transfer(NOTHING, replace(table, values=unit * table.values))
