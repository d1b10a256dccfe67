"""Repeat units proposed and scored per second and core, with the ensemble that `kakehashi design` inverts by default.

Moves of a population drawn from the reactions of the embedded pool, every unit parsed, checked, described and scored by
all members; a unit met before is not counted. Rates are per processor second of this process, which does everything
itself, on one core: with more, threads that wait for work would count as working. Needs ../shared/data (RadonPy); the
models come from the cache folder where they are there.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kakehashi.catalogs.molecules import polymers
from kakehashi.design.likelihood.describer import DescribedUnits, Describer, DescriberTask
from kakehashi.design.likelihood.surrogate import Surrogate
from kakehashi.design.run.config import resolve
from kakehashi.design.run.inputs import read_inputs
from kakehashi.design.run.proposals import proposer
from kakehashi.design.run.run import build_models
from kakehashi.design.sampler.smc import generator
from kakehashi.screen.progress import Progress

DATA = Path(__file__).parents[2] / "shared/data/organic/radonpy_pi1070.parquet"


class Timed(Describer):
    """A describer that adds up its own processor time."""

    seconds = 0.0

    def __call__(self, smiles: Sequence[str]) -> DescribedUnits:
        """Describe repeat units."""
        start = time.process_time()
        try:
            return super().__call__(smiles)
        finally:
            self.seconds += time.process_time() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--networks", type=int, default=10)
    options.add_argument("--particles", type=int, default=2048)
    options.add_argument("--moves", type=int, default=8)
    given = options.parse_args()
    if not DATA.exists():
        print(f"needs {DATA}: not run")
        return
    flags = {
        "target": [f"{DATA}:thermal_conductivity"], "goal": ["thermal_conductivity>0.40"], "networks": given.networks,
    }  # fmt: skip
    config = resolve(flags, None)
    inputs = read_inputs(config)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    models = build_models(config, inputs, Progress("auto"))
    members = sum(len(member.params) for model in models.values() for member in model.stack.members)
    proposal = proposer(config)
    states = proposal.draw(generator(0, 0, 0), given.particles)
    with Timed(DescriberTask(inputs.descriptors), 1) as describer:
        surrogate = Surrogate(models, inputs.goals, describer)
        surrogate.judge(proposal.smiles(states))  # compiles
        describer.seconds = 0.0
        seen: set[str] = set()
        parts = dict.fromkeys(("propose", "judge"), 0.0)
        proposed = valid = 0
        units: list[str] = []
        for move in range(given.moves):
            start = time.process_time()
            moved, ratio = proposal.move(generator(0, 1, move), states)
            texts = proposal.smiles(moved)
            fresh = [
                t for t in dict.fromkeys(t for t, r in zip(texts, ratio, strict=True) if r > -np.inf) if t not in seen
            ]
            seen.update(fresh)
            middle = time.process_time()
            judged = surrogate.judge(fresh)
            parts["propose"] += middle - start
            parts["judge"] += time.process_time() - middle
            proposed += len(fresh)
            good = judged.log_constraint > -np.inf
            valid += int(good.sum())
            units += [text for text, ok in zip(fresh, good, strict=True) if ok]
            states = moved
    seconds = sum(parts.values())
    distinct = len({polymers.parse(text)[1] for text in units})
    print(f"{members} members; {proposed:,} new proposals, {valid:,} allowed, {distinct:,} distinct polymers")
    parts["describe"] = describer.seconds
    parts["score"] = parts.pop("judge") - describer.seconds
    each = ", ".join(f"{name} {1000 * spent / proposed:.3f}" for name, spent in parts.items())
    print(f"milliseconds of processor time per new proposal: {each}")
    print(f"figure: proposals proposed and described per second and core: {proposed / (seconds - parts['score']):,.0f}")
    print(f"figure: proposals proposed and scored per second and core: {proposed / seconds:,.0f}")
    print(f"figure: distinct allowed repeat units per second and core: {distinct / seconds:,.0f}")
    print(f"ratio: {proposed / seconds / 1500:.2f}x of 1,500 (goal 1x)")
    print(f"ratio: {distinct / seconds / 500:.2f}x of 500 (goal 1x)")


if __name__ == "__main__":
    main()
