"""Networks that share a trunk, and features of several sources side by side."""

import json
from dataclasses import replace

import numpy as np
import pytest

import kakehashi as kh
from kakehashi.catalogs.formulas.slots import reduce
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.screen.cache.packing import content_hash
from kakehashi.screen.networks import kept as networks
from kakehashi.screen.networks import source as libraries
from kakehashi.screen.networks.aliases import MARK
from kakehashi.screen.networks.library import groups, pretrain_library
from kakehashi.screen.networks.pretrain import Schedule, _weights, pretrain
from kakehashi.screen.networks.pyramid import activations, outputs
from kakehashi.screen.networks.source import Library, Settings, pretrain_source, training_rows
from kakehashi.screen.networks.tables import draw, join
from kakehashi.screen.scoring.batches import predict_compositions
from kakehashi.screen.scoring.device_model import prepare_model
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import caveats
from kakehashi.screen.transfer.nested import predict_fold
from kakehashi.screen.transfer.plan import Plan, design_matrices, fit_plan, layer_slice
from kakehashi.screen.transfer.selection import Heads, affordable_heads, judge_candidates
from kakehashi.screen.transfer.stack import Stack, predict_stack
from kakehashi.screen.validation.folds import inner_folds

# With this seed both networks have three hidden layers: one program to compile.
QUICK = Settings(2, 312, schedule=Schedule(max_epochs=5, row_visits=1))
RIDGE = Heads(("ridge",), ("ridge",), ("ridge",))


def cut(table, rows, name, values=None):
    """Some rows of a table, as another property."""
    pick = lambda texts: tuple(texts[i] for i in rows)
    return replace(
        table,
        name=name,
        quantity=name,
        ids=pick(table.ids),
        materials=pick(table.materials),
        keys=pick(table.keys),
        compositions=Compositions(table.compositions.elements[rows], table.compositions.amounts[rows]),
        values=table.values[rows] if values is None else values,
        rows=len(rows),
    )


def kernels(source):
    return [layer.kernel for network in source.networks for layer in (*network.hidden, network.output)]


@pytest.fixture(scope="module")
def tables(planted):
    """Two properties of 700 formulas: 100 known in the first alone, 100 in both, 60 in the second alone."""
    rng = np.random.default_rng(0)
    rows = np.arange(0, 200)
    other = rng.permutation(np.arange(100, 260))
    return [cut(planted.source, rows, "b"), cut(planted.source, other, "a", 5 - 2 * planted.source.values[other] ** 2)]


@pytest.fixture(scope="module")
def target(planted):
    """Ten formulas of the first property alone, ten of both, ten of the second alone."""
    return cut(planted.source, np.r_[90:110, 200:210], "target")


@pytest.fixture(scope="module")
def library(tables, target):
    return pretrain_library(tables, QUICK, target=target, trunk="both", cache=False)


@pytest.fixture(scope="module")
def pool(planted):
    return reduce(planted.source.compositions)


def test_tables_are_joined_by_formula(tables):
    joined = join(tables, [np.arange(3, 200), np.arange(len(tables[1]))])
    assert len(joined.keys) == len(set(joined.keys)) == 257
    for column, table in zip(joined.y.T, tables, strict=True):
        found = {key: y for key, y in zip(joined.keys, column, strict=True) if not np.isnan(y)}
        skip = 3 if table is tables[0] else 0
        assert found == dict(zip(table.keys[skip:], table.y[skip:], strict=True))
    where = {key: i for table in reversed(tables) for i, key in enumerate(table.keys)}
    for i in (0, 150, 256):
        key = joined.keys[i]
        table = tables[0] if key in tables[0].keys else tables[1]
        np.testing.assert_array_equal(joined.compositions.elements[i], table.compositions.elements[where[key]])


def test_a_large_task_does_not_starve_a_small_one():
    known = np.zeros((10_000, 3), bool)
    known[:9_900, 0] = known[9_000:9_600, 1] = known[9_560:, 2] = True
    for budget in (900, 1_200, 3_000):
        rows = draw(known, budget, np.random.default_rng(budget))
        assert len(rows) == len(set(rows.tolist())) == budget
        assert (np.diff(rows) > 0).all()
        share = known[rows].sum(axis=0)
        assert (share >= np.minimum(known.sum(axis=0), budget // 3)).all(), share
    np.testing.assert_array_equal(draw(known, 10_000, np.random.default_rng(0)), np.arange(10_000))
    orders = [draw(known[:, order], 900, np.random.default_rng(1)) for order in ([0, 1, 2], [2, 0, 1])]
    np.testing.assert_array_equal(*orders)


def test_large_tables_are_drawn_and_it_is_said(tables, monkeypatch):
    monkeypatch.setattr(libraries, "MAX_ROWS", 120)
    rows = training_rows(tables, (), 0)
    assert len(rows.joined.keys) == 120
    assert min(task.used for task in rows.tasks) >= 60
    assert "120 of 260 rows drawn at random for pre-training" in rows.notes


def test_target_formulas_reach_no_task(tables, target, library):
    shared = library.sources[-1]
    assert not shared.keys & set(target.keys)
    assert shared.keys == {key for table in tables for key in table.keys} - set(target.keys)
    # Tasks stand in the order of their names.
    assert [(task.name, task.rows, task.excluded, task.used) for task in shared.tasks] == [
        ("a", 160, 20, 140), ("b", 200, 20, 180),
    ]  # fmt: skip
    poisoned = [replace(t, values=np.where(np.isin(t.keys, target.keys), 1e9, t.values)) for t in tables]
    again = pretrain_library(poisoned, QUICK, target=target, trunk="shared", cache=False).sources[0]
    assert content_hash(again._replace(notes=())) == content_hash(shared._replace(notes=()))


def test_values_are_standardised_per_task_and_unknown_ones_masked(tables, monkeypatch):
    seen = {}

    def spy(seed, x, y, known, **rest):
        seen.update(y=y, known=known)
        raise KeyboardInterrupt

    monkeypatch.setattr(libraries, "pretrain", spy)
    with pytest.raises(KeyboardInterrupt):
        pretrain_source(tables, QUICK)
    assert list(seen["known"].sum(axis=0)) == [200, 160]
    assert np.isnan(seen["y"][~seen["known"]]).all()
    np.testing.assert_allclose(np.nanmean(seen["y"], axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.nanstd(seen["y"], axis=0), 1, rtol=1e-9)


def test_a_task_counts_as_much_as_another_however_few_values_it_has():
    known = np.zeros((400, 2), bool)
    known[:, 0] = True
    known[::10, 1] = True
    weights = _weights(known)
    np.testing.assert_allclose(weights.sum(axis=0), 400)
    assert not weights[~known].any()
    np.testing.assert_array_equal(_weights(np.ones((30, 1), bool)), np.ones((30, 1), np.float32))
    with pytest.raises(ValueError, match="in every task, got 1 tasks without"):
        pretrain(0, np.zeros((30, 2), np.float32), np.zeros((30, 2)), np.repeat([[True, False]], 30, 0), networks=1)


def test_the_order_of_sources_does_not_matter_to_a_shared_trunk(tables, target, library):
    again = pretrain_library(tables[::-1], QUICK, target=target, trunk="shared", cache=False).sources[0]
    assert again.name == library.sources[-1].name == "shared trunk: a + b"
    assert content_hash(again) == content_hash(library.sources[-1])


def test_separate_networks_do_not_feel_a_shared_trunk(tables, target, library):
    alone = pretrain_library(tables, QUICK, target=target, cache=False)
    assert (alone.trunk, library.trunk) == ("separate", "both")
    assert [len(source.tasks) for source in library.sources] == [1, 1, 2]
    assert content_hash(alone.sources) == content_hash(library.sources[:2])


def test_a_kept_shared_trunk_equals_a_fresh_one_bit_by_bit(tables, target, library, tmp_path, monkeypatch):
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    first = pretrain_library(tables, QUICK, target=target, trunk="shared").sources[0]
    assert first.checkpoint.warning == ""
    monkeypatch.setattr(networks, "pretrain_source", lambda *_, **__: pytest.fail("trained again"))
    again = pretrain_library(tables, QUICK, target=target, trunk="shared").sources[0]
    assert again.checkpoint == first.checkpoint._replace(reused=True)
    bare = [content_hash(source._replace(checkpoint=None)) for source in (first, again, library.sources[-1])]
    assert len(set(bare)) == 1
    card = json.loads((tmp_path / "models" / first.checkpoint.key / "card.json").read_text())
    assert card["property"] == "a + b"
    assert [[task["r2"] is not None for task in entry["metrics"]] for entry in card["entries"]] == [[True, True]] * 2


def test_every_task_is_compared_with_the_target(planted, tables, library):
    disguised = cut(planted.source, np.arange(20), "target", 3 + 2 * planted.source.values[:20])
    found = pretrain_library(tables, QUICK, target=disguised, trunk="both", cache=False)
    assert [sum(MARK in note for note in source.notes) for source in found.sources] == [1, 0, 1]
    said = caveats(found, disguised)
    assert sum(MARK in text for text in said) == 1
    assert "source b may be" in said[0]


def test_the_bank_holds_a_prediction_of_every_task(library, pool):
    features = compute_features(library, pool)
    assert features.predictions.shape == (700, 4)
    alone = [compute_features(library._replace(sources=(source,)), pool).predictions for source in library.sources]
    np.testing.assert_array_equal(features.predictions, np.hstack(alone))
    assert np.ptp(features.predictions, axis=0).min() > 0


def test_stacked_features_stand_side_by_side(library, pool):
    features = compute_features(library, pool)
    rows = np.arange(5, 30)
    for depth in (0, 1):
        designs = design_matrices(Plan("stacked", "ridge", depth=depth, networks=(0, 1)), features, rows, None)
        for i, x in enumerate(designs):
            parts = [layer_slice(own[i], depth)[rows] for own in features.layers]
            np.testing.assert_array_equal(x, np.concatenate(parts, axis=1))


def test_models_on_stacked_features_are_in_the_leaderboard(planted, library, target):
    features, y = compute_features(library, target.compositions), target.y
    names = [source.name for source in library.sources]
    rows, held = np.arange(24), np.arange(24, 30)
    folds = inner_folds(target.keys[:24], 4, 0)
    result = predict_fold(features, y, rows, held, folds, names, RIDGE)
    means = result.means
    stacked = [name for name in means if name.startswith("stacked")]
    assert stacked == [f"stacked features of 3 sources, {depth}, ridge" for depth in ("last 1", "all layers")]
    everything = " + ".join(names)
    row = result.rows[stacked[1]]
    assert (row.source, row.networks, row.depth, row.head) == (everything, 6, "all layers", "ridge")
    assert result.rows["shared trunk: a + b: selected"].source == "shared trunk: a + b"
    wild = np.where(np.arange(30) < 24, y, 1e6)
    other = predict_fold(features, wild, rows, held, folds, names, RIDGE).means
    for name in means:
        np.testing.assert_array_equal(means[name][0], other[name][0])
    alone = compute_features(Library(library.sources[:1], "reduced", 0), target.compositions)
    assert not any(c.plan.kind == "stacked" for c in judge_candidates(alone, y, rows, folds, ["b"], RIDGE))


def test_stacked_features_are_scored_as_on_the_host(planted_model, library, target, pool):
    features, rows = compute_features(library, target.compositions), np.arange(30)
    plans = [Plan("stacked", head, depth=depth, networks=(0, 1)) for head, depth in (("ridge", 0), ("gp", 1))]
    plans.append(Plan("predictions", "ridge", gain=3.0))
    members = tuple(fit_plan(plan, features, target.y, rows) for plan in plans)
    stack = Stack(("all", "last", "predictions"), members, np.array([0.5, 0.3, 0.2]), 0.0)
    device_model = prepare_model(planted_model._replace(library=library, stack=stack))
    found = predict_compositions(device_model, pool)
    mean, spread = predict_stack(stack, compute_features(library, pool), np.arange(700))
    np.testing.assert_allclose(found.mean, mean, rtol=1e-4, atol=1e-4 * target.y.std())
    np.testing.assert_allclose(found.spread, spread, rtol=1e-3)
    part = np.r_[650, 3, 3, 77]
    some = predict_compositions(device_model, Compositions(pool.elements[part], pool.amounts[part]))
    np.testing.assert_array_equal(some.mean, found.mean[part])
    np.testing.assert_array_equal(some.spread, found.spread[part])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_shared_trunk_beats_separate_ones_on_few_noisy_rows_of_one_latent(seed):
    latent = lambda x: (np.sin(1.5 * x[:, 0]) + np.tanh(2 * x[:, 1]))[:, None]
    rng = np.random.default_rng(seed)
    x, new = (rng.normal(size=(n, 10)).astype(np.float32) for n in (300, 2000))
    y = latent(x) + 0.5 * rng.normal(size=(300, 2))
    known = np.zeros((300, 2), bool)
    known[:150, 0] = known[150:, 1] = True

    def learn(rows, tasks):
        trained = pretrain(
            0, x[rows], y[rows][:, tasks], known[rows][:, tasks], networks=3, hidden_layers=(3,), ratios=(2.0, 3.0),
            schedule=Schedule(batch=32),
        )  # fmt: skip
        mean = np.mean([outputs(n, activations(n.hidden, new)[1][-1]) for n in trained], axis=0)
        return 1 - np.mean((mean - latent(new)) ** 2) / latent(new).var()

    separate = np.mean([learn(known[:, task], [task]) for task in (0, 1)])
    assert learn(np.full(300, True), [0, 1]) > separate + 0.02


def test_a_trunk_is_shared_by_two_at_least(tables):
    for trunk in ("shared", "both"):
        with pytest.raises(UserError, match=f"--trunk {trunk}: expected at least 2 sources to share a trunk, got 1"):
            groups(tables[:1], trunk)
        with pytest.raises(UserError, match="got 1"):
            kh.pretrain(tables[:1], networks=1, trunk=trunk)
    with pytest.raises(UserError, match="expected one of separate, shared, both, got 'common'"):
        groups(tables, "common")
    assert affordable_heads(40).frozen == ("ridge", "gp")


def test_the_command_line_the_file_and_the_api(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    lines = (tiny.folder / "source.csv").read_text().splitlines()[1:]
    pairs = [line.split(",") for line in lines[20:]]
    (tmp_path / "other.csv").write_text(
        "formula,hardness\n" + "".join(f"{formula},{1 + float(gap) ** 2}\n" for formula, gap in pairs)
    )
    first, second = f"{tiny.folder}/source.csv:gap", f"{tmp_path}/other.csv:hardness"
    (tmp_path / "run.toml").write_text("trunk = 'both'\n")
    assert kh.main(["screen", *tiny.flags, "--trunk", "shared", "--dry-run"]) == 2
    assert "expected at least 2 sources to share a trunk, got 1" in capsys.readouterr().err
    # With this seed both networks have three hidden layers: one program to compile.
    words = ["screen", *tiny.flags, "--source", second, "--config", str(tmp_path / "run.toml"), "--seed", "312"]
    assert kh.main([*words, "--trunk", "common"]) == 2
    assert kh.main([*words, "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["trunk"], planned["networks"]) == ("both", 6)
    assert kh.main([*words, "--trunk", "shared", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    record = json.loads((tmp_path / "run/run.json").read_text())
    (source,) = record["sources"]
    assert record["config"]["trunk"] == "shared"
    assert source["name"] == "shared trunk: gap + hardness"
    assert [task["name"] for task in source["tasks"]] == ["gap", "hardness"]
    assert source["excluded"] == sum(task["excluded"] for task in source["tasks"]) > 30
    page = (tmp_path / "run/report.html").read_text()
    assert "learned from 2 data-rich properties (gap" in " ".join(page.split())
    loaded = kh.load(f"{tiny.folder}/target.csv:kappa", log=True)
    library = kh.pretrain([first, second], exclude=loaded, networks=2, trunk="shared", seed=312)
    assert library.sources[0].checkpoint.key == source["checkpoint"]["hash"]
    assert library.sources[0].checkpoint.reused
