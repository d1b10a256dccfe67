"""A finished screening or design as the choice of the next experiments needs it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys
from kakehashi.catalogs.records import Compositions, PropertyTable, UserError
from kakehashi.catalogs.runs.open import results_at
from kakehashi.catalogs.runs.results import Results
from kakehashi.screen.next.design_run import as_screening, chosen_by, prefix_of, read_proposals
from kakehashi.screen.ranking.bounds import Bounds, parse_bounds
from kakehashi.screen.runs.record_file import RECORD, read_record


class FinishedRun(NamedTuple):
    """Finished run: its files, record (run.json), and target compounds.

    formulas : n formulas or SMILES as the target has them; keys : n names as in `reduced_formula`
    compositions : of the formulas, None for SMILES; values : (n,) in the target's unit
    listing : all candidates, of a design; None where they lie in the files of a screening
    """

    results: Results
    record: dict[str, Any]
    formulas: list[str]
    keys: list[str]
    compositions: Compositions | None
    values: NDArray[np.float64]
    listing: pa.Table | None = None

    @property
    def log(self) -> bool:
        """True if the fitted scale is ln(value)."""
        return bool(self.record["target"]["log"])

    @property
    def minimise(self) -> bool:
        """True where small values are wanted."""
        return bool(self.record["config"]["minimise"])

    @property
    def sign(self) -> float:
        """1 where large values are wanted, -1 where small ones are."""
        return -1.0 if self.minimise else 1.0

    @property
    def unit(self) -> str:
        """Unit of the target's values."""
        return str(self.record["target"]["unit"])

    @property
    def level(self) -> float:
        """Probability of the intervals."""
        return float(self.record["interval"]["level"])

    @property
    def bounds(self) -> Bounds | None:
        """Bounds that the run cut its intervals at."""
        return parse_bounds(self.record["config"].get("bounds"))

    @property
    def goodness(self) -> NDArray[np.float64]:
        """Target values (n,) on the fitted scale, larger is better."""
        return self.scaled(self.values)

    @property
    def best(self) -> int:
        """Place of the best known value."""
        return int(np.argmax(self.goodness))

    @property
    def bar(self) -> float:
        """Value that a candidate is to improve on, as `goodness`: the goal of a design, else the best known value.

        Improvement on the goal found two to three times as many that meet it (benchmarks/design_loop.py).
        """
        threshold = self.record["config"].get("threshold")
        if self.listing is None or threshold is None:
            return float(self.goodness[self.best])
        return float(self.scaled(np.array([float(threshold)]))[0])

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values on the fitted scale, larger is better."""
        return np.asarray(self.sign * (np.log(values) if self.log else values), np.float64)


def read_finished_run(directory: str) -> FinishedRun:
    """Read a run folder; UserError if its run is not finished."""
    results = results_at(directory)
    if RECORD not in results.names():
        raise UserError(f"{directory} holds no finished run: finish it with kakehashi screen ... --resume")
    record = read_record(results)
    known = results.read_table("predictions.parquet")
    formulas = known["formula"].to_pylist()
    if record.get("kind") == "design":
        known = results.read_table(f"{prefix_of(record, chosen_by(record))}predictions.parquet")
        formulas = known["formula"].to_pylist()
        keys = known["smiles"].to_pylist()
        listing = read_proposals(results, record)
        return FinishedRun(results, as_screening(record), formulas, keys, None, known["y"].to_numpy(), listing)
    if "smiles" in known.column_names:
        return FinishedRun(results, record, formulas, known["smiles"].to_pylist(), None, known["y"].to_numpy())
    compositions = parse_column(known["formula"]).compositions
    keys = [str(key) for key in reduced_keys(compositions)]
    return FinishedRun(results, record, formulas, keys, compositions, known["y"].to_numpy())


def run_just_made(results: Results, record: dict[str, Any], target: PropertyTable) -> FinishedRun:
    """Run whose files are there but for its record."""
    compositions = target.compositions if target.molecules is None else None
    return FinishedRun(results, record, list(target.materials), list(target.keys), compositions, target.values)
