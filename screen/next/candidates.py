"""Candidates of a finished run that may be proposed, and what they are worth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.formulas.gases import EVERYDAY, are_everyday
from kakehashi.screen.next.design_run import OTHERS, PROPOSALS
from kakehashi.screen.next.finished import FinishedRun
from kakehashi.screen.ranking.acquisition import NormalLaws, acquisition_values, normal_through
from kakehashi.screen.ranking.acquisition_names import Acquisition
from kakehashi.screen.ranking.bounds import unclip
from kakehashi.screen.ranking.filters import Filter, apply_filters, check_elements, check_filters, parse_filter

# Candidates kept in memory, best first: of several million only these can come into a batch.
MOST = 50_000
COUNTED = ("scored", "filtered out", "outside the domain", "measured already", EVERYDAY, "without interval")
_READ = ("id", "formula", "reduced_formula", "mean", "lower", "upper", "domain", "domain_reason", "nearest_training")


class BatchRequest(NamedTuple):
    """Size of a batch, and which candidates may come into it.

    filters, exclude : in addition to the run's own
    include_out : True to allow candidates outside the applicability domain
    apart : share of atoms, or of fingerprints of repeat units, by which any two of a batch must differ; None: as usual
    elements : True to allow elements, noble gases and gases, as the run may, too
    without : names, as in `reduced_formula`, that count as measured
    """

    size: int = 8
    by: Acquisition = "improvement"
    filters: tuple[Filter, ...] = ()
    exclude: tuple[str, ...] = ()
    include_out: bool = False
    apart: float | None = None
    elements: bool = False
    without: tuple[str, ...] = ()


class Candidates(NamedTuple):
    """Candidates in the order of their worth.

    counts : rows by what became of them; notes : sentences on what could not be considered
    """

    table: pa.Table
    law: NormalLaws
    worth: np.ndarray[tuple[int], np.dtype[np.float64]]
    counts: dict[str, int]
    notes: list[str]


def find_candidates(run: FinishedRun, request: BatchRequest) -> Candidates:
    """Candidates that a batch may take, best first.

    Neither partitions nor the order of their rows decide the result.
    """
    config = run.record["config"]
    filters = tuple(dict.fromkeys((*parse_filters(config["filter"]), *request.filters)))
    exclude = tuple(dict.fromkeys((*config["exclude_elements"], *request.exclude)))
    check_elements(exclude)
    everyday = request.elements or bool(config.get("elements")) or run.compositions is None
    names = [name for name in run.results.names("scores/") if name.endswith(".parquet")]
    notes = [] if names else ["the run kept its ranking only: candidates it does not list cannot be proposed"]
    if run.listing is not None:
        names, notes = [PROPOSALS], ["candidates are the proposals of the design"]
        if OTHERS in run.listing.column_names and request.by in ("upper", "variance"):
            notes.append(f"by {request.by} the goals of other properties do not count")
    if request.include_out and (left_out := run.record.get("unpredicted")):
        notes.append(
            f"{left_out:,} candidates out of the domain were not predicted and cannot be proposed: screen with"
            " --score all"
        )
    known = pa.array([*run.keys, *request.without], pa.string())
    counts = dict.fromkeys(COUNTED, 0)
    best: pa.Table | None = None
    for name in names or ["ranking.parquet"]:
        table = unclip(run.results.read_table(name) if run.listing is None else run.listing)
        check_filters(filters, table.schema)
        counts["scored"] += table.num_rows
        keep, _ = apply_filters(table, filters, exclude, not config["no_radioactive"])
        law = find_laws(run, table)
        all_rows = np.full(table.num_rows, True)
        tests = {
            "filtered out": keep,
            "outside the domain": all_rows
            if request.include_out
            else pc.not_equal(table["domain"], "out").to_numpy(zero_copy_only=False),
            "measured already": pc.invert(pc.is_in(table["reduced_formula"], known)).to_numpy(zero_copy_only=False),
            EVERYDAY: all_rows if everyday else ~are_everyday(table["reduced_formula"]),
            "without interval": np.isfinite(law.mean) & np.isfinite(law.sigma),
        }
        alive = all_rows.copy()
        for words, passed in tests.items():
            counts[words] += int(np.sum(alive & ~passed))
            alive &= passed
        read = (*_READ, *([OTHERS] if OTHERS in table.column_names else []))
        piece = table.select(read).take(pa.array(np.flatnonzero(alive)))
        together = piece if best is None else pa.concat_tables([best, piece])
        best = _order(run, together, request.by)[0].slice(0, MOST)
    if best is None:
        raise RuntimeError("no partition to choose from")
    return Candidates(*_order(run, best, request.by), counts, notes)


def parse_filters(texts: list[str] | None) -> tuple[Filter, ...]:
    """Filters of expressions on the command line."""
    return tuple(parse_filter(text) for text in texts or ())


def find_laws(run: FinishedRun, table: pa.Table) -> NormalLaws:
    """Normal distributions of rows on the fitted scale, larger is better."""
    columns = [table[name].to_numpy(zero_copy_only=False) for name in ("mean", "lower", "upper")]
    law = normal_through(*columns, level=run.level, log=run.log)
    return NormalLaws(run.sign * law.mean, law.sigma)


def _order(
    run: FinishedRun, table: pa.Table, by: Acquisition
) -> tuple[pa.Table, NormalLaws, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Rows by their worth, ties by id and formula."""
    law = find_laws(run, table)
    worth = acquisition_values(law, by, best=run.bar, level=run.level)
    if OTHERS in table.column_names:
        others = table[OTHERS].to_numpy(zero_copy_only=False)
        worth = worth + others if by == "improvement" else worth * np.exp(others) if by == "chance" else worth
    keys = pa.table({"worth": -worth, "id": table["id"], "formula": table["formula"]})
    order = pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names]).to_numpy()
    return table.take(pa.array(order)), NormalLaws(law.mean[order], law.sigma[order]), worth[order]
