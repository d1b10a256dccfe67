"""Saved models come back bit by bit, or with a reason."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import kakehashi as kh
from kakehashi.catalogs.records import UserError
from kakehashi.screen.api.fitted import FittedModel, fitted
from kakehashi.screen.cache.packing import content_hash
from kakehashi.screen.foundation import kept
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.prediction.saved import read_model, save_model

if TYPE_CHECKING:
    from conftest import Planted

    from kakehashi.screen.foundation.known import KnownValues
    from kakehashi.screen.foundation.record import Foundation
    from kakehashi.screen.networks.source import Library
    from kakehashi.screen.transfer.fit import Model

FORMULAS = ["MgO", "GaAs", "PbTe", "CaF2", "Xx"]


def bits(model: Model) -> bytes:
    table = fitted(model).predict(FORMULAS)
    return b"".join(np.asarray(table[name].to_numpy()).tobytes() for name in ("mean", "lower", "upper"))


@pytest.fixture(scope="module")
def saved(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fitted(tiny_model).save(tmp_path_factory.mktemp("saved") / "model")


def test_the_same_bits_come_back(tiny_model: Model, saved: Path) -> None:
    loaded = kh.load_model(saved)
    assert isinstance(loaded, FittedModel)
    assert bits(loaded) == bits(tiny_model)
    for field in fields(tiny_model.target):
        assert content_hash({"v": getattr(loaded.target, field.name)}) == content_hash(
            {"v": getattr(tiny_model.target, field.name)}
        ), field.name
    assert loaded.verdict == tiny_model.verdict
    assert content_hash(loaded.leaderboard) == content_hash(tiny_model.leaderboard)


def test_nothing_in_the_folder_is_executable(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["card.json", "stack.safetensors"]
    card = json.loads((saved / "card.json").read_text())
    assert (card["kind"], card["format"], card["knowledge"]) == ("saved model", 1, False)


def with_knowledge(planted: Planted, library: Library, knowledge: Knowledge) -> Model:
    from kakehashi.screen.transfer.fit import transfer

    bare = library._replace(sources=())
    return transfer(bare, planted.target, outer=2, inner=2, heads=("ridge",), knowledge=knowledge)


def test_foundation_networks_and_known_values_come_along(
    planted: Planted, planted_library: Library, small_foundation: Foundation, known_values: KnownValues,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    knowledge = Knowledge(small_foundation, known_values, np.array([0.5, 0.5, 0.25]))
    model = with_knowledge(planted, planted_library, knowledge)
    own = read_model(save_model(model, tmp_path / "own"))
    assert bits(own) == bits(model)
    assert content_hash(own.knowledge) == content_hash(knowledge)
    # As if they came with the package: named by their key alone.
    monkeypatch.setattr("kakehashi.screen.prediction.saved.shipped_key", lambda foundation: "ab" * 32)
    path = save_model(model, tmp_path / "named")
    sizes = [(tmp_path / name / "stack.safetensors").stat().st_size for name in ("own", "named")]
    assert sizes[1] < sizes[0]
    with pytest.raises(UserError, match="needs the foundation networks abababababab that came with kakehashi"):
        read_model(path)
    monkeypatch.setattr("kakehashi.screen.prediction.saved._shipped", lambda *words: small_foundation)
    assert bits(read_model(path)) == bits(model)


def test_networks_of_the_package_are_known_by_content(small_foundation: Foundation) -> None:
    shipped = kept.shipped_foundation()
    assert kept.shipped_key(small_foundation) == ""
    if shipped is None:
        pytest.skip("this package carries no foundation networks")
    key = kept.shipped_key(shipped._replace(name=shipped.name))
    assert kept.read_foundation(kept.shelf.folders()[key]).name == shipped.name


def spoiled(saved: Path, where: Path, name: str, change: Any) -> Path:
    copy = Path(shutil.copytree(saved, where))
    (copy / name).write_bytes(change((copy / name).read_bytes()))
    return copy


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("stack.safetensors", lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]),
        ("stack.safetensors", lambda data: data[: len(data) // 2]),
        ("card.json", lambda data: data.replace(b'"seed": 0', b'"seed": 1')),
        ("card.json", lambda data: data[:40]),
        ("card.json", lambda data: b"[]"),
    ],
)
def test_damage_is_seen(saved: Path, tmp_path: Path, name: str, change: Any) -> None:
    with pytest.raises(UserError, match="is damaged") as raised:
        read_model(spoiled(saved, tmp_path / "copy", name, change))
    assert raised.value.code == 6


def test_other_folders_are_refused(saved: Path, tiny_model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected a folder that model\.save wrote"):
        kh.load_model(tmp_path)
    other = spoiled(saved, tmp_path / "old", "card.json", lambda data: data.replace(b'"format": 1', b'"format": 9'))
    with pytest.raises(UserError, match="in another format: fit it again"):
        read_model(other)
    with pytest.raises(UserError, match="is there already: overwrite=True replaces it"):
        save_model(tiny_model, saved)
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="is there already: choose a new folder"):
        save_model(tiny_model, tmp_path / "mine", overwrite=True)
    assert save_model(tiny_model, tmp_path / "old", overwrite=True) == tmp_path / "old"
    assert bits(read_model(tmp_path / "old")) == bits(tiny_model)


def test_a_run_holds_its_model(screen: Any, tiny_model: Model, tmp_path: Path) -> None:
    code, _, _ = screen("--out", tmp_path / "run")
    assert code == 0
    assert json.loads((tmp_path / "run/run.json").read_text())["saved_model"]["folder"] == "model"
    assert bits(kh.load_model(tmp_path / "run")) == bits(tiny_model)
    assert screen("--out", tmp_path / "bare", "--no-model")[0] == 0
    assert not (tmp_path / "bare/model").exists()
    with pytest.raises(UserError, match="is a run without a model"):
        kh.load_model(tmp_path / "bare")
