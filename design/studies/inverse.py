"""Study of inverse design of polymers, with and without transfer."""

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
from kakehashi.screen.studies.figures import ACCENT, AMBER, INK, SOFT, VIOLET, WARM, draw_svg
from kakehashi.screen.studies.findings import ClaimStatus, Findings, StudyFigure
from kakehashi.screen.studies.fits import Fit, fit_of
from kakehashi.screen.studies.plots import legend
from kakehashi.screen.studies.polymer import study as polymer
from kakehashi.screen.studies.run import Study
from kakehashi.screen.studies.steps import subset, transfer_to
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
# Quantile of the 19 training values that is the goal.
GOAL = 0.9
PAPER = "Three polymers designed by the transferred model were made; conductivities from 0.18 to 0.41 W/(m K)."


class Strategy(NamedTuple):
    """Best new repeat units of one way to find polymers.

    judged : values by a forest that no strategy has used
    scored : number of repeat units it evaluated
    """

    name: str
    smiles: tuple[str, ...]
    judged: FloatArray
    scored: int


class Judge(NamedTuple):
    """Random forest on conductivities that no design has used.

    out_of_bag : its agreement with measured values
    """

    forest: Any
    materials: int
    out_of_bag: Fit

    def __call__(self, smiles: Iterable[str]) -> FloatArray:
        """Predict the conductivity of repeat units."""
        units = list(smiles)
        if not units:
            return np.empty(0)
        return np.asarray(self.forest.predict(repeat_unit.compute(units, polymer.DESCRIPTORS)), np.float64)


def run(config: StudyConfig, inputs: polymer.PolymerInputs, progress: Progress) -> Findings:
    """Run the study of polymers, and its inverse design.

    The latter needs values to judge it by.
    """
    result = polymer.measure(config, inputs, progress)
    findings = polymer.findings(config, result)
    if config.data is None:
        return findings
    learned = subset(result.target, result.splits[0].rows)
    judge = independent(inputs.whole, learned.keys, config.seed)
    known = set(inputs.whole.keys)
    indices = [i for i, role in enumerate(result.roles) if role.what in SOURCES]
    library = result.library._replace(sources=tuple(result.library.sources[i] for i in indices))
    models = {
        "transferred": transfer_to(library, learned, config, progress, "the 19", outer=polymer.FOLDS),
        "direct": transfer_to(library._replace(sources=()), learned, config, progress, "the 19 alone",
                              outer=polymer.FOLDS),
    }  # fmt: skip
    goal = f"{learned.name}>{np.quantile(learned.values, GOAL):.4g}"
    strategies = designs(config, models, learned, goal, known, judge, progress)
    design_figure = figure(strategies, learned, goal, judge, inputs.whole)
    table = pa.Table.from_pylist(
        [
            {"way": strategy.name, "place": i + 1, "smiles": text, "judged": float(value)}
            for strategy in strategies
            for i, (text, value) in enumerate(zip(strategy.smiles, strategy.judged, strict=True))
        ]
    )
    numbers = {
        "goal": goal,
        "judge": {"materials": judge.materials, **judge.out_of_bag._asdict()},
        "ways": {
            each.name: {"scored": each.scored, "listed": len(each.smiles), "mean": _mean(each)} for each in strategies
        },
        "verdict_of_19": verdict_record(models["transferred"].verdict),
    }
    return findings._replace(
        figures=(*findings.figures, design_figure),
        tables={**findings.tables, "designs": table},
        numbers={**findings.numbers, "inverse_design": numbers},
    )


STUDY = Study(polymer.read, polymer.tables, run)


def independent(whole: PropertyTable, without: Collection[str], seed: int) -> Judge:
    """Fit the judge on all materials but the designs' training set."""
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
    """Run all strategies: tempered SMC with either model, iQSPR rule, prior draws."""
    goals = parse_goals((goal,), [Property(learned.name, learned.unit, learned.log)])
    proposal = reactions(DesignConfig())
    strategies = []
    with Describer(DescriberTask(polymer.DESCRIPTORS), config.workers) as describer:
        for name, model in models.items():
            surrogate = _surrogate(learned, model, goals, describer)
            with progress.stage(f"design, {name} model", 1) as advance:
                evaluated = sample(
                    config.seed, proposal, surrogate.log_likelihood, config.particles,
                    log_constraint=surrogate.log_constraint,
                ).evaluated  # fmt: skip
                advance(1)
            worth = evaluated.log_likelihood + evaluated.log_constraint
            strategies.append(best_new(f"tempered SMC, {name} model", evaluated.smiles, worth, known, judge))
        surrogate = _surrogate(learned, models["transferred"], goals, describer)
        with progress.stage("design, iQSPR rule", 1) as advance:
            # As many units as the sampler of the transferred model evaluated.
            size = max(10, round(strategies[0].scored / (len(SCHEDULE) + 1)))
            rule = run_iqspr(config.seed, proposal, surrogate.guarded_likelihood, size).evaluated
            advance(1)
        strategies.append(best_new("iQSPR rule, transferred model", rule.smiles, rule.log_likelihood, known, judge))
        with progress.stage("design, prior", 1) as advance:
            units = proposal.smiles(proposal.draw(generator(config.seed, 1, 1), DRAWS))
            draws = list(dict.fromkeys(text for text in units if text))
            allowed = surrogate.judge(draws).log_constraint
            # In the order they were drawn: no model chooses among them.
            worth = np.where(allowed > -np.inf, -np.arange(len(draws), dtype=float), -np.inf)
            strategies.append(best_new("prior, nothing chosen", draws, worth, known, judge))
            advance(1)
    return strategies


def _surrogate(learned: PropertyTable, model: Model, goals: tuple[Goal, ...], describer: Describer) -> Surrogate:
    return Surrogate({learned.name: model}, goals, describer)


def best_new(name: str, smiles: Iterable[str], worth: FloatArray, known: Collection[str], judge: Judge) -> Strategy:
    """Select the best distinct units that are not known, and judge them."""
    texts = list(smiles)
    units: dict[str, None] = {}
    for i in np.argsort(-np.asarray(worth), kind="stable"):
        if worth[i] == -np.inf or len(units) == BEST:
            break
        key = polymers.parse(texts[i])[1]
        if key not in known:
            units[key] = None
    return Strategy(name, tuple(units), judge(units), len(texts))


def gain(strategy: Strategy, other: Strategy) -> tuple[float, float]:
    """Difference of the judged means of two strategies, and its standard error."""
    if min(len(strategy.judged), len(other.judged)) < 2:
        return float("nan"), float("nan")
    error = sum(float(each.judged.var(ddof=1)) / len(each.judged) for each in (strategy, other)) ** 0.5
    return _mean(strategy) - _mean(other), error


def _signed(difference: tuple[float, float]) -> str:
    return f"{abs(difference[0]):.3f} ± {difference[1]:.3f} {'higher' if difference[0] >= 0 else 'lower'}"


def _mean(strategy: Strategy) -> float:
    return float(strategy.judged.mean()) if len(strategy.judged) else float("nan")


def figure(
    strategies: list[Strategy], learned: PropertyTable, goal: str, judge: Judge, whole: PropertyTable
) -> StudyFigure:
    """Figure of the strategies' units, by values that none of them used."""

    def paint(figure: Figure) -> None:
        ax = figure.subplots()
        for strategy, colour in zip(strategies, (ACCENT, VIOLET, WARM, AMBER), strict=True):
            if n := len(strategy.judged):
                ax.step([0, *np.sort(strategy.judged)], [1, *(1 - np.arange(1, n + 1) / n)], where="post", color=colour,
                        label=f"{strategy.name}: mean {_mean(strategy):.3f}")  # fmt: skip
        ax.plot(learned.values, np.full(len(learned), -0.03), "|", color=SOFT, markersize=10, label="the 19 values")
        least = min(float(part.min()) for part in (learned.values, *(each.judged for each in strategies)) if len(part))
        ax.axvline(float(goal.partition(">")[2]), color=INK, linewidth=1, linestyle=(0, (5, 4)), label="the goal")
        ax.set(xlabel="conductivity by the independent forest, W/(m K)", ylabel="share of the best new units above it")
        ax.set_xlim(left=0.97 * least)
        legend(ax)

    transfer, direct, _, prior = strategies
    gains = {strategy.name: gain(transfer, strategy) for strategy in (direct, prior)}
    sure = [value > 1.645 * error for value, error in gains.values()]
    outcome: ClaimStatus = "held" if all(sure) else "partly" if any(sure) else "failed"
    means = "; ".join(
        f"{strategy.name} {_mean(strategy):.3f} ({strategy.scored:,} units evaluated)" for strategy in strategies
    )
    return StudyFigure(
        "8", "Inverse design from 19 values", draw_svg(8.4, 4.8, paint),
        f"The best {BEST} new repeat units of each strategy for the goal {goal.replace('_', ' ').replace('>', ' > ')}"
        " W/(m K), which a tenth of the 19 meet, by a random forest on the"
        f" {judge.materials} conductivities that no strategy has used.",
        PAPER,
        f"Mean of the best {BEST} new units: {means}. All {len(whole)} known polymers average"
        f" {whole.values.mean():.3f}, the 19 {learned.values.mean():.3f}.",
        outcome,
        f"Designs with transfer are judged {_signed(gains[direct.name])} than without, and {_signed(gains[prior.name])}"
        f" than units drawn at random from the prior (± 1 s.e.). The judge's out-of-bag"
        f" correlation is {judge.out_of_bag.r:.2f} (MAE {judge.out_of_bag.mae:.3f}): it is no measurement, and predicts"
        " values near the mean for what is unlike the known polymers.",
        "designs",
    )  # fmt: skip
