"""A process that is told to end: its code, its last words, what it finishes first, and that it ends at all."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import kakehashi
from kakehashi.screen import interrupt
from kakehashi.screen.interrupt import Terminated, answered_as_before, at_once, last_words, spared, stopped, terminable

pytestmark = pytest.mark.fault


def tell(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up"), (signal.SIGINT, 130, "interrupted")],
)
@pytest.mark.usefixtures("interruptible")
def test_each_signal_has_its_code_and_word(
    number: int, code: int, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wait() -> int:
        tell(number)
        time.sleep(5)
        return 0

    monkeypatch.setattr("kakehashi.screen.cli.doctor.doctor", wait)
    assert (kakehashi.main(["doctor"]), capsys.readouterr().err) == (code, f"{word}\n")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_is_ignored_stays_ignored() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup leaves it
    try:
        with terminable(process=False):
            tell(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_a_spared_block_is_finished_first() -> None:
    done = []
    with terminable(process=False):
        with pytest.raises(Terminated), spared():  # noqa: PT012
            tell()
            with spared():
                done.append("inner")
            done.append("outer")
        with pytest.raises(RuntimeError, match="of its own"), spared():  # noqa: PT012
            tell()
            raise RuntimeError("of its own")
    assert done == ["inner", "outer"]
    with spared():  # nothing waits from before
        pass


def test_last_words_are_said_once() -> None:
    said: list[str] = []
    with terminable(process=False):
        with last_words(said.append):
            assert stopped(Terminated(signal.SIGTERM)) == 143
        assert stopped(KeyboardInterrupt()) == 130
    assert said == ["terminated"]


def test_a_library_that_answers_control_c_is_undone() -> None:
    """As dask-jobqueue does when it is imported: the run would end with exit code 0 and without a word."""
    before = signal.getsignal(signal.SIGINT)
    with answered_as_before():
        signal.signal(signal.SIGINT, lambda *_: sys.exit())
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("interruptible")
def test_where_nothing_is_at_hand_the_first_control_c_aborts() -> None:
    with interrupt.first_finishes("quiet") as asked:
        with pytest.raises(KeyboardInterrupt), at_once():  # noqa: PT012
            tell(signal.SIGINT)
            time.sleep(5)
        assert not asked()
        tell(signal.SIGINT)
        time.sleep(0.01)
        assert asked()
    with pytest.raises(ValueError, match="of the block"), at_once():
        raise ValueError("of the block")


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (["screen", "--target", "ltc", "--overwrite"], "screen --target ltc --out {out} --resume"),
        (["evaluate", "--target", "ltc"], "evaluate --target ltc --out {out} --resume"),
        (["design", "--target", "polymer_thermal_conductivity", "--goal", "polymer_thermal_conductivity>0.3"],
         "design --target polymer_thermal_conductivity --goal 'polymer_thermal_conductivity>0.3' --out {out} --resume"),
        (["study", "ltc"], "study ltc --out {out} --resume"),
        (["demo"], "demo --out {out}"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_every_long_command_says_how_to_go_on(
    words: list[str],
    again: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a command that it takes, also when only errors are to be printed."""

    def opened(*_: object, **__: object) -> None:
        tell()
        time.sleep(5)

    out = str(tmp_path / "run")
    given = [*words, "--out", out, "--quiet"]
    monkeypatch.setattr(sys, "argv", ["kakehashi", *given])
    with monkeypatch.context() as patched:
        patched.setattr("kakehashi.screen.runs.runner.open_run", opened)
        patched.setattr("kakehashi.screen.cli.screen_text._read", lambda config: None)
        assert kakehashi.main(given) == 143
    expected = again.format(out=out)
    expected = f"{expected.removesuffix(' --resume')} --quiet{' --resume' if '--resume' in expected else ''}"
    assert capsys.readouterr() == ("", f"warning: terminated; go on with: kakehashi {expected}\n")
    assert kakehashi.main([*shlex.split(expected), "--dry-run"]) == 0


STUCK = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
import kakehashi, kakehashi.screen.cli.doctor
from kakehashi.screen import interrupt

interrupt.GRACE_SECONDS = 0.5

def doctor():
    with interrupt.last_words(lambda word: print(f"{word}; go on", file=sys.stderr)), ThreadPoolExecutor(1) as pool:
        done = pool.submit(time.sleep, 60)
        print("begun", flush=True)  # said here: within submit the pool does not know its thread yet, and waits for none
        done.result()

kakehashi.screen.cli.doctor.doctor = doctor
sys.argv = ["kakehashi", "doctor"]
sys.exit(kakehashi.main())
"""


def test_a_process_whose_threads_go_on_ends_all_the_same() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begun = time.monotonic()
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (143, "terminated; go on\n")
    assert time.monotonic() - begun < 10
