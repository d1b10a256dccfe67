"""Forests and fine-tuning inside transfer: the best five only, blind to held-out values, scored, with a ceiling."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.formulas.slots import formula_text, reduce
from kakehashi.catalogs.records import UserError
from kakehashi.screen.heads.forest import forest
from kakehashi.screen.ranking.summary import ScoreCounter
from kakehashi.screen.scoring.batches import predict_compositions
from kakehashi.screen.scoring.device_model import prepare_model
from kakehashi.screen.scoring.partitions import score_partition
from kakehashi.screen.screening.record import _ceiling
from kakehashi.screen.screening.run_warnings import _ties
from kakehashi.screen.transfer import fit as module
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.nested import predict_fold
from kakehashi.screen.transfer.plan import inner_predictions
from kakehashi.screen.transfer.rows import CHOSEN
from kakehashi.screen.transfer.selection import BEST, Heads, affordable_heads, judge_candidates
from kakehashi.screen.transfer.stack import choose_columns, predict_stack
from kakehashi.screen.validation.folds import inner_folds

LATE = Heads(("ridge", "gp", "forest"), ("ridge", "gp"), ("ridge", "gp"), ("forest", "finetune"))


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch):
    monkeypatch.setattr("kakehashi.screen.heads.forest.TREES", 20)
    monkeypatch.setattr("kakehashi.screen.heads.finetune.STEPS", 60)


@pytest.fixture(scope="module")
def features(planted, planted_library):
    return compute_features(planted_library, planted.target.compositions)


@pytest.fixture(scope="module")
def forest_model(planted, planted_library):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kakehashi.screen.heads.forest.TREES", 20)
        return transfer(planted_library, planted.target, outer=4, inner=4, heads=("forest",))


def test_which_heads_serve_what():
    assert affordable_heads(40, ("finetune", "gp", "ridge", "forest")) == LATE
    assert affordable_heads(40, ("forest",)) == Heads(("forest",), (), (), ("forest",))
    for wrong, words in ((("trees",), "got 'trees'"), (("finetune",), "ridge, forest"), ((), "got none")):
        with pytest.raises(UserError, match=words):
            affordable_heads(40, wrong)
    with pytest.raises(UserError, match="the target has 3,000"):
        affordable_heads(3_000, ("block-gp",))


def test_late_heads_serve_the_best_networks_by_inner_ridge_error(planted, features, monkeypatch):
    monkeypatch.setattr("kakehashi.screen.transfer.selection.BEST", 2)
    y, rows = planted.target.y, np.arange(5, 40)
    folds = inner_folds([planted.target.keys[i] for i in rows], 4, 1)
    found = judge_candidates(features, y, rows, folds, ["planted_source"], LATE)
    late = {c.plan.head: c for c in found if c.plan.head in LATE.late and c.plan.kind != "direct"}
    assert {name: c.plan.kind for name, c in late.items()} == {"forest": "frozen", "finetune": "finetuned"}
    everyone = next(c.plan for c in found if c.plan.head == "ridge" and len(c.plan.networks) == 4 and not c.plan.depth)
    errors = np.abs(inner_predictions(everyone, features, y, rows, folds) - y[rows]).mean(axis=1)
    assert {tuple(c.plan.networks) for c in late.values()} == {tuple(np.argsort(errors)[:2].tolist())}
    assert [key for key in choose_columns(found, 1) if key.source == 0] == [
        ("average", "", 0, ()),
        ("late", "forest", 0, ()),
        ("late", "finetune", 0, ()),
    ]


def test_late_heads_are_blind_to_the_held_out_values(planted, features):
    y, folds = planted.target.y, inner_folds(planted.target.keys[8:], 4, 0)
    held, rows = np.arange(8), np.arange(8, 40)
    wild = y.copy()
    wild[held] = 1e3
    one, other = (predict_fold(features, v, rows, held, folds, ["planted_source"], LATE).means for v in (y, wild))
    assert {f"planted_source: forest on the best {BEST}", f"planted_source: fine-tuned best {BEST}"} <= set(one)
    for name in one:
        np.testing.assert_array_equal(one[name][0], other[name][0])
        assert one[name][1] == other[name][1]


def test_every_head_is_scored_as_on_the_host(planted, planted_library, monkeypatch):
    monkeypatch.setattr("kakehashi.screen.transfer.weights.LEAST", 0.0)
    model = transfer(planted_library, planted.target, outer=3, inner=3, heads=("ridge", "forest", "finetune"))
    assert {member.plan.head for member in model.stack.members} >= {"forest", "finetune"}
    board = {entry.name: entry for entry in model.leaderboard}
    assert board[f"planted_source: fine-tuned best {BEST}"].head == "finetune"
    assert board[f"planted_source: forest on the best {BEST}"].networks == 4
    assert board[CHOSEN].head == "ridge + forest + finetune"
    pool = reduce(planted.source.compositions)
    scores = predict_compositions(prepare_model(model), pool)
    mean, spread = predict_stack(model.stack, compute_features(planted_library, pool), np.arange(len(pool.elements)))
    # A feature that differs in its last bit may fall on the other side of a threshold: rarely, and by little.
    close = np.abs(scores.mean - mean) < 1e-4 * planted.target.y.std()
    assert close.mean() > 0.98
    assert np.abs(scores.mean - mean).max() < 0.2 * planted.target.y.std()
    np.testing.assert_allclose(scores.spread[close], spread[close], rtol=1e-2)


def test_the_record_of_a_model_says_which_heads_it_tried(forest_model, tmp_path, monkeypatch):
    from kakehashi.screen.api import transfer as api
    from kakehashi.screen.screening import run

    monkeypatch.setattr(run, "finish_run", lambda config, *rest: SimpleNamespace(record={"heads": config.heads}))
    assert api.screen(forest_model, out=tmp_path / "run")["heads"] == ("forest",)


def test_a_stack_of_forests_has_a_ceiling_below_the_largest_value(planted, forest_model):
    assert {member.plan.head for member in forest_model.stack.members} == {"forest"}
    assert np.mean(planted.target.y) < forest_model.ceiling < planted.target.y.max()
    assert all(entry.head in ("forest", "mean", "selected") for entry in forest_model.leaderboard)


def _summary(folder, scores, minimise):
    with ScoreCounter(folder, scores.num_rows, minimise=minimise) as tally:
        tally.add(scores)
        return tally.summary()


def test_ties_at_the_ceiling_are_flagged_and_counted(planted, forest_model, tmp_path):
    # Two values told apart by the sign of one descriptor: half of all candidates reach every tree's largest leaf.
    (member,) = [m for m in forest_model.stack.members if m.plan.kind == "direct"]
    x = np.zeros((40, 290))
    x[:, 13] = np.repeat([-1.0, 1.0], 20)
    stack = forest_model.stack._replace(
        members=(member._replace(params=(forest.fit(x, np.repeat([1.0, 2.0], 20)),)),),
        names=("direct forest",),
        weights=np.ones(1),
    )
    model = forest_model._replace(stack=stack, ceiling=module._ceiling(stack))
    rows = pa.table({"formula": formula_text(reduce(planted.source.compositions))})
    rows = rows.add_column(0, "id", pa.array([str(i) for i in range(rows.num_rows)]))
    part = score_partition(model, prepare_model(model), rows)
    mean = part.scores["mean"].to_numpy()
    flagged = part.scores["at_ceiling"].to_numpy(zero_copy_only=False)
    np.testing.assert_array_equal(flagged, mean > 2.0 - 1e-6)
    assert 100 < flagged.sum() < len(mean) - 100
    found = lambda scores, minimise: _summary(tmp_path, scores, minimise)
    record = _ceiling(model, found(part.scores, False))
    tied = len(set(part.scores["reduced_formula"].filter(pa.array(flagged)).to_pylist()))
    assert _ties(found(part.scores, False)) == [
        f"{tied:,} compositions share the best prediction, 2: their order means nothing"
    ]
    assert _ties(found(part.scores, True))[0].endswith("prediction, 1: their order means nothing")
    assert _ties(found(part.scores.filter(pa.array(~flagged)).slice(0, 1), False)) == []
    assert record["value"] == 2.0
    assert record["tied"] == flagged.sum()
    assert "their order means nothing" in record["text"]


def test_the_same_twice(planted, planted_library, forest_model):
    again = transfer(planted_library, replace(planted.target), outer=4, inner=4, heads=("forest",))
    np.testing.assert_array_equal(again.out_of_fold.mean, forest_model.out_of_fold.mean)
