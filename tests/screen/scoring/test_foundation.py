"""Columns of foundation networks on the device, and scores that use them."""

import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.candidates.space import make_space
from kakehashi.catalogs.formulas.slots import formula_text, reduce
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.descriptors.element_roots import element_roots
from kakehashi.screen.foundation.folds import hash_folds, was_seen
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.foundation.known import fill_in
from kakehashi.screen.foundation.view import FULL, view_compounds
from kakehashi.screen.heads import extra_trees
from kakehashi.screen.networks.source import Library
from kakehashi.screen.ranking.rank import Order
from kakehashi.screen.scoring.batches import predict_compositions
from kakehashi.screen.scoring.columns import score_columns
from kakehashi.screen.scoring.device_model import prepare_model
from kakehashi.screen.scoring.foundation import element_roots_on_device
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.scoring.virtual.search import make_search
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.members import LARGE, MEMBERS
from kakehashi.screen.transfer.plan import Plan, fit_plan
from kakehashi.screen.transfer.problem import pose_problem
from kakehashi.screen.transfer.rows import FOUNDATION
from kakehashi.screen.transfer.stack import Stack, predict_stack
from kakehashi.screen.transfer.unseen import Unseen
from kakehashi.screen.validation.intervals import difficulty
from kakehashi.screen.validation.statistics import Paired

EMPTY = Library((), "reduced", 0)
PLANS = tuple(Plan("foundation", m.head, FOUNDATION, blocks=m.blocks) for m in (*MEMBERS, *LARGE))
CANDIDATES = slice(40, 100)


@pytest.fixture(scope="module")
def model(planted, small_foundation, known_values):
    """A model whose stack has every member on foundation networks, with known values."""
    trees, extra_trees.TREES = extra_trees.TREES, 20
    bare = transfer(EMPTY, planted.target, outer=2, inner=2, heads=("ridge",))
    knowledge = Knowledge(small_foundation, known_values)
    problem, _ = pose_problem(EMPTY, planted.target, inner=2, seed=0, heads=("ridge", "gp"), knowledge=knowledge)
    assert not problem.alias_note
    rows = np.arange(len(planted.target))
    features = problem.features_for(rows[:0])
    members = tuple(fit_plan(plan, features, planted.target.y, rows) for plan in PLANS)
    extra_trees.TREES = trees
    names = tuple(str(i) for i in range(len(members)))
    stack = Stack(names, members, np.full(len(members), 1 / len(members)), 0.1)
    return bare._replace(stack=stack, knowledge=knowledge, ceiling=np.inf)


@pytest.fixture(scope="module")
def candidates(planted):
    c = planted.source.compositions
    return reduce(Compositions(c.elements[CANDIDATES], c.amounts[CANDIDATES]))


def on_host(model, compositions, known):
    features = compute_features(EMPTY, compositions)
    view = view_compounds(model.knowledge.foundation, compositions).views[FULL]
    if known is not None:
        view = view._replace(predictions=fill_in(view.predictions, known))
    rows = np.arange(len(compositions.elements))
    return predict_stack(model.stack, features._replace(foundation=view), rows)


def test_element_roots_are_those_of_the_host(candidates):
    device = element_roots_on_device(
        jnp.asarray(candidates.elements, jnp.int32), jnp.asarray(candidates.amounts, jnp.float32)
    )
    host = element_roots(candidates)
    np.testing.assert_allclose(device, host, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(np.asarray(device) > 0, host > 0)


@pytest.mark.parametrize("with_known", [False, True])
@pytest.mark.parametrize("member", range(len(PLANS)), ids=[f"{p.head} on {'+'.join(p.blocks)}" for p in PLANS])
def test_device_scores_are_those_of_the_host(model, candidates, member, with_known):
    alone = model._replace(stack=model.stack._replace(weights=np.eye(len(PLANS))[member]))
    known = model.knowledge.known.of(formula_text(candidates)) if with_known else None
    device = predict_compositions(prepare_model(alone), candidates, known)
    mean, spread = on_host(alone, candidates, known)
    size = np.ptp(model.target.y)
    np.testing.assert_allclose(device.mean, mean, rtol=0, atol=2e-5 * size)
    np.testing.assert_allclose(device.spread, spread, rtol=1e-3, atol=2e-5 * size)


def test_known_values_change_scores_of_those_that_have_them_alone(model, candidates):
    known = model.knowledge.known.of(formula_text(candidates))
    there = np.isfinite(known).any(axis=1)
    assert 0 < there.sum() < len(there)
    ready = prepare_model(model)
    nothing = predict_compositions(ready, candidates, np.full_like(known, np.nan))
    some = predict_compositions(ready, candidates, known)
    np.testing.assert_array_equal(some.mean[~there], nothing.mean[~there])
    assert (some.mean[there] != nothing.mean[there]).mean() > 0.9


def test_bits_of_a_row_do_not_depend_on_its_batch(model, candidates):
    known = model.knowledge.known.of(formula_text(candidates))
    ready = prepare_model(model)
    whole = predict_compositions(ready, candidates, known)
    some = np.array([31, 4, 17, 4])
    part = predict_compositions(ready, candidates.take(some), known[some])
    for all_rows, few in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_rows[some], few)


@pytest.fixture(scope="module")
def rows(candidates):
    texts = [*formula_text(candidates), "CsLu3Po7"]
    return pa.table({"id": [f"c{i}" for i in range(len(texts))], "formula": texts})


def unseen(model, factor):
    n = len(model.target)
    gain = Paired(0.0, 1.0, 0.5, 5, "folds")
    return Unseen(0.2, 0.2, gain, 0.9, factor * model.interval, np.zeros(n), hash_folds(model.target.keys))


@pytest.mark.parametrize(("factor", "wider"), [(3.0, 3.0), (0.5, 1.0)])
def test_candidates_never_seen_have_the_wider_interval(model, rows, factor, wider):
    model = model._replace(unseen=unseen(model, factor))
    table = make_scorer(model)(rows).scores
    seen = table["formula_seen"].to_numpy(zero_copy_only=False)
    np.testing.assert_array_equal(seen, was_seen(model.knowledge.foundation, rows["formula"].to_pylist()))
    assert 10 < seen.sum() < len(seen) - 10
    known = np.isfinite(model.knowledge.known.of(rows["formula"].to_pylist())).sum(axis=1)
    np.testing.assert_array_equal(table["known_values"].to_numpy(), known)
    half = table["upper"].to_numpy() - table["mean"].to_numpy()
    plain = model.interval * difficulty(table["spread"].to_numpy(), table["distance"].to_numpy(), model.usual_spread)
    np.testing.assert_allclose(half, plain * np.where(seen, 1.0, wider), rtol=1e-9)


def test_workers_score_the_same_bytes(model, rows):
    scorer = make_scorer(model)
    sent = scorer.on_host().on_device()
    assert sent.sha256 == scorer.sha256
    assert sent(rows).scores.equals(scorer(rows).scores)
    # Networks travel with the device model alone.
    assert sent.model.knowledge.foundation.full == ()


def test_what_scores_depend_on_is_in_the_hash(model):
    known, foundation = model.knowledge.known, model.knowledge.foundation
    other = [
        model.knowledge._replace(known=known._replace(values=known.values + np.float32(0.01))),
        model.knowledge._replace(foundation=foundation._replace(formulas=foundation.formulas[1:])),
        model.knowledge._replace(known=None),
    ]
    hashes = {make_scorer(model._replace(knowledge=knowledge)).sha256 for knowledge in (model.knowledge, *other)}
    assert len(hashes) == 4


def test_without_foundation_networks_nothing_is_said_of_them(model, rows):
    bare = transfer(EMPTY, model.target, outer=2, inner=2, heads=("ridge",))
    table = make_scorer(bare)(rows).scores
    assert table["formula_seen"].null_count == len(rows)
    assert set(table["known_values"].to_pylist()) == {0}


def test_rows_of_a_virtual_catalogue_all_have_the_wider_interval(model, candidates):
    model = model._replace(unseen=unseen(model, 2.0))
    ready = predict_compositions(prepare_model(model), candidates)
    columns, _ = score_columns(model, candidates, formula_text(candidates), ready, virtual=True)
    wide = difficulty(ready.spread, ready.distance, model.usual_spread)
    np.testing.assert_allclose(columns["upper"] - columns["mean"], 2.0 * model.interval * wide, rtol=1e-9)


@pytest.mark.slow
def test_the_best_of_a_virtual_catalogue_have_intervals_of_formulas_never_seen(model):
    model = model._replace(unseen=unseen(model, 2.0), knowledge=model.knowledge._replace(known=None))
    space = make_space(elements=("Na", "Mg", "Ti", "O", "S"), max_elements=3, max_atoms=6)
    search = make_search(space, Order(top=8), log=False)
    best = make_scorer(model, search)(pa.table({"start": [0], "stop": [space.size]})).scores
    assert best.num_rows >= 8
    rows = make_scorer(model)(best.select(["id", "formula"])).scores
    np.testing.assert_array_equal(best["mean"].to_numpy(), rows["mean"].to_numpy())
    np.testing.assert_array_equal(best["formula_seen"], rows["formula_seen"])
    half = best["upper"].to_numpy() - best["mean"].to_numpy()
    wide = difficulty(best["spread"].to_numpy(), best["distance"].to_numpy(), model.usual_spread)
    np.testing.assert_allclose(half, 2.0 * model.interval * wide, rtol=1e-9)
