"""`kh.next`: the experiments to do next, from a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from kakehashi.screen.next.batch import propose_batch
from kakehashi.screen.next.candidates import BatchRequest, parse_filters
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
    >>> target, nothing = kh.load("ltc", log=True), kh.pretrain([])
    >>> model = kh.transfer(nothing, target, heads=("ridge",), foundation="none", outer_folds=2)
    >>> done = kh.screen(model, catalog=["BN", "PbTe", "CaS"], out="few")
    >>> kh.next(done, batch=2, include_out=True)["rank"].to_pylist()
    [1, 2]
    """
    where = str(run["config"]["out"] if isinstance(run, Mapping) else run)
    request = BatchRequest(
        batch, by, parse_filters(list(filters)), tuple(exclude_elements), include_out, apart, elements
    )
    return propose_batch(current_run(where), request).table
