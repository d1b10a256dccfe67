"""What a design returns is an Arrow table that draws and shows itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import matplotlib
import pyarrow as pa
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.design.api.design import check_settings
from kakehashi.design.api.designed import Designed

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model

UNITS = ["*CC*", "*CC(C)*", "*CC(c1ccccc1)*"]


@pytest.fixture(autouse=True)
def _no_window() -> None:
    matplotlib.use("Agg")


@pytest.fixture
def found(tiny_model: Model) -> Designed:
    """Made-up proposals for the property of a model."""
    table = pa.table(
        {
            "rank": [1, 2, 3], "smiles": UNITS, "mean": [3.0, 2.0, 1.0], "lower": [2.0, 1.0, 0.5],
            "upper": [4.0, 3.0, 2.0], "p_goal": [0.7, 0.2, 0.1], "class": ["polyolefin", "", "<b>"],
            "monomer_1": ["C=C", "C=CC", ""], "monomer_2": ["", "", ""], "domain": ["in", "out", "in"],
            "tg_mean": [300.0, 310.0, 320.0], "tg_lower": [290.0] * 3, "tg_upper": [400.0] * 3,
        }
    )  # fmt: skip
    record = {"goals": ["kappa>2.5"], "prior": {"mean_p_goal": 0.04}, "config": {"out": "runs/tc"}}
    return Designed(table, record, {"kappa": tiny_model, "tg": tiny_model})


def test_it_is_short_and_says_the_chance(found: Designed) -> None:
    lines = repr(found).splitlines()
    assert len(lines) < 10
    assert lines[0] == "Design of kappa>2.5: 3 proposals"
    assert "1 of 3 proposals is likely to meet the goal: the best 70%, a random unit 4%." in lines[1]
    assert "1. *CC*: 3 (2 to 4)" in lines[2]
    assert lines[-1].strip() == "files: runs/tc"


def test_a_cell_draws_the_units_and_escapes_text(found: Designed) -> None:
    text = found._repr_html_()
    assert text.count("<svg") == 3
    assert text.count('stroke="currentColor"') >= 3
    assert "&lt;b&gt;" in text
    assert "<b>Design of" in text
    assert not re.search(r"<script|https?://|onload", text)


def test_it_does_what_a_table_does(found: Designed) -> None:
    assert found.to_pandas()["smiles"].tolist() == UNITS
    assert found.select(["rank"]).slice(0, 2).num_rows == 2
    assert found["smiles"].to_pylist() == UNITS
    assert len(found) == found.num_rows == 3
    assert pa.table(found).equals(found.proposals)
    with pytest.raises(AttributeError):
        found.no_such_thing  # noqa: B018


def test_plots_show_goal_interval_and_known_range(found: Designed, tiny_model: Model) -> None:
    axes = found.plot(top=2)
    assert [label.get_text() for label in axes.get_yticklabels()] == UNITS[:2]
    assert "90 % intervals" in axes.get_xlabel()
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert set(said) == {"goal: kappa>2.5", "in the domain or at its edge", "outside the domain", "known values"}
    goal = next(line for line in axes.lines if line.get_label() == "goal: kappa>2.5")
    assert list(goal.get_xdata()) == [2.5, 2.5]
    other = found.plot(property="tg")
    assert "goal: kappa>2.5" not in [text.get_text() for text in other.get_legend().get_texts()]
    assert found.plot(axes) is axes
    with pytest.raises(UserError, match="no property 'x': expected one of kappa, tg"):
        found.plot(property="x")
    with pytest.raises(UserError, match="there are no proposals"):
        Designed(found.proposals.slice(0, 0), found.record, found.models).plot()
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("name", "said"),
    [("max_atom", "did you mean max_atoms"), ("networks", "the models decide"), ("zzz", "known: ")],
)
def test_other_settings_are_those_of_the_command(name: str, said: str) -> None:
    check_settings({"max_atoms": 30}, {"particles": 10})
    with pytest.raises(TypeError, match=said):
        check_settings({name: 1}, {"particles": 10})
