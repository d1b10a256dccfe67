"""Measured conductivities no model has seen, beside the screening."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import spearmanr

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.studies.ltc.shortlist import ASKED

# A metal conducts heat by its electrons: what the catalogue must say for a measured value to be that of a lattice.
GAP = "band_gap"
LEAST = 5


class MeasuredCandidates(NamedTuple):
    """Screened compositions with a measured value.

    table : formula, domain, measured value, mean, lower and upper, and the means of other models by name
    metals : how many were left out for lack of a band gap
    """

    table: pa.Table
    metals: int


class MeasuredFit(NamedTuple):
    """Errors and correlation of predictions of ln values.

    NaN below `LEAST` values.
    """

    n: int
    mae: float
    mean_error: float
    spearman: float


def join_measured(
    measured: PropertyTable,
    target: PropertyTable,
    scores: pa.Table,
    compositions: pa.Table,
    others: Mapping[str, FloatArray],
) -> MeasuredCandidates:
    """Join measured values to the screening.

    Without the target's own compounds and without metals.

    scores : every candidate
    compositions : one row of each
    others : means of other models beside them, by name
    """
    known = set(target.keys)
    values = {key: float(value) for key, value in zip(measured.keys, measured.values, strict=True) if key not in known}
    keys = compositions["reduced_formula"].to_pylist()
    rows = [i for i, key in enumerate(keys) if key in values]
    gapped = _gapped(scores)
    lattice = [i for i in rows if gapped is None or keys[i] in gapped]
    chosen = compositions.take(pa.array(lattice, pa.int64()))
    table = pa.table(
        {
            "formula": chosen["reduced_formula"], "domain": chosen["domain"],
            "measured": [values[keys[i]] for i in lattice],
            **{name: chosen[name] for name in ("mean", "lower", "upper")},
            **{name: mean[lattice] for name, mean in others.items()},
        }
    )  # fmt: skip
    return MeasuredCandidates(table.sort_by([("measured", "descending")]), len(rows) - len(lattice))


def _gapped(scores: pa.Table) -> set[str] | None:
    """Formulas with a band gap in any of their structures.

    None where the catalogue knows no gaps.
    """
    if GAP not in scores.column_names:
        return None
    least = float(ASKED[GAP][0].split(">")[1])
    return set(scores.filter(pc.greater(scores[GAP], least))["reduced_formula"].to_pylist())


def fit_measured(table: pa.Table, column: str) -> MeasuredFit:
    """Compute errors of the predictions in a column."""
    known, guess = np.log(table["measured"].to_numpy()), np.log(table[column].to_numpy())
    if len(known) < LEAST:
        return MeasuredFit(len(known), *[float("nan")] * 3)
    errors = guess - known
    return MeasuredFit(
        len(known), float(np.mean(np.abs(errors))), float(errors.mean()), float(spearmanr(known, guess).statistic)
    )


def count_inside(table: pa.Table) -> int:
    """Count measured values inside the 90 % interval of the stack."""
    y = table["measured"].to_numpy()
    return int(np.sum((y >= table["lower"].to_numpy()) & (y <= table["upper"].to_numpy())))


def paired(table: pa.Table, column: str, against: str) -> tuple[float, float]:
    """Compare two columns of predictions by their absolute errors of ln values.

    Returns
    -------
    by how much `against` errs more than `column`, and its standard error
    """
    known = np.log(table["measured"].to_numpy())
    errors = [np.abs(np.log(table[name].to_numpy()) - known) for name in (column, against)]
    gain = errors[1] - errors[0]
    return float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("nan")
