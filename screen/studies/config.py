"""Configuration of a study: defaults, then run.toml, then flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.records import UserError
from kakehashi.screen.device import check_device
from kakehashi.screen.screening.config import LARGEST_SEED, from_toml

STUDIES = ("ltc", "refractive-index", "polymer-tc")
# Settings of how and where a study is done, which change nothing in it.
INCIDENTAL = ("out", "no_cache", "workers", "device")
# Networks: of all sources together in `ltc` (the paper's 100), of each source elsewhere. Draws: of 19 polymers, of test
# sets of a fifth.
DEFAULTS: dict[str, dict[str, int]] = {
    "ltc": {"networks": 100, "draws": 1},
    "refractive-index": {"networks": 20, "draws": 10},
    "polymer-tc": {"networks": 20, "draws": 10},
}
# Settings that change nothing in the other studies: there they are refused.
SERVES = {
    "draws": ("refractive-index", "polymer-tc"), "limit": ("ltc",), "particles": ("polymer-tc",),
    "workers": ("polymer-tc",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StudyConfig:
    """Settings of a study, named like the flags.

    networks, draws : 0 stands for the study's own number until `resolve` puts it there
    """

    name: str = ""
    data: str | None = None
    networks: int = 0
    draws: int = 0
    limit: int | None = None
    particles: int = 500
    seed: int = 0
    no_cache: bool = False
    workers: int | None = None
    device: str = "auto"
    out: str = ""


def resolve(name: str, flags: Mapping[str, Any], file: str | None) -> StudyConfig:
    """Merge defaults, the TOML file and given flags, and check them.

    A flag of None is not given.

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
    given: dict[str, Any] = from_toml(Path(file), StudyConfig) if file else {}
    if given.get("name", name) != name:
        raise UserError(f"--config {file} is for the study {given['name']}, not {name}")
    given |= {key: value for key, value in flags.items() if value is not None}
    for key, least in (("networks", 1), ("draws", 1), ("limit", 1), ("particles", 10), ("seed", 0), ("workers", 1)):
        if given.get(key) is not None and given[key] < least:
            raise UserError(f"--{key}: expected at least {least}, got {given[key]}")
    for key, studies in SERVES.items():
        if given.get(key) is not None and name not in studies:
            raise UserError(f"--{key} serves the study {' and '.join(studies)}, not {name}; leave it out")
    if given.get("seed", 0) > LARGEST_SEED:
        raise UserError(f"--seed: expected at most {LARGEST_SEED}, got {given['seed']}")
    check_device(given.get("device", "auto"))
    if given.get("data") is not None and not path_of(given["data"]).is_dir():
        raise UserError(f"--data: expected the folder of the shared data, but {given['data']} is no folder")
    merged: dict[str, Any] = {**DEFAULTS[name], **given, "name": name}
    return StudyConfig(**merged)


def as_dict(config: StudyConfig) -> dict[str, Any]:
    """The resolved configuration as plain JSON values."""
    return asdict(config)


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that decide the results, as plain values."""
    return {field.name: config.get(field.name) for field in fields(StudyConfig) if field.name not in INCIDENTAL}
