"""Selection sees the training rows alone, and only heads the target can pay for."""

import numpy as np

from kakehashi.screen.transfer import selection
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.plan import fit_plan, predict_plan
from kakehashi.screen.transfer.selection import Heads, affordable_heads, judge_candidates, pick_best
from kakehashi.screen.validation.folds import inner_folds

BOTH = Heads(("ridge", "gp"), ("ridge", "gp"), ("ridge", "gp"))


def test_a_leak_through_selection_would_be_seen(planted, features, monkeypatch):
    # Select on the outer held-out rows (as XenonPy's examples do): the result must differ from ours.
    y = planted.target.y
    held, rows = np.arange(8), np.arange(8, 40)
    folds = inner_folds(planted.target.keys[8:], 5, 0)
    found = [c for c in judge_candidates(features, y, rows, folds, ["planted_source"], BOTH) if c.plan.kind == "frozen"]
    truth = {}
    for c in found:
        means = predict_plan(fit_plan(c.plan, features, y, rows), features, held)[0].mean(axis=0)
        truth[id(c)] = np.mean(np.abs(means - y[held]))
    assert pick_best(found).mae == min(c.mae for c in found)
    assert min(truth.values()) <= truth[id(pick_best(found))]
    leaky = min(found, key=lambda c: truth[id(c)])
    assert leaky is not pick_best(found), "choose other rows: here the leak changes nothing"


def test_costly_heads_are_left_out_by_the_size_of_the_target_not_of_a_fold(planted, planted_library, monkeypatch):
    # 40 compounds, folds of 4: a limit between 36 and 40 must not let a training set slip under it.
    monkeypatch.setattr(selection, "FROZEN_GP_ROWS", 38)
    monkeypatch.setattr("kakehashi.screen.transfer.fit.FROZEN_GP_ROWS", 38)
    cheaper = {"depths": (1, 0), "stacked": False}
    assert affordable_heads(38) == Heads(("ridge", "gp"), ("ridge", "gp"), ("ridge", "gp"))
    assert affordable_heads(40) == Heads(("ridge", "gp"), ("ridge", "gp"), ("ridge",), **cheaper)
    last = {"depths": (1,), "stacked": False}
    assert affordable_heads(2_001) == Heads(("ridge", "gp"), ("ridge", "gp"), ("ridge",), **last)
    model = transfer(planted_library, planted.target)
    names = [entry.name for entry in model.leaderboard]
    assert not [name for name in names if "layers, gp" in name or "last 2" in name or "stacked" in name]
    assert "direct gp" in names
    assert any("serve as frozen features, with ridge heads alone" in text for text in model.warnings)
