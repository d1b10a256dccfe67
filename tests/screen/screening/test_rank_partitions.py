"""Ranking from committed partitions: the bytes of one ranking in memory, whatever passes through the disk."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.ranking import sorter as external
from kakehashi.screen.ranking.csv_text import csv_bytes
from kakehashi.screen.ranking.filters import parse_filter
from kakehashi.screen.ranking.rank import Order, rank
from kakehashi.screen.scoring.columns import QUARANTINE
from kakehashi.screen.scoring.committed import CommittedScores
from kakehashi.screen.screening.rank_partitions import RankingResult, write_ranking

N = 900
META = {"kakehashi.schema": "1", "unit": "K"}
ORDERS = [
    Order(),
    Order(top=5),
    Order(top=700, minimise=True),
    Order(by="probability", threshold=2.0, per_system=3),
    Order(by="lower", per_system=2, top=9),
    Order(by="upper", top=40, filters=(parse_filter("hull<=0.7"), parse_filter("note==odd")), exclude=("Pb",)),
]


def scores(n: int = N, seed: int = 0) -> pa.Table:
    """Rows with many ties: of merit, of id, of id and formula; own columns tell the last ones apart."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 5, n)
    formula = np.array(["MgO", "OMg", "PbTe", "NaCl", "SiO2"])[kinds]
    mean = np.array([2.0, 2.0, 3.0, 1.0, 3.0])[kinds]
    return pa.table(
        {
            "id": [f"m-{i}" for i in rng.integers(0, n // 3, n)],
            "formula": formula,
            "hull": pa.array([None if h > 0.9 else float(h) for h in rng.random(n)], pa.float64()),
            "note": np.array(["odd", "=even", "é"])[rng.integers(0, 3, n)],
            "sites": pa.array([[int(v)] for v in rng.integers(0, 9, n)], pa.list_(pa.field("element", pa.int64()))),
            "reduced_formula": np.where(formula == "OMg", "MgO", formula),
            "mean": mean,
            "lower": mean / 2,
            "upper": mean * 3,
            "spread": np.full(n, 0.1),
            "at_ceiling": mean == 3.0,
            "domain": np.array(["in", "edge", "out"])[kinds % 3],
            "domain_reason": [""] * n,
            "nearest_training": ["MgO"] * n,
            "distance": np.full(n, 0.5),
        }
    )


def streamed(out: Path, table: pa.Table, order: Order, size: int) -> RankingResult:
    with RunDir(out) as rundir:
        names = []
        for i, start in enumerate(range(0, table.num_rows, size)):
            names.append((f"scores/part-{i:05d}.parquet", f"quarantine/part-{i:05d}.parquet"))
            rundir.write_table(names[-1][0], table.slice(start, size))
            aside = {"id": [str(i)], "formula": [None], "reason": [f"reason {i % 2}"]}
            rundir.write_table(names[-1][1], pa.table(aside, QUARANTINE))
        scored = CommittedScores(rundir, tuple(a for a, _ in names), tuple(b for _, b in names), table.schema)
        return write_ranking(rundir, scored, order, log=False, metadata=META)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("size", "run", "pool"), [(N, 1000, 1000), (300, 256, 100), (53, 64, 30)])
def test_the_bytes_are_those_of_one_ranking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Order, size: int, run: int, pool: int
) -> None:
    table = scores()
    expected = rank(table, order, log=False)
    with RunDir(tmp_path / "whole") as rundir:
        rundir.write_table("ranking.parquet", expected.table, META)
    monkeypatch.setattr(external, "RUN_ROWS", run)
    monkeypatch.setattr(external, "POOL_ROWS", pool)
    monkeypatch.setattr("kakehashi.catalogs.files.parquet.ROW_GROUP", 128)
    monkeypatch.setattr(external, "_LEAST_BLOCK", 2)
    shuffled = table.take(np.random.default_rng(size).permutation(N))
    found = streamed(tmp_path / "run", shuffled, order, size)
    assert pq.read_table(tmp_path / "run/ranking.parquet").equals(expected.table.combine_chunks())
    assert (tmp_path / "run/ranking.csv").read_bytes() == csv_bytes(expected.table)
    assert (found.ranked, found.filters) == (expected.table.num_rows, expected.counts)
    assert [path.name for path in (tmp_path / "run").iterdir() if path.suffix == ".tmp"] == []
    if run > N:
        monkeypatch.undo()
        streamed(tmp_path / "again", shuffled, order, size)
        again = (tmp_path / "again/ranking.parquet").read_bytes()
        assert again == (tmp_path / "whole/ranking.parquet").read_bytes()


def test_row_groups_are_those_of_one_write(tmp_path: Path) -> None:
    table = pa.concat_tables([scores(seed=seed) for seed in range(400)])
    pieces = [table.slice(start, 50_001) for start in range(0, table.num_rows, 50_001)]
    with RunDir(tmp_path / "run") as rundir:
        rundir.write_table("one.parquet", table)
        with rundir.table_writer("many.parquet", table.schema) as writer:
            for piece in pieces:
                writer.write(piece)
        assert rundir.rows("many.parquet") == table.num_rows == 360_000
    assert pq.ParquetFile(tmp_path / "run/many.parquet").metadata.num_row_groups == 3
    assert (tmp_path / "run/one.parquet").read_bytes() == (tmp_path / "run/many.parquet").read_bytes()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=40), st.lists(st.integers(0, 12), max_size=8), st.integers(1, 120))
def test_groups_of_wide_rows_are_those_of_one_write(
    tmp_path_factory: pytest.TempPathFactory, widths: list[int], cut: list[int], most: int
) -> None:
    """A group ends with the row whose text fills it, whatever pieces rows come in."""
    texts = [None if width == 40 else "é" * (width // 2) + "x" * (width % 2) for width in widths]
    table = pa.table({"text": pa.array(texts, pa.string()), "row": pa.array(range(len(texts)), pa.int64())})
    expected, held = [0], 0
    for text in texts:
        expected[-1] += 1
        held += len((text or "").encode())
        if held >= most or expected[-1] == 7:
            held = 0
            expected.append(0)
    with pytest.MonkeyPatch.context() as patch, RunDir(tmp_path_factory.mktemp("wide") / "run") as rundir:
        patch.setattr("kakehashi.catalogs.files.parquet.GROUP_BYTES", most)
        patch.setattr("kakehashi.catalogs.files.parquet.ROW_GROUP", 7)
        with rundir.table_writer("many.parquet", table.schema) as writer:
            start = 0
            for size in [*cut, len(texts)]:
                writer.write(table.slice(start, size))
                start += size
        found = pq.ParquetFile(rundir.path / "many.parquet").metadata
        assert rundir.read_table("many.parquet").equals(table.replace_schema_metadata(None))
    rows = [found.row_group(i).num_rows for i in range(found.num_row_groups)]
    assert rows == ([size for size in expected if size] or [0])


@pytest.mark.parametrize("minimise", [False, True])
def test_figures_of_all_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minimise: bool) -> None:
    monkeypatch.setattr(external, "RUN_ROWS", 50)
    monkeypatch.setattr(external, "POOL_ROWS", 40)
    table = scores()
    found = streamed(tmp_path / "run", table, Order(minimise=minimise, top=3), 31)
    summary = found.summary
    assert (summary.rows, summary.unique) == (N, 4)
    assert summary.domains == Counter(table["domain"].to_pylist())
    assert summary.at_ceiling == sum(table["at_ceiling"].to_pylist())
    assert (summary.low, summary.high) == (1.0, 3.0)
    assert (summary.best, summary.sharing) == ((1.0, 1) if minimise else (3.0, 2))
    assert found.reasons == [
        {"reason": "reason 0", "count": 15, "example": ""},
        {"reason": "reason 1", "count": 15, "example": ""},
    ]
    assert pq.read_table(tmp_path / "run/quarantine.parquet")["id"].to_pylist() == [str(i) for i in range(30)]


def test_a_composition_with_several_predictions_counts_once(tmp_path: Path) -> None:
    table = scores(6).set_column(6, "mean", pa.array([5.0, 9.0, 9.0, 9.0, 1.0, 2.0]))
    table = table.set_column(5, "reduced_formula", pa.array(["MgO", "MgO", "MgO", "PbTe", "PbTe", "NaCl"]))
    summary = streamed(tmp_path / "run", table, Order(), 2).summary
    assert (summary.unique, summary.best, summary.sharing) == (3, 9.0, 2)


def test_the_histogram_is_that_of_all_values(tiny_model: object) -> None:
    from kakehashi.screen.ranking.summary import ScoreSummary, bin_values
    from kakehashi.screen.transfer.fit import Model

    assert isinstance(tiny_model, Model)
    values = np.exp(np.random.default_rng(0).normal(size=1000))
    pieces = [pa.table({"mean": part}) for part in np.array_split(values, 7)]
    ends = ScoreSummary(1000, 0, {}, 0, None, 0, float(values.min()), float(values.max()))
    drawn = bin_values(tiny_model.target, ends, pieces)
    assert drawn["predicted"] == np.histogram(values, drawn["edges"])[0].tolist()
    assert (sum(drawn["predicted"]), sum(drawn["training"])) == (1000, 30)
