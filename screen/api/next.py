"""`kh.next`: the experiments to do next, from a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from kakehashi.screen.next.batch import BatchRequest, propose_batch
from kakehashi.screen.next.candidates import parse_filters
from kakehashi.screen.next.told import current_run
from kakehashi.screen.ranking.acquisition_names import Acquisition


def next_experiments(
    run: str | Path | Mapping[str, Any],
    *,
    batch: int = 8,
    by: Acquisition = "improvement",
    filters: Sequence[str] = (),
    exclude_elements: Sequence[str] = (),
    include_out: bool = False,
    apart: float | None = None,
    elements: bool = False,
) -> pa.Table:
    """Choose the experiments or calculations to do next, and say why.

    Nothing is written. Columns are rank, id, formula, mean, lower, upper, acquisition and reason.

    Parameters
    ----------
    run : folder or URL of a finished screening, or what `kh.screen` returned.
    by : value of a measurement: improvement, chance, upper or variance.
    filters, exclude_elements : in addition to the run's own.
    include_out : propose candidates outside the applicability domain, too.
    apart : share of the atoms (of repeat units of the fingerprints) by which any two of a batch differ.
    elements : propose elements, noble gases and gases, too.

    Raises
    ------
    UserError : no finished run, or no candidate is left.

    Examples
    --------
    >>> import kakehashi as kh
    >>> kh.next("runs/kappa", batch=8)["formula"].to_pylist()  # doctest: +SKIP
    """
    where = str(run["config"]["out"] if isinstance(run, Mapping) else run)
    request = BatchRequest(
        batch, by, parse_filters(list(filters)), tuple(exclude_elements), include_out, apart, elements
    )
    return propose_batch(current_run(where), request).table
