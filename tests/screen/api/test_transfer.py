"""The public functions, as the documentation shows them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

import kakehashi as kh
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import Results

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.transfer.fit import Model


@pytest.fixture(scope="module")
def other_seed(tiny: Tiny) -> Model:
    """The documented steps, with another seed than `tiny_model`."""
    target = kh.load(str(tiny.folder / "target.csv"), value="kappa", log=True)
    library = kh.pretrain([f"{tiny.folder / 'source.csv'}:gap"], exclude=target, networks=2, seed=1)
    assert not set(target.keys) & library.sources[0].keys
    return kh.transfer(library, target, outer_folds=3, seed=1, foundation="none")


def test_the_documented_steps_give_a_ranking(other_seed: Model) -> None:
    ranked = kh.rank(other_seed, ["BAs", "MgO", "PbTe"])
    assert isinstance(ranked, pa.Table)
    assert sorted(ranked["formula"].to_pylist()) == ["BAs", "MgO", "PbTe"]
    assert ranked["rank"].to_pylist() == [1, 2, 3]
    assert ranked["mean"].to_pylist() == sorted(ranked["mean"].to_pylist(), reverse=True)
    assert dict(zip(ranked["formula"].to_pylist(), ranked["id"].to_pylist(), strict=True)) == {
        "BAs": "1", "MgO": "2", "PbTe": "3",
    }  # fmt: skip


def test_another_seed_is_another_model(other_seed: Model, tiny_model: Model) -> None:
    mean = lambda model: kh.rank(model, ["MgO"])["mean"][0].as_py()
    assert mean(other_seed) != mean(tiny_model)


def test_too_little_memory_is_refused(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kakehashi.screen.screening.model_cost.available_bytes", lambda: 1_000_000)
    with pytest.raises(UserError, match=r"30 known values need about .* GB of memory"):
        kh.transfer(tiny_model.library, tiny_model.target, foundation="none")


def test_a_library_that_saw_the_target_is_said_so(tiny_model: Model) -> None:
    from kakehashi.screen.transfer.fit import transfer

    target, library = tiny_model.target, tiny_model.library
    source = library.sources[0]
    seen = library._replace(sources=(source._replace(keys=source.keys | frozenset(target.keys[:4])),))
    model = transfer(seen, target, outer=2, inner=2)
    assert any("saw 4 of the target's 30 formulas" in text for text in model.warnings)
    # Both of its tables are made from one hidden quantity, which is noticed too.
    (alias,) = tiny_model.warnings
    assert "source gap may be the target under another name" in alias


@pytest.mark.parametrize(
    ("formulas", "said"),
    [
        (["MgO", "Xx2O3", None], "2 of 3 formulas cannot be scored: 'Xx2O3' (id 2): unknown element Xx; None (id 3)"),
        ("CO", "expected a list of formulas, got the text 'CO'"),
        ([1, 2], "expected formulas as text, got 1"),
        (pa.table({"composition": ["MgO"]}), "no column 'formula'"),
        (pa.table({"formula": ["MgO"], "mean": [1.0]}), "column 'mean' has the name of a result"),
        (pa.table({"formula": [1.5]}), "expected text"),
    ],
)
def test_what_cannot_be_ranked_is_said(tiny_model: Model, formulas: list[str] | pa.Table, said: str) -> None:
    with pytest.raises(UserError) as caught:
        kh.rank(tiny_model, formulas)
    assert said in str(caught.value)


@pytest.mark.parametrize("words", [{"by": "median"}, {"by": "probability"}, {"threshold": -1.0}])
def test_settings_of_a_ranking_are_checked(tiny_model: Model, words: dict[str, object]) -> None:
    with pytest.raises(UserError):
        kh.rank(tiny_model, ["MgO"], **words)  # type: ignore[arg-type]


def test_tables_keep_their_ids_and_columns(tiny_model: Model) -> None:
    table = pa.table(
        {"formula": pa.array(["MgO", "PbTe"], pa.large_string()), "id": pa.array(["b", None]), "hull": [0.1, None]}
    )
    rows = {row["formula"]: row for row in kh.rank(tiny_model, table, threshold=2.0).to_pylist()}
    assert (rows["MgO"]["id"], rows["PbTe"]["id"]) == ("b", "2")
    assert (rows["MgO"]["hull"], rows["PbTe"]["hull"]) == (0.1, None)
    assert 0 <= rows["MgO"]["probability"] <= 1


def test_nothing_to_rank_is_an_empty_table(tiny_model: Model) -> None:
    assert kh.rank(tiny_model, []).num_rows == 0


def test_rank_and_pandas(tiny_model: Model) -> None:
    frame = kh.rank(tiny_model, ["MgO", "PbTe"]).to_pandas()
    assert kh.rank(tiny_model, frame["formula"])["formula"].to_pylist() == frame["formula"].tolist()


def test_screen_writes_a_run_and_returns_its_record(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    out = tmp_path / "run"
    record = kh.screen(tiny_model, catalog=str(tiny.folder / "catalog.csv"), out=out, top=5, filters=["hull<=0.2"])
    assert record["catalog"]["rows"] == 41
    assert (record["catalog"]["scored"], record["catalog"]["quarantined"]) == (40, 1)
    results = Results(out)
    results.verify()
    table = results.read_table("ranking.parquet")
    assert table.num_rows == record["ranked"] == 5
    assert np.all(np.asarray(table["hull"]) <= 0.2)
    direct = kh.rank(tiny_model, table["formula"].to_pylist())
    assert direct["mean"].to_pylist() == table["mean"].to_pylist()
    with pytest.raises(UserError, match="already holds a run"):
        kh.screen(tiny_model, catalog=str(tiny.folder / "catalog.csv"), out=out)


def test_a_smaller_catalogue_leaves_nothing_of_the_former_run(tiny: Tiny, tiny_model: Model, tmp_path: Path) -> None:
    small = tmp_path / "small.csv"
    small.write_text("formula\nMgO\n")
    out = tmp_path / "run"
    kh.screen(tiny_model, catalog=str(tiny.folder / "catalog.csv"), out=out)
    record = kh.screen(tiny_model, catalog=str(small), out=out, overwrite=True)
    assert record["catalog"]["rows"] == 1
    assert [Results(out).rows(name) for name in Results(out).names("scores/")] == [1]


def test_sources_of_one_name_are_told_apart(tiny: Tiny) -> None:
    from kakehashi.screen.networks.source import tell_apart

    table = kh.load(f"{tiny.folder / 'source.csv'}:gap")
    assert [t.name for t in tell_apart([table, table], ["a.csv:gap", "b.csv:gap"])] == ["a.csv:gap", "b.csv:gap"]
    assert [t.name for t in tell_apart([table], ["a.csv:gap"])] == ["gap"]
    assert [t.name for t in tell_apart([table], ["a.csv:gap"], taken="gap")] == ["a.csv:gap"]


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'scren'"):
        kh.scren  # noqa: B018
    assert {"load", "pretrain", "transfer", "rank", "screen"} <= set(dir(kh))
