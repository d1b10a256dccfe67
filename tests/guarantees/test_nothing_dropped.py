"""Whatever a catalogue holds: rows = scored + quarantined, every id once, whichever partitions it is cut into."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.scoring.committed import score_catalog

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model

FORMULAS = ("MgO", "Mg2O2", "NaN", "NO", "InF", "PbTe", "Ca(OH)2", "K4 Mn4 O8")
TEXTS = st.one_of(
    st.sampled_from(FORMULAS),
    st.sampled_from(
        ["", "nan", "null", "=1+1", "CuSO4.5H2O", "Fe-1", "D2O", '"', "a,b", "Mg\nO", "\ufeffMgO", "\u202eOgM"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=10),
    st.from_regex(r"([A-Z][a-z]?[0-9.]{0,3}){1,4}", fullmatch=True),
)


@pytest.mark.fault
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=14), size=st.integers(1, 6), kind=st.sampled_from(["csv", "parquet"]))
def test_rows_are_scored_or_quarantined(
    tiny_model: Model, tmp_path_factory: pytest.TempPathFactory, texts: list[str], size: int, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("junk")
    ids = [f"r{i}" for i in range(len(texts))]
    path = folder / f"junk.{kind}"
    if kind == "csv":
        cells = io.StringIO(newline="")
        csv.writer(cells).writerows([("id", "formula"), *zip(ids, texts, strict=True)])
        path.write_bytes(cells.getvalue().encode())
    else:
        pq.write_table(pa.table({"id": ids, "formula": texts}), path)
    catalog = open_catalog(str(path))
    assert catalog.rows == len(texts)
    with RunDir(folder / "run") as rundir:
        scored = score_catalog(rundir, tiny_model, catalog, partition_rows=size)
        assert scored.rows + scored.quarantined == len(texts)
        rows = [*pa.concat_tables(scored.scores()).to_pylist(), *pa.concat_tables(scored.quarantine()).to_pylist()]
    assert {row["id"]: row["formula"] for row in rows} == dict(zip(ids, texts, strict=True))
    assert len(rows) == len(texts)
    assert all(row.get("reason", "scored") for row in rows)
    assert {row["formula"] for row in rows if "reason" in row}.isdisjoint(FORMULAS)
