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
from kakehashi.catalogs.records import Molecules
from kakehashi.design.chemistry import constraints, monomers
from kakehashi.design.chemistry.pool import Pool
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.likelihood.describer import Describer
from kakehashi.design.likelihood.surrogate import Surrogate
from kakehashi.design.run.choice import DIVERSE_FROM, POOLED, Quota, ordered_goal, pick_diverse, worth_by_value
from kakehashi.design.run.config import DesignConfig
from kakehashi.design.run.inputs import DesignInputs
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
_TEXT = ("smiles", "class", "reaction", "monomer_1", "monomer_2", "nearest_training", "domain", "domain_reason")


class SamplerOutcome(NamedTuple):
    """Evaluated units, final particles and trace of a sampler.

    log_z : log probability of the goals under the allowed prior (NaN where the sampler cannot say)
    """

    evaluated: Evaluated
    particles: tuple[str, ...]
    trace: tuple[Step, ...]
    log_z: float
    log_z_error: float
    log_z_constraint: float
    warnings: tuple[str, ...]

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

    key : canonical repeat unit; made : its synthesis; first_seen : index of the temperature
    """

    key: str
    made: Provenance
    sa_score: float
    log_goal: float
    log_constraint: float
    first_seen: int


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
    known = _known(inputs)
    words = ("known polymer", "no route known", f"synthetic accessibility above {config.max_sa:g}")
    counts = dict.fromkeys(words, 0)
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
            counts[words[0]] += 1
            continue
        routes = monomers.classify(key)
        # A language model may propose units without a known route: they are listed without class and monomers.
        if not routes and config.proposal == "reactions":
            counts[words[1]] += 1
            continue
        score = constraints.sa_score(unit)
        if score > config.max_sa:
            counts[words[2]] += 1
            continue
        synthesis = routes[0] if routes else Provenance()
        if above := quota.admit(key, synthesis.monomers, synthesis.polymer_class):
            counts[above] = counts.get(above, 0) + 1
            continue
        log_goal, log_constraint = float(evaluated.log_likelihood[i]), float(evaluated.log_constraint[i])
        candidates.append(Candidate(key, synthesis, score, log_goal, log_constraint, int(evaluated.temperature[i])))
    return Selection(candidates, counts)


def _known(inputs: DesignInputs) -> frozenset[str]:
    """Keys of all polymers in the targets' tables.

    With or without a value.
    """
    keys = {key for table in inputs.targets for key in table.keys}
    if unmeasured := [text for table in inputs.targets for text in table.unmeasured]:
        keys.update(polymers.parse_column(unmeasured, guarded=True).molecules.keys)
    return frozenset(keys)


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
    nearest, similarity = constraints.Known(target.keys).nearest(keys)
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
    for k in range(MONOMERS):
        columns[f"monomer_{k + 1}"] = [
            candidate.made.monomers[k] if len(candidate.made.monomers) > k else "" for candidate in selection.listed
        ]
    if inputs.pool is not None:
        columns |= _names(inputs.pool, [candidate.made.monomers for candidate in selection.listed])
    columns |= {
        "sa_score": [candidate.sa_score for candidate in selection.listed],
        "novelty": 1.0 - similarity,
        "nearest_training": nearest,
        "domain": verdicts.domain.tolist(),
        "domain_reason": verdicts.reason.tolist(),
        "distance": members[first].distance,
        "diverse": _diverse(keys, verdicts.domain.tolist()),
        "particles": [ended[key] for key in keys],
        "first_seen": [candidate.first_seen for candidate in selection.listed],
    }
    for name in models:
        if name != first:
            columns |= _interval(models[name], members[name], f"{name}_")
    return pa.table({name: pa.array(values, _kind(name)) for name, values in columns.items()}), selection.counts


def _diverse(keys: Sequence[str], domains: Sequence[str]) -> list[int | None]:
    """Places in a list of few proposals that differ most, picked from the best inside the domain or at its edge."""
    rows = [row for row, domain in enumerate(domains) if domain != "out"][:DIVERSE_FROM]
    places: list[int | None] = [None] * len(keys)
    for place, k in enumerate(pick_diverse([keys[row] for row in rows]), start=1):
        places[rows[k]] = place
    return places


def _names(pool: Pool, monomers: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Names and CAS numbers of monomers in a pool.

    "" where the pool has none.
    """
    known = pool.named()
    columns: dict[str, list[str]] = {}
    for k in range(MONOMERS):
        molecules = [known.get(route[k]) if len(route) > k else None for route in monomers]
        columns[f"monomer_{k + 1}_name"] = ["" if molecule is None else molecule.name for molecule in molecules]
        columns[f"monomer_{k + 1}_cas"] = ["" if molecule is None else molecule.cas for molecule in molecules]
    return columns


def _kind(name: str) -> pa.DataType:
    if name in _TEXT or name.startswith("monomer_"):
        return pa.string()
    return pa.int64() if name in ("rank", "diverse", "particles", "first_seen") else pa.float64()


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
