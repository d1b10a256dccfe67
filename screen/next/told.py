"""New values of a design: kept beside it, and a model fitted again on all that is known.

A run folder keeps no model. With new values a Gaussian process with a kernel for each block of descriptors is fitted
on the known polymers and the new ones, in seconds, and predicts the proposals anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import ndtri

from kakehashi.catalogs.molecules.polymers import parse_column
from kakehashi.catalogs.properties.column_units import bare_name
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.quantities import convert
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.results import Results
from kakehashi.screen.descriptors.repeat_unit import compute, groups
from kakehashi.screen.heads.block_gp import on_groups
from kakehashi.screen.next.finished import FinishedRun, read_finished_run

FILE = "told.parquet"
_SCHEMA = pa.schema([("key", pa.string()), ("smiles", pa.string()), ("value", pa.float64()), ("told", pa.int64())])


class Told(NamedTuple):
    """Told values: n polymer keys, SMILES, values in the run's unit, and the number of the telling of each."""

    table: pa.Table

    @property
    def last(self) -> int:
        """Number of tellings so far."""
        return max(self.table["told"].to_pylist(), default=0)


def read_told(results: Results) -> Told:
    """Values told before; none where nothing was told."""
    return Told(results.read_table(FILE).cast(_SCHEMA) if FILE in results.names() else _SCHEMA.empty_table())


def read_values(spec: str, run: FinishedRun) -> pa.Table:
    """New values of FILE:COLUMN, in the run's unit.

    A value that is missing or not finite, or a row that cannot be read, is refused with its reason.

    Raises
    ------
    UserError : no repeat units, another property of the run, a unit that does not fit, or a row that cannot be used;
        then nothing is told.
    """
    table = load_table(spec, minimum=1, attachments=(2,), max_rejected=1.0)
    if table.molecules is None:
        raise UserError(f"--tell {spec}: expected repeat units (SMILES with two * each), got formulas")
    if table.rejected:
        first = table.rejected[0]
        raise UserError(
            f"--tell {spec}: {len(table.rejected)} rows cannot be used; row {first.row} ({first.formula}):"
            f" {first.reason}; nothing was told"
        )
    others = [found["target"]["name"] for found in run.record.get("properties", ())]
    if (name := bare_name(table.name)) in others and name != run.record["target"]["name"]:
        raise UserError(
            f"--tell {spec}: expected values of {run.record['target']['name']}, which the run chooses by, got those of"
            f" {name}, another property of it; nothing was told"
        )
    if table.missing:
        which = ", ".join(table.unmeasured[:3])
        raise UserError(
            f"--tell {spec}: {table.missing} of {table.rows} rows have no value{which and f': {which}'}"
            f"{', ...' if len(table.unmeasured) > 3 else ''}; leave them out; nothing was told"
        )
    values = table.values
    if table.unit and run.unit and table.unit != run.unit:
        values = np.asarray(convert(values, table.unit, run.unit), np.float64)
    if run.log and (values <= 0).any():
        raise UserError(f"--tell {spec}: the model fits ln(value): expected values above 0, got {values.min():g}")
    told = np.zeros(len(table), np.int64)
    return pa.table([list(table.keys), list(table.materials), values, told], schema=_SCHEMA)


def add_values(before: Told, new: pa.Table) -> Told:
    """Told values with new ones; of one polymer the last value counts."""
    number = pa.array(np.full(new.num_rows, before.last + 1, np.int64))
    return Told(pa.concat_tables([before.table, new.set_column(3, "told", number)]))


def current_run(directory: str) -> FinishedRun:
    """Read a run, with what was told of it."""
    run = read_finished_run(directory)
    return run if run.listing is None else with_told(run, read_told(run.results))


def with_told(run: FinishedRun, told: Told) -> FinishedRun:
    """The run with told values among the known ones, and its candidates predicted anew."""
    if not told.table.num_rows or run.listing is None:
        return run
    latest = dict(zip(told.table["key"].to_pylist(), told.table["value"].to_pylist(), strict=True))
    known = dict(zip(parse_column(run.keys).molecules.keys, run.values.tolist(), strict=True)) | latest
    units, values = list(known), np.array(list(known.values()), np.float64)
    together = run._replace(formulas=units, keys=units, values=values)
    mean, sigma = _predicted(together, run.listing["formula"].to_pylist())
    back = np.exp if run.log else np.asarray
    half = ndtri(0.5 + run.level / 2) * sigma
    columns = {"mean": back(mean), "lower": back(mean - half), "upper": back(mean + half)}
    listing = run.listing
    for name, column in columns.items():
        listing = listing.set_column(listing.column_names.index(name), name, pa.array(column))
    return together._replace(listing=listing)


def _predicted(run: FinishedRun, units: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and spread (n,) of repeat units on the fitted scale."""
    choice = run.record["descriptors"]
    model = on_groups(groups(choice))
    known, asked = (np.asarray(compute(texts, choice), np.float64) for texts in (run.keys, units))
    y = np.log(run.values) if run.log else run.values
    mean, spread = model.predict(model.fit(known, y), asked)
    return np.asarray(mean, np.float64), np.asarray(spread, np.float64)
