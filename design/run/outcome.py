"""Tables of a design run: proposals, best first, and the sampler's trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import reduce
from kakehashi.catalogs.molecules import polymers
from kakehashi.catalogs.molecules.registered import find_registered
from kakehashi.catalogs.records import Molecules
from kakehashi.design.chemistry import constraints, monomers
from kakehashi.design.chemistry.monomer_rules import cautions
from kakehashi.design.chemistry.naming import name_monomer
from kakehashi.design.chemistry.novelty import KnownPolymers
from kakehashi.design.chemistry.polymerisations import conditions_of, own_monomers
from kakehashi.design.chemistry.pool import Pool
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.chemistry.routes import best_first, describe
from kakehashi.design.likelihood.describer import Describer
from kakehashi.design.likelihood.surrogate import Surrogate
from kakehashi.design.run.choice import DIVERSE_FROM, POOLED, Quota, ordered_goal, pick_diverse, worth_by_value
from kakehashi.design.run.config import DesignConfig
from kakehashi.design.run.fronts import fronts
from kakehashi.design.run.inputs import DesignInputs
from kakehashi.design.run.known import WORDS, known_polymers
from kakehashi.design.run.space import Routes
from kakehashi.design.sampler.exact import ExactResult
from kakehashi.design.sampler.iqspr import IqsprResult
from kakehashi.design.sampler.ledger import Evaluated
from kakehashi.design.sampler.smc import SmcResult
from kakehashi.design.sampler.trace import Step
from kakehashi.screen.scoring.batches import ComponentPredictions
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.validation.domain import judge_domain
from kakehashi.screen.validation.intervals import difficulty

FloatArray = NDArray[np.float64]
MONOMERS = 2
# Difference of log probabilities that rounding makes between two texts of one polymer.
_ROUNDING = 1e-3
_TEXT = (
    "smiles",
    "class",
    "reaction",
    "conditions",
    "caution",
    "other_routes",
    "monomer_1",
    "monomer_2",
    "nearest_training",
    "domain",
    "domain_reason",
)


class SamplerOutcome(NamedTuple):
    """Evaluated units, final particles and trace of a sampler.

    log_z : log probability of the goals under the allowed prior (NaN where the sampler cannot say)
    log_posterior : (n,) of the evaluated units where it is exact
    """

    evaluated: Evaluated
    particles: tuple[str, ...]
    trace: tuple[Step, ...]
    log_z: float
    log_z_error: float
    log_z_constraint: float
    warnings: tuple[str, ...]
    log_posterior: FloatArray | None = None

    @classmethod
    def of_exact(cls, result: ExactResult) -> SamplerOutcome:
        """Convert an exact posterior."""
        return cls(
            result.evaluated, result.particles, (), result.log_z, 0.0, result.log_z_constraint, (),
            result.log_posterior,
        )  # fmt: skip

    @classmethod
    def of_result(cls, result: SmcResult[Any]) -> SamplerOutcome:
        """Convert the result of tempered SMC."""
        return cls(
            result.evaluated, result.smiles, result.trace, result.log_z, result.log_z_error, result.log_z_constraint,
            result.warnings,
        )  # fmt: skip

    @classmethod
    def of_comparison(cls, result: IqsprResult[Any]) -> SamplerOutcome:
        """Convert the result of the iQSPR rule."""
        last = tuple(np.array(result.smiles, object)[result.selected])
        text = "the iQSPR rule does not sample the posterior it states: its proposals are for comparison only"
        return cls(result.evaluated, last, (), np.nan, np.nan, np.nan, (text,))


class Candidate(NamedTuple):
    """A proposal before its predictions.

    key : canonical repeat unit; made : its synthesis, the first of its routes by `routes.best_first`
    first_seen : index of the temperature; others : other routes
    """

    key: str
    made: Provenance
    sa_score: float
    log_goal: float
    log_constraint: float
    first_seen: int
    others: tuple[Provenance, ...] = ()


class Selection(NamedTuple):
    """Selected candidates, and counts of the units left out by reason."""

    listed: list[Candidate]
    counts: dict[str, int]


def select(
    config: DesignConfig, inputs: DesignInputs, evaluated: Evaluated, worth: FloatArray | None = None
) -> Selection:
    """Select the best distinct units that are new and can be made.

    worth : (units,) what they are ordered by; None: goal probability times constraint
    """
    worth = evaluated.log_likelihood + evaluated.log_constraint if worth is None else worth
    quota = Quota(config.per_cluster, config.per_monomer, config.per_class)
    known = known_polymers(inputs.targets, inputs.known)
    routes_allowed = Routes(config, inputs.pool)
    mine = {} if inputs.pool is None else inputs.pool.named()

    def registered(smiles: str) -> bool:
        return smiles in mine or find_registered(smiles) is not None

    unmade, other, hard = (
        "no route known",
        "no route of what is asked for",
        f"synthetic accessibility above {config.max_sa:g}",
    )
    counts = dict.fromkeys((*WORDS, unmade, other, hard), 0)
    candidates: list[Candidate] = []
    keys: set[str] = set()
    for i in _best_first(evaluated, worth):
        if len(candidates) == config.top:
            break
        unit = polymers.read(evaluated.smiles[i])
        key = polymers.repeat_unit_key(unit)
        if key in keys:
            continue
        keys.add(key)
        if key in known:
            counts[known[key]] += 1
            continue
        routes = routes_allowed.proposed(monomers.classify(key))
        # A language model may propose units without a known route: they are listed without class and monomers.
        if not routes and config.proposal == "reactions":
            counts[unmade] += 1
            continue
        if routes_allowed.asks and not (routes := routes_allowed.allowed(routes)):
            counts[other] += 1
            continue
        score = constraints.sa_score(unit)
        if score > config.max_sa:
            counts[hard] += 1
            continue
        made, *others = best_first(routes, registered) if routes else [Provenance()]
        if above := quota.admit(key, own_monomers(made), made.polymer_class):
            counts[above] = counts.get(above, 0) + 1
            continue
        log_goal, log_constraint = float(evaluated.log_likelihood[i]), float(evaluated.log_constraint[i])
        candidates.append(
            Candidate(key, made, score, log_goal, log_constraint, int(evaluated.temperature[i]), tuple(others))
        )
    return Selection(candidates, counts)


def posterior_of(keys: Sequence[str], evaluated: Evaluated, log_posterior: FloatArray) -> list[float]:
    """Exact posterior probability of listed polymers, over all texts of each.

    keys : in the order of `_best_first`; texts of one polymer have the same worth up to rounding
    """
    shares = dict.fromkeys(keys, 0.0)
    worth = evaluated.log_likelihood + evaluated.log_constraint
    least, left = -np.inf, set(keys)
    for i in _best_first(evaluated, worth):
        if worth[i] < least:
            break
        key = polymers.parse(evaluated.smiles[i])[1]
        if key in shares:
            shares[key] += float(np.exp(log_posterior[i]))
            left.discard(key)
            if not left and least == -np.inf:
                least = worth[i] - _ROUNDING
    return list(shares.values())


def _worth(
    config: DesignConfig,
    inputs: DesignInputs,
    models: Mapping[str, Model],
    surrogate: Surrogate,
    describer: Describer,
    evaluated: Evaluated,
) -> FloatArray:
    """What evaluated units are ordered by, (units,); by value, -inf but for the likeliest."""
    likely = evaluated.log_likelihood + evaluated.log_constraint
    goal = ordered_goal(inputs.goals, config.rank_by)
    if config.rank_by == "chance":
        return likely
    pooled = list(islice(_best_first(evaluated, likely), POOLED * config.top))
    found = surrogate.predict(describer([evaluated.smiles[i] for i in pooled]).x)[goal.property]
    ends = _interval(models[goal.property], found, "")
    worth = np.full(len(likely), -np.inf)
    worth[pooled] = worth_by_value(goal, config.rank_by, ends["mean"], ends["lower"], ends["upper"])
    return worth


def _best_first(evaluated: Evaluated, worth: FloatArray) -> Iterator[int]:
    # Ties are ordered by text, so that the order does not depend on the sampler's path.
    order = np.lexsort((np.array(evaluated.smiles, dtype=np.str_), -worth))
    return (int(i) for i in order if worth[i] > -np.inf)


def proposals_table(
    config: DesignConfig,
    inputs: DesignInputs,
    models: Mapping[str, Model],
    surrogate: Surrogate,
    describer: Describer,
    outcome: SamplerOutcome,
) -> tuple[pa.Table, dict[str, int]]:
    """Table of proposals with predictions, routes and domain.

    Returns the counts of the units left out as well.
    """
    worth = _worth(config, inputs, models, surrogate, describer, outcome.evaluated)
    selection = select(config, inputs, outcome.evaluated, worth)
    keys = [candidate.key for candidate in selection.listed]
    members = surrogate.predict(describer(keys).x)
    first = inputs.targets[0].name
    target = inputs.targets[0]
    nearest, novelty = KnownPolymers(target.keys).nearest(keys)
    verdicts = judge_domain(
        models[first].domain, reduce(polymers.atoms(Molecules(tuple(keys), tuple(keys)))), members[first].distance
    )
    ended = Counter(polymers.parse(text)[1] for text in outcome.particles)
    columns: dict[str, Any] = {"rank": np.arange(1, len(keys) + 1), "smiles": keys}
    columns |= _interval(models[first], members[first], "")
    columns["p_goal"] = np.exp([candidate.log_goal for candidate in selection.listed])
    columns["log_p_goal"] = [candidate.log_goal for candidate in selection.listed]
    columns["applicability"] = np.exp([candidate.log_constraint for candidate in selection.listed])
    columns["tg"] = _interval(models["tg"], members["tg"], "")["mean"] if "tg" in models else [None] * len(keys)
    columns["class"] = [candidate.made.polymer_class for candidate in selection.listed]
    columns["reaction"] = [candidate.made.reaction for candidate in selection.listed]
    columns["conditions"] = [conditions_of(candidate.made.reaction) for candidate in selection.listed]
    columns["caution"] = ["; ".join(cautions(candidate.made)) for candidate in selection.listed]
    columns["other_routes"] = ["; ".join(map(describe, candidate.others)) for candidate in selection.listed]
    for k in range(MONOMERS):
        columns[f"monomer_{k + 1}"] = [
            candidate.made.monomers[k] if len(candidate.made.monomers) > k else "" for candidate in selection.listed
        ]
    columns |= _names(inputs.pool, [candidate.made.monomers for candidate in selection.listed])
    columns |= {
        "sa_score": [candidate.sa_score for candidate in selection.listed],
        "novelty": novelty,
        "nearest_training": nearest,
        "domain": verdicts.domain.tolist(),
        "domain_reason": verdicts.reason.tolist(),
        "distance": members[first].distance,
        "diverse": _diverse(keys, verdicts.domain.tolist()),
        "particles": [ended[key] for key in keys],
        "first_seen": [candidate.first_seen for candidate in selection.listed],
    }
    if outcome.log_posterior is not None:
        columns["posterior"] = posterior_of(keys, outcome.evaluated, outcome.log_posterior)
    for name in models:
        if name != first:
            columns |= _interval(models[name], members[name], f"{name}_")
    if len(inputs.goals) > 1:
        means = {name: columns["mean" if name == first else f"{name}_mean"] for name in models}
        columns["front"] = fronts(np.stack([goal.better(means[goal.property]) for goal in inputs.goals], axis=1))
    return pa.table({name: pa.array(values, _kind(name)) for name, values in columns.items()}), selection.counts


def _diverse(keys: Sequence[str], domains: Sequence[str]) -> list[int | None]:
    """Places in a list of few proposals that differ most, picked from the best inside the domain or at its edge."""
    rows = [row for row, domain in enumerate(domains) if domain != "out"][:DIVERSE_FROM]
    places: list[int | None] = [None] * len(keys)
    for place, k in enumerate(pick_diverse([keys[row] for row in rows]), start=1):
        places[rows[k]] = place
    return places


def _names(pool: Pool | None, monomers: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Names and CAS numbers of monomers; "" where there is no monomer."""
    mine = {} if pool is None else pool.named()
    columns: dict[str, list[str]] = {}
    for k in range(MONOMERS):
        named = [name_monomer(route[k], mine) if len(route) > k else ("", "") for route in monomers]
        columns[f"monomer_{k + 1}_name"] = [name for name, _ in named]
        columns[f"monomer_{k + 1}_cas"] = [cas for _, cas in named]
    return columns


def _kind(name: str) -> pa.DataType:
    if name in _TEXT or name.startswith("monomer_"):
        return pa.string()
    whole = ("rank", "diverse", "particles", "first_seen", "front")
    return pa.int64() if name in whole else pa.float64()


def _interval(model: Model, found: ComponentPredictions, prefix: str) -> dict[str, FloatArray]:
    """Mean and 90 % interval in the target's unit."""
    weights = found.weights[:, None]
    mean = (weights * found.means).sum(axis=0)
    spread = np.sqrt((weights * (found.spreads**2 + (found.means - mean) ** 2)).sum(axis=0))
    half = model.interval * difficulty(spread, found.distance, model.usual_spread)
    back = np.exp if model.target.log else np.asarray
    return {f"{prefix}{name}": back(v) for name, v in (("mean", mean), ("lower", mean - half), ("upper", mean + half))}


def trace_table(outcome: SamplerOutcome) -> pa.Table:
    """Table of the sampler's trace, one row per temperature."""
    whole = ("temperature", "moves", "distinct", "proposed", "impossible", "invalid", "evaluated")
    schema = pa.schema([(name, pa.int64() if name in whole else pa.float64()) for name in Step._fields])
    return pa.Table.from_pylist([step._asdict() for step in outcome.trace], schema=schema)
