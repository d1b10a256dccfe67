"""Sorting in runs on disk: the same rows in the same order as in memory, whatever the sizes, and nothing left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kakehashi.screen.ranking import sorter as external
from kakehashi.screen.ranking.sorter import Sorter, row_order


def small(monkeypatch: pytest.MonkeyPatch, run: int, pool: int) -> None:
    monkeypatch.setattr(external, "RUN_ROWS", run)
    monkeypatch.setattr(external, "POOL_ROWS", pool)
    monkeypatch.setattr(external, "_LEAST_BLOCK", 2)


def table(values: list[float | None], texts: list[str]) -> pa.Table:
    n = len(values)
    return pa.table({"x": pa.array(values, pa.float64()), "t": texts[:n], "row": [str(i) for i in range(n)]})


def result(folder: Path, rows: pa.Table, cut: list[int]) -> pa.Table:
    with Sorter(folder, rows.num_rows, lambda t: t) as sorter:
        start = 0
        for size in [*cut, rows.num_rows]:
            sorter.add(rows.slice(start, size))
            start += size
        return pa.concat_tables([rows.slice(0, 0), *sorter.ordered()])


NUMBERS = st.one_of(
    st.none(), st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf"), -float("inf")]), st.floats()
)


@settings(max_examples=150)
@given(st.lists(NUMBERS, max_size=60), st.lists(st.integers(0, 9), max_size=9), st.integers(2, 20), st.integers(4, 40))
def test_the_order_is_that_of_one_sort(
    tmp_path_factory: pytest.TempPathFactory, values: list[float | None], cut: list[int], run: int, pool: int
) -> None:
    folder = tmp_path_factory.mktemp("sort")
    rows = table(values, [("b", "a", "", "é")[i % 4] for i in range(len(values))])
    with pytest.MonkeyPatch.context() as patch:
        small(patch, run, pool)
        found = result(folder, rows, cut)
    assert found["row"].to_pylist() == rows.take(pa.array(row_order(rows)))["row"].to_pylist()
    assert list(folder.iterdir()) == []


def test_wide_rows_are_sorted_fewer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded in bytes, also where rows get wider on the way."""
    monkeypatch.setattr(external, "RUN_BYTES", 40_000)
    monkeypatch.setattr(external, "POOL_BYTES", 20_000)
    narrow, wide = [f"{i * 7919 % 400:03}" for i in range(400)], [f"{i:03}" * 1000 for i in range(40)]
    rows = pa.table({"t": [*narrow, *wide]})
    held: list[int] = []
    ordered = Sorter._ordered

    def watched(self: Sorter) -> pa.Table:
        held.append(sum(waiting.nbytes for waiting in self._waiting))
        return ordered(self)

    monkeypatch.setattr(Sorter, "_ordered", watched)
    with Sorter(tmp_path, rows.num_rows, lambda t: t) as sorter:
        for start in range(0, rows.num_rows, 20):
            sorter.add(rows.slice(start, 20))
        pieces = list(sorter.ordered())
    assert pa.concat_tables(pieces)["t"].to_pylist() == sorted(rows["t"].to_pylist())
    assert len(held) >= 3
    assert max(held) <= 45_000
    assert max(piece.nbytes for piece in pieces) < rows.nbytes / 2


@pytest.mark.parametrize("presorted", [1, -1, 0])
def test_sorted_and_reversed_rows_pass_through_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, presorted: int
) -> None:
    small(monkeypatch, 100, 40)
    values = np.arange(2000.0) * presorted
    with Sorter(tmp_path, 2000, lambda t: t) as sorter:
        sorter.add(table(values.tolist(), ["same"] * 2000))
        assert len(list(tmp_path.iterdir())) == 19
        found = pa.concat_tables(sorter.ordered())
    assert found["x"].to_pylist() == sorted(values.tolist())
    assert sorted(map(int, found["row"].to_pylist())) == list(range(2000))
    assert list(tmp_path.iterdir()) == []


def test_pruned_runs_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, 100, 40)
    values = np.random.default_rng(0).permutation(5000).astype(float)
    with Sorter(tmp_path, 5000, lambda t: t, lambda t: t.slice(0, 30)) as sorter:
        for start in range(0, 5000, 70):
            sorter.add(table(values[start : start + 70].tolist(), [""] * 70))
            assert list(tmp_path.iterdir()) == []
        found = pa.concat_tables(sorter.ordered())
    assert found["x"].to_pylist() == list(range(30))


def test_files_go_when_something_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, 10, 40)
    sorter = Sorter(tmp_path, 50, lambda t: t)
    sorter.add(table([0.0] * 50, [""] * 50))
    next(sorter.ordered())
    assert all(path.name.startswith(".kakehashi-") for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 5
    sorter.__exit__(OSError, OSError("full"), None)
    assert list(tmp_path.iterdir()) == []
