"""Ctrl-C on a process of its own, whose main thread is where Python answers no signal."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals of POSIX"),
]

SCRIPT = """
import signal, sys, threading, time
from kakehashi.screen.acknowledge import acknowledged, at_hand, closing, is_watched, stop_if_busy
signal.signal(signal.SIGINT, signal.default_int_handler)
code = 0
try:
    with acknowledged(sys.argv[1], lambda: print("stopped", file=sys.stderr) or 130):
        assert is_watched()
        with at_hand(lambda: "finishing 2 networks, about 3 s"):
            print("ready", flush=True)
            {body}
except KeyboardInterrupt:
    print("unwound", flush=True)
    code = 130
assert not is_watched()
if code == 130: stop_if_busy(code)
print("end", flush=True)
sys.exit(code)
"""

# One step of the interpreter that takes minutes.
DEAF = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**9)"
WAITING = """
            try: time.sleep(60)
            finally: time.sleep(1)
"""


def start(root: Path, body: str, mode: str = "auto") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("{body}", body), mode],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)  # until it is in the body
    return process


def test_it_is_answered_within_a_second_and_ended_the_second_time(root: Path) -> None:
    process = start(root, DEAF)
    assert process.stderr is not None
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    line = process.stderr.readline()
    assert time.monotonic() - pressed < 1
    assert line == "warning: interrupted: finishing 2 networks, about 3 s; Ctrl-C again stops now\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert process.communicate()[1] == "stopped\n"
    assert time.monotonic() - pressed < 8


def test_as_an_event(root: Path) -> None:
    process = start(root, WAITING, "events")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert '{"event": "warning", "text": "interrupted: finishing 2 networks' in err
    assert (out, process.returncode) == ("unwound\nend\n", 130)


def test_threads_that_are_still_at_work_are_not_waited_for(root: Path) -> None:
    process = start(root, "threading.Thread(target=time.sleep, args=(60,)).start(); time.sleep(60)")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert (out, process.returncode) == ("unwound\n", 130)


def test_what_ends_at_once_needs_no_answer(root: Path) -> None:
    process = start(root, "time.sleep(60)")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("unwound\nend\n", "")
    assert process.returncode == 130


def test_what_ends_jobs_elsewhere_has_longer_unless_it_is_pressed_again(root: Path) -> None:
    process = start(root, f"held = closing(); held.__enter__(); {DEAF}")
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):  # a minute is given
        process.wait(4)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    process.communicate()


def test_without_an_interrupt_nothing_is_said(root: Path) -> None:
    process = start(root, "time.sleep(0.5)")
    assert process.communicate(timeout=20) == ("end\n", "")
    assert process.returncode == 0
