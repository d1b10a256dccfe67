"""Does design find good polymers it was never shown? Held-out recovery on RadonPy, judged by a model it never saw.

RadonPy is halved by polymer. The design's models learn from one half without the polymers above 0.40 W/(m K). Two
models of the other half judge: a forest on the design's fingerprint, weighted by the number of simulations behind each
value, and a Gaussian process of ln(value) on RDKit's numbers.
Four ways look for 0.40 among units of the reactions of the embedded pool; the best 100 new units of each by its own
estimate are judged:

- tempered SMC with its search, and what it had found at the posterior (this package's);
- 20,000 draws from the same prior, ranked by the same models;
- the iQSPR rule, run again until it has scored as many units as SMC;
- 24,000 prior draws ranked by a forest on the design's half.

Recall counts held-out polymers above 0.40 among all units a way has scored, out of those that the reactions can make
at all; the rank percentile is that of the held-out polymers' goal probability among the prior's draws; the said
number above 0.40 is the sum of the goal probabilities of the other half. Needs ../shared/data.

    python benchmarks/design_recovery.py [--seeds 0 1 2] [--networks 10] [--particles 1000]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.ensemble import RandomForestRegressor

from kakehashi.catalogs.molecules import polymers
from kakehashi.catalogs.records import PropertyTable
from kakehashi.design.chemistry import monomers
from kakehashi.design.likelihood.describer import Describer, DescriberTask
from kakehashi.design.likelihood.surrogate import Surrogate
from kakehashi.design.run.config import resolve
from kakehashi.design.run.inputs import read_inputs
from kakehashi.design.run.proposals import proposer
from kakehashi.design.run.run import SEARCH, build_models
from kakehashi.design.sampler.iqspr import SCHEDULE, run_iqspr
from kakehashi.design.sampler.smc import generator, run
from kakehashi.design.sampler.trace import TemperingSettings
from kakehashi.screen.descriptors import repeat_unit
from kakehashi.screen.descriptors.scaling import fit_scaling, standardise
from kakehashi.screen.heads.registry import HEADS
from kakehashi.screen.progress import Progress

DATA = Path(__file__).parents[2] / "shared/data/organic/radonpy_pi1070.parquet"
PROPERTY, BAR, BEST, DRAWS, RULE_MADE = "thermal_conductivity", 0.40, 100, 20_000, 24_000


def rows_of(table: PropertyTable, rows: np.ndarray) -> PropertyTable:
    """The table with some of its rows."""
    assert table.molecules is not None
    return replace(
        table, ids=tuple(table.ids[i] for i in rows), materials=tuple(table.materials[i] for i in rows),
        keys=tuple(table.keys[i] for i in rows), compositions=table.compositions.take(rows), values=table.values[rows],
        molecules=table.molecules.take(rows),
    )  # fmt: skip


def forest(smiles, y, weights, seed):
    x = repeat_unit.compute(smiles, "ecfp4@ring/atom")
    return RandomForestRegressor(200, min_samples_leaf=2, max_features=0.33, n_jobs=2, random_state=seed).fit(
        x, y, weights
    )


def judged(model, smiles):
    return model.predict(repeat_unit.compute(smiles, "ecfp4@ring/atom"))


def process(smiles, y):
    """A judge of another kind."""
    x = repeat_unit.compute(smiles, "rdkit@dimer/atom")
    scaling = fit_scaling(x)
    params = HEADS["gp"].fit(np.asarray(standardise(scaling, x), np.float64), np.log(y))

    def ask(units):
        z = np.asarray(standardise(scaling, repeat_unit.compute(units, "rdkit@dimer/atom")), np.float64)
        return np.exp(np.asarray(HEADS["gp"].predict(params, z)[0]))

    return ask


def rule_until(size, wanted, seed, proposal, worth):
    """Units and worth of the iQSPR rule, run from new draws until as many have been scored."""
    found, scored = {}, set()
    while len(scored) < 0.99 * wanted:
        before = len(scored)
        seen = run_iqspr(seed, proposal, worth, size).evaluated
        scored.update(seen.smiles)
        found.update(zip(seen.smiles, seen.log_likelihood.tolist(), strict=True))
        size = max(10, round(size * (wanted - len(scored)) / max(1, len(scored) - before)))
        seed += 1000
    return list(found), np.array(list(found.values()))


def best_new(smiles, worth, known):
    """The best distinct new polymers by their worth."""
    chosen: dict[str, None] = {}
    for i in np.argsort(-np.asarray(worth), kind="stable"):
        if worth[i] == -np.inf or len(chosen) == BEST:
            break
        key = polymers.parse(smiles[i])[1]
        if key not in known:
            chosen[key] = None
    return list(chosen)


def compare(table, seed, judge, second, known, reachable, name, smiles, worth, scored):
    """Note and print what a way found."""
    chosen = best_new(smiles, worth, known)
    found = reachable & {polymers.parse(text)[1] for text, w in zip(smiles, worth, strict=True) if w > -np.inf}
    mean, other = float(judged(judge, chosen).mean()), float(second(chosen).mean())
    table.setdefault(name, []).append((mean, other, len(found), scored))
    print(f"seed {seed}: {name}: judged mean of the best {len(chosen)} {mean:.4f}, by the second judge {other:.4f},"
          f" recall {len(found)} of {len(reachable)}, {scored:,} scored", flush=True)  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--networks", type=int, default=10)
    options.add_argument("--particles", type=int, default=1000)
    given = options.parse_args()
    if not DATA.exists():
        print(f"needs {DATA}: not run")
        return
    flags = {"target": [f"{DATA}:{PROPERTY}"], "goal": [f"{PROPERTY}>{BAR}"], "networks": given.networks}
    inputs = read_inputs(resolve(flags, None))
    (whole,) = inputs.targets
    counts = pq.read_table(DATA, columns=["smiles", f"{PROPERTY}_count"]).to_pydict()
    read = polymers.parse_column(counts["smiles"])
    weight = dict(zip(read.molecules.keys, counts[f"{PROPERTY}_count"], strict=True))
    weights = np.array([weight[key] or 1 for key in whole.keys], float)
    high = whole.values > BAR
    routes = {key: monomers.classify(key) for key, top in zip(whole.keys, high, strict=True) if top}
    reachable = {key for key, found in routes.items() if found}
    single = int(sum(weights[high] == 1))
    print(
        f"{high.sum()} polymers above {BAR} ({single} rest on one simulation);"
        f" {len(reachable)} can be made by the reactions"
    )

    table: dict[str, list[tuple[float, float, int, int]]] = {}
    percentiles = []
    for seed in given.seeds:
        order = np.random.default_rng(seed).permutation(len(whole.keys))
        ours, theirs = order[: len(order) // 2], order[len(order) // 2 :]
        learned = rows_of(whole, np.sort(ours[~high[ours]]))
        known = set(learned.keys)
        judge = forest([whole.keys[i] for i in theirs], whole.values[theirs], weights[theirs], seed)
        second = process([whole.keys[i] for i in theirs], whole.values[theirs])
        config = resolve(flags, None)  # one set of networks for all seeds; halves, models and samplers differ
        mine = inputs._replace(targets=(learned,))
        models = build_models(config, mine, Progress("quiet"))
        proposal = proposer(config)

        report = partial(compare, table, seed, judge, second, known, reachable)
        with Describer(DescriberTask(mine.descriptors), 2) as describer:
            surrogate = Surrogate(models, mine.goals, describer)
            result = run(
                seed, proposal, surrogate.log_likelihood, given.particles, log_constraint=surrogate.log_constraint,
                settings=TemperingSettings(search=SEARCH),
            )  # fmt: skip
            seen = result.evaluated
            worth = seen.log_likelihood + seen.log_constraint
            report("tempered SMC with search", seen.smiles, worth, len(seen.smiles))
            early = np.flatnonzero(seen.temperature < len(result.trace))
            report("tempered SMC, posterior", [seen.smiles[i] for i in early], worth[early], len(early))
            draws = list(dict.fromkeys(proposal.smiles(proposal.draw(generator(seed, 1, 1), DRAWS))))
            prior = surrogate.judge(draws)
            report("prior draws, same models", draws, prior.log_goal + prior.log_constraint, DRAWS)
            size = max(10, round(len(seen.smiles) / (len(SCHEDULE) + 1)))
            units, rule = rule_until(size, len(seen.smiles), seed, proposal, surrogate.guarded_likelihood)
            report("iQSPR rule", units, rule, len(units))
            others = np.exp(surrogate.judge([whole.keys[i] for i in theirs]).log_goal).sum()
            print(f"seed {seed}: said above {BAR} in the other half: {others:.2f}, true {high[theirs].sum()}")
            held = surrogate.judge(sorted(reachable)).log_goal
            percentiles.append(np.mean(prior.log_goal[None, prior.log_goal > -np.inf] < held[:, None], axis=1))
        more = list(dict.fromkeys(proposal.smiles(proposal.draw(generator(seed, 1, 2), RULE_MADE))))
        plain = forest(learned.keys, learned.values, np.array([weight[key] or 1 for key in learned.keys], float), seed)
        report("24,000 rule-made, forest", more, judged(plain, more), RULE_MADE)
        reference = judged(judge, list(learned.keys))
        print(
            f"seed {seed}: the judge on what was learned from: mean {reference.mean():.4f}, best {reference.max():.4f}"
        )

    print(f"rank percentile of the held-out polymers among the prior: median {np.median(percentiles):.1%}")
    for name, found in table.items():
        means, others, recalls, scored = zip(*found, strict=True)
        print(f"figure: {name}: judged mean of the best {BEST} {np.mean(means):.4f} ± {np.std(means):.4f} over seeds,"
              f" by the second judge {np.mean(others):.4f} ± {np.std(others):.4f},"
              f" recall {np.mean(recalls):.1f} of {len(reachable)}, {np.mean(scored):,.0f} scored")  # fmt: skip


if __name__ == "__main__":
    main()
