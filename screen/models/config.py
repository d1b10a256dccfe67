"""Configuration of `kakehashi models train`: its flags, and which of them go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from kakehashi.catalogs.flag import NETWORKS, TARGET, USUAL, Flag, Here
from kakehashi.catalogs.records import UserError
from kakehashi.screen.descriptors.registry import CONVENTIONS
from kakehashi.screen.device import check_device
from kakehashi.screen.runs import config as runs
from kakehashi.screen.runs.flags import DeviceFlags, OutFlags, SeedFlags, SourceFlags, TableFlags, TrunkFlags

NETWORKS_PER_SOURCE, NETWORKS_PER_SET = 100, 3


@dataclass(frozen=True, kw_only=True)
class TrainConfig(OutFlags, DeviceFlags, SeedFlags, TrunkFlags, SourceFlags, TableFlags):
    """Flags of a training, and keys of its TOML file."""

    foundation: Annotated[
        str | None,
        Flag(
            "Folder of tables: train networks that learn every property in it at once, some on all formulas, others"
            " without those of a fold.",
            USUAL,
        ),
    ] = None
    recipe: Annotated[
        str | None,
        Flag(
            "Which tables and columns of the folder are learned, with units, licences and citations: inorganic, or a"
            " TOML file.",
            NETWORKS,
            default="every numeric column",
        ),
    ] = None
    epochs: Annotated[int, Flag("Epochs of a foundation network.", NETWORKS)] = 15
    out: Annotated[
        str, Here("Of a foundation: a folder for its networks beside the library of models, in which they grow.")
    ] = ""
    table1: Annotated[
        str | None,
        Flag(
            "Folder of data for the properties of Table 1 of Liu, Yamada and Wu (2021): train all of them, and say of"
            " the others why they cannot be had.",
            NETWORKS,
        ),
    ] = None
    source: Annotated[tuple[str, ...], Here("Or give --table1 or --foundation.")] = ()
    networks: Annotated[int, Here(default=f"{NETWORKS_PER_SOURCE}; of a foundation {NETWORKS_PER_SET} per fold")] = (
        NETWORKS_PER_SOURCE
    )
    exclude: Annotated[str | None, Flag("Target whose materials no network may see.", TARGET)] = None


def _check(config: TrainConfig) -> None:
    # Imported here: help reads this file, and must be quick.
    from kakehashi.catalogs.properties.stated_units import parse_units
    from kakehashi.screen.networks.trunk import check_trunk
    from kakehashi.screen.runs.checks import LARGEST_SEED, check_distinct, check_known

    if config.foundation is not None:
        _check_foundation(config)
    elif not config.source and config.table1 is None:
        raise UserError(
            "expected --source (a name from `kakehashi catalogs list`, or FILE:COLUMN), --table1 FOLDER or --foundation"
            " FOLDER"
        )
    elif config.recipe is not None or config.out:
        raise UserError(f"--{'out' if config.out else 'recipe'} is for --foundation FOLDER")
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


def _check_foundation(config: TrainConfig) -> None:
    """Refuse flags that say nothing of a foundation."""
    other = ("source", "table1", "exclude", "descriptors", "convention", "material", "unit")
    given = [name for name in other if getattr(config, name)] + (["trunk"] if config.trunk != "separate" else [])
    if given:
        raise UserError(
            f"--foundation and --{given[0]}: expected one of them; a --recipe says which columns are learned, and"
            " folds of the formulas keep what is tested unseen"
        )
    if config.epochs < 1:
        raise UserError(f"--epochs: expected at least 1, got {config.epochs}")
    if "://" in config.out:
        raise UserError(f"--out: expected a folder of this machine, got {config.out!r}")


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"networks": NETWORKS_PER_SET} if values.get("foundation") is not None else {}


resolve = partial(runs.resolve, TrainConfig, check=_check, defaults=_defaults)
