"""What every released version wrote is read; what an unknown version wrote is refused, in words.

`tests/golden/schema_N` was written by the last code that wrote schema N and is never written again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kakehashi
from kakehashi.catalogs.files import parquet
from kakehashi.catalogs.models import library
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs import manifest
from kakehashi.catalogs.runs.rundir import Results, RunDir
from kakehashi.screen.next.batch import propose_batch
from kakehashi.screen.next.candidates import BatchRequest
from kakehashi.screen.next.finished import read_finished_run
from kakehashi.screen.scoring.columns import QUARANTINE, SCORES

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("schema_*"))


@pytest.fixture(params=GOLDEN, ids=lambda folder: folder.name)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.param, tmp_path / "golden"))


def test_the_schema_written_today_is_among_them() -> None:
    written = max(manifest.SCHEMA, parquet.SCHEMA, library.SCHEMA)
    assert GOLDEN[-1].name == f"schema_{written}", "write tests/golden anew with the code that has just been changed"


def test_a_run_of_every_version_is_read(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = golden / "run"
    results = Results(run)
    results.verify()
    tables = {name: results.read_table(name) for name in results.names() if name.endswith(".parquet")}
    scores = pa.concat_tables([tables[name] for name in tables if name.startswith("scores/")])
    record = json.loads(results.read_text("run.json"))
    added = {"formula_seen", "known_values"}  # columns that came without a new schema: readers do without them
    assert set(SCORES.names) - added <= set(scores.column_names)
    assert tables["quarantine.parquet"].schema.equals(QUARANTINE)
    assert scores.num_rows + tables["quarantine.parquet"].num_rows == record["catalog"]["rows"] == 14
    assert "NaN" in scores["formula"].to_pylist()
    assert kakehashi.main(["report", str(run)]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert all(text in page for text in (record["verdict"]["text"][:40], "unknown element Xx"))
    capsys.readouterr()
    assert kakehashi.main(["next", str(run), "--include-out", "--batch", "2", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["batch"]) == 2


def test_networks_of_every_version_are_read(golden: Path) -> None:
    (entry,) = (golden / "models").iterdir()
    found = library.read(entry, entry.name)
    assert found.warning == ""
    assert found.arrays is not None
    assert found.card is not None
    np.testing.assert_array_equal(found.arrays["kernel"], [[0, 1, 2], [3, 4, 5]])
    assert found.arrays["half"].tolist() == [0.5, -2.0]
    assert found.card["property"] == "gap"


def newer_manifest(run: Path) -> None:
    path = run / "manifest.json"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 99', 1))


def newer_table(run: Path) -> None:
    table = pq.read_table(run / "predictions.parquet")
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({parquet.SCHEMA_KEY: "99"}), sink)
    with RunDir(run, resume=True) as rundir:
        rundir.write_bytes("predictions.parquet", sink.getvalue().to_pybytes())


def newer_record(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    with RunDir(run, resume=True) as rundir:
        rundir.write_text("run.json", json.dumps({**record, "schema": 99}))


@pytest.mark.fault
@pytest.mark.parametrize(
    "newer", [newer_manifest, newer_table, newer_record], ids=lambda f: f.__name__.replace("_", " ")
)
def test_an_unknown_version_is_refused(
    golden: Path, capsys: pytest.CaptureFixture[str], newer: Callable[[Path], None]
) -> None:
    newer(golden / "run")
    assert kakehashi.main(["next", str(golden / "run"), "--include-out"]) == 6
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "has schema 99, expected 1" in err
    assert "another" in err
    if newer is newer_record:
        assert kakehashi.main(["report", str(golden / "run")]) == 6


@pytest.mark.fault
def test_a_column_that_changed_its_name_is_missed(golden: Path) -> None:
    """Arrow would read it as empty."""
    with RunDir(golden / "run", resume=True) as rundir:
        table = rundir.read_table("scores/part-00000.parquet")
        names = ["average" if name == "mean" else name for name in table.column_names]
        rundir.write_table("scores/part-00000.parquet", table.rename_columns(names))
    run = read_finished_run(str(golden / "run"))
    with pytest.raises((UserError, KeyError), match="mean"):
        propose_batch(run, BatchRequest(include_out=True))
