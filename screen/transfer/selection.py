"""Candidates inside one training set, judged by inner cross-validation.

The same function serves an outer fold (where the held-out rows are predicted for the leaderboard) and the final
model (all rows), so that what is measured is what is deployed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.records import FloatArray, UserError
from kakehashi.screen.budget import EXACT
from kakehashi.screen.heads.registry import DEFAULT_HEADS, HEADS, LINES
from kakehashi.screen.transfer.features import Features
from kakehashi.screen.transfer.members import LARGE, MEMBERS, TUNED, TUNED_ROWS, Member
from kakehashi.screen.transfer.plan import (
    DEPTHS,
    GAINS,
    Kind,
    Plan,
    Rows,
    inner_predictions,
)
from kakehashi.screen.transfer.rows import (
    FOUNDATION,
    Origin,
    direct_row,
    foundation_row,
    late_row,
    networks_text,
    predictions_row,
    stacked_row,
)
from kakehashi.screen.validation.folds import Folds

# A head per network and depth costs most: above FROZEN_GP_ROWS compounds only ridge heads serve frozen features (of the
# last layer, and of all layers), above ALL_LAYERS_ROWS those of the last layer alone.
FROZEN_GP_ROWS = 300
ALL_LAYERS_ROWS = 1_000
# Networks of a source that serve as frozen features, at least; of more than FROZEN_GP_ROWS compounds a share that falls
# with their square does, the first ones.
LEAST_NETWORKS = 4

# Heads with a closed form serve all networks; the others the networks with the least inner ridge error.
CLOSED_FORM = ("ridge", "gp")
BEST = 5
# The Gaussian process with a kernel for each block of descriptors; it costs n³.
BLOCKS, BLOCK_ROWS = "block-gp", EXACT


class Heads(NamedTuple):
    """Heads tried on each kind of inputs.

    direct, predictions : on descriptors, and on descriptors with source predictions
    frozen, late : on frozen features of all networks, and of the best few
    depths : numbers of a network's last layers that are tried
    stacked : also try the features of all sources together
    foundation : members on columns of foundation networks
    """

    direct: tuple[str, ...]
    predictions: tuple[str, ...]
    frozen: tuple[str, ...]
    late: tuple[str, ...] = ()
    depths: tuple[int, ...] = DEPTHS
    stacked: bool = True
    foundation: tuple[Member, ...] = ()


def affordable_heads(
    n: int, names: Sequence[str] = DEFAULT_HEADS, *, foundation: bool = False, counts: bool = False
) -> Heads:
    """Choose the requested heads that n compounds can pay for.

    The same in every fold and the final model.

    foundation : also choose members on foundation networks; where the heads are the default ones, with extra trees
    counts : whether descriptors count environments: the default heads include the one with a kernel for counts then

    Raises
    ------
    UserError : an unknown head, or none that serves the models without transfer.

    Examples
    --------
    >>> affordable_heads(45, ("ridge", "gp")).frozen
    ('ridge', 'gp')
    >>> affordable_heads(1_000, ("ridge", "gp")).frozen
    ('ridge',)
    >>> affordable_heads(100_000, ("ridge", "gp")).direct
    ('ridge', 'gp')
    """
    unknown = [head for head in names if head not in LINES]
    if unknown:
        raise UserError(f"--heads: expected some of {', '.join(LINES)}, got {unknown[0]!r}")

    if counts and tuple(names) == DEFAULT_HEADS:
        names = (*names, BLOCKS)
    if n > BLOCK_ROWS:
        names = tuple(head for head in names if head != BLOCKS)
    closed = tuple(head for head in CLOSED_FORM if head in names)
    late = tuple(head for head in LINES if head in names and head not in CLOSED_FORM)
    direct = (*closed, *(head for head in late if LINES[head].direct))
    late = tuple(head for head in late if LINES[head].frozen)
    if not direct:
        raise UserError(
            "--heads: expected ridge, forest or another that serves descriptors among them for the models without"
            f" transfer ({BLOCKS} only up to {BLOCK_ROWS:,} compounds; the target has {n:,}), got"
            f" {', '.join(names) or 'none'}"
        )
    members = affordable_members(n, names) if foundation else ()
    if n <= FROZEN_GP_ROWS:
        return Heads(direct, closed, closed, late, foundation=members)
    depths = (1, 0) if n <= ALL_LAYERS_ROWS else (1,)
    frozen = tuple(head for head in closed if head != "gp")
    return Heads(direct, closed, frozen, late, depths, stacked=False, foundation=members)


def affordable_baselines(n: int, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose the requested baselines that n compounds can pay for, each once; and notes on the others.

    >>> affordable_baselines(45, ("gp", "block-gp"))
    (('gp', 'block-gp'), ())
    >>> affordable_baselines(2_001, ("gp", "block-gp"))[0]
    ('gp',)
    """
    names = tuple(dict.fromkeys(names))
    if n <= BLOCK_ROWS or BLOCKS not in names:
        return names, ()
    note = f"{n:,} target compounds: baseline {BLOCKS} was left out, which serves up to {BLOCK_ROWS:,}"
    return tuple(name for name in names if name != BLOCKS), (note,)


def affordable_networks(n: int, networks: int) -> int:
    """Number of a source's networks that serve n compounds as frozen features.

    >>> [affordable_networks(n, 50) for n in (300, 500, 1_000, 100_000)]
    [50, 18, 4, 4]
    """
    share = min(1.0, (FROZEN_GP_ROWS / n) ** 2)
    return min(networks, max(LEAST_NETWORKS, round(networks * share)))


def affordable_members(n: int, names: Sequence[str] = DEFAULT_HEADS) -> tuple[Member, ...]:
    """Choose members on foundation networks that n compounds can pay for.

    >>> [member.head for member in affordable_members(5_000)]
    ['gp', 'gp', 'extra-trees', 'extra-trees', 'ridge', 'tuned']
    """
    allowed = (*names, "extra-trees", "tuned") if tuple(names) == DEFAULT_HEADS else tuple(names)
    members = MEMBERS if n <= TUNED_ROWS else (*MEMBERS, *LARGE)
    if "tuned" in names and TUNED not in members:
        members = (*members, TUNED)
    return tuple(member for member in members if member.head in allowed)


class Candidate(NamedTuple):
    """A plan with its inner out-of-fold predictions.

    inner : (n,) on the training rows, averaged over the plan's networks
    mae : their mean absolute error
    """

    name: str
    plan: Plan
    inner: FloatArray
    mae: float


def judge_candidates(
    features: Features,
    y: FloatArray,
    rows: Rows,
    folds: Folds,
    sources: Sequence[str],
    heads: Heads,
) -> list[Candidate]:
    """Judge all candidates on one training set.

    Direct; per source, frozen features of all networks averaged and of the best single one, late heads on the best
    few; frozen features of all sources side by side; descriptors with source predictions.

    folds : (len(rows),) inner folds
    """
    truth = y[rows]
    origins = list_origins(features, sources)
    candidates: list[Candidate] = []

    def add(name: str, plan: Plan, inner: FloatArray) -> None:
        candidates.append(Candidate(name, plan, inner, float(np.mean(np.abs(inner - truth)))))

    for head in heads.direct:
        plan = Plan("direct", head)
        add(direct_row(head).name, plan, inner_predictions(plan, features, y, rows, folds)[0])
    for s, origin in enumerate(origins):
        networks = tuple(range(len(features.layers[s])))
        best = _ranked(s, features, y, rows, folds)[:BEST] if heads.late else ()
        for head in heads.late:
            kind: Kind = "finetuned" if head == "finetune" else "frozen"
            plan = Plan(kind, head, s, HEADS[head].depth, best)
            inner = inner_predictions(plan, features, y, rows, folds)
            add(late_row(origin, head, plan.depth, BEST).name, plan, inner.mean(axis=0))
        for depth in heads.depths:
            for head in heads.frozen:
                plan = Plan("frozen", head, s, depth, networks)
                inner = inner_predictions(plan, features, y, rows, folds)
                add(networks_text(origin.name, len(networks), head, depth), plan, inner.mean(axis=0))
                single = int(np.argmin(np.mean(np.abs(inner - truth), axis=1)))
                alone = plan._replace(networks=(single,))
                add(networks_text(origin.name, 1, head, depth), alone, inner[single])
    if len(sources) > 1 and heads.stacked:
        for plan in list_stacked_plans(features, heads):
            inner = inner_predictions(plan, features, y, rows, folds).mean(axis=0)
            add(stacked_row(origins, plan.head, plan.depth).name, plan, inner)
    for origin in foundation_origins(features):
        for member in heads.foundation:
            plan = Plan("foundation", member.head, FOUNDATION, blocks=member.blocks)
            add(foundation_row(origin, member).name, plan, inner_predictions(plan, features, y, rows, folds)[0])
    if sources:
        for head in heads.predictions:
            for gain in GAINS:
                plan = Plan("predictions", head, gain=gain)
                inner = inner_predictions(plan, features, y, rows, folds)[0]
                add(predictions_row(origins, head).name, plan, inner)
    return candidates


def list_origins(features: Features, sources: Sequence[str]) -> list[Origin]:
    """List the sources by name, with their numbers of networks."""
    return [Origin(s, name, len(features.layers[s])) for s, name in enumerate(sources)]


def foundation_origins(features: Features) -> list[Origin]:
    """Foundation networks as an origin, none without a view."""
    view = features.foundation
    return [] if view is None else [Origin(FOUNDATION, view.name, len(view.networks))]


def list_stacked_plans(features: Features, heads: Heads) -> list[Plan]:
    """Plans on the features of all sources side by side.

    The last layer or all layers, with as many networks as every source has.
    """
    shared = tuple(range(min(len(layers) for layers in features.layers)))
    return [Plan("stacked", head, depth=depth, networks=shared) for depth in (1, 0) for head in heads.frozen]


def _ranked(source: int, features: Features, y: FloatArray, rows: Rows, folds: Folds) -> tuple[int, ...]:
    """Rank a source's networks by inner error, best first.

    Of a ridge head on all their layers.
    """
    plan = Plan("frozen", "ridge", source, 0, tuple(range(len(features.layers[source]))))
    errors = np.mean(np.abs(inner_predictions(plan, features, y, rows, folds) - y[rows]), axis=1)
    return tuple(int(i) for i in np.argsort(errors, kind="stable"))


def pick_best(candidates: Sequence[Candidate]) -> Candidate:
    """Candidate with the least inner error; the first of equals."""
    return min(candidates, key=lambda candidate: candidate.mae)
