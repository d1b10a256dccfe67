"""What --architecture refuses, before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.screening.config import resolve
from kakehashi.screen.screening.inputs import read_inputs

GRAPHS: dict[str, Any] = {"architecture": "cgcnn", "target": "t.csv:k", "source": ["s.csv:e"]}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"architecture": "transformer"}, "expected one of pyramid, cgcnn"),
        ({"source": []}, "expected a --source"),
        ({"trunk": "shared", "source": ["s.csv:e", "s.csv:f"]}, "--trunk separate"),
        ({"descriptors": "rdkit@unit"}, "--descriptors is for formulas and SMILES"),
        ({"heads": ["ridge,finetune"]}, "got finetune"),
    ],
)
def test_settings_that_cannot_be(more: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        resolve({**GRAPHS, **more}, None)


def test_fewer_networks_unless_told() -> None:
    assert resolve(GRAPHS, None).networks == 5
    assert resolve({**GRAPHS, "networks": 9}, None).networks == 9
    assert resolve({"target": "t.csv:k"}, None).networks == 50


def test_files_without_structures(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("formula,k\n" + "".join(f"Mg{i}O,{i}\n" for i in range(1, 20)))
    with pytest.raises(UserError, match="give them by id with --structures"):
        read_inputs(resolve({**GRAPHS, "target": f"{path}:k", "source": [f"{path}:k"]}, None))
    with pytest.raises(UserError, match="do not come with embedded data sets"):
        read_inputs(resolve({**GRAPHS, "target": "crystal_thermal_conductivity"}, None))
