"""Sources worth keeping: each alone against none, on the same held-out compounds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from kakehashi.screen.evaluation.worth import Worth, advise_on, weigh_sources, worth_text
from kakehashi.screen.transfer.rows import DIRECT, Origin, alone_row, direct_stack_row, selected_row
from kakehashi.screen.validation.folds import splits_of


def test_a_planted_source_that_helps_is_kept_and_one_that_harms_is_not() -> None:
    n = 60
    rng = np.random.default_rng(0)
    folds = np.arange(n) % 10
    own = np.abs(rng.normal(1.0, 0.05, n))
    errors = {
        DIRECT: own, "good: stack with direct models": own - 0.5, "bad: stack with direct models": own + 0.5,
        "good: selected": own,
    }  # fmt: skip
    listed = [
        direct_stack_row(["gp"]),
        *(alone_row(Origin(k, name, 5), ["gp"]) for k, name in enumerate(["bad", "good"])),
    ]
    listed.append(selected_row(Origin(1, "good", 5)))  # a row of the source, but not its stack
    board: Any = [SimpleNamespace(name=row.name, mae=float(errors[row.name].mean())) for row in listed]
    found = weigh_sources({row.name: row for row in listed}, board, errors, splits_of(folds))
    assert [(worth.source, worth.keep, worth.sure) for worth in found] == [("good", True, True), ("bad", False, False)]
    assert np.isclose(found[0].difference, 0.5)
    text = worth_text(found, 1.0)
    assert "good (0.504)" in text
    assert "No gain from bad (1.5)" in text


def test_where_nothing_helps_that_is_said() -> None:
    found = [Worth("gap", 0.6, -0.1, 0.2, keep=False, sure=False)]
    assert worth_text(found, 0.5).startswith("No source is worth keeping")
    assert worth_text([], 0.5) == ""


def test_what_all_sources_together_do_not_gain_one_may() -> None:
    rest = [Worth(f"source {k}", 0.6, -0.1, 0.2, keep=False, sure=False) for k in range(8)]
    found = [Worth("gap", 0.4, 0.1, 0.01, keep=True, sure=True), *rest]
    told = advise_on(found, "Leave transfer out.", better=False, chosen=0.52, own=0.5)
    assert told.startswith("All sources together gain nothing: the whole procedure errs 0.52 with them")
    assert "Worth keeping, each alone beside direct models (which err 0.5): gap (0.4)." in told
    assert "source 4 (0.6) and 3 more." in told
    assert "source 5" not in told
    assert advise_on(found, "Use transfer.", better=True, chosen=0.4, own=0.5).startswith("Use transfer. Worth")
    assert advise_on(rest, "Leave transfer out.", better=False, chosen=0.6, own=0.5).startswith(
        "Leave transfer out. No"
    )
    assert advise_on([], "Leave transfer out.", better=False, chosen=0.6, own=0.5) == "Leave transfer out."
