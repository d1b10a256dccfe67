"""What a card may say."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kakehashi.catalogs.models import library
from kakehashi.catalogs.models.card_checks import check

METRICS = {
    "mae": 0.2,
    "max_ae": 1.0,
    "mse": 0.09,
    "rmse": 0.3,
    "r2": 0.7,
    "spearman": 0.8,
    "p_value": 1e-9,
    "pearson": None,
}
ENTRY = {"structure": "290-100-1", "parameters": 1000, "epochs": 9, "held_out": [12], "metrics": [METRICS]}
TASK = {
    "name": "band gap",
    "property": "gap",
    "unit": "eV",
    "log": False,
    "rows": 120,
    "source": "A. Müller\u00a0et al.",
    "licence": "",
}
CARD = {
    "kind": "networks",
    "tasks": [TASK],
    "entries": [ENTRY, {**ENTRY}],
    "networks": 2,
    "seed": 0,
    "bytes": 1,
    "split": None,
}
MODEL = {"kind": "model", "used": 45, "held_out": 45, "metrics": METRICS, "seed": 0, "bytes": 10}


def changed(card: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(card)
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    inner: Any = made
    for step in way:
        inner = inner[step]
    inner[last] = value
    return made


def test_what_is_written_here_passes() -> None:
    check(CARD)
    check(MODEL)
    check(changed(CARD, "entries.0.metrics", []))
    check(changed(CARD, "tasks.0.source", "two\nlines, κ, 架け橋"))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("networks", 10**9, "networks: expected a whole number from 1 to 10,000, got 1000000000"),
        ("networks", -1, "networks: expected a whole number from 1 to 10,000, got -1"),
        ("networks", True, "networks: expected a whole number"),
        ("networks", 2.0, "networks: expected a whole number"),
        ("networks", 3, "networks: expected 2, as there are entries, got 3"),
        ("seed", -1, "seed: expected a whole number from 0"),
        ("seed", 2**64, "seed: expected a whole number from 0"),
        ("bytes", 0, "bytes: expected a whole number from 1"),
        ("tasks", [], "number of tasks: expected a whole number from 1 to 1,000, got 0"),
        ("tasks.0.rows", -5, "rows of task 0: expected"),
        ("entries.1.structure", "290-" + "9" * 30, "structure of network 1: expected widths"),
        ("entries.0.structure", "1\x1b[2J-1", "structure: expected printable characters"),
        ("entries.0.parameters", 10**30, "parameters of network 0"),
        ("entries.0.epochs", -1, "epochs of network 0"),
        ("entries.0.held_out", [-1], "held_out of network 0"),
        ("entries.0.held_out", [1, 2], "held_out of network 0: expected one for each of 1 tasks"),
        ("entries.0.metrics.0.pearson", 1.5, "pearson in the metrics of network 0: expected -1 to 1, got 1.5"),
        ("entries.0.metrics.0.mae", -0.1, "mae in the metrics of network 0: expected 0 to inf"),
        ("entries.0.metrics.0.r2", float("nan"), "r2 in the metrics of network 0"),
        ("entries.0.metrics.0.p_value", "0", "p_value in the metrics"),
        ("tasks.0.property", "gap\x1b]0;owned\x07", r"property: expected printable characters, got 'gap\\x1b"),
        ("tasks.0.name", "\u202egnp.exe", "name: expected printable characters"),
        ("tasks.0.unit", "\x9b31m", "unit: expected printable characters"),
        ("tasks.0.licence", "x" * 100_001, "licence: expected at most 100,000 characters"),
        ("\x1b[2J", 1, "the name of a field: expected printable characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(path: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(changed(CARD, path, value))


@pytest.mark.parametrize(("path", "value"), [("used", 0), ("held_out", -1), ("metrics.pearson", 2), ("seed", None)])
def test_of_a_model(path: str, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        check(changed(MODEL, path, value))


def test_cards_that_come_with_the_package_pass() -> None:
    import json

    paths = sorted(library.SHIPPED.glob(f"*/{library.CARD}"))
    assert paths
    for path in paths:
        check(json.loads(path.read_bytes()))
