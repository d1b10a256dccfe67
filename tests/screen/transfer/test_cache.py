"""Kept networks and models: equal to computed ones bit by bit, and only where nothing changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import kakehashi as kh
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.records import Compositions, PropertyTable, UserError
from kakehashi.screen.cache import keep as cache
from kakehashi.screen.cache.packing import content_hash
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.heads import extra_trees
from kakehashi.screen.networks import kept as networks
from kakehashi.screen.networks import source as libraries
from kakehashi.screen.networks.kept import load_or_pretrain, stack_key
from kakehashi.screen.networks.pretrain import Schedule, pretrain
from kakehashi.screen.networks.source import Library, Settings, Source, pretrain_source
from kakehashi.screen.scoring.device_model import prepare_model
from kakehashi.screen.scoring.partitions import score_partition
from kakehashi.screen.transfer import cache as model_cache
from kakehashi.screen.transfer.cache import load_or_transfer, model_key
from kakehashi.screen.transfer.fit import Model, transfer

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.foundation.known import KnownValues
    from kakehashi.screen.foundation.record import Foundation

NOTHING = Library((), "reduced", 0)
QUICK = Schedule(max_epochs=5, row_visits=1)
# With this seed both networks have three hidden layers: one program to compile.
SETTINGS = Settings(2, 312, schedule=QUICK)


def head(table: PropertyTable, n: int) -> PropertyTable:
    return picked(table, np.arange(n))


def picked(table: PropertyTable, rows: np.ndarray) -> PropertyTable:
    return replace(
        table,
        ids=tuple(table.ids[i] for i in rows),
        materials=tuple(table.materials[i] for i in rows),
        keys=tuple(table.keys[i] for i in rows),
        compositions=Compositions(table.compositions.elements[rows], table.compositions.amounts[rows]),
        values=table.values[rows],
        rows=len(rows),
    )


def bare(model: Model) -> Model:
    """A model without what it was given and where it is kept."""
    return model._replace(target=None, library=None, knowledge=None, checkpoint=None)  # type: ignore[arg-type]


def scores(model: Model) -> pa.Table:
    return score_partition(
        model, prepare_model(model), pa.table({"id": ["1", "2", "3"], "formula": ["MgO", "PbTe", "Li3AlN2"]})
    ).scores


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def table(planted) -> PropertyTable:
    return head(planted.source, 120)


@pytest.fixture(scope="module")
def fresh(table: PropertyTable) -> Source:
    return pretrain_source([table], SETTINGS, exclude=table.keys[:20])


@pytest.fixture(scope="module")
def target(table: PropertyTable) -> PropertyTable:
    return replace(head(table, 20), name="target", quantity="target")


@pytest.fixture(scope="module")
def fresh_model(fresh: Source, target: PropertyTable) -> Model:
    return transfer(Library((fresh,), "reduced", 0), target, outer=2, inner=2)


def keep(home: Path, fresh: Source, table: PropertyTable, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Put the fresh source into the library, as if it had just been trained."""
    with monkeypatch.context() as patch:
        patch.setattr(networks, "pretrain_source", lambda *_, **__: fresh)
        return load_or_pretrain([table], SETTINGS, exclude=table.keys[:20])


@pytest.mark.usefixtures("home")
def test_kept_networks_equal_fresh_ones_bit_by_bit(
    table: PropertyTable, fresh: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_or_pretrain([table], SETTINGS, exclude=table.keys[:20])
    assert first.checkpoint is not None
    assert (first.checkpoint.reused, first.checkpoint.warning) == (False, "")
    monkeypatch.setattr(networks, "pretrain_source", lambda *_, **__: pytest.fail("trained again"))
    again = load_or_pretrain([table], SETTINGS, exclude=table.keys[:20])
    assert again.checkpoint == first.checkpoint._replace(reused=True)
    assert content_hash(again._replace(checkpoint=None)) == content_hash(first._replace(checkpoint=None))
    assert content_hash(again._replace(checkpoint=None)) == content_hash(fresh)
    for one, other in zip(again.networks, fresh.networks, strict=True):
        assert [layer.kernel.tobytes() for layer in one.hidden] == [layer.kernel.tobytes() for layer in other.hidden]


@pytest.mark.usefixtures("home")
def test_a_kept_model_scores_as_a_fresh_one_bit_by_bit(
    table: PropertyTable, target: PropertyTable, fresh: Source, fresh_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(Path(), fresh, table, monkeypatch)
    library = Library((load_or_pretrain([table], SETTINGS, exclude=target.keys),), "reduced", 0)
    first = load_or_transfer(library, target, outer=2, inner=2)
    monkeypatch.setattr(model_cache, "transfer", lambda *_, **__: pytest.fail("transferred again"))
    again = load_or_transfer(library, target, outer=2, inner=2)
    assert first.checkpoint is not None
    assert first.checkpoint.warning == ""
    assert (first.checkpoint.reused, again.checkpoint) == (False, first.checkpoint._replace(reused=True))
    assert again.target is target
    assert again.library is library
    assert content_hash(bare(again)) == content_hash(bare(first)) == content_hash(bare(fresh_model))
    assert scores(again).equals(scores(fresh_model))
    assert scores(again)["mean"].to_numpy().tobytes() == scores(fresh_model)["mean"].to_numpy().tobytes()


@pytest.mark.usefixtures("home")
def test_a_kept_model_on_foundation_networks_scores_as_a_fresh_one(
    target: PropertyTable, small_foundation: Foundation, known_values: KnownValues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extra_trees, "TREES", 5)
    knowledge = Knowledge(small_foundation, known_values, np.full(3, 0.2))
    first = load_or_transfer(NOTHING, target, outer=2, inner=2, knowledge=knowledge)
    assert any(member.plan.kind == "foundation" for member in first.stack.members)
    assert first.unseen is not None
    monkeypatch.setattr(model_cache, "transfer", lambda *_, **__: pytest.fail("transferred again"))
    again = load_or_transfer(NOTHING, target, outer=2, inner=2, knowledge=knowledge)
    assert again.checkpoint is not None
    assert again.checkpoint.reused
    assert again.knowledge is knowledge
    assert content_hash(bare(again)) == content_hash(bare(first))
    assert scores(again).equals(scores(first))


def test_knowledge_changes_the_key_of_a_model(
    target: PropertyTable, small_foundation: Foundation, known_values: KnownValues
) -> None:
    bent = known_values._replace(values=known_values.values + np.float32(1e-6))
    networks = small_foundation.full[:1]
    kinds = [
        None,
        Knowledge(small_foundation),
        Knowledge(small_foundation, known_values),
        Knowledge(small_foundation, bent),
        Knowledge(small_foundation, known_values, np.full(3, 0.2)),
        Knowledge(small_foundation._replace(full=networks)),
        Knowledge(small_foundation._replace(formulas=small_foundation.formulas[1:])),
    ]
    keys = [model_key(NOTHING, target, outer=2, inner=2, seed=0, knowledge=kind) for kind in kinds]
    assert len(set(keys)) == len(kinds)


def test_every_input_of_pretraining_changes_the_key(table: PropertyTable, monkeypatch: pytest.MonkeyPatch) -> None:
    values = table.values.copy()
    values[60] = np.nextafter(values[60], np.inf)
    cells = Compositions(table.compositions.elements, table.compositions.amounts * 2)
    swapped = np.r_[1, 0, 2 : len(table)]
    seen = {
        "plain": stack_key([table], SETTINGS),
        "value": stack_key([replace(table, values=values)], SETTINGS),
        "order": stack_key([picked(table, swapped)], SETTINGS),
        "rows": stack_key([head(table, 119)], SETTINGS),
        "exclude": stack_key([table], SETTINGS, exclude=table.keys[:1]),
        "seed": stack_key([table], SETTINGS._replace(seed=1)),
        "networks": stack_key([table], SETTINGS._replace(networks=3)),
        "cell": stack_key([table], SETTINGS._replace(convention="cell")),
        "doubled cell": stack_key([replace(table, compositions=cells)], SETTINGS._replace(convention="cell")),
        "per-atom": stack_key([table], SETTINGS._replace(convention="per-atom")),
        "log": stack_key([replace(table, values=np.exp(table.values))], SETTINGS),
    }
    for name in Schedule._fields:
        slower = QUICK._replace(**{name: getattr(QUICK, name) * 2})
        seen[name] = stack_key([table], SETTINGS._replace(schedule=slower))
    seen["default schedule"] = stack_key([table], Settings(2, 312))
    for name, value in (("PRETRAIN_VERSION", 3), ("ROUNDING_VERSION", 9), ("BATCH", 512), ("HIDDEN_LAYERS", (3,)),
                        ("WIDTH_RATIOS", (0.1, 0.5)), ("version", lambda package: "0"),
                        ("feature_table", lambda: np.ones((94, 58)))):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(cache if name in ("BATCH", "version") else networks, name, value)
            seen[name] = stack_key([table], SETTINGS)
    for name in ("MAX_ROWS", "SCALE_ROWS"):
        with monkeypatch.context() as patch:
            patch.setattr(libraries, name, 110)
            seen[name] = stack_key([table], SETTINGS)
    with monkeypatch.context() as patch:
        patch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
        seen["flags"] = stack_key([table], SETTINGS)
    assert len(set(seen.values())) == len(seen)


def test_what_does_not_decide_the_networks_leaves_the_key(table: PropertyTable) -> None:
    values, cells = table.values.copy(), table.compositions.amounts.copy()
    values[:5] = 1e9
    cells[50] *= 2
    plain = stack_key([table], SETTINGS, exclude=table.keys[:5])
    others = [
        stack_key([replace(table, values=values)], SETTINGS, exclude=table.keys[:5]),
        stack_key([replace(table, name="x", quantity="y", notes=("z",), sha256="0")], SETTINGS, exclude=table.keys[:5]),
        stack_key([table], SETTINGS, exclude=[*table.keys[:5], "Og"]),
        stack_key(
            [replace(table, compositions=Compositions(table.compositions.elements, cells))],
            SETTINGS,
            exclude=table.keys[:5],
        ),
    ]
    assert set(others) == {plain}


def test_every_input_of_the_transfer_changes_the_key(fresh: Source, target: PropertyTable) -> None:
    library = Library((fresh,), "reduced", 0)
    kernel = fresh.networks[1].hidden[0].kernel.copy()
    kernel[3, 2] = np.nextafter(kernel[3, 2], np.float32(9))
    layer = fresh.networks[1].hidden[0]._replace(kernel=kernel)
    bent = fresh.networks[1]._replace(hidden=(layer, *fresh.networks[1].hidden[1:]))
    values = target.values.copy()
    values[3] += 1e-9
    settings = {"outer": 2, "inner": 2, "seed": 0}
    seen = {
        "plain": model_key(library, target, **settings),
        "kernel": model_key(Library((fresh._replace(networks=(fresh.networks[0], bent)),), "reduced", 0), target,
                            **settings),
        "source name": model_key(Library((fresh._replace(name="other"),), "reduced", 0), target, **settings),
        "sources": model_key(Library((fresh, fresh), "reduced", 0), target, **settings),
        "convention": model_key(Library((fresh,), "cell", 0), target, **settings),
        "value": model_key(library, replace(target, values=values), **settings),
        "order": model_key(library, picked(target, np.r_[1, 0, 2:20]), **settings),
        "log": model_key(library, replace(target, log=True), **settings),
        "unit": model_key(library, replace(target, unit="K"), **settings),
        "given folds": model_key(library, replace(target, folds=np.arange(20) % 2), **settings),
        "other folds": model_key(library, replace(target, folds=np.arange(20) % 3), **settings),
        **{name: model_key(library, target, **{**settings, name: 3}) for name in settings},
    }  # fmt: skip
    assert len(set(seen.values())) == len(seen)
    marked = fresh._replace(checkpoint=libraries.Checkpoint("a" * 64, True))
    assert model_key(Library((marked,), "reduced", 0), target, **settings) == seen["plain"]


def test_a_flipped_bit_is_trained_again_and_said(
    home: Path, table: PropertyTable, fresh: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = keep(home, fresh, table, monkeypatch).checkpoint
    assert point is not None
    path = home / "models" / point.key / shelf.ARRAYS
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 4]) + whole[5001:])
    rebuilt = keep(home, fresh, table, monkeypatch)
    assert rebuilt.checkpoint is not None
    assert not rebuilt.checkpoint.reused
    assert "built again" in rebuilt.checkpoint.warning
    assert path.read_bytes() == whole
    assert load_or_pretrain([table], SETTINGS, exclude=table.keys[:20]).checkpoint == (point.key, True, "")


def test_an_entry_of_something_else_is_trained_again(
    home: Path, table: PropertyTable, fresh: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = stack_key([table], SETTINGS, exclude=table.keys[:20])
    shelf.store(key, model_cache.pack(fresh.scaling), {})
    rebuilt = keep(home, fresh, table, monkeypatch)
    assert rebuilt.checkpoint is not None
    assert "cannot be read (holds a Scaling)" in rebuilt.checkpoint.warning
    assert load_or_pretrain([table], SETTINGS, exclude=table.keys[:20]).checkpoint == (key, True, "")


def test_an_entry_of_another_version_stays(
    home: Path, table: PropertyTable, fresh: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = keep(home, fresh, table, monkeypatch).checkpoint
    assert point is not None
    card = home / "models" / point.key / shelf.CARD
    card.write_text(card.read_text().replace('"schema": 1', '"schema": 9'))
    before = card.read_bytes()
    again = keep(home, fresh, table, monkeypatch)
    assert again.checkpoint is not None
    assert not again.checkpoint.reused
    assert "schema 9" in again.checkpoint.warning
    assert card.read_bytes() == before


def test_an_unwritable_home_is_said_and_no_error(
    home: Path, table: PropertyTable, fresh: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "models").write_text("in the way")
    source = keep(home, fresh, table, monkeypatch)
    assert source.checkpoint is not None
    assert source.checkpoint.warning.startswith("planted_source: networks not kept for the next run: File exists")


def test_without_the_cache_nothing_is_read_or_kept(
    home: Path, table: PropertyTable, target: PropertyTable, fresh: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "pretrain_source", lambda *_, **__: fresh)
    source = load_or_pretrain([table], SETTINGS, exclude=table.keys[:20], cache=False)
    assert source.checkpoint is None
    assert load_or_transfer(Library((source,), "reduced", 0), target, outer=2, inner=2, cache=False).checkpoint is None
    assert list(home.iterdir()) == []


def test_the_card_says_what_the_networks_are(
    home: Path, table: PropertyTable, fresh: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = keep(home, fresh, table, monkeypatch).checkpoint
    assert point is not None
    card = json.loads((home / "models" / point.key / shelf.CARD).read_text())
    names = ("property", "unit", "log", "rows", "used", "excluded", "networks", "seed")
    assert {name: card[name] for name in names} == {
        "property": "planted_source", "unit": "", "log": False, "rows": 120, "used": 100, "excluded": 20,
        "networks": 2, "seed": 312,
    }  # fmt: skip
    shown = [entry["structure"] for entry in card["entries"]]
    assert shown == ["-".join(map(str, (290, *network.widths, 1))) for network in fresh.networks]
    assert [entry["metrics"][0]["r2"] for entry in card["entries"]] == pytest.approx(
        [float(network.validation_r2[0]) for network in fresh.networks], abs=1e-4
    )
    assert card["entries"][0]["parameters"] == sum(
        a.size for layer in (*fresh.networks[0].hidden, fresh.networks[0].output) for a in (layer.kernel, layer.bias)
    )
    assert card["convention"] == "reduced"
    assert set(card["versions"]) >= {"kakehashi", "jax", "numpy"}
    assert {"source", "licence", "date", "sha256"} <= set(card)


def test_stages_say_what_is_cached(
    table: PropertyTable, target: PropertyTable, fresh: Source, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[list[Any]] = []

    @contextmanager
    def stage(name: str, total: int) -> Iterator[Any]:
        done.append([name, total, 0])
        yield lambda steps: done[-1].__setitem__(2, done[-1][2] + steps)

    keep(home, fresh, table, monkeypatch)
    source = load_or_pretrain([table], SETTINGS, exclude=target.keys, stage=stage)
    for _ in range(2):
        load_or_transfer(Library((source,), "reduced", 0), target, outer=2, inner=2, stage=stage)
    assert done == [["pre-train planted_source (cached)", 2, 2], ["transfer", 2, 2], ["transfer (cached)", 2, 2]]


def test_the_errors_are_those_of_training(table: PropertyTable) -> None:
    with pytest.raises(UserError, match="expected at least 50 compositions to pre-train on, got 20"):
        load_or_pretrain([table], SETTINGS, exclude=table.keys[20:])


@pytest.mark.usefixtures("home")
def test_the_api_reuses_and_warns(
    table: PropertyTable, target: PropertyTable, fresh: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "pretrain_source", lambda *_, **__: fresh)
    reused = [kh.pretrain([table], networks=2).sources[0].checkpoint.reused for _ in range(2)]
    assert reused == [False, True]
    assert kh.pretrain([table], networks=2, cache=False).sources[0].checkpoint is None
    library = Library((fresh,), "reduced", 0)
    models = [
        kh.transfer(library, target, outer_folds=2, foundation="none", cache=cache).checkpoint
        for cache in (True, True, False)
    ]
    assert [point and point.reused for point in models] == [False, True, None]
    monkeypatch.setattr(shelf, "LARGEST", 10)
    with pytest.warns(UserWarning, match="planted_source: networks not kept for the next run"):
        kh.pretrain([table], networks=2, seed=1)


def test_a_second_run_reuses_everything_and_ranks_the_same(
    tiny: Tiny, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records, rankings = [], []
    for i, more in enumerate(([], ["--events"], ["--no-cache"])):
        out = tmp_path / f"run{i}"
        words = ["screen", *tiny.flags, "--out", str(out), *more, *([] if more == ["--events"] else ["--quiet"])]
        assert kh.main(words) == 0
        records.append(json.loads((out / "run.json").read_text()))
        rankings.append((out / "ranking.parquet").read_bytes())
        err = capsys.readouterr().err
        if more == ["--events"]:
            assert '"stage": "pre-train gap (cached)"' in err
            assert '"stage": "transfer (cached)"' in err
        monkeypatch.setattr(networks, "pretrain_source", pretrain_source if i else _never)
    assert rankings[0] == rankings[1] == rankings[2]
    points = [(r["sources"][0]["checkpoint"], r["model"]["checkpoint"]) for r in records]
    assert [None if p is None else p["reused"] for both in points for p in both] == [
        False,
        False,
        True,
        True,
        None,
        None,
    ]
    for kind in (0, 1):
        assert points[0][kind]["hash"] == points[1][kind]["hash"]
        assert (home / "models" / points[0][kind]["hash"]).is_dir()
    assert kh.main(["screen", *tiny.flags, "--out", str(tmp_path / "run0"), "--no-cache", "--resume", "--quiet"]) == 0


def _never(*_: object, **__: object) -> None:
    pytest.fail("trained again")


def test_another_result_of_pretraining_needs_another_version() -> None:
    """If this fails: raise PRETRAIN_VERSION and add its figure, or older networks pass for those of today."""
    x = np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32)
    (network,) = pretrain(3, x, (x[:, :1] + np.sin(x[:, 1:2])).astype(np.float64), networks=1, hidden_layers=(3,),
                          ratios=(1.0, 2.0), schedule=Schedule(max_epochs=30, row_visits=10_000))  # fmt: skip
    known = {2: (0.281810, 0.616314)}
    found = float(np.mean([np.abs(layer.kernel).mean() for layer in network.hidden])), float(network.validation_r2[0])
    assert found == pytest.approx(known[networks.PRETRAIN_VERSION], rel=1e-3)
