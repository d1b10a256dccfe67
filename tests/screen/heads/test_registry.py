"""One registry of heads: a new one is a file and a line, and every command knows it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kakehashi
import kakehashi as kh
from kakehashi.catalogs.records import UserError
from kakehashi.screen.evaluation.evaluate import evaluate
from kakehashi.screen.heads import registry
from kakehashi.screen.heads.registry import (
    DEFAULT_BASELINES,
    DEFAULT_HEADS,
    HEADS,
    LINES,
    Line,
    baselines_help,
    direct_heads,
    heads_help,
)
from kakehashi.screen.networks.source import Library
from kakehashi.screen.screening.config import resolve
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.selection import affordable_heads

# The nearest training row says the value: a head that is in no other file of ours.
NEAREST = """
import numpy as np

from kakehashi.screen.heads.head import Head, namespace


def fit(x, y):
    return {"rows": x, "values": y}


def predict(params, x):
    xp = namespace(x)
    apart = ((x[:, None, :] - params["rows"][None, :, :]) ** 2).sum(axis=-1)
    mean = params["values"][xp.argmin(apart, axis=1)]
    return mean, 0.0 * mean + params["values"].std()


def ceiling(params):
    return float(params["values"].max())


nearest = Head("nearest", fit, predict, ceiling)
"""


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file and a line more."""
    (tmp_path / "nearest_rows.py").write_text(NEAREST)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(LINES, "nearest", Line("nearest_rows:nearest", "a test's own", frozen=False))
    yield "nearest"
    HEADS.pop("nearest", None)
    sys.modules.pop("nearest_rows", None)


def test_every_line_leads_to_a_head_of_its_name() -> None:
    assert [HEADS[name].name for name in LINES] == list(LINES)
    for name in ("tl-1", "tl-2"):
        assert (LINES[name].direct, LINES[name].frozen) == (False, True)
    assert (HEADS["tl-1"].depth, HEADS["tl-2"].depth) == (1, 0)
    assert set(DEFAULT_BASELINES) <= set(direct_heads())
    assert set(DEFAULT_HEADS) <= set(direct_heads())


def test_names_and_help_cost_no_imports() -> None:
    probe = (
        "import sys; from kakehashi.screen.heads.registry import *; from kakehashi.screen.runs import flags;"
        "print([m for m in ('jax', 'numpy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_head_is_in_one_line_of_help() -> None:
    for name in LINES:
        assert heads_help().replace(",", " ").replace(";", " ").split().count(name) >= 1
    assert "forest, finetune (on the best five networks of a source; minutes)" in heads_help()
    assert heads_help().endswith("Default: ridge,gp.")
    assert baselines_help().endswith("Default: elastic-net,forest,boosting,network.")


def test_a_new_head_is_known_to_configuration_help_and_selection(added: str) -> None:
    assert "nearest (a test's own)" in heads_help()
    assert "nearest" in baselines_help()
    assert resolve({"target": "t", "heads": ["ridge,nearest"]}, None).heads == ("ridge", "nearest")
    assert affordable_heads(40, ("ridge", "nearest")).direct == ("ridge", "nearest")
    with pytest.raises(UserError, match=r"--heads: expected some of ridge, .*, nearest, got 'farthest'"):
        resolve({"target": "t", "heads": ["farthest"]}, None)


def test_a_new_head_is_known_to_the_command_line(added: str, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["evaluate", "--target", "ltc", "--source", "none", "--out", "x", "--dry-run", "--json"]
    assert kakehashi.main([*ask, "--heads", "ridge,nearest", "--baselines", "nearest"]) == 0
    config = json.loads(capsys.readouterr().out)["config"]
    assert (config["heads"], config["baselines"]) == (["ridge", "nearest"], ["nearest"])
    assert kakehashi.main([*ask, "--baselines", "farthest"]) == 2
    assert "--baselines: expected some of ridge, gp," in capsys.readouterr().err


def test_a_new_head_is_measured_compared_deployed_and_ranks(added: str, planted: Any) -> None:
    nothing = Library((), "reduced", 0)
    compared = evaluate(nothing, planted.target, outer=3, inner=3, heads=("ridge",), baselines=("nearest",))
    deployed = transfer(nothing, planted.target, outer=3, inner=3, heads=("ridge", "nearest"))
    one = next(row.entry for row in compared.rows if row.entry.name == "direct nearest")
    other = next(row for row in deployed.leaderboard if row.name == "direct nearest")
    # A head that is compared with is the head of that name: the same error either way.
    assert (one.mae, one.rmse, one.head) == (other.mae, other.rmse, "nearest")
    assert "direct nearest" in deployed.stack.names or len(deployed.stack.names) == 1
    ranked = kh.rank(transfer(nothing, planted.target, outer=2, inner=2, heads=("nearest",)), ["GaAs", "MgO"])
    assert set(ranked["mean"].to_pylist()) <= set(np.float64(planted.target.values.astype(np.float32)).tolist())


def test_what_is_no_line_is_no_head() -> None:
    with pytest.raises(KeyError, match="'svm'"):
        registry.HEADS["svm"]
