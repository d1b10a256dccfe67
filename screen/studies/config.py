"""Configuration of a study: its flags, and which of them each study takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any

from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.flag import MODELS, USUAL, Flag, Here
from kakehashi.catalogs.records import UserError
from kakehashi.screen.device import check_device
from kakehashi.screen.runs import config as runs
from kakehashi.screen.runs.candidate_flags import LimitFlags
from kakehashi.screen.runs.flags import (
    CacheFlags,
    DeviceFlags,
    NetworkFlags,
    OutFlags,
    ParticleFlags,
    SeedFlags,
    WorkerFlags,
)

STUDIES = ("ltc", "refractive-index", "polymer-tc")
# Networks: of all sources together in `ltc` (the paper's 100), of each source elsewhere. Draws: of 19 polymers, of test
# sets of a fifth.
DEFAULTS: dict[str, dict[str, int]] = {
    "ltc": {"networks": 100, "draws": 1},
    "refractive-index": {"networks": 20, "draws": 10},
    "polymer-tc": {"networks": 20, "draws": 10},
}
# Studies that a flag changes something in; the others refuse it.
SERVES = {
    "draws": ("refractive-index", "polymer-tc"), "limit": ("ltc",), "particles": ("polymer-tc",),
    "workers": ("polymer-tc",),
}  # fmt: skip


def _only(flag: str) -> str:
    return f"Study {' and '.join(SERVES[flag])} only."


@dataclass(frozen=True, kw_only=True)
class StudyFlags(OutFlags, DeviceFlags, WorkerFlags, CacheFlags, SeedFlags, ParticleFlags, LimitFlags, NetworkFlags):
    """Flags of a study.

    networks, draws : 0 stands for the study's own number until `resolve` puts it there
    """

    data: Annotated[
        str | None,
        Flag("Folder of the shared data.", USUAL,
             default="the data that come with Kakehashi, with stand-ins that are named"),
    ] = None  # fmt: skip
    networks: Annotated[int, Here(default="100 for ltc (of all sources together), else 20")] = 0
    draws: Annotated[
        int, Flag(f"Test sets, or sets of 19 training polymers, drawn. {_only('draws')}", MODELS, default="10")
    ] = 0
    limit: Annotated[int | None, Here(_only("limit"))] = None
    particles: Annotated[int, Here(_only("particles"))] = 500
    workers: Annotated[int | None, Here(_only("workers"))] = None


@dataclass(frozen=True, kw_only=True)
class StudyConfig(StudyFlags):
    """A study and its flags: keys of its TOML file, and `config` in its run.json."""

    name: Annotated[str, Flag("Name of the study.")] = ""


def resolve(name: str, flags: Mapping[str, Any], file: str | None) -> StudyConfig:
    """Merge defaults, the TOML file and the flags into a configuration.

    Raises
    ------
    UserError : an unknown study (with the nearest one), no such folder of data, a value out of range, a setting of
        another study, ...

    Examples
    --------
    >>> resolve("ltc", {"seed": 1}, None).networks
    100
    """
    if name not in STUDIES:
        near = get_close_matches(name, STUDIES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(STUDIES)}"
        raise UserError(f"unknown study {name!r}; {hint}")
    return runs.resolve(StudyConfig, flags, file, defaults=partial(_defaults, name, file), check=_check)


def _defaults(name: str, file: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Check the values, and return the numbers of this study."""
    if values.get("name", name) != name:
        raise UserError(f"--config {file} is for the study {values['name']}, not {name}")
    for key, least in (("networks", 1), ("draws", 1), ("limit", 1), ("particles", 10), ("seed", 0), ("workers", 1)):
        if values.get(key) is not None and values[key] < least:
            raise UserError(f"--{key}: expected at least {least}, got {values[key]}")
    for key, studies in SERVES.items():
        if values.get(key) is not None and name not in studies:
            raise UserError(f"--{key} serves the study {' and '.join(studies)}, not {name}; leave it out")
    return {**DEFAULTS[name], "name": name}


def _check(config: StudyConfig) -> None:
    # Imported here: help reads this file, and must be quick.
    from kakehashi.screen.runs.checks import check_seed

    check_seed(config.seed)
    check_device(config.device)
    if config.data is not None and not path_of(config.data).is_dir():
        raise UserError(f"--data: expected the folder of the shared data, but {config.data} is no folder")


deciding = partial(runs.deciding, StudyConfig)
