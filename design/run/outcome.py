"""What a run found, as tables: the proposals, best first, and the path of the sampler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
from kakehashi.design.run.config import DesignConfig
from kakehashi.design.run.inputs import DesignInputs
from kakehashi.design.sampler.iqspr import IqsprResult
from kakehashi.design.sampler.ledger import Evaluated
from kakehashi.design.sampler.smc import SmcResult
from kakehashi.design.sampler.trace import Step
from kakehashi.screen.scoring.batches import ComponentPredictions
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.validation.domain import judge
from kakehashi.screen.validation.intervals import difficulty

FloatArray = NDArray[np.float64]
MONOMERS = 2
_TEXT = ("smiles", "class", "reaction", "monomer_1", "monomer_2", "nearest_training", "domain", "domain_reason")


class SamplerOutcome(NamedTuple):
    """Everything a sampler evaluated, where its particles ended, and how it got there.

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
        """What tempered SMC found."""
        return cls(
            result.evaluated, result.smiles, result.trace, result.log_z, result.log_z_error, result.log_z_constraint,
            result.warnings,
        )  # fmt: skip

    @classmethod
    def of_comparison(cls, result: IqsprResult[Any]) -> SamplerOutcome:
        """What the iQSPR rule found."""
        last = tuple(np.array(result.smiles, object)[result.selected])
        text = "the iQSPR rule does not sample the posterior it states: its proposals are for comparison only"
        return cls(result.evaluated, last, (), np.nan, np.nan, np.nan, (text,))


class Candidate(NamedTuple):
    """A proposal before its predictions: the unit by its key, how it is made, and what it is worth."""

    key: str
    made: Provenance
    sa_score: float
    log_goal: float
    log_constraint: float
    first_seen: int


class Selection(NamedTuple):
    """Proposals, and how many better or equal units were left out and why."""

    listed: list[Candidate]
    counts: dict[str, int]


def select(config: DesignConfig, inputs: DesignInputs, evaluated: Evaluated) -> Selection:
    """The best distinct units that are new and can be made, by the goals' probability times the constraint."""
    known = _known(inputs)
    words = ("known polymer", "no route known", f"synthetic accessibility above {config.max_sa:g}")
    counts = dict.fromkeys(words, 0)
    listed: list[Candidate] = []
    seen: set[str] = set()
    for i in _best_first(evaluated):
        if len(listed) == config.top:
            break
        unit = polymers.read(evaluated.smiles[i])
        key = polymers.repeat_unit_key(unit)
        if key in seen:
            continue
        seen.add(key)
        if key in known:
            counts[words[0]] += 1
            continue
        routes = monomers.classify(key)
        # A language may propose what no known reaction makes: that is listed, and flagged.
        if not routes and config.proposal == "reactions":
            counts[words[1]] += 1
            continue
        score = constraints.sa_score(unit)
        if score > config.max_sa:
            counts[words[2]] += 1
            continue
        made = routes[0] if routes else Provenance()
        log_goal, log_constraint = float(evaluated.log_likelihood[i]), float(evaluated.log_constraint[i])
        listed.append(Candidate(key, made, score, log_goal, log_constraint, int(evaluated.temperature[i])))
    return Selection(listed, counts)


def _known(inputs: DesignInputs) -> frozenset[str]:
    """Keys of the polymers that the targets' tables name, with or without a value."""
    keys = {key for table in inputs.targets for key in table.keys}
    if unmeasured := [text for table in inputs.targets for text in table.unmeasured]:
        keys.update(polymers.parse_column(unmeasured, guarded=True).molecules.keys)
    return frozenset(keys)


def _best_first(evaluated: Evaluated) -> Iterator[int]:
    worth = evaluated.log_likelihood + evaluated.log_constraint
    # Equal worth: by text, so that the order does not depend on the path.
    order = np.lexsort((np.array(evaluated.smiles, dtype=np.str_), -worth))
    return (int(i) for i in order if worth[i] > -np.inf)


def proposals_table(
    config: DesignConfig,
    inputs: DesignInputs,
    models: Mapping[str, Model],
    surrogate: Surrogate,
    describer: Describer,
    found: SamplerOutcome,
) -> tuple[pa.Table, dict[str, int]]:
    """The proposals with predictions, intervals, routes and domain; and what was left out."""
    chosen = select(config, inputs, found.evaluated)
    keys = [one.key for one in chosen.listed]
    parts = surrogate.predict(describer(keys).x)
    first = inputs.targets[0].name
    target = inputs.targets[0]
    nearest, similarity = constraints.Known(target.keys).nearest(keys)
    verdicts = judge(
        models[first].domain, reduce(polymers.atoms(Molecules(tuple(keys), tuple(keys)))), parts[first].distance
    )
    ended = Counter(polymers.parse(text)[1] for text in found.particles)
    columns: dict[str, Any] = {"rank": np.arange(1, len(keys) + 1), "smiles": keys}
    columns |= _interval(models[first], parts[first], "")
    columns["p_goal"] = np.exp([one.log_goal for one in chosen.listed])
    columns["log_p_goal"] = [one.log_goal for one in chosen.listed]
    columns["applicability"] = np.exp([one.log_constraint for one in chosen.listed])
    columns["tg"] = _interval(models["tg"], parts["tg"], "")["mean"] if "tg" in models else [None] * len(keys)
    columns["class"] = [one.made.polymer_class for one in chosen.listed]
    columns["reaction"] = [one.made.reaction for one in chosen.listed]
    for k in range(MONOMERS):
        columns[f"monomer_{k + 1}"] = [
            one.made.monomers[k] if len(one.made.monomers) > k else "" for one in chosen.listed
        ]
    if inputs.pool is not None:
        columns |= _names(inputs.pool, [one.made.monomers for one in chosen.listed])
    columns |= {
        "sa_score": [one.sa_score for one in chosen.listed],
        "novelty": 1.0 - similarity,
        "nearest_training": nearest,
        "domain": verdicts.domain.tolist(),
        "domain_reason": verdicts.reason.tolist(),
        "distance": parts[first].distance,
        "particles": [ended[key] for key in keys],
        "first_seen": [one.first_seen for one in chosen.listed],
    }
    for name in models:
        if name != first:
            columns |= _interval(models[name], parts[name], f"{name}_")
    return pa.table({name: pa.array(values, _kind(name)) for name, values in columns.items()}), chosen.counts


def _names(pool: Pool, monomers: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Names and CAS numbers that a pool gives the monomers of proposals; "" where it has none."""
    known = pool.named()
    columns: dict[str, list[str]] = {}
    for k in range(MONOMERS):
        found = [known.get(one[k]) if len(one) > k else None for one in monomers]
        columns[f"monomer_{k + 1}_name"] = ["" if molecule is None else molecule.name for molecule in found]
        columns[f"monomer_{k + 1}_cas"] = ["" if molecule is None else molecule.cas for molecule in found]
    return columns


def _kind(name: str) -> pa.DataType:
    if name in _TEXT or name.startswith("monomer_"):
        return pa.string()
    return pa.int64() if name in ("rank", "particles", "first_seen") else pa.float64()


def _interval(model: Model, found: ComponentPredictions, prefix: str) -> dict[str, FloatArray]:
    """Mean and 90 % interval in the target's unit."""
    weights = found.weights[:, None]
    mean = (weights * found.means).sum(axis=0)
    spread = np.sqrt((weights * (found.spreads**2 + (found.means - mean) ** 2)).sum(axis=0))
    half = model.interval * difficulty(spread, found.distance, model.usual_spread)
    back = np.exp if model.target.log else np.asarray
    return {f"{prefix}{name}": back(v) for name, v in (("mean", mean), ("lower", mean - half), ("upper", mean + half))}


def trace_table(found: SamplerOutcome) -> pa.Table:
    """One row per temperature."""
    whole = ("temperature", "moves", "distinct", "proposed", "impossible", "invalid", "evaluated")
    schema = pa.schema([(name, pa.int64() if name in whole else pa.float64()) for name in Step._fields])
    return pa.Table.from_pylist([step._asdict() for step in found.trace], schema=schema)
