"""The inverse part of the study of polymers: designs by a transferred model, by a direct one, and by neither."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.molecules import polymers
from kakehashi.catalogs.records import PropertyTable
from kakehashi.design.likelihood.describer import Describer, DescriberTask
from kakehashi.design.likelihood.goals import Goal, Property, parse_goals
from kakehashi.design.likelihood.surrogate import Surrogate
from kakehashi.design.run.config import DesignConfig
from kakehashi.design.run.proposals import reactions
from kakehashi.design.sampler.iqspr import SCHEDULE, run_iqspr
from kakehashi.design.sampler.smc import generator
from kakehashi.design.sampler.smc import run as sample
from kakehashi.screen.descriptors import repeat_unit
from kakehashi.screen.progress import Progress
from kakehashi.screen.studies.config import StudyConfig
from kakehashi.screen.studies.figures import ACCENT, AMBER, INK, SOFT, VIOLET, WARM, drawn
from kakehashi.screen.studies.findings import Findings, Held, Shown
from kakehashi.screen.studies.parts import Fit, fit_of, subset, transferred
from kakehashi.screen.studies.plots import legend
from kakehashi.screen.studies.polymer import study as polymer
from kakehashi.screen.studies.run import Study
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.verdict import verdict_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]
# Sources of the model that is inverted: one thermal, one electronic, one from molecules.
SOURCES = ("glass transition", "refractive index", "heat capacity Cv (QM9)")
BEST = 100
# Repeat units drawn from the prior.
DRAWS = 1000
# Of the drawn 19, the share below the goal.
GOAL = 0.9
PAPER = "Three polymers designed by the transferred model were made; conductivities from 0.18 to 0.41 W/(m K)."


class Strategy(NamedTuple):
    """A way to find polymers: its best new ones, judged by a forest that no way has used.

    scored : repeat units it looked at
    """

    name: str
    smiles: tuple[str, ...]
    judged: FloatArray
    scored: int


class Judge(NamedTuple):
    """A random forest on conductivities that no design has seen; out_of_bag : how far it can be trusted."""

    forest: Any
    materials: int
    out_of_bag: Fit

    def __call__(self, smiles: Iterable[str]) -> FloatArray:
        """Values of repeat units."""
        listed = list(smiles)
        if not listed:
            return np.empty(0)
        return np.asarray(self.forest.predict(repeat_unit.compute(listed, polymer.DESCRIPTORS)), np.float64)


def run(config: StudyConfig, inputs: polymer.Inputs, progress: Progress) -> Findings:
    """The study of polymers, and an inverse design where there are polymers to judge it by."""
    result = polymer.measure(config, inputs, progress)
    found = polymer.findings(config, result)
    if config.data is None:
        return found
    learned = subset(result.target, result.splits[0].rows)
    judge = independent(inputs.whole, learned.keys, config.seed)
    known = set(inputs.whole.keys)
    indices = [i for i, role in enumerate(result.roles) if role.what in SOURCES]
    library = result.library._replace(sources=tuple(result.library.sources[i] for i in indices))
    models = {
        "transferred": transferred(library, learned, config, progress, "the 19", outer=polymer.FOLDS),
        "direct": transferred(library._replace(sources=()), learned, config, progress, "the 19 alone",
                              outer=polymer.FOLDS),
    }  # fmt: skip
    goal = f"{learned.name}>{np.quantile(learned.values, GOAL):.4g}"
    ways = designs(config, models, learned, goal, known, judge, progress)
    shown = figure(ways, learned, goal, judge, inputs.whole)
    table = pa.Table.from_pylist(
        [
            {"way": way.name, "place": i + 1, "smiles": text, "judged": float(value)}
            for way in ways
            for i, (text, value) in enumerate(zip(way.smiles, way.judged, strict=True))
        ]
    )
    numbers = {
        "goal": goal,
        "judge": {"materials": judge.materials, **judge.out_of_bag._asdict()},
        "ways": {way.name: {"scored": way.scored, "listed": len(way.smiles), "mean": _mean(way)} for way in ways},
        "verdict_of_19": verdict_record(models["transferred"].verdict),
    }
    return found._replace(
        figures=(*found.figures, shown),
        tables={**found.tables, "designs": table},
        numbers={**found.numbers, "inverse_design": numbers},
    )


STUDY = Study(polymer.read, polymer.tables, run)


def independent(whole: PropertyTable, without: Collection[str], seed: int) -> Judge:
    """Fit the judge on all materials but those the designs learned from."""
    from sklearn.ensemble import RandomForestRegressor

    rest = subset(whole, np.flatnonzero([key not in set(without) for key in whole.keys]))
    x = repeat_unit.compute(list(rest.keys), polymer.DESCRIPTORS)
    forest = RandomForestRegressor(
        300, min_samples_leaf=2, max_features=0.33, oob_score=True, random_state=seed, n_jobs=1
    ).fit(x, rest.values)
    return Judge(forest, len(rest), fit_of(rest.values, forest.oob_prediction_))


def designs(
    config: StudyConfig,
    models: dict[str, Model],
    learned: PropertyTable,
    goal: str,
    known: Collection[str],
    judge: Judge,
    progress: Progress,
) -> list[Strategy]:
    """Tempered SMC with either model, the iQSPR rule with the transferred one, and plain draws from the prior."""
    goals = parse_goals((goal,), [Property(learned.name, learned.unit, learned.log)])
    proposal = reactions(DesignConfig())
    ways = []
    with Describer(DescriberTask(polymer.DESCRIPTORS), config.workers) as describer:
        for name, model in models.items():
            surrogate = _surrogate(learned, model, goals, describer)
            with progress.stage(f"design, {name} model", 1) as advance:
                seen = sample(
                    config.seed, proposal, surrogate.log_likelihood, config.particles,
                    log_constraint=surrogate.log_constraint,
                ).evaluated  # fmt: skip
                advance(1)
            worth = seen.log_likelihood + seen.log_constraint
            ways.append(best_new(f"tempered SMC, {name} model", seen.smiles, worth, known, judge))
        surrogate = _surrogate(learned, models["transferred"], goals, describer)
        with progress.stage("design, iQSPR rule", 1) as advance:
            # As many units as the sampler of the transferred model looked at.
            size = max(10, round(ways[0].scored / (len(SCHEDULE) + 1)))
            rule = run_iqspr(config.seed, proposal, surrogate.guarded_likelihood, size).evaluated
            advance(1)
        ways.append(best_new("iQSPR rule, transferred model", rule.smiles, rule.log_likelihood, known, judge))
        with progress.stage("design, prior", 1) as advance:
            units = proposal.smiles(proposal.draw(generator(config.seed, 1, 1), DRAWS))
            draws = list(dict.fromkeys(text for text in units if text))
            allowed = surrogate.judge(draws).log_constraint
            # In the order they were drawn: no model chooses among them.
            worth = np.where(allowed > -np.inf, -np.arange(len(draws), dtype=float), -np.inf)
            ways.append(best_new("prior, nothing chosen", draws, worth, known, judge))
            advance(1)
    return ways


def _surrogate(learned: PropertyTable, model: Model, goals: tuple[Goal, ...], describer: Describer) -> Surrogate:
    return Surrogate({learned.name: model}, goals, describer)


def best_new(name: str, smiles: Iterable[str], worth: FloatArray, known: Collection[str], judge: Judge) -> Strategy:
    """The best distinct units that are not among the known polymers, judged."""
    texts = list(smiles)
    chosen: dict[str, None] = {}
    for i in np.argsort(-np.asarray(worth), kind="stable"):
        if worth[i] == -np.inf or len(chosen) == BEST:
            break
        key = polymers.parse(texts[i])[1]
        if key not in known:
            chosen[key] = None
    return Strategy(name, tuple(chosen), judge(chosen), len(texts))


def gain(way: Strategy, other: Strategy) -> tuple[float, float]:
    """By how much the judged mean of one way is above that of another, and its standard error."""
    if min(len(way.judged), len(other.judged)) < 2:
        return float("nan"), float("nan")
    error = sum(float(one.judged.var(ddof=1)) / len(one.judged) for one in (way, other)) ** 0.5
    return _mean(way) - _mean(other), error


def _signed(found: tuple[float, float]) -> str:
    return f"{abs(found[0]):.3f} ± {found[1]:.3f} {'higher' if found[0] >= 0 else 'lower'}"


def _mean(way: Strategy) -> float:
    return float(way.judged.mean()) if len(way.judged) else float("nan")


def figure(ways: list[Strategy], learned: PropertyTable, goal: str, judge: Judge, whole: PropertyTable) -> Shown:
    """What the ways found, by the judgement of values none of them saw."""

    def paint(figure: Figure) -> None:
        ax = figure.subplots()
        for way, colour in zip(ways, (ACCENT, VIOLET, WARM, AMBER), strict=True):
            if n := len(way.judged):
                ax.step([0, *np.sort(way.judged)], [1, *(1 - np.arange(1, n + 1) / n)], where="post", color=colour,
                        label=f"{way.name}: mean {_mean(way):.3f}")  # fmt: skip
        ax.plot(learned.values, np.full(len(learned), -0.03), "|", color=SOFT, markersize=10, label="the 19 values")
        least = min(float(part.min()) for part in (learned.values, *(way.judged for way in ways)) if len(part))
        ax.axvline(float(goal.partition(">")[2]), color=INK, linewidth=1, linestyle=(0, (5, 4)), label="the goal")
        ax.set(xlabel="conductivity by the independent forest, W/(m K)", ylabel="share of the best new units above it")
        ax.set_xlim(left=0.97 * least)
        legend(ax)

    transfer, direct, _, prior = ways
    gains = {way.name: gain(transfer, way) for way in (direct, prior)}
    sure = [value > 1.645 * error for value, error in gains.values()]
    held: Held = "held" if all(sure) else "partly" if any(sure) else "failed"
    listed = "; ".join(f"{way.name} {_mean(way):.3f} ({way.scored:,} units looked at)" for way in ways)
    return Shown(
        "8", "Inverse design from 19 values", drawn(8.4, 4.8, paint),
        f"The best {BEST} new repeat units of each way for the goal {goal.replace('_', ' ').replace('>', ' > ')}"
        " W/(m K), which a tenth of the 19 meet, by a random forest on the"
        f" {judge.materials} conductivities that no way has seen.",
        PAPER,
        f"Mean of the best {BEST} new units: {listed}. All {len(whole)} known polymers average"
        f" {whole.values.mean():.3f}, the 19 {learned.values.mean():.3f}.",
        held,
        f"Designs with transfer are judged {_signed(gains[direct.name])} than without, and {_signed(gains[prior.name])}"
        f" than units drawn without choosing (± 1 s.e.). The judge's own out-of-bag"
        f" correlation is {judge.out_of_bag.r:.2f} (MAE {judge.out_of_bag.mae:.3f}): it is no measurement, and shrinks"
        " what is unlike the known polymers towards their mean.",
        "designs",
    )  # fmt: skip
