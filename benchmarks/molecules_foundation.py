"""Whether networks that know many properties of molecules and polymers help on small molecular targets.

    python benchmarks/molecules_foundation.py [--n 50 200] [--draws 5] [--rows 6000]

Two networks learn all source properties at once (at most --rows rows of a table) without the molecules of hash fold 0;
the test molecules are those of that fold, the training molecules are drawn from the others. No target is a source.

- direct: Gaussian process, extra trees and their soft stack on the product's descriptors of SMILES; the best of the
  three is picked per target with hindsight.
- transfer: the same stack, with Gaussian processes on descriptors + hidden layers + predictions and on hidden layers +
  predictions, and extra trees on descriptors + predictions.

Errors are ratios to those of the best direct model, with one standard error over draws.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kakehashi.screen.descriptors import repeat_unit
from kakehashi.screen.descriptors.scaling import fit_scaling, signed_logarithm, standardise
from kakehashi.screen.foundation.folds import hash_folds
from kakehashi.screen.foundation.forward import outputs
from kakehashi.screen.foundation.training.train import FoundationCourse, train_network
from kakehashi.screen.foundation.transforms import CLIP, choose, spread, transformed
from kakehashi.screen.heads.extra_trees import extra_trees
from kakehashi.screen.heads.gp import gp
from kakehashi.screen.heads.head import Head, out_of_fold
from kakehashi.screen.transfer.weights import stack_weights

DATA = Path(__file__).parents[2] / "shared" / "data" / "organic"
DESCRIPTORS = repeat_unit.DEFAULT
NETWORKS, INNER, TESTED, LEAST = 2, 10, 300, 60
Floats = NDArray[np.float64]


class Column(NamedTuple):
    """A column of a table; log : its logarithm is predicted."""

    file: str
    name: str
    log: bool = False


SOURCES = tuple(
    Column(file, name)
    for file, names in {
        "qm9": "mu_debye alpha_bohr3 homo_ha lumo_ha gap_ha zpve_ha r2_bohr2 cv_cal_mol_k",
        "chemml_ri_100k": "n_lorentz_lorenz density_md_kg_m3 pol_dft",
        "iqspr_pubchem_16674": "internal_energy_kj_mol gap_ev",
        "bradley_melting_points": "tm_k",
        "yaws_boiling_points": "tb_k",
        "crc_organic_constants": "density_kg_m3 n_d",
        "polyinfo_tg_median": "tg_c",
        "polyinfo_tm_grea": "tm_c",
        "khazana_mtl_dft": "egc_ev",
        "ffv_homopolymer": "ffv",
    }.items()
    for name in names.split()
)
TARGETS = (
    Column("freesolv", "dgsolv_exp_kcal_mol"),
    Column("liquid_thermal_conductivity_298k", "k_liq_298_w_mk"),
    Column("liquid_viscosity_298k", "mu_liq_298_pa_s", log=True),
    Column("crc_heat_capacity_298k", "cp_liq_j_mol_k"),
    Column("crc_liquid_permittivity", "eps_r", log=True),
    Column("radonpy_pi1070", "thermal_conductivity", log=True),
    Column("radonpy_pi1070", "Cp"),
    Column("radonpy_pi1070", "bulk_modulus", log=True),
    Column("khazana_mtl_dft", "eps_dft"),
    Column("msa_gas_permeability", "perm_O2_barrer", log=True),
)


class Table(NamedTuple):
    """Distinct molecules with a value: SMILES, and medians of their values (n,)."""

    smiles: tuple[str, ...]
    values: Floats


class Columns(NamedTuple):
    """What heads see of n molecules: descriptors, hidden layers, standardised predictions."""

    descriptors: Floats
    layer: Floats
    predictions: Floats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", nargs="+", type=int, default=[50, 200])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--rows", type=int, default=6_000, help="at most so many rows of a source table")
    given = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    start = time.perf_counter()
    targets = {column: read(column) for column in TARGETS}
    view = learn([read(column, given.rows) for column in SOURCES])
    print(f"{len(SOURCES)} properties learned in {time.perf_counter() - start:.0f} s", flush=True)
    seen = {column: view(table.smiles) for column, table in targets.items()}
    for n in given.n:
        ratios = []
        for column, table in targets.items():
            got = [measure(table, seen[column], n, draw) for draw in range(given.draws)]
            if None in got:
                continue
            own = np.array(got, dtype=np.float64)
            ratios.append(own.mean())
            error = own.std(ddof=1) / np.sqrt(len(own)) if len(own) > 1 else np.nan
            print(f"n={n} {column.file}:{column.name}: {own.mean():.3f} ± {error:.3f}", flush=True)
        error = np.std(ratios, ddof=1) / np.sqrt(len(ratios))
        wins = sum(ratio < 1 for ratio in ratios)
        print(f"n={n}: mean {np.mean(ratios):.3f} ± {error:.3f}, better on {wins} of {len(ratios)}")


def read(column: Column, limit: int | None = None) -> Table:
    """Read a column; the median of each SMILES, at most so many, drawn."""
    table = pq.read_table(DATA / f"{column.file}.parquet")
    smiles, values = table["smiles"].to_pylist(), table[column.name].to_numpy(zero_copy_only=False).astype(float)
    by_smiles: dict[str, list[float]] = {}
    for text, value in zip(smiles, values, strict=True):
        if text and "." not in text and np.isfinite(value) and (value > 0 or not column.log):
            by_smiles.setdefault(text, []).append(float(value))
    names = sorted(by_smiles)
    if limit is not None and len(names) > limit:
        names = [names[i] for i in np.random.default_rng(0).permutation(len(names))[:limit]]
    medians = np.array([np.median(by_smiles[name]) for name in names])
    return Table(tuple(names), np.log(medians) if column.log else medians)


def learn(tables: list[Table]) -> Callable[[tuple[str, ...]], Columns]:
    """Train on the molecules outside hash fold 0; return what shows molecules to heads."""
    names = sorted({text for table in tables for text in table.smiles})
    kept = np.array(names, dtype=object)[hash_folds(names) != 0]
    described = repeat_unit.describe(kept.tolist(), DESCRIPTORS)
    readable = np.array([not reason for reason in described.reasons])
    kept, raw = kept[readable], described.x[readable]
    place = {text: i for i, text in enumerate(kept)}
    y = np.full((len(kept), len(tables)), np.nan, np.float32)
    for k, table in enumerate(tables):
        rows = np.array([place.get(text, -1) for text in table.smiles])
        values = table.values[rows >= 0]
        transform, width = choose(values)
        shifted = transformed(values, transform, width)
        centre, scale = spread(shifted, transform)
        y[rows[rows >= 0], k] = np.clip((shifted - centre) / scale, -CLIP, CLIP)
    scaling = fit_scaling(signed_logarithm(raw))
    x = np.asarray(standardise(scaling, signed_logarithm(raw)), np.float32)
    rows = np.flatnonzero(np.isfinite(y).any(axis=1))
    networks = [train_network((i,), x, y, rows, FoundationCourse()) for i in range(NETWORKS)]
    scales = outputs(networks, x[:4096]).layer.std(axis=0) + 1e-6

    def view(smiles: tuple[str, ...]) -> Columns:
        raw = repeat_unit.compute(smiles, DESCRIPTORS)
        seen = outputs(networks, np.asarray(standardise(scaling, signed_logarithm(raw)), np.float32))
        return Columns(raw.astype(float), (seen.layer / scales).astype(float), seen.predictions.astype(float))

    return view


def measure(table: Table, seen: Columns, n: int, draw: int) -> float | None:
    """Error of the stack with transfer over that of the best direct model; None of too few molecules."""
    folds = hash_folds(table.smiles)
    test = np.flatnonzero(folds == 0)[:TESTED]
    pool = np.random.default_rng([draw, n]).permutation(np.flatnonzero(folds != 0))
    if len(pool) < n or len(table.smiles) < LEAST:
        return None
    train, y = pool[:n], table.values
    inner = np.random.default_rng(draw).permutation(np.arange(n) % INNER)

    def member(head: Head, *blocks: Floats) -> tuple[Floats, Floats]:
        x = np.hstack(blocks)
        x = np.asarray(standardise(fit_scaling(x[train]), x), np.float64)
        with threadpool_limits(1, "blas"):
            held = head.predict(head.fit(x[train], y[train]), x[test])[0]
            return out_of_fold(head, x[train], y[train], inner), np.asarray(held)

    def error(members: list[tuple[Floats, Floats]]) -> float:
        weights = stack_weights(np.stack([inside for inside, _ in members], axis=1), y[train])
        return float(np.mean(np.abs(np.stack([held for _, held in members], axis=1) @ weights - y[test])))

    raw, layer, predictions = seen
    direct = [member(gp, raw), member(extra_trees, raw)]
    transferred = [
        member(gp, raw, layer, predictions), member(gp, layer, predictions), member(extra_trees, raw, predictions)
    ]  # fmt: skip
    return error(direct + transferred) / min(error(direct[:1]), error(direct[1:]), error(direct))


if __name__ == "__main__":
    main()
