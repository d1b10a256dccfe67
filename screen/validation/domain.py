"""Applicability domain: how far a candidate is from the target's compounds.

A composition model trained on 45 rocksalts knows nothing about quaternary oxides. Three kinds of evidence stay
separate, each with a reason a reader can check: elements, stoichiometry, distance in descriptor space.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.budget import blocks, spread_rows
from kakehashi.screen.validation.unique_rows import unique_rows

# A candidate is far when its nearest training compound is further than the target's own compounds are from each
# other (95th percentile of leave-one-out nearest distances = 1), and very far at twice that.
FAR, VERY_FAR = 1.0, 2.0
# Rows whose distances to all others give the unit of distance, evenly spread over a larger target.
UNIT_ROWS = 2_000


class Domain(NamedTuple):
    """Elements and stoichiometries of the target and its sources.

    target_elements, source_elements : (94,) bool
    counts : numbers of elements per compound in the target
    classes : stoichiometry classes in the target, e.g. (1, 1) for MgO, (2, 3) for Al2O3
    (both empty for molecules, whose stoichiometry says nothing)
    """

    target_elements: NDArray[np.bool_]
    source_elements: NDArray[np.bool_]
    counts: frozenset[int]
    classes: frozenset[tuple[float, ...]]


class DomainVerdicts(NamedTuple):
    """Domain verdicts on candidates, with reasons.

    domain : (n,) "in", "edge" or "out"
    reason : (n,) text, "" when in
    """

    domain: NDArray[np.object_]
    reason: NDArray[np.object_]


def stoichiometry(reduced: Compositions) -> NDArray[np.float64]:
    """Sort the amounts of each composition, (n, 16).

    In increasing order, empty slots (infinity) last: equal rows are one stoichiometry class.
    """
    return np.sort(np.where(reduced.elements >= 0, reduced.amounts, np.inf), axis=1)


def describe_domain(
    reduced: Compositions,
    target_elements: NDArray[np.bool_],
    source_elements: NDArray[np.bool_],
    molecules: bool = False,
) -> Domain:
    """Describe the domain of a target.

    reduced : its reduced compositions
    target_elements, source_elements : (94,) bool
    molecules : leave the stoichiometry out
    """
    if molecules:
        return Domain(target_elements, source_elements, frozenset(), frozenset())
    rows = stoichiometry(reduced)
    return Domain(
        target_elements,
        source_elements,
        frozenset(int(k) for k in (reduced.elements >= 0).sum(axis=1)),
        frozenset(tuple(float(v) for v in row[np.isfinite(row)]) for row in rows),
    )


def judge_domain(domain: Domain, reduced: Compositions, distance: NDArray[np.float64]) -> DomainVerdicts:
    """Judge candidates by their reduced compositions and distances.

    out: an element no data have, twice the usual distance, or two kinds of evidence against it; edge: one kind.

    distance : (n,) to the nearest training compound, in units of `unit_distance`
    """
    evidence = _weigh(domain, reduced, distance)
    return DomainVerdicts(
        np.where(evidence.out, "out", np.where(evidence.against == 1, "edge", "in")).astype(object),
        _reasons(reduced, distance, evidence),
    )


def is_out(domain: Domain, reduced: Compositions, distance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Flag candidates (n,) that `judge_domain` finds out.

    A smaller distance never turns another verdict into "out".
    """
    return _weigh(domain, reduced, distance).out


class _Evidence(NamedTuple):
    """Evidence against n candidates.

    unseen, unknown : (n, slots) elements not in the target, and those of them in no source
    new_count, new_class, far, out : (n,) bool; against : (n,) kinds of evidence
    """

    unseen: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    new_count: NDArray[np.bool_]
    new_class: NDArray[np.bool_]
    far: NDArray[np.bool_]
    against: NDArray[np.int64]
    out: NDArray[np.bool_]


def _weigh(domain: Domain, reduced: Compositions, distance: NDArray[np.float64]) -> _Evidence:
    present = reduced.elements >= 0
    safe = np.where(present, reduced.elements, 0)
    unseen = present & ~domain.target_elements[safe]
    unknown = unseen & ~domain.source_elements[safe]
    new_count, new_class = new_stoichiometry(domain, reduced, present.sum(axis=1))
    far = distance > FAR
    against = unseen.any(axis=1).astype(np.int64) + (new_count | new_class) + far
    out = unknown.any(axis=1) | (distance > VERY_FAR) | (against >= 2)
    return _Evidence(unseen, unknown, new_count, new_class, far, against, out)


def _reasons(reduced: Compositions, distance: NDArray[np.float64], evidence: _Evidence) -> NDArray[np.object_]:
    """Sentences (n,) on the evidence, "" where there is none.

    Those on elements and stoichiometries are written once for all candidates that share them.
    """
    rows = np.flatnonzero(evidence.against)
    unknown = evidence.unknown[rows]
    unseen = evidence.unseen[rows] & ~unknown
    elements = reduced.elements[rows]
    counts = (elements >= 0).sum(axis=1)
    new_count, new_class, far = (part[rows] for part in (evidence.new_count, evidence.new_class, evidence.far))
    shape = np.full(len(rows), "", dtype=object)
    shape[new_class] = "stoichiometry not in the target"
    for count in np.unique(counts[new_count]):
        shape[new_count & (counts == count)] = f"{count} elements, none so in the target"
    apart = np.full(len(rows), "", dtype=object)
    apart[far] = [f"distance {value:.1f} to the nearest training compound" for value in distance[rows][far].tolist()]
    text = np.full(len(rows), "", dtype=object)
    for part in (
        _name_elements(elements, unknown, "in neither target nor sources"),
        _name_elements(elements, unseen, "not in the target"),
        shape,
        apart,
    ):
        text = text + np.where((text != "") & (part != ""), "; ", "").astype(object) + part
    reason = np.full(len(evidence.against), "", dtype=object)
    reason[rows] = text
    return reason


def _name_elements(elements: NDArray[np.int16], mask: NDArray[np.bool_], where: str) -> NDArray[np.object_]:
    """Text (n,) naming the masked elements of each row in their order, "" where none is."""
    text = np.full(len(elements), "", dtype=object)
    some = np.flatnonzero(mask.any(axis=1))
    if len(some):
        masked = np.where(mask[some], elements[some], -1)
        first, inverse = unique_rows(masked)
        sentences = [f"{', '.join(SYMBOLS[i] for i in masked[k] if i >= 0)} {where}" for k in first]
        text[some] = np.array(sentences, dtype=object)[inverse]
    return text


def new_stoichiometry(
    domain: Domain, reduced: Compositions, counts: NDArray[np.integer]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Flag candidates whose stoichiometry the target lacks.

    counts : (n,) elements per candidate

    Returns
    -------
    (n,) bool, a number of elements the target has not; (n,) bool, a stoichiometry class it has not
    """
    if not domain.counts:
        none = np.zeros(len(counts), bool)
        return none, none
    rows = stoichiometry(reduced)
    first, inverse = unique_rows(rows)
    known = np.array(
        [tuple(float(v) for v in row[np.isfinite(row)]) in domain.classes for row in rows[first]], dtype=bool
    )
    return ~np.isin(counts, list(domain.counts)), ~known[inverse]


def unit_distance(x: NDArray[np.floating]) -> float:
    """Usual distance between training compounds: the unit of the domain.

    The 95th percentile of leave-one-out nearest-neighbour distances among rows x (n, p); 1 if all coincide.

    >>> unit_distance(np.array([[0.0], [1.0], [2.0]]))
    1.0
    """
    wide = np.asarray(x, np.float64)
    squares = np.sum(wide**2, axis=1)
    chosen = spread_rows(len(x), UNIT_ROWS)
    least = np.empty(len(chosen))
    for part in blocks(len(chosen), len(x)):
        squared = squares[chosen[part], None] + squares - 2 * wide[chosen[part]] @ wide.T
        squared[np.arange(len(squared)), chosen[part]] = np.inf
        least[part] = squared.min(axis=1)
    unit = float(np.quantile(np.sqrt(np.maximum(least, 0.0)), 0.95))
    return unit if unit > 0 else 1.0


def nearest(x: NDArray[np.floating], training: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the nearest training row of each candidate.

    x : (m, p); training : (n, p)

    Returns
    -------
    (m,) its index; (m,) the Euclidean distance to it
    """
    a, b = np.asarray(x, np.float64), np.asarray(training, np.float64)
    squares = np.sum(b**2, axis=1)
    index, distance = np.empty(len(a), np.int64), np.empty(len(a))
    for part in blocks(len(a), max(len(b), b.shape[1])):
        squared = np.sum(a[part] ** 2, axis=1)[:, None] + squares - 2 * a[part] @ b.T
        index[part] = np.argmin(squared, axis=1)
        distance[part] = np.sqrt(np.sum((a[part] - b[index[part]]) ** 2, axis=1))
    return index, distance
