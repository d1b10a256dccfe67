"""Checks of settings that configurations of several kinds of run share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kakehashi.catalogs.properties.refused import check_share
from kakehashi.catalogs.properties.stated_units import parse_units
from kakehashi.catalogs.records import UserError
from kakehashi.screen.device import check_device
from kakehashi.screen.heads.registry import LINES
from kakehashi.screen.scoring.workers.scheduler import SLURM, check_scheduler, check_usable
from kakehashi.screen.scoring.workers.semaphores import find_missing

# Random keys hold 32 bits of a seed.
LARGEST_SEED = 2**32 - 1


def check_shared(config: Any, least: Mapping[str, int], once: Iterable[str]) -> None:
    """Refuse settings that no run can be done with.

    config : of any kind of run, with a seed, heads, a device, units and a share that may be rejected
    least : the smallest value of each setting; once : the settings that name nothing twice
    """
    for name, smallest in least.items():
        if getattr(config, name) < smallest:
            raise UserError(f"--{name.replace('_', '-')}: expected at least {smallest}, got {getattr(config, name)}")
    check_seed(config.seed)
    for head in config.heads:
        if head not in LINES:
            raise UserError(f"--heads: expected some of {', '.join(LINES)}, got {head!r}")
    check_device(config.device)
    parse_units(config.unit)
    check_share(config.max_rejected)
    for name in once:
        check_distinct(name, getattr(config, name))


def check_seed(seed: int) -> None:
    """Refuse a seed of more than 32 bits."""
    if seed > LARGEST_SEED:
        raise UserError(f"--seed: expected at most {LARGEST_SEED}, got {seed}")


def check_distinct(name: str, texts: tuple[str, ...]) -> None:
    """Refuse a flag that names something twice."""
    if len(set(texts)) != len(texts):
        raise UserError(f"--{name}: given twice: {', '.join(texts)}")


def check_known(name: str, value: str | None, known: Iterable[str]) -> None:
    """Refuse a value that is none of the known ones; None is not given."""
    names = tuple(known)
    if value is not None and value not in names:
        raise UserError(f"--{name}: expected one of {', '.join(names)}, got {value!r}")


def check_workers(workers: int | None, scheduler: str | None, *, insecure: bool = False) -> None:
    """Refuse workers below 1, workers in two places, or an unsafe scheduler."""
    if workers is not None and workers < 1:
        raise UserError(f"--workers: expected at least 1, got {workers}")
    if workers is not None and scheduler is None and (lack := find_missing()):
        raise UserError(f"--workers: {lack.why}; try: {lack.fix}; or leave --workers out")
    if scheduler is not None:
        check_scheduler(scheduler, insecure=insecure)
    if workers is not None and scheduler not in (None, SLURM):
        raise UserError("expected --workers (on this machine) or --scheduler (elsewhere), got both: choose one")
    if scheduler is not None:
        check_usable(scheduler)
