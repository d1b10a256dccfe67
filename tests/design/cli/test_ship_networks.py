"""The networks that come with the package are those the demo would train, and never saw an embedded target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kakehashi as kh
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.properties import embedded
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.design.cli.ship_networks import list_shipped, read_card, shipped_stacks
from kakehashi.screen.models.verify import verify
from kakehashi.screen.networks import kept as networks
from kakehashi.screen.networks.kept import load_or_pretrain, networks_of, shipped_key


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    return tmp_path


def target_of(source: str) -> Any:
    return embedded.table("polymer_thermal_conductivity" if source.startswith("molecule") else "ltc")


def test_the_demo_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this fails: run python -m design.ship_networks, or everybody waits for the demo."""
    monkeypatch.setattr(networks, "pretrain_source", lambda *_, **__: pytest.fail("trained"))
    keys = set()
    for one in list_shipped():
        target = target_of(one.source)
        source = load_or_pretrain([load_table(one.source, minimum=1, attachments=(0, 2))], one.settings,
                                  exclude=target.keys)  # fmt: skip
        assert source.checkpoint is not None
        assert source.checkpoint.reused
        assert len(source.networks) == one.settings.networks
        assert not source.keys & set(target.keys)
        keys.add(source.checkpoint.key)
    assert keys == {path.name for path in shipped_stacks()}


def test_none_saw_an_embedded_target_and_all_compute_what_they_did() -> None:
    unseen = {key for name in ("ltc", "polymer_thermal_conductivity", "tg") for key in embedded.table(name).keys}
    for path in shipped_stacks():
        found = shelf.shipped(path.name)
        assert found.arrays is not None, found.warning
        assert not networks_of(found.arrays).sources[0].keys & unseen
        assert verify(path.name, path).sound
    assert sum(path.stat().st_size for path in shelf.SHIPPED.rglob("*")) < 28e6


def test_foundation_networks_of_the_package_compute_what_they_did() -> None:
    [path] = [path for path in shelf.SHIPPED.iterdir() if read_card(path)["kind"] == "foundation"]
    assert verify(path.name, path).sound
    assert (path / shelf.ARRAYS).stat().st_size < 25e6


def test_they_are_not_taken_for_other_rows_or_settings() -> None:
    one = list_shipped()[0]
    table, target = load_table(one.source, minimum=1, attachments=(0, 2)), target_of(one.source)
    known = {path.name for path in shipped_stacks()}
    assert shipped_key([table], one.settings, exclude=target.keys) in known
    seen = next(key for key in table.keys if key not in target.keys)
    assert shipped_key([table], one.settings, exclude=[*target.keys, seen]) not in known
    assert shipped_key([table], one.settings._replace(seed=1), exclude=target.keys) not in known
    assert shipped_key([table], one.settings._replace(networks=15), exclude=target.keys) not in known


def test_a_damaged_one_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    one = list_shipped()[0]
    table, target = load_table(one.source, minimum=1, attachments=(0, 2)), target_of(one.source)
    key = shipped_key([table], one.settings, exclude=target.keys)
    shutil.copytree(shelf.SHIPPED / key, tmp_path / "networks" / key)
    path = tmp_path / "networks" / key / shelf.ARRAYS
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))
    monkeypatch.setattr(shelf, "SHIPPED", tmp_path / "networks")

    class Asked(Exception):
        pass

    def train(*_: object, **__: object) -> None:
        raise Asked

    monkeypatch.setattr(networks, "pretrain_source", train)
    with pytest.raises(Asked):
        load_or_pretrain([table], one.settings, exclude=target.keys)


def test_they_are_listed_and_loaded() -> None:
    rows = kh.models.query(origin="package", property="refractive")
    assert rows.num_rows == 4
    loaded = kh.models.load(rows["id"][0].as_py())
    assert loaded.predict(["CCO"])[0] == pytest.approx(1.36, rel=0.05)
