"""What is out of the domain is judged and not predicted; everything else has the very bits of a whole scoring."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from kakehashi.screen.next.candidates import BatchRequest, find_candidates
from kakehashi.screen.next.finished import read_finished_run
from kakehashi.screen.scoring import within
from kakehashi.screen.scoring.columns import PREDICTED, SCORES
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.validation.domain import FAR, VERY_FAR

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]
# Binaries and ternaries of elements inside and outside the target, so that batches are full, and all verdicts occur.
METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In", "Zn", "Cd", "Pb", "Ti", "Y", "Cu", "U", "Fe")
ANIONS = ("O", "S", "Se", "Te", "F", "Cl", "Br", "N", "P", "As")


def candidates() -> pa.Table:
    formulas = [f"{m}{x}{n}" for m in METALS for x in ANIONS for n in (1, 2, 3, 4, 5, 7)]
    formulas += [f"{m}{k}{x}3" for m in METALS[:9] for k in METALS[9:] for x in ANIONS]
    formulas += ["MgO", "Xx"]
    return pa.table({"id": [f"r{i}" for i in range(len(formulas))], "formula": formulas})


def test_what_is_predicted_has_the_same_bits_and_the_rest_a_verdict(tiny_model: Model) -> None:
    scorer = make_scorer(tiny_model)
    whole, part = scorer(candidates()), scorer.within_domain()(candidates())
    assert part.quarantine.equals(whole.quarantine)
    assert part.scores.schema.equals(whole.scores.schema)
    out = pc.equal(whole.scores["domain"], "out")
    assert pc.sum(out).as_py() > 1_024 > 100 < pc.sum(pc.invert(out)).as_py()
    assert part.scores.filter(pc.invert(out)).equals(whole.scores.filter(pc.invert(out)))
    left, full = part.scores.filter(out), whole.scores.filter(out)
    # Rounding decides nothing: what is out by less than a thousandth is predicted, too.
    close = pc.is_valid(left["mean"])
    assert all(pc.is_valid(left[name]).equals(close) for name in PREDICTED)
    for distance in left.filter(close)["distance"].to_pylist():
        assert min(abs(distance / limit - 1) for limit in (FAR, VERY_FAR)) < 2 * within.ROUNDING
    assert left.filter(close).equals(full.filter(close))
    assert pc.sum(close).as_py() < 10
    for name in set(SCORES.names) - {*PREDICTED, "distance"}:
        assert left[name].equals(full[name]), name
    np.testing.assert_allclose(left["distance"].to_numpy(), full["distance"].to_numpy(), rtol=1e-5, atol=1e-5)


def test_networks_run_on_what_is_left_alone(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = within.is_out
    monkeypatch.setattr(within, "is_out", lambda *a: seen.append(real(*a)) or seen[-1])
    ran = []
    predict = "kakehashi.screen.scoring.partitions.predict_compositions"
    from kakehashi.screen.scoring.batches import predict_compositions

    monkeypatch.setattr(predict, lambda d, c, k: ran.append(len(c.elements)) or predict_compositions(d, c, k))
    part = make_scorer(tiny_model).within_domain()(candidates()).scores
    assert ran == [int((~seen[0]).sum())]
    assert len(seen[0]) - ran[0] == len(set(part.filter(pc.is_null(part["mean"]))["reduced_formula"].to_pylist()))


def test_a_partition_of_one_kind_is_none_of_the_other(tiny_model: Model) -> None:
    scorer = make_scorer(tiny_model)
    assert scorer.within_domain().sha256 != scorer.sha256
    assert scorer.within_domain().within_domain().in_domain


def test_nothing_inside_leaves_a_table_without_predictions(tiny_model: Model) -> None:
    part = make_scorer(tiny_model).within_domain()(pa.table({"id": ["a"], "formula": ["Pu7I3Xe"]}))
    assert part.scores["domain"].to_pylist() == ["out"]
    assert part.scores["mean"].to_pylist() == [None]


def test_a_filter_that_removes_them_saves_their_networks(screen: Run, tmp_path: Path) -> None:
    said = {}
    for name, words in {
        "all": ("--filter", "domain!=out", "--score", "all"),
        "filtered": ("--filter", "domain!=out"),
        "asked": ("--score", "in-domain"),
        "quick": ("--quick",),
    }.items():
        code, said[name], _ = screen("--out", tmp_path / name, *words)
        assert code == 0
    rankings = {name: pq.read_table(tmp_path / name / "ranking.parquet") for name in said}
    records = {name: json.loads((tmp_path / name / "run.json").read_text()) for name in said}
    for name in ("filtered", "asked", "quick"):
        assert rankings[name].equals(rankings["all"])
        record = records[name]
        assert record["domain"] == records["all"]["domain"]
        assert record["unpredicted"] == record["domain"]["out"] > 0
        assert record["catalog"]["scored"] + record["catalog"]["quarantined"] == record["catalog"]["rows"]
        assert [count["expression"] for count in record["filters"]] == ["domain!=out"]
        assert f"{record['unpredicted']} not predicted" in said[name]
        scores = pq.read_table(tmp_path / name / "scores")
        assert scores["mean"].null_count == record["unpredicted"]
        assert scores.filter(pc.is_valid(scores["mean"])).num_rows == rankings[name].num_rows
        assert sum(record["histogram"]["predicted"]) == record["places"]["of"] == rankings[name].num_rows
    assert records["all"]["unpredicted"] == 0
    run = read_finished_run(str(tmp_path / "asked"))
    open_to_all = find_candidates(run, BatchRequest(include_out=True))
    assert f"{records['asked']['unpredicted']} candidates out of the domain were not predicted" in open_to_all.notes[0]
    assert open_to_all.counts["without interval"] > 0
    assert not find_candidates(run, BatchRequest()).notes
    assert screen("--out", tmp_path / "asked", "--score", "all", "--resume")[0] == 2  # another run


def test_asking_for_what_is_not_predicted_is_refused(screen: Run, tmp_path: Path) -> None:
    code, _, err = screen("--out", tmp_path / "run", "--filter", "domain==out", "--quick")
    assert code == 2
    assert "give --score all" in err
    code, _, err = screen("--out", tmp_path / "run", "--score", "some")
    assert (code, "in-domain" in err) == (2, True)
