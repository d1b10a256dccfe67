"""Warnings of a finished screening."""

from __future__ import annotations

from kakehashi.catalogs.numbers import number
from kakehashi.screen.descriptors.materials import kind_of_table
from kakehashi.screen.descriptors.registry import amounts_convention
from kakehashi.screen.ranking.filters import refuses_out
from kakehashi.screen.ranking.summary import ScoreSummary
from kakehashi.screen.runs.refused import warnings_of
from kakehashi.screen.screening.inputs import ScreenInputs
from kakehashi.screen.transfer.fit import Model


def warnings_of_run(inputs: ScreenInputs, model: Model, figures: ScoreSummary) -> list[str]:
    """Warnings of a finished screening: its model, its candidates, its tables."""
    texts = list(model.warnings)
    checkpoints = [source.checkpoint for source in model.library.sources] + [model.checkpoint]
    texts.extend(dict.fromkeys(point.warning for point in checkpoints if point and point.warning))
    n, unique, out = figures.rows, figures.unique, figures.domains.get("out", 0)
    if n and out > n / 2 and not refuses_out(inputs.order.filters):
        texts.append(
            f"{out:,} of {n:,} candidates are outside the applicability domain: their order is"
            " extrapolation; filter with domain!=out"
        )
    # Be2O2 and BeO differ by the cell convention, polymorphs by structure: neither share scores.
    kind = kind_of_table(model.target)
    if n > unique and amounts_convention(model.library.convention) != "cell" and not kind.structural:
        texts.append(f"{n:,} candidates are {_distinct(unique, smiles=not kind.stoichiometric)}")
    texts.extend(_ties(figures))
    texts.extend(_not_positive(inputs, figures))
    texts.extend((*inputs.catalog.unread, *inputs.unread))
    texts.extend(warnings_of([inputs.target], inputs.sources))
    return texts


def _not_positive(inputs: ScreenInputs, figures: ScoreSummary) -> list[str]:
    """Warning where predictions of a positive property are not positive."""
    target, bounds = inputs.target, inputs.bounds
    if target.log or float(target.values.min()) <= 0 or (bounds is not None and bounds.low >= 0):
        return []
    if figures.low is None or figures.low > 0:
        return []
    of = f"{figures.not_positive:,} of {figures.rows:,} predictions" if figures.not_positive else "some predictions"
    lowest = f"{number(figures.low, 3)} {target.unit}".strip()
    return [
        f"all target values are positive, but {of} are not (down to {lowest}): --log fits ln(value), so that every"
        " prediction is positive and errors are factors; --bounds 0, keeps this fit and cuts predictions and intervals"
        " at 0"
    ]


def _ties(figures: ScoreSummary) -> list[str]:
    """Warning where several compositions share the best prediction.

    They do at the ceiling of a forest.
    """
    if figures.sharing < 2:
        return []
    return [
        f"{figures.sharing:,} compositions share the best prediction, {number(figures.best)}: their order means nothing"
    ]


def _distinct(unique: int, *, smiles: bool) -> str:
    """Say how many materials the candidates are, and why some share a score."""
    several = "s" * (unique > 1)
    if smiles:
        return (
            f"{unique:,} molecule{several} or repeat unit{several}: one that is written in several ways, or as its"
            " stereoisomers, has one score"
        )
    return (
        f"{unique:,} composition{several}: polymorphs of one composition share one score, because the model sees"
        " compositions only"
    )
