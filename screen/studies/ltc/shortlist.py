"""Screening inside a study, and a shortlist by a stated rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.candidates.catalog import Catalog
from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.networks.source import Library
from kakehashi.screen.progress import Progress
from kakehashi.screen.ranking.filters import FilterCount, parse_filter
from kakehashi.screen.ranking.rank import Order, rank
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.plan import Fitted, predict_plan

# As many as Ju et al. (2021) verified by first-principles calculation.
SHORTLISTED = 14
# Filters where the catalogue has the column, and their words: what may be synthesised, and what conducts heat
# by its lattice, as the target's compounds do. A candidate whose value is unknown is left out.
ASKED = {
    "e_above_hull": ("e_above_hull<=0.05", "are at most 0.05 eV/atom above the convex hull"),
    "band_gap": ("band_gap>0.1", "have a band gap above 0.1 eV"),
}
_ROWS = 32_768


class Screened(NamedTuple):
    """Candidates scored with transfer and without.

    scores : the transferred model's columns
    direct : a row's mean by the model without transfer
    quarantined : rows that cannot be scored
    """

    scores: pa.Table
    direct: FloatArray
    quarantined: int


class Shortlist(NamedTuple):
    """The best candidates by a rule.

    rule : in words
    counts : what each of its filters removed
    """

    table: pa.Table
    rule: str
    counts: tuple[FilterCount, ...]


def screen_all(transferred: Model, direct: Model, catalog: Catalog, progress: Progress) -> Screened:
    """Score a catalogue with both models; rows that cannot be scored are counted."""
    scorer, without = make_scorer(transferred), make_scorer(direct)
    parts, means, aside = [], [], 0
    with progress.stage("score candidates", catalog.rows) as advance:
        for rows in catalog.batches(_ROWS):
            part = scorer(rows)
            aside += part.quarantine.num_rows
            parts.append(part.scores)
            other = without(part.scores.select(["id", "formula"])).scores
            if other.num_rows != part.scores.num_rows:
                raise RuntimeError(f"{part.scores.num_rows} rows with transfer, {other.num_rows} without")
            means.append(other["mean"].to_numpy())
            advance(rows.num_rows)
    return Screened(pa.concat_tables(parts), np.concatenate(means), aside)


def distinct(screened: Screened) -> tuple[pa.Table, FloatArray]:
    """One row per composition, and the direct model's means."""
    keys = screened.scores["reduced_formula"].combine_chunks().dictionary_encode()
    first = np.unique(keys.indices.to_numpy(), return_index=True)[1]
    return screened.scores.take(pa.array(first)), screened.direct[first]


def beside(listed: Shortlist, compositions: pa.Table, others: Mapping[str, FloatArray]) -> pa.Table:
    """Put other models' means and the filters' columns beside the shortlist.

    others : name and mean of each row of `compositions` by another model
    """
    place = {key: i for i, key in enumerate(compositions["reduced_formula"].to_pylist())}
    rows = [place[key] for key in listed.table["reduced_formula"].to_pylist()]
    columns = {name: listed.table[name] for name in ("rank", "id", "formula", "mean", "lower", "upper")}
    columns |= {name: pa.array(mean[rows]) for name, mean in others.items()}
    more = ("domain", "domain_reason", "nearest_training", *ASKED, "reduced_formula")
    return pa.table(columns | {name: listed.table[name] for name in more if name in listed.table.column_names})


def shortlist(scores: pa.Table, known: Collection[str], *, log: bool, size: int = SHORTLISTED) -> Shortlist:
    """Choose the largest predictions for new compounds.

    In or at the edge of the domain, and past the filters in `ASKED`. Without elements, whose heat is their electrons'
    more often than not, and nothing radioactive.

    known : reduced formulas of the target, which are no discovery
    """
    new = pc.invert(pc.is_in(scores["reduced_formula"], pa.array(sorted(known), pa.string())))
    compound = pc.match_substring_regex(scores["reduced_formula"], "[A-Z].*[A-Z]")
    conditions = [ASKED[name] for name in ASKED if name in scores.column_names]
    filters = tuple(parse_filter(text) for text in ("domain!=out", *(text for text, _ in conditions)))
    order = Order(by="mean", top=size, per_system=1, filters=filters, radioactive=False)
    ranking = rank(scores.filter(pc.and_(new, compound)), order, log=log)
    more = "".join(f", {words}" for _, words in conditions) + (" (unknown: left out)" if conditions else "")
    rule = (
        f"the {size} largest predictions for compounds in or at the edge of the applicability domain that are not in"
        f" the target, hold no radioactive element{more}; the best one of each chemical system"
    )
    return Shortlist(ranking.table, rule, ranking.counts)


def network_predictions(library: Library, fitted: Fitted, formulas: pa.ChunkedArray, progress: Progress) -> FloatArray:
    """Predict with a head on one network, (n,) fitted scale."""
    source = library.sources[fitted.plan.source]
    (which,) = fitted.plan.networks
    alone = source._replace(networks=(source.networks[which],), unit_scales=(source.unit_scales[which],))
    only = library._replace(sources=(alone,))
    moved = fitted._replace(plan=fitted.plan._replace(source=0, networks=(0,)))
    inputs = parse_column(formulas).compositions
    n = len(inputs.elements)
    parts = []
    with progress.stage("the paper's forest on candidates", n) as advance:
        for start in range(0, n, _ROWS // 4):
            rows = np.arange(start, min(start + _ROWS // 4, n))
            parts.append(predict_plan(moved, compute_features(only, inputs.take(rows)), np.arange(len(rows)))[0][0])
            advance(len(rows))
    return np.concatenate(parts)
