"""`--quick` and `--thorough` set other flags, which win where they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kakehashi.catalogs.flag import collect_flags
from kakehashi.catalogs.records import UserError
from kakehashi.screen.evaluation.config import EvaluateConfig
from kakehashi.screen.evaluation.config import resolve as resolve_evaluation
from kakehashi.screen.heads.registry import LINES, SERVING_HEADS
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.presets import PRESETS
from kakehashi.screen.screening.config import ScreenConfig, deciding, resolve

TARGET: dict[str, Any] = {"target": "ltc"}


def test_presets_set_known_flags_of_both_commands() -> None:
    known = {*collect_flags(ScreenConfig), *collect_flags(EvaluateConfig)}
    for values in PRESETS.values():
        assert {*values} <= known
    quick, thorough = resolve({**TARGET, "quick": True}, None), resolve({**TARGET, "thorough": True}, None)
    assert (quick.outer_folds, quick.no_families, quick.source, quick.heads) == (5, True, (), ("ridge", "gp"))
    assert (thorough.source, thorough.networks, thorough.heads) == (("usual",), 50, SERVING_HEADS)
    assert (thorough.outer_folds, thorough.no_families) == (10, False)
    assert resolve_evaluation({**TARGET, "quick": True}, None).baselines == ("none",)
    assert {*SERVING_HEADS} < {*LINES}
    assert "rf-1" not in SERVING_HEADS


def test_a_flag_or_a_key_of_the_file_wins(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("quick = true\nouter_folds = 7\n")
    config = resolve({**TARGET, "heads": "forest"}, str(file))
    assert (config.outer_folds, config.heads, config.no_families) == (7, ("forest",), True)


def test_two_presets_are_refused() -> None:
    with pytest.raises(UserError, match="--quick, --thorough, got both"):
        resolve({**TARGET, "quick": True, "thorough": True}, None)


def test_what_a_preset_sets_decides_the_results_not_the_preset() -> None:
    quick, same = (
        resolve({**TARGET, "quick": True}, None),
        resolve({**TARGET, "outer_folds": 5, "no_families": True, "score": "in-domain"}, None),
    )
    assert deciding(as_dict(quick)) == deciding(as_dict(same))
    assert deciding(as_dict(quick)) != deciding(as_dict(resolve(TARGET, None)))
    assert not {"no_families", "score"} & {*deciding(as_dict(resolve(TARGET, None)))}  # as runs before the flags
