"""Orders, quotas and the diverse list of proposals."""

import itertools

import numpy as np
import pytest
from rdkit import DataStructs

from kakehashi.catalogs.records import UserError
from kakehashi.design.likelihood.goals import Goal
from kakehashi.design.report.clusters import SIMILAR, fingerprint
from kakehashi.design.run.choice import Quota, ordered_goal, pick_diverse, worth_by_value
from kakehashi.design.run.config import resolve

ALIKE = ["*CCCCCCO*", "*CCCCCCCO*", "*CCCCCCCCO*"]
UNITS = [*ALIKE, "*Oc1ccc(*)cc1", "*N1C(=O)c2ccccc2C1*", "*[Si](C)(C)O*", "*CC(F)(F)C(F)(F)*"]
MEAN, LOWER, UPPER = np.array([1.0, 2.0]), np.array([0.9, 0.1]), np.array([1.1, 3.9])


def test_value_and_bound_point_to_the_goal():
    above, below = Goal("tc", lower=1.5), Goal("tc", upper=0.5)
    assert np.argmax(worth_by_value(above, "value", MEAN, LOWER, UPPER)) == 1
    assert np.argmax(worth_by_value(above, "lower", MEAN, LOWER, UPPER)) == 0
    assert np.argmax(worth_by_value(below, "value", MEAN, LOWER, UPPER)) == 0
    np.testing.assert_array_equal(worth_by_value(below, "lower", MEAN, LOWER, UPPER), -UPPER)


def test_a_window_has_no_better_end():
    window = Goal("tg", 400.0, 500.0)
    assert ordered_goal([window], "chance") is window
    with pytest.raises(UserError, match="neither end is better"):
        ordered_goal([window, Goal("tc", lower=1.0)], "lower")


def test_quotas_by_cluster_and_monomer():
    similar = DataStructs.TanimotoSimilarity(*(fingerprint(unit) for unit in ALIKE[:2]))
    assert similar >= SIMILAR
    quota = Quota(per_cluster=2)
    assert [bool(quota.admit(unit, ())) for unit in UNITS] == [False, False, True, False, False, False, False]
    quota = Quota(per_monomer=1)
    assert quota.admit("*CC*", ("C=C", "C=C")) == ""
    assert quota.admit("*CC(C)*", ("C=CC", "C=C")) == "more than 1 with one monomer"
    assert quota.admit("*CC(C)*", ("C=CC",)) == ""  # what was refused counts for nothing
    quota = Quota(per_class=1)
    assert quota.admit("*CC*", (), "polyolefin") == quota.admit("*CCO*", (), "polyether") == ""
    assert quota.admit("*CC(C)*", (), "polyolefin") == "more than 1 of one class"
    free = Quota()
    assert not any(free.admit(unit, ("C=C",)) for unit in UNITS)


def test_a_monomer_above_its_limit_takes_no_place_in_a_cluster():
    quota = Quota(per_cluster=1, per_monomer=1)
    assert quota.admit(UNITS[3], ("A",)) == ""
    assert quota.admit(UNITS[0], ("A",)).endswith("one monomer")
    assert quota.admit(UNITS[1], ("B",)) == ""


def test_diverse_picks_are_the_farthest_each_time():
    picked = pick_diverse(UNITS, 5)
    assert picked[0] == 0
    assert len(set(picked)) == 5
    prints = [fingerprint(unit) for unit in UNITS]
    for size in range(1, 5):
        before = picked[:size]
        nearest = [max(DataStructs.TanimotoSimilarity(bits, prints[j]) for j in before) for bits in prints]
        rest = [row for row in range(len(UNITS)) if row not in before]
        assert nearest[picked[size]] == min(nearest[row] for row in rest)
    pairs = [DataStructs.TanimotoSimilarity(prints[i], prints[j]) for i, j in itertools.combinations(picked, 2)]
    assert max(pairs) < SIMILAR
    assert sorted(pick_diverse(UNITS, 99)) == list(range(len(UNITS)))
    assert pick_diverse([]) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"rank_by": "luck"}, "--rank-by: expected one of chance, value, lower"), ({"per_cluster": 0}, "--per-cluster")],
)
def test_flags_are_checked(wrong, says):
    with pytest.raises(UserError, match=says):
        resolve({"target": ["a.csv:x"], "goal": ["x>1"], **wrong}, None)
