"""Check the typed table of lattice thermal conductivity against two independent data sets.

    python benchmarks/check_ltc.py [--data FOLDER] [--table FILE]

A row is corroborated if it lies within 0.25 in the logarithm of the first-principles value of `ltc45_dft` or
of the median of the measured rows of `tc_citrine_expt` near 300 K. The first of the two that agrees is its
check; the deviation from the other is printed as a caveat, where that set has the compound. Exit status 1 if
neither agrees, or if a row names another source than the rule gives or not its present deviation.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "catalogs/tables/lattice_thermal_conductivity.csv"
DATA = ROOT.parent / "shared/data"
CALCULATED, MEASURED = "ltc45_dft", "tc_citrine_expt near 300 K"
LARGEST, STALE = 0.25, 0.005  # largest deviation accepted; largest drift from the stored one
NEAR_300_K = (290.0, 310.0)
CALCULATED_ALIKE = "room temperature"  # condition of the measured set's 19 compounds that look calculated


class Independent(NamedTuple):
    """The values of a compound in one data set, W/(m K), with how they are described in the table."""

    value: float
    rows: int
    described: str


def keys(formulas: list[str]) -> list[str]:
    """Return reduced formulas, "" where a text is no formula."""
    parsed = parse_column(formulas)
    return [key if not reason else "" for key, reason in zip(reduced_keys(parsed[0]), parsed[1], strict=True)]


def calculated(folder: Path) -> dict[str, Independent]:
    """Return first-principles values at 300 K by reduced formula."""
    table = pq.read_table(folder / "inorganic/ltc45_dft.parquet")
    found = {}
    names = keys(table["formula"].to_pylist())
    for key, value, count in zip(
        names, table["kappa_300k"].to_pylist(), table["n_polymorphs"].to_pylist(), strict=True
    ):
        forms = "one polymorph" if count == 1 else f"mean of {count} polymorphs"
        found[key] = Independent(value, count, f"first-principles value at 300 K, {forms}")
    return found


def measured(folder: Path) -> dict[str, Independent]:
    """Return the median of the rows near 300 K by reduced formula, without those that look calculated."""
    table = pq.read_table(folder / "inorganic/tc_citrine_expt.parquet")
    values: dict[str, list[float]] = {}
    low, high = NEAR_300_K
    for key, value, temperature, condition in zip(
        keys(table["formula"].to_pylist()),
        table["kappa_W_mK"].to_pylist(),
        table["temperature_k"].to_pylist(),
        table["condition"].to_pylist(),
        strict=True,
    ):
        near = key and temperature is not None and low <= temperature <= high
        if near and condition != CALCULATED_ALIKE:
            values.setdefault(key, []).append(value)
    return {key: _median(found) for key, found in values.items()}


def _median(values: list[float]) -> Independent:
    rows = "1 row" if len(values) == 1 else f"{len(values)} rows"
    return Independent(float(np.median(values)), len(values), f"median of {rows} 290-310 K")


def deviation(value: float, other: Independent | None) -> float:
    """Return |ln ratio|, nan where there is nothing to compare with."""
    return float("nan") if other is None else abs(float(np.log(value / other.value)))


def choose(ratios: dict[str, float]) -> tuple[str, str]:
    """Return the set a row is checked against and the other one, from |ln ratio| by set.

    The first set that agrees is the check; if none does, the first that has the compound.
    """
    first, second = ratios
    for accepted in (LARGEST, float("inf")):
        if ratios[first] <= accepted:
            return first, second
        if ratios[second] <= accepted:
            return second, first
    return first, second


def verdict(row: dict[str, str], source: str, found: Independent | None, ratio: float) -> str:
    """Return "ok", or what is wrong with a row."""
    if found is None:
        return "FAILED: in neither data set"
    if ratio > LARGEST:
        return f"FAILED: above {LARGEST}"
    if row["check_source"] != source or row["check"] != found.described:
        return f"FAILED: checked against {source}, {found.described}"
    if abs(ratio - float(row["ln_ratio"])) > STALE:
        return f"FAILED: the table says {row['ln_ratio']}"
    return "ok"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with inorganic/*.parquet")
    parser.add_argument("--table", type=Path, default=TABLE, help="the table to check")
    arguments = parser.parse_args()
    folder: Path = arguments.data
    files = [folder / f"inorganic/{name}.parquet" for name in ("ltc45_dft", "tc_citrine_expt")]
    if missing := [str(file) for file in files if not file.is_file()]:
        print(f"skipped: the data to check against are absent ({', '.join(missing)})")
        return 0
    with arguments.table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    sets = {CALCULATED: calculated(folder), MEASURED: measured(folder)}
    print("formula    W/(m K)  checked against            rows |ln ratio|  other set  verdict")
    ratios, verdicts = [], []
    for row, key in zip(rows, keys([row["formula"] for row in rows]), strict=True):
        both = {name: deviation(float(row["value"]), found.get(key)) for name, found in sets.items()}
        source, other = choose(both)
        found, ratio, second = sets[source].get(key), both[source], both[other]
        verdicts.append(verdict(row, source, found, ratio))
        ratios.append(ratio)
        elsewhere = "-" if np.isnan(second) else f"{second:.3f}"
        line = f"{row['formula']:10}{row['value']:>8}  {source:27}{found.rows if found else 0:>4}"
        print(f"{line}{ratio:>11.3f}{elsewhere:>11}  {verdicts[-1]}")
    good = verdicts.count("ok")
    print(
        f"{len(rows)} rows, {good} corroborated within |ln ratio| <= {LARGEST}; largest "
        f"{np.nanmax(ratios):.3f}, median {np.nanmedian(ratios):.3f}"
    )
    return 0 if good == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
