"""Processors: affinity, and both kinds of control groups, from files written here."""

import ast
import os
from pathlib import Path

import pytest

from kakehashi.catalogs import processors
from kakehashi.catalogs.processors import available, quotas


def write(root: Path, **files: str) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)


def planted(tmp_path: Path, own: str) -> tuple[Path, Path]:
    (tmp_path / "own").write_text(own)
    return tmp_path / "own", tmp_path / "groups"


@pytest.mark.parametrize(
    ("text", "found"),
    [("200000 100000\n", [2.0]), ("50000 100000\n", [0.5]), ("max 100000\n", []), ("150000\n", []), ("a b\n", []),
     ("0 100000\n", []), ("100000 0\n", []), ("-1 100000\n", []), ("", [])],
)  # fmt: skip
def test_the_unified_hierarchy(tmp_path: Path, text: str, found: list[float]) -> None:
    own, root = planted(tmp_path, "0::/\n")
    write(root, cpu__max=text)
    assert quotas(own, root) == found


def test_a_limit_of_any_group_above_counts(tmp_path: Path) -> None:
    own, root = planted(tmp_path, "0::/system.slice/slurm.scope/job_7\n")
    write(root / "system.slice/slurm.scope/job_7", cpu__max="max 100000\n")
    write(root / "system.slice/slurm.scope", cpu__max="400000 100000\n")
    write(root / "system.slice", cpu__max="300000 100000\n")
    assert quotas(own, root) == [4.0, 3.0]


def test_the_former_hierarchy_beside_the_unified_one(tmp_path: Path) -> None:
    own, root = planted(
        tmp_path, "12:memory:/docker/abc\n7:cpu,cpuacct:/docker/abc\n3:cpuset:/docker/abc\n0::/docker\n"
    )
    write(root / "cpu,cpuacct/docker/abc", cpu__cfs_quota_us="250000\n", cpu__cfs_period_us="100000\n")
    write(root / "cpu,cpuacct", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    assert quotas(own, root) == [2.5]


def test_a_container_that_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    own, root = planted(tmp_path, "4:cpu:/docker/of/the/host\n0::/docker/of/the/host\n")
    write(root / "cpu", cpu__cfs_quota_us="100000\n", cpu__cfs_period_us="50000\n")
    write(root, cpu__max="300000 100000\n")
    assert quotas(own, root) == [2.0, 3.0]


@pytest.mark.parametrize("own", ["", "nonsense\n", "0\n", "0::/../../etc\n", "1:name=systemd:/\n"])
def test_what_says_nothing_limits_nothing(tmp_path: Path, own: str) -> None:
    assert quotas(*planted(tmp_path, own)) == []
    assert quotas(tmp_path / "absent", tmp_path) == []


@pytest.mark.parametrize(("limit", "count"), [("max", 8), ("50000", 1), ("150000", 2), ("300000", 3), ("6400000", 8)])
def test_the_least_of_affinity_and_limits_rounded_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, count: int
) -> None:
    own, root = planted(tmp_path, "0::/job\n")
    write(root / "job", cpu__max=f"{limit} 100000\n")
    monkeypatch.setattr(processors, "MEMBERSHIPS", own)
    monkeypatch.setattr(processors, "CGROUPS", root)
    monkeypatch.setattr(processors, "_affinity", lambda: 8)
    assert available() == count


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no processor affinity on this system")
def test_affinity_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    assert available() == 1


def test_nothing_else_counts_processors(root: Path) -> None:
    asked = {"cpu_count", "process_cpu_count", "sched_getaffinity"}
    found = {
        path.relative_to(root).as_posix()
        for room in ("catalogs", "screen", "design")
        for path in (root / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in asked)
        or (isinstance(node, ast.ImportFrom) and asked & {alias.name for alias in node.names})
    }
    assert found == {"catalogs/processors.py"}
