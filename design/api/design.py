"""Inverse design from Python: `kakehashi.design`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.flag import collect_flags
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.open import open_run
from kakehashi.design.api.designed import Designed
from kakehashi.design.chemistry.constraints import read_fragments
from kakehashi.design.chemistry.pool import read_pool
from kakehashi.design.likelihood.goals import parse_goals
from kakehashi.design.run.config import DesignConfig, resolve
from kakehashi.design.run.inputs import DesignInputs, property_of
from kakehashi.design.run.known import read_known
from kakehashi.design.run.proposals import proposer
from kakehashi.design.run.run import finish
from kakehashi.design.run.space import check_space
from kakehashi.screen.device import choose
from kakehashi.screen.device_names import Device
from kakehashi.screen.progress import progress_of
from kakehashi.screen.transfer.fit import Model

# Flags that say how models are fitted, which they are already.
OF_MODELS = ("value", "log", "networks", "outer_folds", "heads", "material", "unit", "max_rejected", "no_cache")


def design(
    model: Model | Mapping[str, Model],
    goal: str | Sequence[str],
    *,
    out: str | Path,
    particles: int = 1000,
    proposal: str = "reactions",
    pool: str | Path | None = None,
    corpus: str | Path | None = None,
    polymer_class: Sequence[str] = (),
    prior_draws: int = 10_000,
    max_sa: float = 6.0,
    top: int = 1000,
    seed: int = 0,
    workers: int = 1,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    device: Device = "auto",
    **settings: Any,
) -> Designed:
    """Propose repeat units that meet a goal.

    Writes the run folder. The proposals are an Arrow table that shows and draws itself (`found.plot()`).

    Parameters
    ----------
    model : of repeat units, from `transfer`; several as {name: model}.
    goal : a window of the model's target (by its name), e.g. "thermal_conductivity > 0.35", or "maximise tg";
        several as a list.
    out : a folder, or a URL as text, such as "s3://bucket/run".
    particles, proposal, pool, corpus, polymer_class, prior_draws, max_sa, top : as the flags of `kakehashi design`.
    settings : its other flags, by their names with `_`, such as max_atoms, monomers, contains or sampler.
    workers : processes that parse repeat units, started anew: more than one needs `if __name__ == "__main__":`.
    resume : go on with an interrupted run of these very models and settings.
    progress, device : as for `pretrain`.

    Raises
    ------
    UserError : models of compositions, a goal on an unknown property or that no repeat unit can reach, ...

    Examples
    --------
    >>> import kakehashi as kh
    >>> found = kh.design(model, "thermal_conductivity > 0.35", out="runs/tc")  # doctest: +SKIP
    >>> found.plot(top=10)  # doctest: +SKIP
    """
    choose(device)
    models = {model.target.name: model} if isinstance(model, Model) else dict(model)
    conventions = {fitted.library.convention for fitted in models.values()}
    for name, fitted in models.items():
        if fitted.target.molecules is None:
            raise UserError(f"expected models of repeat units, got {name}, a model of compositions")
    if len(conventions) != 1:
        raise UserError(f"expected models on the same descriptors, got {', '.join(sorted(conventions)) or 'no model'}")
    goals = (goal,) if isinstance(goal, str) else tuple(goal)
    flags = {
        "target": tuple(models), "goal": goals, "particles": particles, "proposal": proposal,
        "pool": None if pool is None else str(pool), "corpus": None if corpus is None else str(corpus),
        "polymer_class": tuple(polymer_class) or None, "prior_draws": prior_draws, "max_sa": max_sa,
        "top": top, "seed": seed, "workers": workers, "out": str(out), "descriptors": next(iter(conventions)),
        "source": tuple(dict.fromkeys(s.name for fitted in models.values() for s in fitted.library.sources)),
        "device": device,
    }  # fmt: skip
    check_settings(settings, flags)
    config = resolve({**flags, **settings}, None)
    check_space(config)
    properties = [property_of(fitted.target)._replace(name=name) for name, fitted in models.items()]
    inputs = DesignInputs(
        tuple(fitted.target for fitted in models.values()), (), parse_goals(goals, properties), next(iter(conventions)),
        fragments=read_fragments(path_of(config.fragments)) if config.fragments else (),
        pool=read_pool(path_of(config.pool)) if config.pool else None,
        known=tuple(read_known(path_of(spec)) for spec in config.known),
    )  # fmt: skip
    prior = proposer(config, inputs.pool)
    with open_run(out, resume=resume, overwrite=overwrite) as rundir:
        found = finish(config, inputs, models, prior, rundir, progress_of(progress), "kakehashi.design(...)")
    return Designed(found.proposals, found.record, models)


def check_settings(settings: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse names that are no flags of a design, or that the models decide.

    Raises
    ------
    TypeError : an unknown name, with the nearest known one.
    """
    known = [name for name in collect_flags(DesignConfig) if name not in given and name not in OF_MODELS]
    for name in settings:
        if name not in known:
            if name in OF_MODELS:
                raise TypeError(f"design: the models decide {name}: give it to `kh.load`, `pretrain` or `transfer`")
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            raise TypeError(f"design: no setting {name!r}{hint}")
