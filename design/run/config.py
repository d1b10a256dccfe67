"""Configuration of a design run: defaults, then run.toml, then flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kakehashi.catalogs.properties.refused import MAX_REJECTED
from kakehashi.catalogs.records import UserError
from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.screening.config import check_shared, check_workers, decisive, from_toml, words

PROPOSALS = ("reactions", "ngram", "recurrent")
SAMPLERS = ("smc", "iqspr")
# Errors are 3 to 13 % larger than with the default of a screening, at six times the speed: a sampler describes tens of
# thousands of units (benchmarks/repeat_unit_descriptors.py).
DESCRIPTORS = "ecfp4@ring/atom"
# Settings that do not change the results.
INCIDENTAL = ("out", "no_cache", "workers", "device", "max_rejected")


@dataclass(frozen=True, slots=True)
class DesignConfig:
    """Settings of a design run, named as the flags."""

    target: tuple[str, ...] = ()
    goal: tuple[str, ...] = ()
    value: str | None = None
    log: bool = False
    material: tuple[str, ...] | None = None
    unit: tuple[str, ...] = ()
    max_rejected: float = MAX_REJECTED
    source: tuple[str, ...] = ()
    networks: int = 10
    descriptors: str = DESCRIPTORS
    outer_folds: int = 5
    heads: tuple[str, ...] = DEFAULT_HEADS
    proposal: str = "reactions"
    corpus: str | None = None
    pool: str | None = None
    polymer_class: tuple[str, ...] = ()
    sampler: str = "smc"
    particles: int = 1000
    prior_draws: int = 10_000
    max_sa: float = 6.0
    max_atoms: int = 80
    fragments: str | None = None
    top: int = 1000
    seed: int = 0
    no_cache: bool = False
    workers: int | None = None
    device: str = "auto"
    out: str = ""


def resolve(flags: Mapping[str, Any], file: str | None) -> DesignConfig:
    """Merge defaults, TOML file and flags, and check the result.

    Flags that are None are not set.

    Raises
    ------
    UserError : unreadable TOML, unknown key (with the nearest known one), wrong type, or a value out of range.

    Examples
    --------
    >>> resolve({"target": ["tg.csv:tg"], "goal": ["tg>400"], "seed": 1}, None).seed
    1
    """
    merged: dict[str, Any] = from_toml(Path(file), DesignConfig) if file else {}
    merged.update({name: value for name, value in flags.items() if value is not None})
    for name in ("target", "goal", "material", "source", "heads", "polymer_class", "unit"):
        if name in merged:
            merged[name] = tuple(merged[name])
    for name in ("heads", "polymer_class"):
        if name in merged:
            merged[name] = words(merged[name])
    config = DesignConfig(**merged)
    _check(config)
    return config


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that decide the results, of a configuration as plain values."""
    return decisive(config, INCIDENTAL)


def _check(config: DesignConfig) -> None:
    if not config.target:
        raise UserError("--target is missing: FILE:COLUMN or NAME=FILE:COLUMN with repeat units, or an embedded name")
    if not config.goal:
        raise UserError("--goal is missing: for example --goal 'thermal_conductivity>0.35'")
    least = {"networks": 1, "outer_folds": 2, "particles": 10, "prior_draws": 1000, "seed": 0, "top": 1, "max_atoms": 1}
    check_shared(config, least, ("target", "source", "goal"))
    check_workers(config.workers, None)
    for name, choices in (("proposal", PROPOSALS), ("sampler", SAMPLERS)):
        if getattr(config, name) not in choices:
            raise UserError(f"--{name}: expected one of {', '.join(choices)}, got {getattr(config, name)!r}")
    if config.proposal == "reactions" and config.corpus is not None:
        raise UserError("--corpus is what --proposal ngram or recurrent learn from; reactions start from --pool")
    if config.proposal != "reactions" and config.pool is not None:
        raise UserError("--pool holds monomers for --proposal reactions; ngram and recurrent learn from --corpus")
