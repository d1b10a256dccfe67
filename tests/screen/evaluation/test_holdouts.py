"""What is held out is held out: families, elements and the largest values never reach the training rows."""

from dataclasses import replace

import numpy as np
import pytest

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.records import UserError
from kakehashi.screen.evaluation.config import HOLDOUTS
from kakehashi.screen.evaluation.holdouts import hold_out, rarest_elements
from kakehashi.screen.validation.coverage import name_families


@pytest.fixture(scope="module")
def target(planted):
    return planted.target


def holding(target, rows):
    return {SYMBOLS[e] for e in target.compositions.elements[rows].ravel() if e >= 0}


@pytest.mark.parametrize("mode", [mode for mode in HOLDOUTS if mode != "top"])
def test_every_compound_is_held_once_and_never_fitted_on_then(target, mode):
    held = hold_out(target, mode, 5, 0)
    assert sorted(np.concatenate([split.held for split in held.splits])) == list(range(len(target)))
    for k, split in enumerate(held.splits):
        assert not set(split.rows) & set(split.held)
        assert (held.folds[split.held] == k).all()


def test_families_stay_together(target):
    groups = np.array(name_families(target.compositions))
    for split in hold_out(target, "family", 5, 0).splits:
        assert not set(groups[split.rows]) & set(groups[split.held])


def test_the_rarest_element_was_never_seen(target):
    own = np.array(rarest_elements(target.compositions))
    everyone = [holding(target, [i]) for i in range(len(target))]
    counts = {symbol: sum(symbol in one for one in everyone) for symbol in own}
    assert all(counts[own[i]] == min(counts.get(s, 99) for s in everyone[i]) for i in range(len(target)))
    smaller = 0
    for split in hold_out(target, "element", 5, 0).splits:
        assert not holding(target, split.rows) & set(own[split.held])
        smaller += len(split.rows) + len(split.held) < len(target)
    assert smaller, "no compound was left out for its elements: choose other rows"


def test_the_largest_are_predicted_from_the_others(target):
    held = hold_out(target, "top", 5, 0, top=0.25)
    (split,) = held.splits
    assert len(split.held) == 10
    assert target.values[split.held].min() >= target.values[split.rows].max()
    assert (held.folds[split.rows] == -1).all()
    assert held.text.startswith("the 10 largest values")


def test_given_folds_are_taken(target):
    numbers = np.arange(len(target)) % 3 + 7
    held = hold_out(replace(target, folds=numbers), "formula", 5, 0)
    assert len(held.splits) == 3
    assert (held.folds == numbers - 7).all()
    with pytest.raises(UserError, match="--holdout family deals the compounds itself: leave --folds out"):
        hold_out(replace(target, folds=numbers), "family", 5, 0)


@pytest.mark.parametrize(("top", "words"), [(0.0, "between 0 and 1"), (1.0, "between 0 and 1"), (0.95, "leaves 2")])
def test_shares_that_leave_nothing(target, top, words):
    with pytest.raises(UserError, match=words):
        hold_out(target, "top", 5, 0, top=top)


def test_one_family_is_too_few(target):
    oxides = [i for i, family in enumerate(name_families(target.compositions)) if family == "O"]
    few = replace(
        target,
        keys=tuple(target.keys[i] for i in oxides),
        compositions=target.compositions.take(np.array(oxides)),
        values=target.values[oxides],
    )
    with pytest.raises(UserError, match="expected several of them in planted_target, got only O"):
        hold_out(few, "family", 5, 0)
