"""Proposals on the page: cards of the best, and a table of all."""

from __future__ import annotations

from typing import Any

from kakehashi.catalogs.properties.polymer_names import name_unit
from kakehashi.design.report.chance import write_chance
from kakehashi.design.report.clusters import Clusters
from kakehashi.design.report.data import ModelledProperty, bounds
from kakehashi.screen.report.charts import whisker
from kakehashi.screen.report.data import Row, Table, real
from kakehashi.screen.report.draw import draw_structure
from kakehashi.screen.report.layouts import TableLayout
from kakehashi.screen.report.ranking import Ranking, arrange_columns
from kakehashi.screen.report.svg import Axis, padded
from kakehashi.screen.report.text import words

CARDS = 24
_MEANINGS = {
    "rank": "position in the list, 1 is best: by goal probability times applicability, or as --rank-by says",
    "smiles": "the repeat unit as canonical SMILES",
    "mean": "predicted value of the first property, in its unit",
    "lower": "lower end of its 90% prediction interval",
    "upper": "upper end of its 90% prediction interval",
    "p_goal": "probability that all goals are met",
    "log_p_goal": "natural logarithm of the goal probability",
    "class": "polymer class of the route shown: without caution, of registered monomers, of small ones",
    "reaction": "the polymerisation",
    "conditions": "how the polymerisation is run",
    "caution": "why the monomers need special conditions, empty where they do not",
    "other_routes": "other routes to the same unit, best first",
    "monomer_1": "first monomer of the polymerisation",
    "monomer_2": "second monomer of the polymerisation",
    "monomer_1_name": "name of the first monomer, in the pool or among registered molecules",
    "monomer_1_cas": "CAS number of the first monomer, or not registered",
    "monomer_2_name": "name of the second monomer",
    "monomer_2_cas": "CAS number of the second monomer, or not registered",
    "sa_score": "synthetic accessibility of the repeat unit with methyl ends, 1 easy to 10 hard",
    "novelty": "1 minus the likeness of environment counts to the nearest known polymer; 0 for the same chain alone",
    "front": "Pareto front of the predicted values of all goals: no proposal of a front beats another in every goal;"
    " 1 is beaten by none",
    "posterior": "exact posterior probability of the repeat unit",
    "nearest_training": "most similar known polymer",
    "domain": "in: like the target's polymers; edge: beyond them in one respect; out: extrapolation",
    "domain_reason": "reason why a proposal is at the edge or out of the domain",
    "distance": "distance to the nearest polymer of the target in descriptor space, 1 is usual",
    "diverse": "place among up to 20 of the best 200 proposals, not out of the domain, that differ most (MaxMin)",
    "particles": "number of the sampler's final particles with this repeat unit",
    "first_seen": "index of the temperature at which the sampler first drew it, 0 is the prior",
    "cluster": "cluster of similar proposals, 1 is the largest",
}
_LABELS = {
    "smiles": "repeat unit", "mean": "predicted", "lower": "low", "upper": "high", "p_goal": "goal probability",
    "log_p_goal": "its log", "monomer_1": "monomer 1", "monomer_1_name": "name 1", "monomer_1_cas": "CAS 1",
    "monomer_2": "monomer 2", "monomer_2_name": "name 2", "monomer_2_cas": "CAS 2", "sa_score": "SA",
    "nearest_training": "nearest known", "domain_reason": "reason", "first_seen": "first seen",
    "other_routes": "other routes",
}  # fmt: skip
_FIRST = ("rank", "smiles", "mean", "interval", "lower", "upper")
_THEN = ("p_goal", "class", "sa_score", "novelty", "domain", "cluster")
_LAST = ("monomer_1", "monomer_1_name", "monomer_1_cas", "monomer_2", "monomer_2_name", "monomer_2_cas",
         "reaction", "conditions", "caution", "other_routes", "nearest_training", "distance", "diverse", "particles",
         "first_seen", "log_p_goal",
         "domain_reason")  # fmt: skip
_SMILES = ("smiles", "monomer_1", "monomer_2", "nearest_training")


def listing(table: Table, properties: list[ModelledProperty], clusters: Clusters) -> Ranking:
    """Table of the proposals, with clusters, that sorts and filters."""
    # tg repeats what the columns of that property hold
    shown = [k for k, name in enumerate(table.columns) if name != "tg"]
    columns = (*(table.columns[k] for k in shown), "cluster")
    rows = tuple((*(row[k] for k in shown), number) for row, number in zip(table.rows, clusters.numbers, strict=True))
    others = properties[1:]
    labels, meanings = dict(_LABELS), dict(_MEANINGS)
    ends = {"mean": "", "lower": " low", "upper": " high"}
    for model in properties[:1]:
        labels["mean"] = words(model.name)
    for model in others:
        for end, label in ends.items():
            labels[f"{model.prefix}{end}"] = words(model.name) + label
            meanings[f"{model.prefix}{end}"] = f"{words(model.name)}, {_MEANINGS[end]}".replace(
                "of the first property, ", ""
            )
    layout = TableLayout(
        meanings, labels, (*_FIRST, *(f"{found.prefix}mean" for found in others), *_THEN),
        (*(f"{found.prefix}{end}" for found in others for end in ("lower", "upper")), *_LAST),
        ("smiles", "class", "reaction", "monomer_1", "monomer_2"), smiles=_SMILES,
    )  # fmt: skip
    return arrange_columns(Table(columns, rows, table.total), properties[0].log if properties else False, layout)


def cards(rows: list[Row], properties: list[ModelledProperty], clusters: Clusters) -> list[dict[str, Any]]:
    """Cards of the best proposals: structure, predictions, monomers, domain."""
    axes = [_axis(rows, model) for model in properties]
    entries = []
    for row, cluster in zip(rows, clusters.numbers, strict=False):
        monomers = [(str(row.get(f"monomer_{k}")), _who(row, k)) for k in (1, 2) if row.get(f"monomer_{k}")]
        nearest = str(row.get("nearest_training") or "")
        novelty = real(row.get("novelty"))
        entries.append(
            {
                "rank": row.get("rank"),
                "smiles": row.get("smiles"),
                "name": name_unit(str(row.get("smiles") or "")),
                "drawing": draw_structure(str(row.get("smiles") or "")),
                "predictions": [_predicted(row, found, axis) for found, axis in zip(properties, axes, strict=True)],
                "chance": None if (chance := real(row.get("p_goal"))) is None else write_chance(chance),
                "sa": real(row.get("sa_score")),
                "domain": row.get("domain"),
                "reason": row.get("domain_reason"),
                "class": row.get("class") or "no route known",
                "reaction": row.get("reaction"),
                "monomers": [(text, draw_structure(text), who) for text, who in monomers],
                "nearest": (nearest, draw_structure(nearest), name_unit(nearest)) if nearest else None,
                "similarity": None if novelty is None else 1.0 - novelty,
                "cluster": cluster,
            }
        )
    return entries


def _who(row: Row, k: int) -> str:
    """Name and CAS number of a monomer, as far as they are known."""
    return ", ".join(text for text in (str(row.get(f"monomer_{k}_{end}") or "") for end in ("name", "cas")) if text)


def _predicted(row: Row, model: ModelledProperty, axis: Axis) -> Row:
    lower, mean, upper = (real(row.get(f"{model.prefix}{end}")) for end in ("lower", "mean", "upper"))
    ends = bounds(model.goal)
    chart = whisker(lower, mean, upper, axis, ends[0] if ends else None)
    return Row(name=words(model.name), unit=model.unit, lower=lower, mean=mean, upper=upper, drawn=chart)


def _axis(rows: list[Row], model: ModelledProperty) -> Axis:
    """Common scale of a property's intervals on all cards, goal included."""
    values = [real(row.get(f"{model.prefix}{end}")) for row in rows for end in ("lower", "mean", "upper")]
    finite = [v for v in (*values, *bounds(model.goal)) if v is not None and (v > 0 or not model.log)]
    return Axis(*padded(finite, model.log, 0.02), 5.0, 115.0, model.log)
