"""A synthetic run directory with hostile texts in every place a user's file could put them."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.records import Compositions, PropertyTable

if TYPE_CHECKING:
    from kakehashi.screen.foundation.known import KnownValues
    from kakehashi.screen.foundation.record import Foundation
    from kakehashi.screen.networks.pyramid import Network
    from kakehashi.screen.networks.source import Library
    from kakehashi.screen.transfer.fit import Model

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "' onmouseover='alert(4)",
    "javascript:alert(5)",
    "</style><style>body{display:none}</style>",
    "<!--<script>",
    "{{ 7 * 7 }}{% raw %}",
    "]]>&lt;b&gt;\u2028\u2029",
    '</title><meta http-equiv="refresh" content="0;url=https://example.org">',
)
METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In", "Zn", "Cd", "Pb", "Ti", "Y", "Cu")
ANIONS = ("O", "S", "Se", "Te", "F", "Cl", "Br", "N", "P", "As")


def _formulas(rng: np.random.Generator, n: int) -> list[str]:
    texts = []
    for _ in range(n):
        first, second = rng.choice(METALS, 2, replace=False)
        p, q = rng.integers(1, 5, 2)
        parts = [f"{first}{p if p > 1 else ''}", f"{second}" if rng.random() < 0.6 else ""]
        texts.append("".join(parts) + f"{rng.choice(ANIONS)}{q if q > 1 else ''}")
    return texts


def _ranking(rng: np.random.Generator, n: int) -> pa.Table:
    formulas = _formulas(rng, n)
    ids = [f"mp-{1000 + 7 * k}" for k in range(n)]
    for k, text in enumerate(HOSTILE):
        formulas[2 + 3 * k] = text
        ids[3 + 3 * k] = text
    mean = np.sort(np.exp(rng.normal(1.6, 1.2, n)))[::-1]
    width = np.exp(rng.uniform(0.3, 1.1, n))
    domains = rng.choice(["in", "edge", "out"], n, p=[0.1, 0.35, 0.55])
    why = {"in": "", "edge": "3 elements; training has only binaries", "out": "holds Y, absent from training"}
    hull: list[float | None] = [float(v) for v in np.round(np.abs(rng.normal(0, 0.05, n)), 4)]
    gap: list[float | None] = [float(v) for v in rng.gamma(2.0, 1.0, n)]
    hull[5], gap[8] = None, float("nan")
    return pa.table(
        {
            "rank": np.arange(1, n + 1),
            "id": ids,
            "formula": formulas,
            "reduced_formula": formulas,
            "mean": mean,
            "lower": mean / width,
            "upper": mean * width,
            "spread": rng.uniform(0.05, 0.5, n),
            "at_ceiling": mean > 60,
            "domain": domains,
            "domain_reason": [HOSTILE[1] if k == 4 else why[d] for k, d in enumerate(domains)],
            "nearest_training": rng.choice(["MgO", "PbTe", "GaAs", HOSTILE[0]], n),
            "distance": rng.uniform(0.1, 9, n),
            "origin": ["catalogue"] * n,
            "e_above_hull": pa.array(hull, pa.float64()),
            "band_gap": pa.array(gap, pa.float64()),
            "nsites": rng.integers(1, 90, n),
            HOSTILE[1]: [HOSTILE[k % len(HOSTILE)] for k in range(n)],
        }
    )


def _predictions(rng: np.random.Generator, n: int) -> pa.Table:
    formulas = _formulas(rng, n)
    formulas[0] = HOSTILE[0]
    y = np.exp(rng.normal(1.8, 1.1, n))
    mean = y**0.85 * np.exp(rng.normal(0.2, 0.4, n))
    width = np.exp(rng.uniform(0.4, 1.0, n))
    return pa.table(
        {
            "id": [f"t{k}" for k in range(n)],
            "formula": formulas,
            "fold": rng.integers(0, 5, n),
            "y": y,
            "mean": mean,
            "lower": mean / width,
            "upper": mean * width,
        }
    )


def _leaderboard(rng: np.random.Generator) -> pa.Table:
    names = ["stack of 6 members", "Gaussian process on descriptors", "ridge on descriptors", "median of training"]
    rows: list[dict[str, Any]] = [
        {"name": names[0], "source": "both", "networks": 40, "depth": None, "head": "stack", "mae": 0.4312},
        {"name": names[1], "source": "", "networks": 0, "depth": None, "head": "gp", "mae": 0.4651},
        {"name": names[2], "source": "", "networks": 0, "depth": None, "head": "ridge", "mae": 0.5522},
        {"name": names[3], "source": "", "networks": 0, "depth": None, "head": "median", "mae": 1.1021},
    ]
    for source in ("melting_temperature", HOSTILE[1]):
        for depth in (1, 2, 3, 4):
            rows.append(
                {
                    "name": f"ridge on {source}, layer {depth}",
                    "source": source,
                    "networks": 20,
                    "depth": depth,
                    "head": "ridge",
                    "mae": 0.45 + 0.08 * depth + 0.02 * rng.random(),
                }
            )
    for row in rows:
        mae = row["mae"]
        row |= {
            "mae_std": 0.05 + 0.05 * rng.random(),
            "mae_unit": 7.1 * mae,
            "rmse": 1.3 * mae,
            "r2": 1 - mae,
            "spearman": 1 - 0.6 * mae,
            "coverage_90": 0.9 - 0.1 * rng.random(),
            "optimism": 0.03 * rng.random(),
            "beats_direct": mae < 0.4651,
        }
    return pa.Table.from_pylist(rows)


def _run(n: int) -> dict[str, Any]:
    edges = np.exp(np.linspace(-2, 6, 25))
    middle = np.linspace(-2, 6, 24)
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    source = {
        "unit": "K",
        "log": False,
        "rows": 612,
        "used": 540,
        "excluded": 19,
        "networks": 20,
        "sha256": digest,
        "licence": "BSD-3-Clause",
    }
    return {
        "kakehashi": "0.1.0",
        "command": "kakehashi screen --target crystals --source melting_temperature --out 'runs/<b>x'",
        "config": {"target": "crystal_thermal_conductivity", "networks": 20, "out": HOSTILE[0], "seed": 0},
        "started": "2026-01-31T14:05:09+00:00",
        "finished": "2026-01-31T14:19:51+00:00",
        "seed": 0,
        "python": "3.11.9",
        "packages": {"jax": "0.10.1", "numpy": "2.3.1", HOSTILE[2]: HOSTILE[3]},
        "platform": "Linux-6.8-x86_64",
        "device": "cpu",
        "target": {
            "name": "crystal_thermal_conductivity",
            "quantity": "lattice_thermal_conductivity",
            "unit": "W/(m K)",
            "log": True,
            "rows": 52,
            "used": 45,
            "missing": 3,
            "rejected": 4,
            "sha256": digest,
            "source": "typed from the literature, one citation per row",
            "licence": "facts",
            "notes": ["2 formulas had several values: their median is used.", HOSTILE[1]],
        },
        "sources": [
            {
                "name": "melting_temperature",
                "quantity": "melting_temperature",
                "validation_r2": 0.83,
                "source": "chemicals 1.5",
                **source,
            },
            {"name": HOSTILE[1], "quantity": HOSTILE[4], "validation_r2": 0.71, "source": HOSTILE[4], **source},
        ],
        "catalog": {
            "name": "mp_formulas",
            "rows": 34630,
            "scored": 34598,
            "quarantined": 32,
            "unique": 34112,
            "sha256": digest,
        },
        "verdict": {
            "text": "Transfer helps here: MAE of ln 0.431 against 0.465 (2.4 standard errors).",
            "helps": True,
            "chosen_mae": 0.4312,
            "direct_mae": 0.4651,
            "direct_name": "Gaussian process on descriptors",
            "difference": -0.0339,
            "standard_error": 0.0141,
            "coverage_90": 0.911,
        },
        "model": {
            "members": [
                {"name": "Gaussian process on descriptors", "weight": 0.41, "head": "gp"},
                {"name": "ridge on melting_temperature, layer 2", "weight": 0.37, "head": "ridge", "networks": 20},
                {"name": HOSTILE[0], "weight": 0.22, "head": HOSTILE[1]},
            ],
            "text": "A stack of transferred and direct members, weighted inside the inner folds.",
        },
        "ceiling": {"value": 412.0, "tied": 0, "text": ""},
        "domain": {"in": 3123, "edge": 12007, "out": 19468},
        "filters": [
            {"expression": "e_above_hull < 0.05", "failed": 8120, "null": 14},
            {"expression": HOSTILE[0], "failed": 0, "null": 0},
        ],
        "timings": {
            "read_tables": 1.31,
            "pretrain": 402.7,
            "evaluate": 311.9,
            "fit": 12.4,
            "score": 88.2,
            "write": 3.02,
        },
        "warnings": ["Only 0.3% of the candidates share their stoichiometry with a training material.", HOSTILE[0]],
        "quarantine_reasons": [
            {"reason": "element not tabulated: Og", "count": 21, "example": "OgO2"},
            {"reason": "unbalanced parenthesis", "count": 10, "example": "Ca(OH"},
            {"reason": HOSTILE[0], "count": 1, "example": HOSTILE[1]},
        ],
        "histogram": {
            "unit": "W/(m K)",
            "scale": "log",
            "edges": edges.tolist(),
            "training": np.round(9 * np.exp(-((middle - 2) ** 2) / 2)).astype(int).tolist(),
            "predicted": np.round(6000 * np.exp(-((middle - 1.2) ** 2) / 1.6)).astype(int).tolist(),
        },
    }


def write_run(directory: Path, n: int = 400) -> Path:
    rng = np.random.default_rng(7)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "run.json").write_text(json.dumps(_run(n)), encoding="utf-8")
    tables = {
        "ranking": _ranking(rng, n),
        "leaderboard": _leaderboard(rng),
        "predictions": _predictions(rng, 45),
        "quarantine": pa.table({"id": ["1", "2"], "formula": ["OgO2", HOSTILE[1]], "reason": ["bad", HOSTILE[0]]}),
        "quarantine_training": pa.table(
            {
                "table": ["ltc.csv", "ltc.csv", HOSTILE[1]],
                "row": [3, 9, 4],
                "id": ["a", "b", "c"],
                "formula": ["NaN1", "Xx2", HOSTILE[0]],
                "reason": ["value is not a number", "value is not a number", HOSTILE[2]],
            }
        ),
    }
    for name, table in tables.items():
        pq.write_table(table, directory / f"{name}.parquet", write_page_checksum=True)
    return directory


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT as a terminal's child has it; in the background of a shell it is ignored."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.fixture
def report_run(tmp_path: Path) -> Path:
    """A run directory of 400 ranked candidates."""
    return write_run(tmp_path / "run")


@pytest.fixture
def small_run(tmp_path: Path) -> Path:
    """A run directory of 40 ranked candidates, for tests that build many pages."""
    return write_run(tmp_path / "small", 40)


@pytest.fixture
def hostile() -> tuple[str, ...]:
    """Texts that would run a script, load a file or break the page if they were not escaped."""
    return HOSTILE


@pytest.fixture(scope="session")
def xenonpy(root: Path) -> tuple[Network, dict[str, np.ndarray]]:
    """A network trained by XenonPy 0.6.7 (LeakyReLU, batch normalisation), and what it computed there."""
    from kakehashi.screen.networks.xenonpy import network_from_arrays

    with np.load(root / "tests/golden/xenonpy_golden_nn.npz", allow_pickle=False) as file:
        stored = {key: file[key] for key in file}
    state = {key: value for key, value in stored.items() if key.startswith(("layer_", "output__"))}
    # The default eps of torch's BatchNorm1d is not in the file; the 0.1 of older models misses by 4.
    return network_from_arrays(state, eps=1e-5), stored


# A planted world, shared by the tests of transfer, stack and scorer: real formulas, made-up properties.
# With this seed all four networks have three hidden layers: one program to compile.
PLANTED_SEED = 312


class Planted(NamedTuple):
    """Tables whose source property decides the target's, and one whose values were shuffled."""

    target: PropertyTable
    source: PropertyTable
    shuffled: PropertyTable


@pytest.fixture(scope="session")
def planted() -> Planted:
    """40 target compounds that also stand in a source of 700; the target is its source value plus 5 % noise."""
    from kakehashi.catalogs.properties.tables import load_table
    from kakehashi.screen.descriptors.composition import compute

    table = load_table("volume_per_atom")
    rng = np.random.default_rng(PLANTED_SEED)
    rows = rng.choice(len(table), 700, replace=False)
    raw = compute(table.compositions).astype(np.float64)
    spread = raw.std(axis=0)
    z = (raw - raw.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # Bends and products of a few descriptors: learnable from 700 rows, hopeless from 40.
    value = np.sin(2.0 * z[:, 13]) + z[:, 4] * z[:, 19] + np.sin(2.0 * z[:, 180]) + np.cos(1.5 * z[:, 128])
    value = (value - value.mean()) / value.std()

    def cut(name: str, members: np.ndarray, values: np.ndarray) -> PropertyTable:
        pick = lambda texts: tuple(texts[i] for i in members)
        return replace(
            table,
            name=name,
            quantity=name,
            unit="",
            ids=pick(table.ids),
            materials=pick(table.materials),
            keys=pick(table.keys),
            compositions=Compositions(table.compositions.elements[members], table.compositions.amounts[members]),
            values=values,
            log=False,
            rows=len(members),
            rejected=(),
            notes=(),
        )

    few = rows[:40]
    return Planted(
        cut("planted_target", few, 3.0 + value[few] + 0.05 * rng.standard_normal(40)),
        cut("planted_source", rows, value[rows]),
        cut("shuffled_source", rows, rng.permutation(value[rows])),
    )


@pytest.fixture(scope="session")
def planted_library(planted: Planted) -> Library:
    """Four networks on the good source, which never saw the target's formulas."""
    return _library(planted.source, planted.target)


@pytest.fixture(scope="session")
def shuffled_library(planted: Planted) -> Library:
    """Four networks on the shuffled source."""
    return _library(planted.shuffled, planted.target)


@pytest.fixture(scope="session")
def planted_model(planted: Planted, planted_library: Library) -> Model:
    """The model transferred from the good source."""
    from kakehashi.screen.transfer.fit import transfer

    return transfer(planted_library, planted.target, outer=5, inner=5)


def _library(table: PropertyTable, target: PropertyTable) -> Library:
    from kakehashi.screen.networks.pretrain import Schedule
    from kakehashi.screen.networks.source import Library, Settings, pretrain_source

    schedule = Schedule(row_visits=100_000)
    source = pretrain_source([table], Settings(4, PLANTED_SEED, schedule=schedule), exclude=target.keys)
    return Library((source,), "reduced", PLANTED_SEED)


@pytest.fixture(scope="session")
def small_foundation(planted: Planted) -> Foundation:
    """Random networks of three properties that saw every second formula of the planted source."""
    from kakehashi.catalogs.formulas.slots import reduce
    from kakehashi.screen.descriptors.composition import compute
    from kakehashi.screen.foundation.folds import formula_hash
    from kakehashi.screen.foundation.inputs import foundation_scaling
    from kakehashi.screen.foundation.record import (
        FOLDS,
        Foundation,
        FoundationNetwork,
        FoundationTask,
        NormLayer,
    )

    rng = np.random.default_rng(PLANTED_SEED)

    def network() -> FoundationNetwork:
        sizes = (384, 12, 8)
        hidden = tuple(
            NormLayer(
                (rng.normal(size=(a, b)) / np.sqrt(a)).astype(np.float32), np.ones(b, np.float32),
                rng.normal(size=b).astype(np.float32),
            )
            for a, b in itertools.pairwise(sizes)
        )  # fmt: skip
        return FoundationNetwork(
            hidden, rng.normal(size=(8, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
        )

    tasks = tuple(
        FoundationTask(name, "table", name, name, unit, transform, centre, scale, 1.0, 100, "made up", "CC0-1.0", alias)
        for alias, (name, unit, transform, centre, scale) in enumerate(
            [("stiffness", "GPa", "ln", 4.0, 0.5), ("gap", "eV", "identity", 1.0, 2.0), ("cubic", "", "share", 0, 1.0)]
        )
    )
    return Foundation(
        "small",
        tasks,
        foundation_scaling(compute(reduce(planted.source.compositions))),
        (network(), network()),
        tuple((network(), network()) for _ in range(FOLDS)),
        tuple(rng.uniform(0.5, 2.0, 16).astype(np.float32) for _ in range(FOLDS + 1)),
        np.sort(formula_hash(planted.source.keys[::2])),
        np.full((3, FOLDS), 0.5),
        np.full((3, FOLDS), 0.5),
        "reduced",
    )


@pytest.fixture(scope="session")
def known_values(planted: Planted) -> KnownValues:
    """Values of the three properties for two thirds of the source's formulas, one property each."""
    from kakehashi.screen.foundation.folds import formula_hash
    from kakehashi.screen.foundation.known import KnownValues

    hashes = np.sort(formula_hash([key for i, key in enumerate(planted.source.keys) if i % 3]))
    values = np.full((len(hashes), 3), np.nan, np.float32)
    rows = np.arange(len(hashes))
    values[rows, rows % 3] = np.random.default_rng(1).normal(size=len(hashes))
    return KnownValues(hashes, values)
