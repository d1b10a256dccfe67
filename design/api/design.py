"""Inverse design from Python: `kakehashi.design`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.open import open_run
from kakehashi.design.chemistry.pool import read_pool
from kakehashi.design.likelihood.goals import parse_goals
from kakehashi.design.run.config import resolve
from kakehashi.design.run.inputs import DesignInputs, property_of
from kakehashi.design.run.known import read_known
from kakehashi.design.run.proposals import proposer
from kakehashi.design.run.run import finish
from kakehashi.design.run.space import check_space
from kakehashi.screen.progress import Progress
from kakehashi.screen.transfer.fit import Model


def design(
    model: Model | Mapping[str, Model],
    goal: str | Sequence[str],
    *,
    out: str | Path,
    particles: int = 1000,
    proposal: str = "reactions",
    pool: str | None = None,
    corpus: str | None = None,
    polymer_class: Sequence[str] = (),
    polymerisation: Sequence[str] = (),
    monomers: str = "any",
    growth: str = "on",
    sampler: str = "smc",
    contains: Sequence[str] = (),
    without: Sequence[str] = (),
    only_elements: Sequence[str] = (),
    max_mass: float | None = None,
    charge_free: bool = False,
    known: Sequence[str] = (),
    prior_draws: int = 10_000,
    max_sa: float = 6.0,
    top: int = 1000,
    seed: int = 0,
    workers: int = 1,
    resume: bool = False,
    overwrite: bool = False,
) -> pa.Table:
    """Propose repeat units that meet a goal.

    Writes the run folder and returns its proposals.

    Parameters
    ----------
    model : of repeat units, from `transfer`; several as {name: model}.
    goal : a window of the model's target (by its name), e.g. "thermal_conductivity > 0.35", or "maximise tg";
        several as a list.
    sampler, monomers, growth, polymer_class, polymerisation, contains, without, only_elements, max_mass, charge_free,
        known : as the flags of `kakehashi design`.
    out : a folder, or a URL as text, such as "s3://bucket/run".
    workers : processes that parse repeat units, started anew: more than one needs `if __name__ == "__main__":`.

    Raises
    ------
    UserError : models of compositions, a goal on an unknown property or that no repeat unit can reach, ...
    """
    models = {model.target.name: model} if isinstance(model, Model) else dict(model)
    conventions = {fitted.library.convention for fitted in models.values()}
    for name, fitted in models.items():
        if fitted.target.molecules is None:
            raise UserError(f"expected models of repeat units, got {name}, a model of compositions")
    if len(conventions) != 1:
        raise UserError(f"expected models on the same descriptors, got {', '.join(sorted(conventions))}")
    goals = (goal,) if isinstance(goal, str) else tuple(goal)
    flags = {
        "target": tuple(models), "goal": goals, "particles": particles, "proposal": proposal, "pool": pool,
        "corpus": corpus, "polymer_class": tuple(polymer_class) or None,
        "polymerisation": tuple(polymerisation) or None, "monomers": monomers, "growth": growth, "sampler": sampler,
        "contains": tuple(contains) or None, "without": tuple(without) or None,
        "only_elements": tuple(only_elements) or None, "max_mass": max_mass, "charge_free": charge_free,
        "known": tuple(known) or None, "prior_draws": prior_draws, "max_sa": max_sa,
        "top": top, "seed": seed, "workers": workers, "out": str(out), "descriptors": next(iter(conventions)),
        "source": tuple(dict.fromkeys(s.name for fitted in models.values() for s in fitted.library.sources)),
    }  # fmt: skip
    config = resolve(flags, None)
    check_space(config)
    properties = [property_of(fitted.target)._replace(name=name) for name, fitted in models.items()]
    inputs = DesignInputs(
        tuple(fitted.target for fitted in models.values()), (), parse_goals(goals, properties), next(iter(conventions)),
        pool=read_pool(Path(config.pool)) if config.pool else None,
        known=tuple(read_known(Path(spec)) for spec in config.known),
    )  # fmt: skip
    prior = proposer(config, inputs.pool)
    with open_run(out, resume=resume, overwrite=overwrite) as rundir:
        return finish(config, inputs, models, prior, rundir, Progress("quiet"), "kakehashi.design(...)").proposals
