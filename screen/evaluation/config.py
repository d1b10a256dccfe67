"""Configuration of an evaluation: defaults, then run.toml, then flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from kakehashi.catalogs.properties.refused import MAX_REJECTED
from kakehashi.catalogs.records import UserError
from kakehashi.screen.heads.registry import DEFAULT_BASELINES, DEFAULT_HEADS, direct_heads
from kakehashi.screen.networks.trunk import check_trunk
from kakehashi.screen.screening.config import (
    CONVENTIONS,
    DEFAULT_SOURCES,
    NO_SOURCE,
    check_shared,
    decisive,
    from_toml,
    words,
)

Holdout = Literal["random", "formula", "family", "element", "top"]
HOLDOUTS: tuple[Holdout, ...] = get_args(Holdout)
TOP_FRACTION = 0.2
# Settings of how and where an evaluation is done, which change nothing in it.
INCIDENTAL = ("out", "no_cache", "device", "max_rejected")


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """Settings of an evaluation, named like the flags."""

    target: str = ""
    value: str | None = None
    log: bool = False
    material: tuple[str, ...] | None = None
    folds: str | None = None
    unit: tuple[str, ...] = ()
    max_rejected: float = MAX_REJECTED
    source: tuple[str, ...] = ()
    trunk: str = "separate"
    networks: int = 50
    convention: str | None = None
    descriptors: str | None = None
    outer_folds: int = 10
    heads: tuple[str, ...] = DEFAULT_HEADS
    baselines: tuple[str, ...] = DEFAULT_BASELINES
    holdout: str = "formula"
    top_fraction: float = TOP_FRACTION
    learning_curve: bool = False
    seed: int = 0
    no_cache: bool = False
    device: str = "auto"
    out: str = ""


def resolve(flags: Mapping[str, Any], file: str | None) -> EvaluateConfig:
    """Merge defaults, the TOML file and given flags, and check them.

    A flag of None is not given.

    Raises
    ------
    UserError : unreadable TOML, unknown key (with the nearest known one), wrong type, or a value out of range.

    Examples
    --------
    >>> resolve({"target": "ltc", "heads": ("ridge",)}, None).heads
    ('ridge',)
    """
    merged: dict[str, Any] = from_toml(Path(file), EvaluateConfig) if file else {}
    merged.update({name: value for name, value in flags.items() if value is not None})
    for name in ("source", "material", "heads", "baselines", "unit"):
        if name in merged:
            merged[name] = tuple(merged[name])
    for name in ("heads", "baselines"):
        if name in merged:
            merged[name] = words(merged[name])
    config = EvaluateConfig(**merged)
    _check(config)
    return config


def as_dict(config: EvaluateConfig) -> dict[str, Any]:
    """The resolved configuration as plain JSON values."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(config).items()}


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that decide the results, as plain values."""
    return decisive(config, INCIDENTAL)


def _check(config: EvaluateConfig) -> None:
    if not config.target:
        raise UserError("--target is missing: a name from `kakehashi catalogs list`, or FILE:COLUMN")
    check_shared(config, {"networks": 1, "outer_folds": 2, "seed": 0}, ("source",))
    check_trunk(config.trunk, 0 if config.source == NO_SOURCE else len(config.source) or len(DEFAULT_SOURCES))
    for name, value, known in (
        ("convention", config.convention, (None, *CONVENTIONS)),
        ("holdout", config.holdout, HOLDOUTS),
    ):
        if value not in known:
            raise UserError(f"--{name}: expected one of {', '.join(k for k in known if k)}, got {value!r}")
    for baseline in config.baselines:
        if baseline not in direct_heads() and config.baselines != ("none",):
            raise UserError(f"--baselines: expected some of {', '.join(direct_heads())}, or none, got {baseline!r}")
    if not 0 < config.top_fraction < 1:
        raise UserError(f"--top-fraction: expected a share between 0 and 1, got {config.top_fraction:g}")
