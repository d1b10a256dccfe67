"""Models, tables and boards show themselves in a few lines, and draw what is known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import pytest

import kakehashi as kh
from kakehashi.catalogs.records import UserError
from kakehashi.screen.api.fitted import FittedModel, fitted
from kakehashi.screen.api.joint import JointlyLearned
from kakehashi.screen.api.models import Loaded
from kakehashi.screen.api.screened import Screened
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.progress import Progress

if TYPE_CHECKING:
    from conftest import Tiny

    from kakehashi.screen.foundation.known import KnownValues
    from kakehashi.screen.foundation.record import Foundation
    from kakehashi.screen.transfer.fit import Model


@pytest.fixture(autouse=True)
def _no_window() -> None:
    matplotlib.use("Agg")


@pytest.fixture
def model(tiny_model: Model) -> FittedModel:
    return fitted(tiny_model)


def is_short(value: object) -> bool:
    text = repr(value)
    return text.count("\n") < 9 and "array(" not in text and len(text) < 3000


def test_texts_are_short(
    model: FittedModel, tiny_model: Model, small_foundation: Foundation, known_values: KnownValues
) -> None:
    board = kh.evaluate("ltc", sources=[], heads=("ridge",), baselines=(), outer_folds=2)
    knowledge = Knowledge(small_foundation, known_values)
    rejected = kh.load("ltc")
    loaded = Loaded("0123456789abcdef", {"property": "gap", "arrays": list(range(2000))}, model.library)
    joint = JointlyLearned(rejected, None, rejected.values, np.zeros(31, np.int64), 1.5)  # type: ignore[arg-type]
    shown = (model, tiny_model, model.library, model.library.sources[0], model.target, small_foundation, knowledge,
             board, rejected, loaded, joint, model.out_of_fold, model.verdict, board.evaluation)  # fmt: skip
    assert "mean absolute error, held out: 1.5 W/(m K)" in repr(joint)
    assert [type(value).__name__ for value in shown if not is_short(value)] == []
    assert "kappa" in repr(model)
    assert "On compounds it never saw the model is typically off" in repr(model)


def test_a_cell_shows_a_sentence_and_parity(model: FittedModel) -> None:
    text = model._repr_html_()
    assert text.count("<circle") == len(model.target)
    assert "On compounds it never saw" in text
    assert not re.search(r"<script|https?://|onload", text)
    target = model.target.__class__(
        **{name: getattr(model.target, name) for name in model.target.__slots__} | {"quantity": "<script>x</script>"}
    )
    assert "<script>" not in fitted(model._replace(target=target))._repr_html_()


def test_it_is_a_model(model: FittedModel, tiny_model: Model) -> None:
    assert isinstance(model, type(tiny_model))
    assert fitted(model) is model
    assert model.verdict is tiny_model.verdict
    assert isinstance(model._replace(seed=1), FittedModel)


def test_plots_name_units_and_outliers(model: FittedModel) -> None:
    held, target = model.out_of_fold, model.target
    worst = target.materials[int(np.argmax(np.abs(held.mean - target.y)))]
    parity, domain = model.plot_parity(name=1), model.plot_domain(name=1)
    assert "[W/(m K)]" in parity.get_xlabel() or target.unit in parity.get_xlabel()
    assert [text.get_text() for text in parity.texts] == [worst]
    assert [text.get_text() for text in domain.texts] == [worst]
    points = parity.lines[0].get_xydata()
    np.testing.assert_allclose(points[:, 0], target.values)
    ranked = kh.rank(model, ["MgO", "PbTe", "CaF2"])
    ranking = model.plot_ranking(ranked, top=2)
    assert [label.get_text() for label in ranking.get_yticklabels()] == ranked["formula"].to_pylist()[:2]
    assert model.plot_parity(parity) is parity
    with pytest.raises(UserError, match="no column 'mean'"):
        model.plot_ranking({"formula": ["MgO"]})
    matplotlib.pyplot.close("all")


def test_a_report_of_what_is_known(model: FittedModel, tmp_path: Path) -> None:
    page = model.report(tmp_path / "model.html").read_text(encoding="utf-8")
    assert "kappa" in page
    assert page.count("<html") == 1
    with pytest.raises(UserError, match="is a folder: expected a file"):
        model.report(tmp_path)


def test_a_screening_shows_its_candidates(tiny: Tiny, model: FittedModel, tmp_path: Path) -> None:
    done = kh.screen(model, catalog=str(tiny.folder / "catalog.csv"), out=tmp_path / "run")
    assert isinstance(done, Screened)
    assert is_short(done)
    assert done.ranking.num_rows == done["ranked"]
    batch = kh.next(done, batch=2, include_out=True)
    assert batch.num_rows == 2
    assert batch.equals(kh.next(tmp_path / "run", batch=2, include_out=True))
    names = [row["formula"] for row in done["next"]["batch"]]
    assert all(name in done._repr_html_() for name in names)
    assert not (tmp_path / "run/next-2.csv").exists()


def test_a_notebook_gets_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("kakehashi.screen.progress.in_notebook", lambda: True)
    for mode, lines in (("auto", 2), ("quiet", 0)):
        progress: Any = Progress(mode)
        with progress.stage("transfer", 4) as advance:
            advance(4)
        said = capsys.readouterr()
        assert len(said.out.splitlines()) == lines
        assert said.err == ""
