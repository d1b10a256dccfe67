"""Holdouts: compounds at random, families, elements or the largest values.

Cross-validation on compounds dealt at random asks how well a model fills gaps. A screening asks for more: families and
elements nobody has measured, values beyond all known ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.numbers import number
from kakehashi.catalogs.records import Compositions, PropertyTable, UserError
from kakehashi.screen.evaluation.config import TOP_FRACTION, Holdout
from kakehashi.screen.transfer.problem import MIN_TRAINING, folds_text, outer_folds
from kakehashi.screen.validation.coverage import name_families
from kakehashi.screen.validation.folds import Folds, Split, grouped_folds, splits_of


class HeldOut(NamedTuple):
    """Held-out compounds.

    splits : every compound is held out in one at most
    folds : (n,) its split, -1 where it is in none
    text : in words
    """

    splits: tuple[Split, ...]
    folds: Folds
    text: str


def hold_out(target: PropertyTable, mode: Holdout, outer: int, seed: int, top: float = TOP_FRACTION) -> HeldOut:
    """Split a target into compounds to fit on and held-out ones.

    random, formula : `outer` folds; no reduced formula or polymer is on both sides. (A table holds each once, so both
        deal single rows; given fold numbers are taken instead.)
    family : whole chemical families (of compositions the most electronegative element, of repeat units the linkage)
    element : every compound is predicted by a model that never saw its rarest element; the elements are dealt to
        `outer` folds, and compounds that hold one of a fold's elements are not fitted on there
    top : the share `top` of the compounds with the largest values, predicted from all others

    Raises
    ------
    UserError : too few compounds, families or elements to fit on, or molecules where elements are asked for.
    """
    if mode in ("random", "formula"):
        folds = outer_folds(target, outer, seed)
        return HeldOut(tuple(splits_of(folds)), folds, folds_text(target, folds))
    if target.folds is not None:
        raise UserError(f"--holdout {mode} deals the compounds itself: leave --folds out")
    if mode == "top":
        return _largest(target, top)
    inputs = target.inputs
    if mode == "element" and not isinstance(inputs, Compositions):
        raise UserError("--holdout element is for formulas; repeat units have families: --holdout family")
    groups = (
        name_families(inputs) if not isinstance(inputs, Compositions) or mode == "family" else rarest_elements(inputs)
    )
    distinct = len(set(groups))
    if distinct < 2:
        raise UserError(f"--holdout {mode}: expected several of them in {target.name}, got only {groups[0]}")
    folds = grouped_folds(groups, min(outer, distinct), seed)
    splits = splits_of(folds)
    if isinstance(inputs, Compositions) and mode == "element":
        splits = [_without(split, groups, inputs) for split in splits]
    least = min(len(split.rows) for split in splits)
    if least < MIN_TRAINING:
        raise UserError(
            f"--holdout {mode}: leaves {least} compounds of {target.name} to fit on, expected at least {MIN_TRAINING}:"
            " raise --outer-folds or hold out at random"
        )
    kind = "elements" if mode == "element" else "families"
    return HeldOut(tuple(splits), folds, f"{distinct} {kind} left out in {len(splits)} folds")


def rarest_elements(compositions: Compositions) -> list[str]:
    """Rarest element of each compound, by how many compounds hold it.

    Of equals the more electronegative.

    >>> from kakehashi.catalogs.formulas.slots import parse_column
    >>> rarest_elements(parse_column(["MgO", "CaO", "CaS"]).compositions)
    ['Mg', 'O', 'S']
    """
    elements = compositions.elements
    counts = np.bincount(elements[elements >= 0], minlength=len(SYMBOLS))
    rarest = []
    for row in elements:
        present = row[row >= 0]
        # Slots rise in electronegativity; the last of the least is the first of the reversed.
        rarest.append(SYMBOLS[present[::-1][int(np.argmin(counts[present[::-1]]))]])
    return rarest


def _without(split: Split, groups: list[str], compositions: Compositions) -> Split:
    """Drop fitted compounds that hold an element of the held-out groups."""
    excluded = [SYMBOLS.index(symbol) for symbol in {groups[i] for i in split.held}]
    holds = np.asarray(np.isin(compositions.elements[split.rows], excluded).any(axis=1))
    return Split(split.rows[~holds], split.held)


def _largest(target: PropertyTable, top: float) -> HeldOut:
    if not 0 < top < 1:
        raise UserError(f"--top-fraction: expected a share between 0 and 1, got {top:g}")
    n = len(target)
    count = max(1, round(top * n))
    order = np.argsort(target.values, kind="stable")
    held, rows = np.sort(order[n - count :]), np.sort(order[: n - count])
    if len(rows) < MIN_TRAINING:
        raise UserError(
            f"--top-fraction {top:g}: leaves {len(rows)} compounds of {target.name} to fit on, expected at least"
            f" {MIN_TRAINING}: lower it"
        )
    folds = np.full(n, -1, np.int64)
    folds[held] = 0
    least = number(float(target.values[held].min()))
    text = f"the {count} largest values (from {least}) predicted from the {len(rows)} others"
    return HeldOut((Split(rows, held),), folds, text)
