"""The `kakehashi doctor` command: checks of the installation."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from kakehashi.catalogs.cli.flags import DryRunFlags
from kakehashi.catalogs.cli.flatten import flatten_flags
from kakehashi.catalogs.shown import say

SECONDS = 120
"""Time limit of a check (s)."""

FREE_BYTES = 500 * 2**20
"""Least free space of the cache."""

PIP = f"{sys.executable} -m pip install"


class Check(NamedTuple):
    """Outcome of a check.

    ok : whether it passed; fix : the command that mends it
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""


@flatten_flags
def doctor(*, call: DryRunFlags) -> int:
    """Check Python, packages, arithmetic, cache and workers.

    Prints a line per check, with the command that mends it; --quiet those that failed only, --dry-run their names. The
    exit code is 0 if all is well, else 1.
    """
    if call.dry_run:
        say("\n".join(CHECKS))
        return 0
    checks = []
    for run in CHECKS.values():
        check = run()
        checks.append(check)
        if not call.json and not (call.quiet and check.ok):
            say(line(check, sys.stdout.encoding))
            sys.stdout.flush()
    sound = all(check.ok for check in checks)
    if call.json:
        print(json.dumps({"ok": sound, "checks": [check._asdict() for check in checks]}, indent=1))
    return 0 if sound else 1


def line(check: Check, encoding: str | None) -> str:
    """Format a check as a line, with ticks if the terminal can show them."""
    marks = "✓✗" if (encoding or "").lower().replace("-", "").startswith("utf") else "+x"
    text = f"{marks[0] if check.ok else marks[1]} {check.name:<10} {check.detail}"
    return f"{text}\n  {'':<10} {'try' if not check.ok else 'to set it'}: {check.fix}" if check.fix else text


def check_python() -> Check:
    """Check the interpreter's version."""
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Check("python", good, f"{version} ({sys.executable})", "" if good else "make PYTHON=python3.12 demo")


def check_packages() -> Check:
    """Check that required packages are installed in supported versions."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in requires("kakehashi") or ()]
    except PackageNotFoundError:
        return Check("packages", False, "kakehashi itself is not installed", f"{sys.executable} -m pip install -e .")
    versions, problems = [], []
    for want in requirements:
        if want.marker is not None and not want.marker.evaluate({"extra": ""}):
            continue
        try:
            have = version(want.name)
        except PackageNotFoundError:
            have = "missing"
        versions.append(f"{want.name} {have}")
        if have == "missing" or not want.specifier.contains(have, prereleases=True):
            problems.append((f"{want.name} {have}, needs {want.specifier}", str(want)))
    if problems:
        wishes = " ".join(f"'{wish}'" for _, wish in problems)
        return Check(
            "packages",
            False,
            "; ".join(what for what, _ in problems),
            f"{sys.executable} -m pip install {wishes}",
        )
    return Check("packages", True, ", ".join(versions))


def check_jax() -> Check:
    """Check that jax computes the same eagerly, compiled and in numpy."""
    report = _probe("jax")
    fix = f"{PIP} 'jax==0.10.1' 'jaxlib==0.10.1'"
    if report.get("problem"):
        return Check("jax", False, f"{report.get('version', '')} {report['problem']}".strip(), fix)
    device = f"{', '.join(report['devices'])} (--device auto computes on {report['platform']})"
    return Check("jax", True, f"{report['version']} on {device}; eager = compiled = numpy")


def check_key() -> Check:
    """Check whether the Materials Project key is set, without showing it; only pulls need it."""
    if os.environ.get("MP_API_KEY", "").strip():
        return Check("mp key", True, "set in MP_API_KEY (not tried)")
    return Check("mp key", True, "not set; needed only to pull from the Materials Project", "export MP_API_KEY=...")


def check_cache() -> Check:
    """Check that the cache folder can be written and has room."""
    import shutil
    import tempfile

    from kakehashi.catalogs.files.home import SharedFolder, cache_folder
    from kakehashi.catalogs.records import UserError

    fix = "export KAKEHASHI_HOME=/a/folder/with/room"
    try:
        folder = cache_folder()
        for name in ("models", "catalogs"):
            cache_folder(name)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"kakehashi")
            file.flush()
        free = shutil.disk_usage(folder).free
    except SharedFolder as error:
        what, _, mend = str(error).partition(": ")
        return Check("cache", False, what, mend.partition(";")[0])
    except UserError as error:
        return Check("cache", False, str(error), fix)
    except OSError as error:
        return Check("cache", False, f"{folder}: {error.strerror}", fix)
    return Check(
        "cache",
        free >= FREE_BYTES,
        f"{folder} writable, {free / 2**30:.1f} GB free",
        "" if free >= FREE_BYTES else fix,
    )


def check_programs() -> Check:
    """Check that compiled programs are kept; without, every run compiles them again."""
    from kakehashi.catalogs.files.home import SharedFolder
    from kakehashi.screen.compilation import kept_programs

    try:
        kept = kept_programs()
    except SharedFolder as error:
        what, _, mend = str(error).partition(": ")
        return Check("programs", False, what, mend.partition(";")[0])
    if kept.folder is None:
        return Check("programs", True, f"compiled anew in every run ({kept.why})")
    return Check("programs", True, f"{kept.programs} compiled ones kept in {kept.folder}, {kept.size / 2**20:.1f} MB")


def check_cluster() -> Check:
    """Check that a worker process of Dask starts."""
    from kakehashi.screen.scoring.workers.semaphores import find_missing

    if lack := find_missing():
        return Check("dask", False, f"--workers cannot be used: {lack.why}", lack.fix)
    report = _probe("cluster")
    if report.get("problem"):
        return Check(
            "dask",
            False,
            report["problem"],
            f"{sys.executable} -m pip install --force-reinstall 'distributed'",
        )
    return Check("dask", True, f"a worker process started at {report['address']} and closed")


CHECKS: dict[str, Callable[[], Check]] = {
    "python": check_python,
    "packages": check_packages,
    "jax": check_jax,
    "mp key": check_key,
    "cache": check_cache,
    "programs": check_programs,
    "dask": check_cluster,
}


def _probe(what: str) -> dict[str, Any]:
    """Run a self-check in a process that may crash or hang."""
    import signal
    import subprocess
    from pathlib import Path

    script = Path(__file__).with_name("selfcheck.py")
    environment = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    process = subprocess.Popen(
        [sys.executable, "-P", str(script), what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"problem": f"no answer after {SECONDS} s"}
    try:
        report = json.loads(out.splitlines()[-1])
    except (IndexError, ValueError):
        last = err.strip().splitlines()[-1:] or [f"ended with status {process.returncode}"]
        return {"problem": last[0]}
    return report if isinstance(report, dict) else {"problem": out}
