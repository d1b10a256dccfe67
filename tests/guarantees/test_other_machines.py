"""Clock, language, hash seed, names of folders and a cache that cannot be written change no byte of a ranking."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Tiny

RUN = "import sys; sys.argv[0] = 'kakehashi'; import kakehashi; sys.exit(kakehashi.main(sys.argv[1:]))"
# Languages no machine must have: where one is missing, it is C's.
PLACES = {
    "plain C, Kathmandu": {"LC_ALL": "C", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "3"},
    "POSIX, no coercion, west of the date line": {
        "LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "TZ": "Etc/GMT+12", "PYTHONHASHSEED": "0",
    },
    "Turkish, a decimal comma": {"LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8", "TZ": "Europe/Istanbul"},
}  # fmt: skip


@pytest.mark.fault
@pytest.mark.parametrize("place", PLACES)
def test_places_change_nothing(
    tiny: Tiny, tiny_run: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path, place: str
) -> None:
    folder = tmp_path / "架け橋 über $HOME 'x'"
    shutil.copytree(tiny.folder, folder / "données")
    shutil.copytree(tiny_run[0].parent / "home", folder / "home")
    words = [word.replace(str(tiny.folder), "données") for word in tiny.flags]
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, "screen", *words, "--out", "läufe/ラン 1"],
        cwd=folder, env={**os.environ, "KAKEHASHI_HOME": str(folder / "home"), **PLACES[place]},
        capture_output=True, check=False,
    )  # fmt: skip
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 0, said
    assert "Traceback" not in said
    for name in ("ranking.parquet", "ranking.csv", "quarantine.parquet"):
        assert (folder / "läufe/ラン 1" / name).read_bytes() == (tiny_run[0] / name).read_bytes()


@pytest.mark.fault
def test_a_cache_that_cannot_be_written_is_done_without(
    tiny: Tiny, tiny_run: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A file stands where the folder should be, which stops even root."""
    (tmp_path / "home").write_text("no folder")
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, "screen", *tiny.flags, "--out", str(tmp_path / "out")],
        env={**os.environ, "KAKEHASHI_HOME": str(tmp_path / "home")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert f"cannot create the cache folder {tmp_path / 'home'}" in done.stdout
    assert (tmp_path / "out/ranking.parquet").read_bytes() == (tiny_run[0] / "ranking.parquet").read_bytes()
