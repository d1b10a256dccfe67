"""The proposals as the page shows them: the best as cards with drawn structures, all of them in a table."""

from __future__ import annotations

from typing import Any

from kakehashi.design.report.clusters import Clusters
from kakehashi.design.report.data import ModelledProperty, bounds
from kakehashi.screen.report.charts import whisker
from kakehashi.screen.report.data import Row, Table, real
from kakehashi.screen.report.draw import draw_structure
from kakehashi.screen.report.ranking import Ranking, TableLayout, arrange_columns
from kakehashi.screen.report.svg import Axis, padded
from kakehashi.screen.report.text import words

CARDS = 24
_MEANINGS = {
    "rank": "position in the list, 1 is best: by the probability of meeting the goals",
    "smiles": "the repeat unit, in its canonical form",
    "mean": "predicted value of the first property, in its unit",
    "lower": "lower end of its 90% prediction interval",
    "upper": "upper end of its 90% prediction interval",
    "p_goal": "probability that all goals are met",
    "log_p_goal": "its natural logarithm",
    "class": "polymer class of the first known route",
    "reaction": "the polymerisation",
    "monomer_1": "a monomer it can be made from",
    "monomer_2": "the other monomer",
    "sa_score": "synthetic accessibility of the capped unit, 1 easy to 10 hard",
    "novelty": "1 minus the Tanimoto similarity to the nearest known polymer",
    "nearest_training": "the known polymer that is most similar",
    "domain": "in: like the target's polymers; edge: beyond them in one respect; out: extrapolation",
    "domain_reason": "why a proposal is at the edge or out",
    "distance": "distance to the nearest polymer of the target in descriptor space, 1 is usual",
    "particles": "particles of the sampler that ended on it",
    "first_seen": "the temperature at which the sampler first met it, 0 is the prior",
    "cluster": "cluster of similar proposals, 1 is the largest",
}
_LABELS = {
    "smiles": "repeat unit", "mean": "predicted", "lower": "low", "upper": "high", "p_goal": "goal probability",
    "log_p_goal": "its log", "monomer_1": "monomer 1", "monomer_2": "monomer 2", "sa_score": "SA",
    "nearest_training": "nearest known", "domain_reason": "reason", "first_seen": "first seen",
}  # fmt: skip
_FIRST = ("rank", "smiles", "mean", "interval", "lower", "upper")
_THEN = ("p_goal", "class", "sa_score", "novelty", "domain", "cluster")
_LAST = ("monomer_1", "monomer_2", "reaction", "nearest_training", "distance", "particles", "first_seen", "log_p_goal",
         "domain_reason")  # fmt: skip
_SMILES = ("smiles", "monomer_1", "monomer_2", "nearest_training")


def listing(table: Table, properties: list[ModelledProperty], clusters: Clusters) -> Ranking:
    """All rows that were read, with their clusters, as a table that sorts and filters."""
    # tg repeats what the columns of that property hold
    kept = [k for k, name in enumerate(table.columns) if name != "tg"]
    columns = (*(table.columns[k] for k in kept), "cluster")
    rows = tuple((*(row[k] for k in kept), number) for row, number in zip(table.rows, clusters.numbers, strict=True))
    others = properties[1:]
    labels, meanings = dict(_LABELS), dict(_MEANINGS)
    ends = {"mean": "", "lower": " low", "upper": " high"}
    for found in properties[:1]:
        labels["mean"] = words(found.name)
    for found in others:
        for end, label in ends.items():
            labels[f"{found.prefix}{end}"] = words(found.name) + label
            meanings[f"{found.prefix}{end}"] = f"{words(found.name)}, {_MEANINGS[end]}".replace(
                "of the first property, ", ""
            )
    layout = TableLayout(
        meanings, labels, (*_FIRST, *(f"{found.prefix}mean" for found in others), *_THEN),
        (*(f"{found.prefix}{end}" for found in others for end in ("lower", "upper")), *_LAST),
        ("smiles", "class", "reaction", "monomer_1", "monomer_2"), smiles=_SMILES,
    )  # fmt: skip
    return arrange_columns(Table(columns, rows, table.total), properties[0].log if properties else False, layout)


def cards(rows: list[Row], properties: list[ModelledProperty], clusters: Clusters) -> list[dict[str, Any]]:
    """The best proposals: drawn, with their predictions, what they are made from and what they are like."""
    axes = [_axis(rows, found) for found in properties]
    made = []
    for row, cluster in zip(rows, clusters.numbers, strict=False):
        monomers = [str(row.get(f"monomer_{k}")) for k in (1, 2) if row.get(f"monomer_{k}")]
        nearest = str(row.get("nearest_training") or "")
        novelty = real(row.get("novelty"))
        made.append(
            {
                "rank": row.get("rank"),
                "smiles": row.get("smiles"),
                "drawing": draw_structure(str(row.get("smiles") or "")),
                "predictions": [_predicted(row, found, axis) for found, axis in zip(properties, axes, strict=True)],
                "p_goal": real(row.get("p_goal")),
                "sa": real(row.get("sa_score")),
                "domain": row.get("domain"),
                "reason": row.get("domain_reason"),
                "class": row.get("class") or "no route known",
                "reaction": row.get("reaction"),
                "monomers": [(text, draw_structure(text)) for text in monomers],
                "nearest": (nearest, draw_structure(nearest)) if nearest else None,
                "similarity": None if novelty is None else 1.0 - novelty,
                "cluster": cluster,
            }
        )
    return made


def _predicted(row: Row, found: ModelledProperty, axis: Axis) -> Row:
    lower, mean, upper = (real(row.get(f"{found.prefix}{end}")) for end in ("lower", "mean", "upper"))
    ends = bounds(found.goal)
    drawn = whisker(lower, mean, upper, axis, ends[0] if ends else None)
    return Row(name=words(found.name), unit=found.unit, lower=lower, mean=mean, upper=upper, drawn=drawn)


def _axis(rows: list[Row], found: ModelledProperty) -> Axis:
    """A common scale for the cards' intervals of a property, its goal included."""
    values = [real(row.get(f"{found.prefix}{end}")) for row in rows for end in ("lower", "mean", "upper")]
    known = [v for v in (*values, *bounds(found.goal)) if v is not None and (v > 0 or not found.log)]
    return Axis(*padded(known, found.log, 0.02), 5.0, 115.0, found.log)
