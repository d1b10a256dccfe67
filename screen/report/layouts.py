"""Layouts of the tables of a page: meanings, labels and order of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_MEANINGS = {
    "rank": "position in the ranking, 1 is best",
    "formula": "formula exactly as the catalogue gives it",
    "id": "the catalogue's identifier, or the row number where it has none",
    "mean": "predicted value, in the unit of the target",
    "lower": "lower end of the 90% prediction interval",
    "upper": "upper end of the 90% prediction interval",
    "spread": "disagreement between the members of the model",
    "domain": "in: like the training materials; edge: beyond them in some respect; out: extrapolation",
    "domain_reason": "why a candidate is at the edge or out",
    "nearest_training": "the training material closest in descriptor space",
    "distance": "distance to the nearest training material",
    "at_ceiling": "the prediction sits at the largest value the model can give: its order there means little",
    "origin": "where the catalogue has the row from",
    "reduced_formula": "the formula that was scored; entries that share it share the prediction",
    "measured": "the measured value, where the target has the compound",
    "measured_row": "row of the target table that the measured value is from, counted from 1",
    "clipped": "ends of the interval that were cut at the bounds of the property",
    "mean_unclipped": "the prediction before it was cut at the bounds",
    "lower_unclipped": "the lower end before it was cut at the bounds",
    "upper_unclipped": "the upper end before it was cut at the bounds",
    "probability": "chance to lie beyond the threshold",
}
_LABELS = {
    "mean": "predicted", "lower": "low", "upper": "high", "nearest_training": "nearest training",
    "domain_reason": "reason", "at_ceiling": "at ceiling", "reduced_formula": "reduced",
    "measured_row": "measured in row",
    "clipped": "cut at bounds", "mean_unclipped": "predicted, uncut", "lower_unclipped": "low, uncut",
    "upper_unclipped": "high, uncut",
}  # fmt: skip
_FIRST = ("rank", "formula", "mean", "interval", "lower", "upper", "clipped", "domain", "measured", "probability", "id")
_LAST = ("nearest_training", "distance", "domain_reason", "spread", "at_ceiling", "reduced_formula", "origin",
         "measured_row", "mean_unclipped", "lower_unclipped", "upper_unclipped")  # fmt: skip
DOMAIN_MARKS = {"in": "●", "edge": "◐", "out": "○"}


class TableLayout(NamedTuple):
    """Layout of a table: meanings, labels, column order, and searched columns.

    formulas, smiles : columns of formulas, whose amounts are set as subscripts, and of SMILES
    candidates : True for rows that may be measured already, elements or gases, and are not on view at first
    """

    meanings: Mapping[str, str]
    labels: Mapping[str, str]
    first: tuple[str, ...]
    last: tuple[str, ...]
    search: tuple[str, ...]
    formulas: tuple[str, ...] = ()
    smiles: tuple[str, ...] = ()
    candidates: bool = False


_MATERIALS = ("formula", "nearest_training", "reduced_formula")
COMPOSITIONS = TableLayout(
    _MEANINGS, _LABELS, _FIRST, _LAST, ("formula", "reduced_formula", "id"), formulas=_MATERIALS, candidates=True
)
UNITS = COMPOSITIONS._replace(
    meanings=_MEANINGS
    | {
        "formula": "SMILES of the repeat unit exactly as the catalogue gives it",
        "reduced_formula": "the repeat unit that was scored, in its canonical form; entries that share it share the"
        " prediction",
    },
    labels=_LABELS | {"formula": "repeat unit", "reduced_formula": "canonical"},
    formulas=(),
    smiles=_MATERIALS,
)
