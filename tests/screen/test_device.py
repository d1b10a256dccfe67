"""The device asked for is the device that computes; a GPU that is not there is said in one line."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.device import choose, current, platform
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.screening.config import ScreenConfig, deciding

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = jax.config.jax_platforms, jax.config.jax_default_device
    yield
    jax.config.update("jax_platforms", before[0])
    jax.config.update("jax_default_device", before[1])


def no_gpu() -> None:
    if any(device.platform != "cpu" for device in jax.devices()):
        pytest.skip("there is a GPU here")


def test_auto_leaves_jax_alone() -> None:
    before = jax.config.jax_default_device
    choose("auto")
    assert jax.config.jax_default_device is before
    # Nor does it cost the seconds that importing jax takes.
    script = "import sys; from kakehashi.screen.device import choose; choose('auto'); print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_cpu_is_where_arrays_are_made() -> None:
    choose("cpu")
    assert current().platform == platform() == "cpu"
    assert jax.numpy.zeros(3).devices() == {current()}


def test_a_gpu_that_is_not_there_names_the_extra(root: Path) -> None:
    no_gpu()
    with pytest.raises(UserError, match=r"--device gpu.*jax sees .*pip install 'kakehashi\[cuda\]'") as caught:
        choose("gpu")
    assert caught.value.code == 2
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "cuda" in extras


def test_a_gpu_is_chosen_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # A stand-in: no machine of the test suite needs to have one.
    (cpu,) = jax.devices("cpu")[:1]
    monkeypatch.setattr("jax.devices", lambda kind=None: {"gpu": [cpu], None: ["other"]}[kind])
    choose("gpu")
    assert jax.config.jax_default_device is cpu
    assert current() is cpu


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(UserError, match=r"--device: expected auto, cpu, gpu, got 'tpu'"):
        choose("tpu")


def test_where_it_is_computed_decides_nothing() -> None:
    assert deciding(as_dict(ScreenConfig(device="cpu"))) == deciding(as_dict(ScreenConfig(device="gpu")))


def test_commands_say_so_before_they_read_or_write(screen: Run, tmp_path: Path) -> None:
    no_gpu()
    code, said, err = screen("--out", tmp_path / "run", "--device", "gpu")
    assert (code, said) == (2, "")
    assert err.count("\n") == 1
    assert "kakehashi[cuda]" in err
    assert not (tmp_path / "run").exists()


def test_a_chosen_device_is_recorded(screen: Run, tmp_path: Path) -> None:
    import json

    code, _, err = screen("--out", tmp_path / "run", "--device", "cpu", "--quiet")
    assert (code, err) == (0, "")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["config"]["device"] == "cpu"
    assert record["device"] == str(jax.devices("cpu")[0])
