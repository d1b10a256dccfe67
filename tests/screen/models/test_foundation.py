"""`kakehashi models train --foundation`, and the commands that know its entries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.cli.models_text import (
    export_and_print,
    import_and_print,
    query_and_print,
    show_card,
    show_list,
    train_and_print,
    verify_and_print,
)
from kakehashi.screen.foundation.kept import find_foundation
from kakehashi.screen.models import foundation as training
from kakehashi.screen.models.config import resolve


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One table of 400 formulas, and a home of its own."""
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(training, "FoundationCourse", lambda epochs: _quick(epochs))
    texts = [f"{m}{i}{a}{j}" for m in ("Li", "Na", "K", "Mg", "Ca") for a in ("O", "S", "F", "Cl") for i in range(1, 5)
             for j in range(5, 12)]  # fmt: skip
    values = np.random.default_rng(0).normal(size=len(texts))
    (tmp_path / "data").mkdir()
    lines = ["formula,gap_ev", *(f"{text},{float(v)!r}" for text, v in zip(texts, values, strict=True)), "Qq,1.0"]
    (tmp_path / "data/gaps.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


def _quick(epochs):
    from kakehashi.screen.foundation.training.train import FoundationCourse

    return FoundationCourse(widths=(8, 4), epochs=epochs, batch=64)


def train(folder, capsys, *, dry_run=False, **flags):
    code = train_and_print({"foundation": str(folder), "networks": 1, "epochs": 1, **flags}, None, "quiet",
                           dry_run=dry_run, json_out=True, quiet=False)  # fmt: skip
    assert code == 0
    return json.loads(capsys.readouterr().out)


def test_train_list_show_query_verify_export_import(folder, tmp_path, capsys):
    planned = train(folder, capsys, dry_run=True)
    assert planned["tasks"][0] | {"unit": "eV", "learned": "identity", "alias": 0} == planned["tasks"][0]
    assert "id" not in planned
    made = train(folder, capsys)
    assert not made["reused"]
    assert not any((tmp_path / "home").glob("foundation-parts/*"))
    assert train(folder, capsys)["reused"]
    assert find_foundation("data").tasks[0].rows == planned["formulas"]

    show_list(json_out=True)
    row = next(row for row in json.loads(capsys.readouterr().out) if row["kind"] == "foundation")
    assert (row["property"], row["networks"]) == ("1 properties", 6)
    show_card(f"{made['id'][:16]}-0", json_out=True)
    assert json.loads(capsys.readouterr().out)["tasks"][0]["mae_by_fold"]
    show_card(made["id"][:16], json_out=False)
    assert "mae_by_fold" not in capsys.readouterr().out
    query_and_print({"method": "foundation"}, [], "pearson", None, json_out=True)
    found = [one for one in json.loads(capsys.readouterr().out) if one["id"].startswith(made["id"][:16])]
    assert [(one["unit"], one["rows"]) for one in found] == [("eV", planned["formulas"])]
    verify_and_print([made["id"]], "auto", json_out=True, quiet=False)
    assert json.loads(capsys.readouterr().out)[0]["outcome"] == "bitwise"

    archive = tmp_path / "all.zip"
    export_and_print([made["id"]], str(archive), overwrite=False, dry_run=False, json_out=False, quiet=True)
    shutil.rmtree(tmp_path / "home")
    import_and_print(str(archive), json_out=True, quiet=False)
    assert json.loads(capsys.readouterr().out)["added"] == [made["id"]]
    assert find_foundation("data").name == "data"


def test_out_holds_the_entry_and_nothing_else(folder, tmp_path, capsys):
    out = tmp_path / "out"
    made = train(folder, capsys, out=str(out))
    assert [path.name for path in out.iterdir()] == [made["id"]]
    assert made["folder"] == str(out / made["id"])
    other = train(folder, capsys, out=str(tmp_path / "other"))
    assert other["reused"]
    names = ("stack.safetensors", "card.json")
    assert [(out / made["id"] / name).read_bytes() for name in names] == [
        (tmp_path / "other" / made["id"] / name).read_bytes() for name in names
    ]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"source": ("density",)}, "--foundation and --source: expected one of them"),
        ({"table1": "d"}, "--foundation and --table1"),
        ({"exclude": "ltc"}, "--foundation and --exclude"),
        ({"trunk": "shared"}, "--foundation and --trunk"),
        ({"epochs": 0}, "--epochs: expected at least 1, got 0"),
        ({"networks": 0}, "--networks: expected at least 1, got 0"),
        ({"out": "s3://bucket/x"}, "--out: expected a folder of this machine"),
        ({"foundation": None, "source": ("density",), "recipe": "inorganic"}, "--recipe is for --foundation"),
        ({"foundation": None, "source": ("density",), "out": "x"}, "--out is for --foundation"),
        ({"foundation": None}, "expected --source .*--foundation"),
    ],
)
def test_flags_that_do_not_go_together(flags, said):
    with pytest.raises(UserError, match=said):
        resolve({"foundation": "data", **flags}, None)


def test_three_networks_for_every_fold():
    assert resolve({"foundation": "data"}, None).networks == 3
    assert resolve({"source": ("density",)}, None).networks == 100
    assert resolve({"foundation": "data", "networks": 2}, None).networks == 2
