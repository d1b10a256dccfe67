"""Configuration of an evaluation: its flags, and which of them go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from kakehashi.catalogs.flag import MODELS, USUAL, Flag, Here
from kakehashi.catalogs.records import UserError
from kakehashi.screen.descriptors.registry import CONVENTIONS
from kakehashi.screen.heads.registry import DEFAULT_BASELINES, baselines_help, direct_heads
from kakehashi.screen.runs import config as runs
from kakehashi.screen.runs.flags import (
    CacheFlags,
    DeviceFlags,
    FoldFlags,
    FoundationFlags,
    HeadFlags,
    OutFlags,
    PresetFlags,
    SeedFlags,
    TableFlags,
    TargetFlags,
    TrunkFlags,
    UsualSourceFlags,
    ValueFlags,
)
from kakehashi.screen.runs.presets import NO_BASELINE
from kakehashi.screen.screening.config import DEFAULT_NETWORKS, NETWORKS_OF_ALL, count_sources, default_networks

Holdout = Literal["random", "formula", "family", "element", "top"]
# What each holdout holds out, for help.
HOLDOUTS: dict[Holdout, str] = {
    "random": "single materials",
    "formula": "no formula on both sides",
    "family": "whole chemical families",
    "element": "each material by a model that never saw its rarest element",
    "top": "the largest values",
}
TOP_FRACTION = 0.2


@dataclass(frozen=True, kw_only=True)
class HoldoutFlags:
    """Models without transfer, and the materials they are compared on."""

    baselines: Annotated[tuple[str, ...], Flag(baselines_help(), MODELS, default="", commas=True)] = DEFAULT_BASELINES
    holdout: Annotated[
        str, Flag(f"Materials held out: {'; '.join(f'{name} ({about})' for name, about in HOLDOUTS.items())}.", USUAL)
    ] = "formula"
    top_fraction: Annotated[float, Flag("Share of materials held out by --holdout top.", MODELS)] = TOP_FRACTION
    learning_curve: Annotated[
        bool, Flag("Measure how the error falls with the number of known values, too, from 10 to all.", USUAL)
    ] = False


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(
    OutFlags, DeviceFlags, CacheFlags, SeedFlags, HoldoutFlags, HeadFlags, FoldFlags, TrunkFlags, FoundationFlags,
    PresetFlags, UsualSourceFlags,
    TableFlags, ValueFlags, TargetFlags,
):  # fmt: skip
    """Flags of an evaluation, keys of its TOML file, and `config` in its run.json."""

    networks: Annotated[int, Here(default=f"{DEFAULT_NETWORKS['pyramid']}, {NETWORKS_OF_ALL} with --source all")] = (
        DEFAULT_NETWORKS["pyramid"]
    )


def _check(config: EvaluateConfig) -> None:
    # Imported here: help reads this file, and must be quick.
    from kakehashi.screen.networks.trunk import check_trunk
    from kakehashi.screen.runs.checks import check_known, check_shared

    if not config.target:
        raise UserError("--target is missing: a name from `kakehashi catalogs list`, or FILE:COLUMN")
    check_shared(config, {"networks": 1, "outer_folds": 2, "seed": 0}, ("source",))
    check_trunk(config.trunk, count_sources(config.source))
    check_known("convention", config.convention, CONVENTIONS)
    check_known("holdout", config.holdout, HOLDOUTS)
    for baseline in config.baselines:
        if baseline not in direct_heads() and config.baselines != NO_BASELINE:
            raise UserError(f"--baselines: expected some of {', '.join(direct_heads())}, or none, got {baseline!r}")
    if not 0 < config.top_fraction < 1:
        raise UserError(f"--top-fraction: expected a share between 0 and 1, got {config.top_fraction:g}")


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"networks": default_networks(values)}


resolve = partial(runs.resolve, EvaluateConfig, check=_check, defaults=_defaults)
deciding = partial(runs.deciding, EvaluateConfig)
