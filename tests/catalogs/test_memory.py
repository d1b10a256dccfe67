"""Free memory: the machine's, and limits of both kinds of control groups, from files written here."""

from pathlib import Path

import pytest

from kakehashi.catalogs.memory import available_bytes


def planted(tmp_path: Path, own: str, **files: str) -> tuple[Path, Path, Path]:
    (tmp_path / "own").write_text(own)
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    group = tmp_path / "groups" / "memory" if "memory:" in own else tmp_path / "groups"
    group.mkdir(parents=True)
    for name, text in files.items():
        (group / name.replace("__", ".")).write_text(text)
    return tmp_path / "meminfo", tmp_path / "own", tmp_path / "groups"


def test_without_groups_the_machine_counts(tmp_path: Path) -> None:
    assert available_bytes(*planted(tmp_path, "")) == 4000 * 1024


@pytest.mark.parametrize(
    ("limit", "used", "stat", "free"),
    [("3000000", "1000000", "inactive_file 0\n", 2_000_000),
     ("3000000", "1000000", "inactive_file 500000\n", 2_500_000),
     ("900", "1000", "", 0), ("max", "1000", "", 4000 * 1024), ("90000000000", "0", "", 4000 * 1024),
     ("x", "1000", "", 4000 * 1024)],
)  # fmt: skip
def test_the_least_of_machine_and_group_counts(tmp_path: Path, limit: str, used: str, stat: str, free: int) -> None:
    found = planted(tmp_path, "0::/\n", memory__max=limit, memory__current=used, memory__stat=stat)
    assert available_bytes(*found) == free


def test_the_former_hierarchy(tmp_path: Path) -> None:
    files = {"memory__limit_in_bytes": "2000000", "memory__usage_in_bytes": "500000"}
    files["memory__stat"] = "total_inactive_file 100000\n"
    assert available_bytes(*planted(tmp_path, "5:memory:/\n", **files)) == 1_600_000
    (tmp_path / "groups/memory/memory.limit_in_bytes").write_text(str(2**63 - 4096))
    assert available_bytes(tmp_path / "meminfo", tmp_path / "own", tmp_path / "groups") == 4000 * 1024


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    nothing = tmp_path / "absent"
    assert available_bytes(nothing, nothing, nothing) is None
