"""What all tests share: strict shapes, repeatable examples, nobody's cache or key, shared data if there."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model

ROOT = Path(__file__).parents[1]

# By environment, so that tests that never touch jax do not import it, and child processes are as strict.
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.pop("MP_API_KEY", None)
os.environ.pop("KAKEHASHI_DEBUG", None)

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Sum up the tests that break something on purpose: one that failed may have lost a row without a word."""
    outcomes = {
        outcome: sum("fault" in getattr(report, "keywords", ()) for report in terminalreporter.stats.get(outcome, ()))
        for outcome in ("passed", "failed", "error")
    }
    if tried := sum(outcomes.values()):
        terminalreporter.write_line(f"faults tried: {tried}, silent losses: {tried - outcomes['passed']}")


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["KAKEHASHI_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data kept beside the repository, never in it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data in {folder}")
    return folder


@pytest.fixture(scope="session")
def kakehashi() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command in a process of its own."""

    def run(*words: object, timeout: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "kakehashi", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "COLUMNS": "200", **environment},
            check=False,
        )

    return run


METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In", "Zn", "Cd", "Pb", "Ti", "Y", "Cu")
ANIONS = ("O", "S", "Se", "Te", "F", "Cl", "Br", "N", "P", "As")


@dataclass(frozen=True)
class Tiny:
    """A small world as files: 30 target compounds, 160 source compounds, 41 catalogue rows of which one is junk."""

    folder: Path

    @property
    def flags(self) -> list[str]:
        """Everything `kakehashi screen` needs but --out: networks of its own source, no others."""
        target, source = f"{self.folder / 'target.csv'}:kappa", f"{self.folder / 'source.csv'}:gap"
        inputs = ["--target", target, "--log", "--source", source, "--foundation", "none"]
        few = ["--networks", "2", "--outer-folds", "3"]
        return [*inputs, "--catalog", str(self.folder / "catalog.csv"), *few]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Made-up values on made-up binaries and ternaries: smooth in the elements, so that they can be learned."""
    from kakehashi.catalogs.elements import INDEX

    folder = tmp_path_factory.mktemp("tiny")
    pairs = [(m, x, (i * 7 + j * 3) % 3 + 1) for i, m in enumerate(METALS) for j, x in enumerate(ANIONS)]
    order = np.random.default_rng(5).permutation(len(pairs))
    named = [(f"{m}{x}{'' if n == 1 else n}", INDEX[m], INDEX[x], n) for m, x, n in (pairs[i] for i in order)]
    gap = [3 * np.sin(a / 20) + np.cos(b / 15) + 0.2 * n for _, a, b, n in named]

    def write(name: str, head: list[str], rows: Iterable[Iterable[object]]) -> None:
        with (folder / name).open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(head)
            table.writerows(rows)

    write("source.csv", ["formula", "gap"], ((row[0], float(y)) for row, y in zip(named, gap, strict=True)))
    few = list(zip(named, gap, strict=True))[:30]
    write("target.csv", ["id", "formula", "kappa"], ((f"t{i}", f[0], float(np.exp(y))) for i, (f, y) in enumerate(few)))
    rows = [
        (
            f"m{i:02}",
            f"{METALS[i % 16]}{METALS[(i * 5 + 3) % 16]}{ANIONS[i % 10]}2",
            "" if i % 7 == 0 else i / 100,
            i % 2,
        )
        for i in range(40)
    ]
    rows.append(("bad", "Xx2O3", 0, 0))
    write("catalog.csv", ["material_id", "formula", "hull", "flag"], rows)
    return Tiny(folder)


@pytest.fixture(scope="session")
def tiny_run(
    tiny: Tiny, kakehashi: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of a finished run of a process of its own, and what that printed with --events."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    return out, kakehashi(
        "screen", *tiny.flags, "--out", out, "--events", PYTHONHASHSEED="17", KAKEHASHI_HOME=str(out.parent / "home")
    )


@pytest.fixture(scope="session")
def tiny_model(tiny: Tiny) -> "Model":
    """The model of that run, built in this process."""
    from kakehashi.screen.progress import Progress
    from kakehashi.screen.screening.config import resolve
    from kakehashi.screen.screening.inputs import read_inputs
    from kakehashi.screen.screening.run import build_model

    target, source = tiny.flags[1], tiny.flags[4]
    flags = {"target": target, "log": True, "source": [source], "catalog": str(tiny.folder / "catalog.csv")}
    config = resolve({**flags, "foundation": "none", "networks": 2, "outer_folds": 3}, None)
    return build_model(config, read_inputs(config), Progress("quiet"))


@pytest.fixture
def screen(
    tiny: Tiny, tiny_model: "Model", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run `kakehashi screen` in this process on the tiny world, its model ready made: (exit code, stdout, stderr).

    An option among `words` replaces the usual one.
    """
    import kakehashi

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("kakehashi.screen.screening.run.build_model", lambda config, inputs, progress: tiny_model)

    def run(*words: object, flags: list[str] | None = None) -> tuple[int, str, str]:
        own = list(map(str, words))
        usual = tiny.flags if flags is None else flags
        replaced = [i for i, word in enumerate(usual) if word in own and word.startswith("--") and word != "--log"]
        kept = [word for i, word in enumerate(usual) if i not in replaced and i - 1 not in replaced]
        given = ["screen", *kept, *own]
        monkeypatch.setattr(sys, "argv", ["kakehashi", *given])
        capsys.readouterr()
        code = kakehashi.main(given)
        return code, *capsys.readouterr()

    return run
