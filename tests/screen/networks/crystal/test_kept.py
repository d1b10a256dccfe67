"""Crystal graph networks in the library of models: kept, listed, queried, loaded, verified and moved as all others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.core import Structure

import kakehashi
from kakehashi.catalogs.crystals.tables import load_crystals
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.api import models
from kakehashi.screen.models.verify import verify
from kakehashi.screen.networks.crystal import source as module
from kakehashi.screen.networks.crystal.network import Shape
from kakehashi.screen.networks.crystal.source import pretrain_crystals
from kakehashi.screen.networks.crystal.train import Schedule
from kakehashi.screen.networks.kept import networks_of, packed
from kakehashi.screen.networks.source import Settings, Source

FACES = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
METALS, ANIONS = ["Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Mn", "Fe", "Co", "Ni", "Cu", "Li"], ["O", "S", "Se", "Te"]
SETTINGS = Settings(2, 3)
ask: Callable[..., Source] = lambda table, settings=SETTINGS, **how: pretrain_crystals(
    table, settings, shape=Shape(4, 1, 3), schedule=Schedule(max_epochs=10, crystals=32), **how
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> PropertyTable:
    path = tmp_path_factory.mktemp("structures") / "energy.parquet"
    pairs = [(m, x) for m in METALS for x in ANIONS]
    cells = [
        Structure((4.4 + 0.05 * i) * FACES, [m, x], [[0, 0, 0], [0.5] * 3]).to(fmt="json")
        for i, (m, x) in enumerate(pairs)
    ]
    columns = {"formula": [m + x for m, x in pairs], "energy": [float(i % 13) for i in range(len(pairs))]}
    pq.write_table(pa.table({**columns, "structure": cells}), path)
    return load_crystals(f"{path}:energy")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(home))


@pytest.fixture(scope="module")
def kept(table: PropertyTable, home: Path) -> Source:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAKEHASHI_HOME", str(home))
        return ask(table)


def key_of(source: Source) -> str:
    assert source.checkpoint is not None
    return source.checkpoint.key


def test_what_was_kept_comes_back_bit_by_bit_without_training(
    kept: Source, table: PropertyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "train", lambda *_, **__: pytest.fail("trained again"))
    again = ask(replace(table, name="another name"))
    assert again.checkpoint == (key_of(kept), True, "")
    assert again.name == "another name"
    fields = ("networks", "unit_scales", "scaling", "evidence")
    for one, other in zip(*(jax.tree.leaves([getattr(s, f) for f in fields]) for s in (kept, again)), strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def test_errors_are_those_of_crystals_no_network_was_fitted_to(kept: Source) -> None:
    assert kept.evidence is not None
    for network, scores, rows in zip(kept.networks, kept.evidence.scores, kept.evidence.rows, strict=True):
        assert scores[0, 4] == pytest.approx(network.validation_r2[0], abs=1e-4)
        assert 0 < rows[0] < 15


def test_the_key_covers_what_decides_the_last_bits(
    kept: Source, table: PropertyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "kakehashi.screen.cache.keep.shelf.find", lambda key: asked.append(key) or shelf.StoredEntry(replaceable=False)
    )
    monkeypatch.setattr(module, "train", lambda *_, **__: list(kept.networks))

    def key(one: PropertyTable = table, settings: Settings = SETTINGS) -> str:
        ask(one, settings)
        return asked[-1]

    own = key()
    assert own == key_of(kept) == key(replace(table, name="x"))
    others = [key(settings=Settings(2, 4)), key(settings=Settings(2, 3, "per-atom"))]
    others.append(key(replace(table, values=table.values + table.values**2)))
    with monkeypatch.context() as patch:
        patch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
        others.append(key())
    with jax.default_matmul_precision("bfloat16"):
        others.append(key())
    with monkeypatch.context() as patch:
        patch.setattr("platform.machine", lambda: "other")
        others.append(key())
    assert len({own, *others}) == 1 + len(others)


def test_they_are_listed_queried_and_verified(kept: Source, capsys: pytest.CaptureFixture[str]) -> None:
    key = key_of(kept)
    assert kakehashi.main(["models", "list", "--json"]) == 0
    printed = capsys.readouterr()
    assert "not in the index" not in printed.err
    (listed,) = [row for row in json.loads(printed.out) if row["id"] == key]
    assert (listed["kind"], listed["property"], listed["networks"]) == ("networks", "energy", 2)
    assert listed["descriptor"] == "structure:reduced"
    rows = models.query(method="crystal graph", property="energy").to_pylist()
    assert sorted(row["id"] for row in rows) == [f"{key[:16]}-0", f"{key[:16]}-1"]
    assert {(row["structure"], row["layers"]) for row in rows} == {("58-4-3-1", 2)}
    assert kakehashi.main(["models", "verify", key[:16], "--json"]) == 0
    (verified,) = json.loads(capsys.readouterr().out)
    assert verified["outcome"] == "bitwise"
    assert "16 predictions of 2 networks computed again, bit by bit" in verified["text"]


@pytest.mark.fault
def test_networks_that_compute_something_else_are_found(kept: Source, tmp_path: Path) -> None:
    found = shelf.find(key_of(kept))
    assert found.arrays is not None
    library = networks_of(found.arrays)
    (source,) = library.sources
    assert source.evidence is not None
    moved = source.evidence._replace(predictions=source.evidence.predictions + np.float32(0.5))
    arrays = packed(library._replace(sources=(source._replace(evidence=moved),)))
    assert found.card is not None
    card = {k: v for k, v in found.card.items() if k not in ("schema", "key", "sha256", "bytes", "card_sha256")}
    assert shelf.store("e" * 64, arrays, card, folder=tmp_path) == ""
    assert verify("e" * 64, tmp_path / ("e" * 64)).outcome == "differs"


def test_loaded_they_predict_and_give_features(kept: Source, table: PropertyTable) -> None:
    loaded = models.load(key_of(kept)[:16])
    structure = Structure(4.5 * FACES, ["Mg", "S"], [[0, 0, 0], [0.5] * 3])
    one, two = loaded.predict([structure, structure.to(fmt="cif")])
    assert one == pytest.approx(two, rel=1e-4)
    assert table.values.min() - 13 < one < table.values.max() + 13
    each = loaded.predict([structure], each=True)
    assert each.shape == (1, 2)
    assert models.load(f"{key_of(kept)[:16]}-1").predict([structure]) == pytest.approx(each[:, 1])
    assert [features.shape for features in loaded.features([structure])] == [(1, 7), (1, 7)]
    assert [features.shape for features in loaded.features([structure], depth=1)] == [(1, 3), (1, 3)]
    with pytest.raises(UserError, match="structure 2 of 2 cannot be read: no structure"):
        loaded.predict([structure, " "])
    with pytest.raises(UserError, match="expected 'pre' for networks on structures, got 'post'"):
        loaded.features([structure], activation="post")


def test_they_move_to_another_library(
    kept: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, key = tmp_path / "out.zip", key_of(kept)
    assert kakehashi.main(["models", "export", key, "--out", str(file)]) == 0
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "other"))
    assert kakehashi.main(["models", "import", str(file)]) == 0
    assert "1 stack of networks added" in capsys.readouterr().out
    assert verify(key, shelf.models_folder() / key).outcome == "bitwise"


def test_nothing_but_arrays_and_json_is_written(kept: Source, home: Path) -> None:
    written: set[Any] = {path.suffix for path in (home / "models").rglob("*") if path.is_file()}
    assert written <= {".safetensors", ".json", ".lock", ""}


@pytest.mark.fault
def test_a_damaged_entry_is_trained_again_and_said_so(
    kept: Source, table: PropertyTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    monkeypatch.setattr(module, "train", lambda *_, **__: list(kept.networks))
    path = shelf.models_folder() / key_of(ask(table)) / shelf.ARRAYS
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    again = ask(table).checkpoint
    assert again is not None
    assert not again.reused
    assert "is damaged or unreadable" in again.warning
    assert ask(table).checkpoint == (key_of(kept), True, "")
