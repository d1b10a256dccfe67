"""The screening half of `kakehashi demo`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kakehashi.catalogs.cli.flags import ProgressFlags
from kakehashi.catalogs.files.paths import local
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.open import recorded_at
from kakehashi.catalogs.runs.store import folder_of, is_url
from kakehashi.screen.screening.config import ScreenConfig, resolve

FIXED = {"target": "ltc", "log": True, "catalog": "default"}


def configure_screening(out: str, networks: int, seed: int, device: str) -> ScreenConfig:
    """Configure the screening.

    Raises
    ------
    UserError : the folder holds another run.
    """
    config = resolve({**FIXED, "networks": networks, "seed": seed, "out": out, "device": device}, None)
    refuse_other_runs(out, {"target": config.target, "catalog": config.catalog})
    return config


def run_screening(config: ScreenConfig, call: ProgressFlags) -> int:
    """Run and print the screening; the exit code."""
    from kakehashi.screen.cli.flags import printing_options
    from kakehashi.screen.cli.screen_text import kind
    from kakehashi.screen.runs.runner import run_and_print

    return run_and_print(kind(), config, overwrite=True, resumable=False, **printing_options(call))


def refuse_other_runs(out: str, expected: Mapping[str, Any]) -> None:
    """Refuse to overwrite a finished run whose settings differ from the expected ones (UserError)."""
    try:
        if is_url(out):
            if (results := recorded_at(out)) is None:
                return
            text = results.read_text("run.json")
        else:
            text = (Path(folder_of(out) or local(out)) / "run.json").read_text(encoding="utf-8")
        config = json.loads(text)["config"]
        settings = {name: config[name] for name in expected}
    except (FileNotFoundError, NotADirectoryError):
        return
    except (ValueError, KeyError, TypeError):
        settings = {}
    if settings != expected:
        raise UserError(f"{out} holds a run that is not the demo's: choose another --out")
