"""The stack: its columns, weights and mixture."""

import numpy as np
import pytest

from kakehashi.screen.transfer.plan import fit_plan, predict_plan
from kakehashi.screen.transfer.selection import Heads, judge_candidates
from kakehashi.screen.transfer.stack import StackColumn, choose_columns, fit_stack, predict_stack
from kakehashi.screen.validation.folds import inner_folds

BOTH = Heads(("ridge", "gp"), ("ridge", "gp"), ("ridge", "gp"))


def test_columns_of_the_stack_are_transferred_and_direct(planted, features):
    rows = np.arange(40)
    folds = inner_folds(planted.target.keys, 5, 1)
    found = judge_candidates(features, planted.target.y, rows, folds, ["planted_source"], BOTH)
    # 2 direct, 3 depths x 2 heads x (average, best single), 2 heads x 3 gains
    assert len(found) == 2 + 12 + 6
    chosen = choose_columns(found, 1)
    assert sorted(chosen) == [
        ("average", "", 0, ()),
        ("direct", "gp", -1, ()),
        ("direct", "ridge", -1, ()),
        ("predictions", "gp", -1, ()),
        ("predictions", "ridge", -1, ()),
    ]
    assert len(chosen[StackColumn("average", source=0)].plan.networks) == 4
    stack = fit_stack(
        list(chosen.values()), planted.target.y, lambda plan: fit_plan(plan, features, planted.target.y, rows)
    )
    assert stack.weights.sum() == pytest.approx(1)
    means = np.stack([predict_plan(m, features, rows)[0].mean(axis=0) for m in stack.members])
    np.testing.assert_allclose(predict_stack(stack, features, rows)[0], stack.weights @ means, rtol=1e-9)
