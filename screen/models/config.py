"""Configuration of `kakehashi models train`: its flags, and which of them go together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from kakehashi.catalogs.flag import NETWORKS, TARGET, Flag, Here
from kakehashi.catalogs.records import UserError
from kakehashi.screen.descriptors.registry import CONVENTIONS
from kakehashi.screen.device import check_device
from kakehashi.screen.runs import config as runs
from kakehashi.screen.runs.flags import DeviceFlags, SeedFlags, SourceFlags, TableFlags, TrunkFlags


@dataclass(frozen=True, kw_only=True)
class TrainConfig(DeviceFlags, SeedFlags, TrunkFlags, SourceFlags, TableFlags):
    """Flags of a training, and keys of its TOML file."""

    table1: Annotated[
        str | None,
        Flag(
            "Folder of data for the properties of Table 1 of Liu, Yamada and Wu (2021): train all of them, and say of"
            " the others why they cannot be had.",
            NETWORKS,
        ),
    ] = None
    source: Annotated[tuple[str, ...], Here("Or give --table1.")] = ()
    networks: int = 100
    exclude: Annotated[str | None, Flag("Target whose materials no network may see.", TARGET)] = None


def _check(config: TrainConfig) -> None:
    # Imported here: help reads this file, and must be quick.
    from kakehashi.catalogs.properties.stated_units import parse_units
    from kakehashi.screen.networks.trunk import check_trunk
    from kakehashi.screen.runs.checks import LARGEST_SEED, check_distinct, check_known

    if not config.source and config.table1 is None:
        raise UserError("expected --source (a name from `kakehashi catalogs list`, or FILE:COLUMN) or --table1 FOLDER")
    check_distinct("source", config.source)
    if config.networks < 1:
        raise UserError(f"--networks: expected at least 1, got {config.networks}")
    if not 0 <= config.seed <= LARGEST_SEED:
        raise UserError(f"--seed: expected 0 to {LARGEST_SEED}, got {config.seed}")
    check_known("convention", config.convention, CONVENTIONS)
    check_device(config.device)
    parse_units(config.unit)
    if config.trunk != "separate" and config.table1 is not None:
        raise UserError(f"--trunk {config.trunk} is for --source: the properties of Table 1 have networks of their own")
    if config.source:
        check_trunk(config.trunk, len(config.source))


resolve = partial(runs.resolve, TrainConfig, check=_check)
