"""The doctor finds what is wrong, says which command mends it, and never shows a key."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kakehashi.screen.cli import doctor as doctor_module
from kakehashi.screen.cli.doctor import CHECKS, Check, check_cache, check_jax, check_key, check_packages, doctor, line

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_json_is_one_document_and_holds_no_key(kakehashi: Run) -> None:
    done = kakehashi("doctor", "--json", MP_API_KEY="s3cr3tkey0123456789")
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert found["ok"] is True
    assert [check["name"] for check in found["checks"]] == list(CHECKS)
    assert all(check["ok"] for check in found["checks"])
    assert "127.0.0.1" in found["checks"][-1]["detail"]
    assert "s3cr3tkey" not in done.stdout + done.stderr


def replace_checks(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    monkeypatch.setattr(doctor_module, "CHECKS", {check.name: lambda check=check: check for check in checks})


def test_a_failed_check_fails_and_names_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_checks(monkeypatch, Check("good", True, "fine"), Check("bad", False, "broken", "mend it"))
    assert doctor() == 1
    assert "broken" in (out := capsys.readouterr().out)
    assert "try: mend it" in out
    assert doctor(quiet=True) == 1
    assert "fine" not in capsys.readouterr().out
    assert doctor(json=True) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    replace_checks(monkeypatch, Check("good", True, "fine"))
    assert doctor(quiet=True) == 0
    assert capsys.readouterr().out == ""


def test_dry_run_checks_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor_module, "CHECKS", {"jax": lambda: pytest.fail("was run")})
    assert doctor(dry_run=True) == 0
    assert capsys.readouterr().out == "jax\n"


def test_every_failing_check_has_a_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor_module, "_probe", lambda what: {"problem": "it broke"})
    monkeypatch.setattr("sys.version_info", (3, 10, 1))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr("importlib.metadata.requires", lambda name: ["jax>=99"])
    for name, run in CHECKS.items():
        check = run()
        assert check.fix or check.ok, check
        assert check.ok == (name in ("mp key", "programs")), check


def test_missing_and_unfit_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["numpy>=99", "no-such-thing>=1", "filelock", 'later>=1 ; python_version < "3"']
    monkeypatch.setattr("importlib.metadata.requires", lambda name: wanted)
    check = check_packages()
    assert not check.ok
    assert "needs >=99" in check.detail
    assert "no-such-thing missing" in check.detail
    assert "filelock" not in check.detail
    assert "later" not in check.detail
    assert "'numpy>=99'" in check.fix


def test_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_API_KEY", "s3cr3t")
    assert "s3cr3t" not in str(check_key())
    assert check_key().detail.startswith("set")
    monkeypatch.delenv("MP_API_KEY")
    assert check_key().detail.startswith("not set")


def test_little_room_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    assert check_cache().ok
    monkeypatch.setattr(doctor_module, "FREE_BYTES", 2**80)
    assert not check_cache().ok
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("import os; os.abort()", "status -6"),
        ("raise RuntimeError('no backend')", "RuntimeError: no backend"),
        ("import time; time.sleep(60)", "no answer after 1 s"),
        ("print('not json')", "status 0"),
    ],
)
def test_a_crash_or_a_hang_is_a_finding(
    script: str, detail: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "selfcheck.py").write_text(script)
    monkeypatch.setattr(doctor_module, "__file__", str(tmp_path / "doctor.py"))
    monkeypatch.setattr(doctor_module, "SECONDS", 1)
    check = check_jax()
    assert not check.ok
    assert check.detail.endswith(detail)


def test_ticks_only_where_the_terminal_has_them() -> None:
    assert line(Check("a", True, "b"), "utf-8").startswith("✓ a")
    assert line(Check("a", False, "b"), "ascii").startswith("x a")
    line(Check("a", False, "b", "c"), "ascii").encode("ascii")
