"""No later command believes a finished run with a wrong bit, or a file cut, gone, foreign or in another's place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

import kakehashi
from kakehashi.catalogs.runs.rundir import HOLDER, LOCK, Results, RunDir

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]
BATCHES, FLIPS = 20, 10
COMMANDS = ("screen --resume", "report", "next")


@pytest.fixture(scope="module")
def finished(tiny: Tiny, tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run in three partitions."""
    out = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kakehashi.screen.screening.run.build_model", lambda config, inputs, progress: tiny_model)
        assert kakehashi.main(["screen", *tiny.flags, "--partition-rows", "14", "--quiet", "--out", str(out)]) == 0
    return out


@pytest.fixture
def trusting(tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> Callable[[Path, str], tuple[int, str, str]]:
    """What a later command makes of a folder, writing nothing: exit code, stdout, stderr."""

    def run(out: Path, command: str) -> tuple[int, str, str]:
        screen = ["screen", *tiny.flags, "--partition-rows", "14", "--out", str(out), "--resume", "--json"]
        words = {"screen --resume": screen, "report": ["report", str(out), "--dry-run"],
                 "next": ["next", str(out), "--include-out", "--dry-run", "--json"]}[command]  # fmt: skip
        capsys.readouterr()
        code = kakehashi.main(words)
        return code, *capsys.readouterr()

    return run


def copied(finished: Path, out: Path) -> Path:
    shutil.copytree(finished, out, ignore=shutil.ignore_patterns(LOCK, HOLDER))
    return out


def flip(path: Path, bit: int) -> bytes:
    """Turn one bit of a file; return what it held."""
    whole = path.read_bytes()
    data = bytearray(whole)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    return whole


@pytest.mark.fault
@pytest.mark.parametrize("batch", range(BATCHES), ids=lambda i: f"bits {i * FLIPS + 1} to {i * FLIPS + FLIPS} of 200")
def test_a_flipped_bit_is_never_silent(
    finished: Path, trusting: Callable[[Path, str], tuple[int, str, str]], tmp_path: Path, batch: int
) -> None:
    """`screen --resume` checks all files, `report` all but its own, `next` those it reads: it answers as before."""
    rng = np.random.default_rng(1000 + batch)
    out = copied(finished, tmp_path / "run")
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    before = {command: trusting(out, command) for command in COMMANDS} if batch == 0 else {}
    assert all(code == 0 for code, _, _ in before.values()), before
    for i in range(FLIPS):
        name = names[(batch * FLIPS + i) % len(names)]
        bit = int(rng.integers(8 * (out / name).stat().st_size))
        whole = flip(out / name, bit)
        blank = name == "manifest.json" and same_json(whole, (out / name).read_bytes())
        for command in COMMANDS if batch == 0 else COMMANDS[:1]:
            code, said, err = trusting(out, command)
            if code == 6:
                assert name in err
                assert (said, err.count("\n")) == ("", 1)
            else:
                read = command == "screen --resume" or (command == "report" and name != "report.html")
                assert blank or not read, (command, name, bit)
                assert (code, said) == before[command][:2] if before else code == 0
        (out / name).write_bytes(whole)


def same_json(one: bytes, other: bytes) -> bool:
    """Whether only white space differs."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def shortened(out: Path) -> str:
    path = out / "ranking.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    return path.name


def lengthened(out: Path) -> str:
    path = out / "ranking.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    return path.name


def missing(out: Path) -> str:
    (out / "scores/part-00001.parquet").unlink()
    return "part-00001.parquet is missing"


def emptied(out: Path) -> str:
    (out / "run.json").write_bytes(b"")
    return "run.json"


def swapped(out: Path) -> str:
    one, other = out / "scores/part-00000.parquet", out / "scores/part-00001.parquet"
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    return one.name


def from_elsewhere(out: Path) -> str:
    path = out / "quarantine.parquet"
    pq.write_table(pq.read_table(path), path)  # the same rows, written by another program
    return path.name


def manifest_gone(out: Path) -> str:
    (out / "manifest.json").unlink()
    return "manifest.json"


HARMS = (shortened, lengthened, missing, emptied, swapped, from_elsewhere, manifest_gone)


@pytest.mark.fault
@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__.replace("_", " "))
def test_harm_to_a_finished_run_is_named(
    finished: Path, trusting: Callable[[Path, str], tuple[int, str, str]], tmp_path: Path, harm: Callable[[Path], str]
) -> None:
    out = copied(finished, tmp_path / "run")
    said = harm(out)
    for command in ("screen --resume", "report"):
        code, shown, err = trusting(out, command)
        assert (code, shown) == (2 if harm is manifest_gone else 6, "")
        assert said in err
        assert err.count("\n") == 1


def interrupted(finished: Path, out: Path) -> Path:
    """The finished run as it was before its ranking: partitions, and no record."""
    copied(finished, out)
    with RunDir(out, resume=True) as rundir:
        for name in ("run.json", "report.html", "ranking.parquet", "ranking.csv"):
            rundir.remove(name)
    return out


def exchange(out: Path) -> None:
    swapped(out)
    flip(out / "quarantine/part-00002.parquet", 999)


def strange(out: Path) -> None:
    """A partition nobody committed, and one committed by a run with another model."""
    shutil.copy(out / "scores/part-00000.parquet", out / "scores/part-00003.parquet")
    with RunDir(out, resume=True) as rundir:
        name = "scores/part-00001.parquet"
        table = rundir.read_table(name)
        metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
        worse = table.set_column(table.column_names.index("mean"), "mean", table["upper"])
        rundir.write_table(name, worse, {**metadata, "kakehashi.model": "0" * 64})


def lost(out: Path) -> None:
    (out / "scores/part-00002.parquet").unlink()
    (out / "quarantine/part-00000.parquet").write_bytes(b"")


@pytest.mark.fault
@pytest.mark.parametrize("harm", [exchange, strange, lost], ids=lambda harm: harm.__name__)
def test_harmed_partitions_are_scored_again(
    screen: Run, finished: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    out = interrupted(finished, tmp_path / "run")
    harm(out)
    assert screen("--out", out, "--partition-rows", 14, "--resume")[0] == 0
    for name in Results(finished).names():
        if name not in ("run.json", "report.html"):
            assert (out / name).read_bytes() == (finished / name).read_bytes(), name
    assert len(list((out / "scores").iterdir())) == (4 if harm is strange else 3)  # a stranger's file is left alone
