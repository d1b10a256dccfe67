"""Compiled programs are kept per machine, shared by processes, and change no bit."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import pytest

from kakehashi.screen import compilation
from kakehashi.screen.cli.doctor import check_programs
from kakehashi.screen.compilation import ENTRY, LOCK, USED, keep_programs, kept_programs, machine_key

Child = Callable[..., subprocess.Popen[str]]

# Sums and sorts, whose bits depend on the code; counts what was compiled and what was loaded.
SCRIPT = """
{first}
from kakehashi.screen.device import choose
choose("cpu")
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
seen = []
jax.monitoring.register_event_listener(lambda name, **_: seen.append(name))
x = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
value = jax.jit(lambda x: jnp.sort(jnp.tanh(x @ x).sum(axis=1)))(x)
hits, misses = (sum(name.endswith(word) for name in seen) for word in ("/cache_hits", "/cache_misses"))
print(hits, misses, np.asarray(value).tobytes().hex())
"""


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    names = (
        "jax_compilation_cache_dir", "jax_compilation_cache_max_size", "jax_persistent_cache_min_compile_time_secs",
        "jax_platforms", "jax_default_device",
    )  # fmt: skip
    before = {name: getattr(jax.config, name) for name in names}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        for name in ("JAX_COMPILATION_CACHE_DIR", "JAX_COMPILATION_CACHE_MAX_SIZE", "TF_CPP_MIN_LOG_LEVEL"):
            patch.setenv(name, "")
            patch.delenv(name)
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        jax.config.update("jax_compilation_cache_dir", None)
        yield
        for name, value in before.items():
            jax.config.update(name, value)


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    """Start the script in a process of its own, with a cache of this test's."""
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))

    def start(first: str = "") -> subprocess.Popen[str]:
        words = [sys.executable, "-W", "error", "-c", SCRIPT.format(first=first)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def said(process: subprocess.Popen[str]) -> tuple[int, int, str]:
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")  # nor any line of the loader
    hits, misses, value = out.split()
    return int(hits), int(misses), value


def test_a_later_process_loads_the_same_bits_without_a_word(child: Child, tmp_path: Path) -> None:
    hits, misses, fresh = said(child())
    assert (hits, misses > 0) == (0, True)
    assert said(child()) == (misses, 0, fresh)
    # jax may be there, and have computed, before the folder is chosen.
    assert said(child("import jax; jax.numpy.zeros(3)"))[1:] == (0, fresh)
    # A damaged program is compiled again, and its bits are the same.
    folder = tmp_path / "home" / "compiled" / machine_key()
    for path in folder.glob(f"*{ENTRY}"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert said(child())[2] == fresh
    assert {p.name for p in (tmp_path / "home").iterdir()} == {"compiled"}
    assert folder.stat().st_mode & 0o077 == 0


def test_processes_that_start_together_agree(child: Child) -> None:
    together = [child() for _ in range(3)]
    assert len({said(process)[2] for process in together}) == 1


def test_another_processor_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []
    texts = ("flags : avx2 fma", "flags : fma avx2", "flags : avx512f fma", "Features : neon", "nothing")
    for number, text in enumerate(texts):
        (tmp_path / str(number)).write_text(f"processor : 0\nmodel name : CPU\n{text}\nprocessor : 1\n{text} more\n")
        monkeypatch.setattr(compilation, "_CPUINFO", tmp_path / str(number))
        keys.append(machine_key())
    assert keys[0] == keys[1]  # their order says nothing
    assert len(set(keys)) == 4
    monkeypatch.setattr(compilation, "version", lambda name: "99")
    assert machine_key() not in keys


def test_unfinished_entries_of_a_killed_process_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    folder = tmp_path / "compiled" / machine_key()
    folder.mkdir(parents=True, mode=0o700)
    for name in (f"whole{ENTRY}", f"whole{USED}", f"half{ENTRY}"):
        (folder / name).write_bytes(b"abcd")
    keep_programs()
    assert sorted(path.name for path in folder.iterdir()) == [LOCK, f"whole{USED}", f"whole{ENTRY}"]
    assert jax.config.jax_compilation_cache_dir == str(folder)
    assert kept_programs() == (folder, "", 1, 4)


def test_a_users_own_choice_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "0")
    keep_programs()
    assert kept_programs()[:2] == (None, "JAX_ENABLE_COMPILATION_CACHE=0")
    monkeypatch.delenv("JAX_ENABLE_COMPILATION_CACHE")
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
    keep_programs()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("imported", [True, False])
def test_what_a_process_on_another_processor_chose_is_chosen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, imported: bool
) -> None:
    """A worker inherits the choice of the process that started it."""
    home = tmp_path / "home"
    monkeypatch.setenv("KAKEHASHI_HOME", str(home))
    theirs = str(home / "compiled" / "0123456789abcdef")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", theirs)
    jax.config.update("jax_compilation_cache_dir", theirs if imported else None)
    own = home / "compiled" / machine_key()
    assert kept_programs().folder == own
    keep_programs()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(own) == jax.config.jax_compilation_cache_dir
    keep_programs()  # once more changes nothing
    assert jax.config.jax_compilation_cache_dir == str(own)
    # Where no folder can be used, theirs is not used either.
    monkeypatch.setattr(compilation, "_prepared", lambda: None)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", theirs)
    keep_programs()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    assert jax.config.jax_compilation_cache_dir is None


def test_a_folder_that_cannot_be_used_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compiled").write_text("a file")
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    keep_programs()
    assert jax.config.jax_compilation_cache_dir is None


def test_what_others_may_write_is_neither_run_nor_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    monkeypatch.delenv("KAKEHASHI_SHARED_HOME", raising=False)
    folder = tmp_path / "compiled"
    folder.mkdir()
    folder.chmod(0o777)
    keep_programs()
    assert jax.config.jax_compilation_cache_dir is None
    check = check_programs()
    assert (check.ok, "chmod" in check.fix) == (False, True)
