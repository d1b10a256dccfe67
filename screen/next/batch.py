"""Propose the next experiments or calculations from a finished run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from typing import Any, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.catalogs.runs.open import open_run, results_at
from kakehashi.catalogs.runs.results import Results
from kakehashi.catalogs.shown import say
from kakehashi.screen.ranking.acquisition import (
    NormalLaws,
    acquisition_values,
    normal_through,
    pick_diverse,
    probability_above,
)
from kakehashi.screen.ranking.acquisition_names import Acquisition
from kakehashi.screen.ranking.csv_text import csv_bytes
from kakehashi.screen.ranking.filters import Filter, apply_filters, check_elements, check_filters, parse_filter
from kakehashi.screen.runs.record_file import RECORD, read_record

SCHEMA_VERSION = "1"
COLUMNS = ("rank", "id", "formula", "mean", "lower", "upper", "acquisition", "reason")
_READ = ("id", "formula", "reduced_formula", "mean", "lower", "upper", "domain", "domain_reason", "nearest_training")
_NAMES = {"improvement": "expected improvement", "upper": "better bound of the interval", "variance": "variance"}


class BatchRequest(NamedTuple):
    """Settings of a batch.

    filters, exclude : in addition to the run's own
    include_out : True to allow candidates outside the applicability domain
    apart : share of atoms by which any two of a batch must differ
    """

    size: int = 8
    by: Acquisition = "improvement"
    filters: tuple[Filter, ...] = ()
    exclude: tuple[str, ...] = ()
    include_out: bool = False
    apart: float = 0.1


class FinishedRun(NamedTuple):
    """Finished run: its files, record (run.json), and target compounds.

    formulas : n formulas as the target has them; values : (n,) in the target's unit
    """

    results: Results
    record: dict[str, Any]
    formulas: list[str]
    compositions: Compositions
    values: NDArray[np.float64]

    @property
    def log(self) -> bool:
        """True if the fitted scale is ln(value)."""
        return bool(self.record["target"]["log"])

    @property
    def sign(self) -> float:
        """1 where large values are wanted, -1 where small ones are."""
        return -1.0 if self.record["config"]["minimise"] else 1.0

    @property
    def goodness(self) -> NDArray[np.float64]:
        """Target values (n,) on the fitted scale, larger is better."""
        return self.sign * (np.log(self.values) if self.log else self.values)


class BatchProposal(NamedTuple):
    """Batch as a table, and its record as JSON values."""

    table: pa.Table
    record: dict[str, Any]


def read_finished_run(directory: str) -> FinishedRun:
    """Read a run folder; UserError if its run is not finished."""
    results = results_at(directory)
    if RECORD not in results.names():
        raise UserError(f"{directory} holds no finished run: finish it with kakehashi screen ... --resume")
    record = read_record(results)
    known = results.read_table("predictions.parquet")
    if "smiles" in known.column_names:
        raise UserError(f"{directory}: next experiments are chosen among compositions; this run is on repeat units")
    compositions = parse_column(known["formula"]).compositions
    return FinishedRun(results, record, known["formula"].to_pylist(), compositions, known["y"].to_numpy())


def check_request(size: int, by: str, apart: float) -> None:
    """Refuse settings that cannot be met, before any work."""
    if size < 1:
        raise UserError(f"--batch: expected a whole number of at least 1, got {size}")
    if by not in get_args(Acquisition):
        raise UserError(f"--by: expected one of {', '.join(get_args(Acquisition))}, got {by!r}")
    if not 0 <= apart <= 1:
        raise UserError(f"--apart: expected a share of the atoms from 0 to 1, got {apart}")


def propose_batch(run: FinishedRun, request: BatchRequest) -> BatchProposal:
    """Next batch, best first.

    UserError if the filters leave no candidate.

    A composition in the target is not proposed again, whatever its id.
    """
    check_request(request.size, request.by, request.apart)
    level = run.record["interval"]["level"]
    best = float(run.goodness.max())
    candidates, counts, notes = _candidates(run, request)
    if not candidates.num_rows:
        removed = ", ".join(f"{count:,} {words}" for words, count in counts.items() if words != "scored")
        hint = "" if request.include_out else "; --include-out proposes outside the domain too"
        raise UserError(f"no candidate is left of {counts['scored']:,}: {removed}{hint}")
    law = _candidate_laws(run, candidates)
    worth = acquisition_values(law, request.by, best=best, level=level)
    keys = pa.table({"worth": -worth, "id": candidates["id"], "formula": candidates["formula"]})
    order = pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names]).to_numpy()
    compositions = parse_column(candidates["reduced_formula"]).compositions
    picked = pick_diverse(order, compositions, request.size, request.apart)
    if len(picked) < request.size:
        notes.append(
            f"only {len(picked)} of {request.size}: one per chemical system, any two at least"
            f" {request.apart:.0%} of the atoms apart, and no more candidates meet the filters"
        )
    chosen = candidates.take(pa.array(picked))
    law = NormalLaws(law.mean[picked], law.sigma[picked])
    worth = np.exp(worth[picked]) if request.by == "improvement" else worth[picked]
    table = pa.table(
        {
            "rank": pa.array(np.arange(1, len(picked) + 1), pa.int64()),
            **{name: chosen[name] for name in ("id", "formula", "mean", "lower", "upper")},
            "acquisition": worth,
            "reason": pa.array(_explain_choice(run, chosen, law, request.by, level), pa.string()),
        }
    )
    record = {
        "schema": 1,
        "by": request.by,
        "best_known": {"formula": _best_formula(run), "value": _best_value(run), "unit": run.record["target"]["unit"]},
        "minimise": run.sign < 0,
        "acquisition": f"{_NAMES[request.by]} on the scale of {_scale(run)}, larger is better",
        "verdict": {name: run.record.get("verdict", {}).get(name) for name in ("helps", "text", "recommendation")},
        "counts": counts,
        "notes": notes,
        "batch": table.to_pylist(),
    }
    return BatchProposal(table, record)


def propose_and_print(
    directory: str,
    request: BatchRequest,
    *,
    json_out: bool = False,
    quiet: bool = False,
    dry_run: bool = False,
    overwrite: bool = False,
) -> int:
    """Propose, write and print a batch; the exit code.

    Nothing is written with `dry_run`; files of an earlier batch are kept unless `overwrite`.
    """
    run = read_finished_run(directory)
    proposal = propose_batch(run, request)
    written: list[str] = []
    if not dry_run:
        unit = run.record["target"]["unit"]
        with open_run(directory, resume=True) as rundir:
            name = "next" if overwrite else free_name(run.results.names())
            rundir.write_table(f"{name}.parquet", proposal.table, {"kakehashi.schema": SCHEMA_VERSION, "unit": unit})
            rundir.write_bytes(f"{name}.csv", csv_bytes(proposal.table))
        written = [f"{rundir.where}/{name}" for name in (f"{name}.parquet", f"{name}.csv")]
    if json_out:
        print(json.dumps({**proposal.record, "written": written}))
    elif not quiet:
        print_batch(proposal.record, written)
    return 0


def free_name(taken: Iterable[str]) -> str:
    """Name of the next batch beside earlier ones.

    >>> free_name(["run.json"]), free_name(["next.csv", "next-2.csv"])
    ('next', 'next-3')
    """
    stems = {name.rpartition(".")[0] for name in taken}
    return next(name for k in count(1) if (name := "next" if k == 1 else f"next-{k}") not in stems)


def parse_filters(texts: list[str] | None) -> tuple[Filter, ...]:
    """Filters of expressions on the command line."""
    return tuple(parse_filter(text) for text in texts or ())


def print_batch(record: dict[str, Any], written: list[str]) -> None:
    """Print a batch with intervals and reasons.

    Then the counts of other rows.
    """
    best = record["best_known"]
    say(f"Best known: {best['formula']}, {best['value']:.3g} {best['unit']}. Next, by {record['acquisition']}:")
    say("rank  formula  [id]  predicted (interval)  value of measuring it")
    for row in record["batch"]:
        interval = f"{row['mean']:.3g} ({row['lower']:.3g} to {row['upper']:.3g})"
        say(f"{row['rank']:>3}  {row['formula']}  [{row['id']}]  {interval}  {row['acquisition']:.3g}")
        say(f"     {row['reason']}")
    say("; ".join(f"{count:,} {words}" for words, count in record["counts"].items()))
    for sentence in (record["verdict"]["text"], record["verdict"]["recommendation"]):
        if sentence:
            say(sentence)
    for note in record["notes"]:
        say(f"note: {note}")
    if written:
        say(f"written: {', '.join(written)}")


def _candidates(run: FinishedRun, request: BatchRequest) -> tuple[pa.Table, dict[str, int], list[str]]:
    """Rows that may be proposed, counts of others, and notes.

    Counts are by reason.
    """
    config = run.record["config"]
    filters = tuple(dict.fromkeys((*parse_filters(config["filter"]), *request.filters)))
    exclude = tuple(dict.fromkeys((*config["exclude_elements"], *request.exclude)))
    check_elements(exclude)
    names = [name for name in run.results.names("scores/") if name.endswith(".parquet")]
    notes = [] if names else ["the run kept its ranking only: candidates it does not list cannot be proposed"]
    known = pa.array(reduced_keys(run.compositions), pa.string())
    counts = dict.fromkeys(("scored", "filtered out", "outside the domain", "measured already", "without interval"), 0)
    pieces = []
    for name in names or ["ranking.parquet"]:
        table = run.results.read_table(name)
        check_filters(filters, table.schema)
        counts["scored"] += table.num_rows
        keep, _ = apply_filters(table, filters, exclude, not config["no_radioactive"])
        law = _candidate_laws(run, table)
        tests = {
            "filtered out": keep,
            "outside the domain": np.full(table.num_rows, True)
            if request.include_out
            else pc.not_equal(table["domain"], "out").to_numpy(zero_copy_only=False),
            "measured already": pc.invert(pc.is_in(table["reduced_formula"], known)).to_numpy(zero_copy_only=False),
            "without interval": np.isfinite(law.mean) & np.isfinite(law.sigma),
        }
        alive = np.full(table.num_rows, True)
        for words, passed in tests.items():
            counts[words] += int(np.sum(alive & ~passed))
            alive &= passed
        pieces.append(table.select(_READ).take(pa.array(np.flatnonzero(alive))))
    return pa.concat_tables(pieces), counts, notes


def _candidate_laws(run: FinishedRun, table: pa.Table) -> NormalLaws:
    """Normal distributions of candidates on the fitted scale, larger is better."""
    columns = [table[name].to_numpy(zero_copy_only=False) for name in ("mean", "lower", "upper")]
    law = normal_through(*columns, level=run.record["interval"]["level"], log=run.log)
    return NormalLaws(run.sign * law.mean, law.sigma)


def _explain_choice(run: FinishedRun, chosen: pa.Table, law: NormalLaws, by: Acquisition, level: float) -> list[str]:
    """Reason for each row of the batch, in words."""
    unit = run.record["target"]["unit"]
    best, known = float(run.goodness.max()), f"{_best_value(run):.3g} {unit}".strip()
    chances = probability_above(law, best)
    far, high = ("lower", "low") if run.sign < 0 else ("upper", "high")
    texts = []
    for row, mean, chance in zip(chosen.to_pylist(), law.mean, chances, strict=True):
        beats = f"{_format_percent(chance)} chance to beat the best known, {_best_formula(run)} with {known}"
        reach = f"may be as {high} as {row[far]:.3g} {unit}".strip() + f" ({level:.0%} interval)"
        if by == "variance":
            width = (
                f"a factor of {row['upper'] / row['lower']:.3g}"
                if run.log
                else f"{row['upper'] - row['lower']:.3g} {unit}".strip()
            )
            words = [f"among the least certain: its {level:.0%} interval spans {width}", beats]
        elif by == "upper":
            words = [reach, beats]
        else:
            words = [beats, "predicted to be better" if mean > best else f"predicted to be worse, but {reach}"]
        place = {"in": "inside the domain", "edge": "at the edge of the domain"}.get(
            row["domain"], "outside the domain"
        )
        words.append(f"{place}: {row['domain_reason']}" if row["domain_reason"] else place)
        words.append(f"nearest known compound {row['nearest_training']}")
        texts.append("; ".join(words))
    return texts


def _format_percent(chance: float) -> str:
    return "under 1%" if chance < 0.01 else "over 99%" if chance > 0.99 else f"{chance:.0%}"


def _best_formula(run: FinishedRun) -> str:
    return run.formulas[int(np.argmax(run.goodness))]


def _best_value(run: FinishedRun) -> float:
    return float(run.values[np.argmax(run.goodness)])


def _scale(run: FinishedRun) -> str:
    quantity = run.record["target"]["quantity"]
    return ("-" if run.sign < 0 else "") + (f"ln({quantity})" if run.log else str(quantity))
