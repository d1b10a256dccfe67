"""Every row of the leaderboard is blind to what is held out, and named without confusion."""

import numpy as np

from kakehashi.screen.transfer.nested import predict_fold
from kakehashi.screen.transfer.problem import pose_problem
from kakehashi.screen.transfer.selection import Heads
from kakehashi.screen.validation.folds import inner_folds

BOTH = Heads(("ridge", "gp"), ("ridge", "gp"), ("ridge", "gp"))


def test_every_leaderboard_row_is_blind_to_the_held_out_values(planted, features):
    y, folds = planted.target.y, inner_folds(planted.target.keys[8:], 5, 0)
    held, rows = np.arange(8), np.arange(8, 40)
    wild = y.copy()
    wild[held] = 1e3
    one, other = (predict_fold(features, v, rows, held, folds, ["planted_source"], BOTH).means for v in (y, wild))
    assert len(one) == 15
    for name in one:
        np.testing.assert_array_equal(one[name][0], other[name][0])
        assert one[name][1] == other[name][1]


def test_a_source_called_direct_is_no_baseline(planted, planted_library):
    (source,) = planted_library.sources
    for name in ("direct band gap", "mean of the training values", "stack of direct models"):
        library = planted_library._replace(sources=(source._replace(name=name),))
        problem, _ = pose_problem(library, planted.target, inner=3, seed=0, heads=("ridge",))
        rows, held = np.arange(8, 40), np.arange(8)
        folds = inner_folds([planted.target.keys[i] for i in rows], 3, 1)
        found = predict_fold(problem.features, planted.target.y, rows, held, folds, [name], problem.heads).rows
        assert {row.name for row in found.values() if row.direct} == {
            "mean of the training values", "direct ridge", "stack of direct models"
        }  # fmt: skip
        assert all(row.source == name for row in found.values() if not row.direct)
