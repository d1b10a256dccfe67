"""Every open, write, fsync and rename of a screening fails in turn, alone and with all that follow it.

After each: exit code 1 and one line that names the file; only whole files in the folder, no temporary; and the run
that is resumed ends in the bytes of the run left alone.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from kakehashi.catalogs.files.durable import TEMPORARY
from kakehashi.catalogs.runs import manifest
from kakehashi.catalogs.runs.rundir import HOLDER, LOCK, Results
from kakehashi.screen.ranking import sorter as external
from kakehashi.screen.runs import refused

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model

CALLS = {"open": "open", "write": "write", "fsync": "fsync", "rename": "replace"}
"""What a run asks of the disk, and the function of `os` that asks it."""
MADE = {"open": 128, "write": 62, "fsync": 115, "rename": 56}
"""How often: the length of the table (the last test says when it is too short)."""


class Disk:
    """`os` below a folder: calls are counted by kind; the N-th of one kind fails, alone or with all after it.

    Nothing is flushed for real: that takes the time of these tests and changes no byte.
    """

    def __init__(self, folder: Path, kind: str = "", nth: int = 0, *, lasting: bool = False) -> None:
        self.folder, self.kind, self.nth, self.lasting = str(folder), kind, nth, lasting
        self.seen: Counter[str] = Counter()
        self.failed = False
        self._ours: set[int] = set()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for kind, name in CALLS.items():
            patch.setattr(os, name, self._wrapped(kind, getattr(os, name)))

    def _wrapped(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, *arguments: Any, **named: Any) -> Any:
            if not (target in self._ours if isinstance(target, int) else os.fspath(target).startswith(self.folder)):
                return real(target, *arguments, **named)
            self.seen[kind] += 1
            if (kind == self.kind and self.seen[kind] == self.nth) or (self.failed and self.lasting):
                self.failed = True
                number = errno.EIO if self.lasting else errno.ENOSPC
                raise OSError(number, os.strerror(number), None if isinstance(target, int) else os.fspath(target))
            if kind == "fsync":
                return None
            found = real(target, *arguments, **named)
            if kind == "open":
                self._ours.add(found)
            return found

        return call


class Spilled(io.RawIOBase):
    """`pa.OSFile` through `os`, so that sorted runs on the disk fail with the rest."""

    def __init__(self, path: str, mode: str) -> None:
        super().__init__()
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC if mode == "wb" else os.O_RDONLY)
        self.mode, self.held = mode, bytearray()

    def readable(self) -> bool:
        return self.mode == "rb"

    def writable(self) -> bool:
        return self.mode == "wb"

    def write(self, data: Any) -> int:
        self.held += data
        return len(data)

    def readinto(self, buffer: Any) -> int:
        data = os.read(self.fd, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            try:
                if self.held:
                    os.write(self.fd, self.held)
            finally:
                os.close(self.fd)


class Screening:
    """Score, rank and write the tiny catalogue in two partitions; what computes is computed once."""

    def __init__(self, tiny: Tiny, model: Model, patch: pytest.MonkeyPatch) -> None:
        import kakehashi.screen.screening.run as run
        from kakehashi.screen.report import build
        from kakehashi.screen.scoring.partitions import make_scorer, score_serially
        from kakehashi.screen.screening.config import resolve
        from kakehashi.screen.screening.inputs import read_inputs

        flags = {
            "target": tiny.flags[1],
            "log": True,
            "source": [tiny.flags[4]],
            "foundation": "none",
            "networks": 2,
            "outer_folds": 3,
        }
        catalog = {"catalog": str(tiny.folder / "catalog.csv"), "partition_rows": 21}
        self.config, self.model = resolve({**flags, **catalog}, None), model
        self.inputs = read_inputs(self.config)
        scorer = make_scorer(model)
        parts: dict[str, Any] = {}

        def remembered(_: Any, tables: Any) -> Iterator[Any]:
            for rows in tables:
                first = rows["id"][0].as_py()
                if first not in parts:
                    parts[first] = next(score_serially(scorer, [rows]))
                yield parts[first]

        patch.setattr("kakehashi.screen.scoring.committed.make_scorer", lambda *_: scorer)
        patch.setattr(run, "score_serially", remembered)
        patch.setattr(external, "RUN_ROWS", 16)
        patch.setattr(external, "POOL_ROWS", 16)
        patch.setattr(external, "pa", SimpleNamespace(**{**vars(pa), "OSFile": Spilled}))
        for module, name in ((run, "leaderboard_table"), (run, "predictions_table"), (refused, "rejected_table"),
                             (run, "bin_values"), (run, "run_record"), (build, "write_report")):  # fmt: skip
            patch.setattr(module, name, once(getattr(module, name)))

    def __call__(self, out: Path, *, resume: bool = False) -> tuple[int, str]:
        """Exit code and the line on stderr, as the command gives them."""
        import kakehashi
        from kakehashi.catalogs.runs.rundir import RunDir
        from kakehashi.screen.progress import Progress
        from kakehashi.screen.screening.run import finish_run

        try:
            with RunDir(out, resume=resume) as rundir:
                return finish_run(self.config, self.inputs, self.model, rundir, Progress("quiet"), "kakehashi").code, ""
        except Exception as error:
            line, code = kakehashi._explain(error)
            return code, line


def once(function: Callable[..., Any]) -> Callable[..., Any]:
    found: list[Any] = []

    def call(*arguments: Any) -> Any:
        if not found:
            found.append(function(*arguments))
        return found[0]

    return call


@pytest.fixture(scope="module")
def screening(tiny: Tiny, tiny_model: Model) -> Iterator[Screening]:
    with pytest.MonkeyPatch.context() as patch:
        yield Screening(tiny, tiny_model, patch)


def digest(folder: Path) -> str:
    """Hash of the names and bytes of everything in a folder but the lock."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (LOCK, HOLDER)):
        found.update(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


@pytest.fixture(scope="module")
def alone(screening: Screening, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Disk]:
    """Digest of the run left alone, and the calls it made."""
    out = tmp_path_factory.mktemp("alone") / "run"
    screening(out)  # what is computed once reads and writes files of its own
    again = out.with_name("again")
    disk = Disk(again)
    with pytest.MonkeyPatch.context() as patch:
        disk.install(patch)
        assert screening(again) == (0, "")
    assert digest(again) == digest(out)
    return digest(out), disk


@pytest.fixture(scope="module")
def resumed() -> dict[str, str]:
    """Digest after resuming, by digest before: many faults leave the same folder, and it is resumed once."""
    return {}


FAULTS = [
    (kind, nth, lasting) for kind, made in MADE.items() for nth in range(1, made + 1) for lasting in (False, True)
]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("kind", "nth", "lasting"),
    FAULTS,
    ids=[f"{k} {n} fails for " + ("ever: the disk is gone" if last else "lack of space") for k, n, last in FAULTS],
)
def test_a_disk_that_fails_loses_nothing(
    screening: Screening, alone: tuple[str, Disk], resumed: dict[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, kind: str, nth: int, lasting: bool,
) -> None:  # fmt: skip
    if nth > alone[1].seen[kind]:
        pytest.skip(f"the screening makes {alone[1].seen[kind]} calls of {kind}")
    out = tmp_path / "run"
    disk = Disk(out, kind, nth, lasting=lasting)
    with monkeypatch.context() as patch:
        disk.install(patch)
        code, said = screening(out)
    assert disk.failed
    assert code == 1
    assert said.startswith(os.strerror(errno.EIO if lasting else errno.ENOSPC) + f": {out}"), said
    assert "\n" not in said

    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} - {LOCK, HOLDER}
    assert not [name for name in files if TEMPORARY in name]
    if manifest.FILE in files:
        results = Results(out)
        results.verify()
        assert files - {manifest.FILE} == set(results.names())
        assert nth == disk.seen[kind] or lasting or "report.html" not in files
    before = digest(out)
    if before not in resumed:
        assert screening(out, resume=True) == (0, "")
        resumed[before] = digest(out)
    assert resumed[before] == alone[0]


def test_the_table_has_every_call(alone: tuple[str, Disk]) -> None:
    short = {kind: made for kind, made in alone[1].seen.items() if made > MADE[kind]}
    assert not short, f"the screening makes more calls than the table tries: set MADE to {dict(alone[1].seen)}"
