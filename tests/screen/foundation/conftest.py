"""A small planted folder of tables, and quick courses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.formulas.slots import formula_text, parse_column, reduce
from kakehashi.screen.descriptors.element_roots import element_roots
from kakehashi.screen.foundation.training.fit import FoundationSettings, Trained, train_foundation
from kakehashi.screen.foundation.training.tables import FoundationData, gather
from kakehashi.screen.foundation.training.train import FoundationCourse

METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In", "Zn", "Cd", "Pb", "Ti", "Y", "Cu")
ANIONS = ("O", "S", "Se", "Te", "F", "Cl", "Br", "N")
QUICK = FoundationCourse(widths=(32, 16), epochs=40, batch=64, rate=1e-2)


@pytest.fixture(scope="package")
def planted_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables: a linear property of all formulas, and a half of them with one that spans decades."""
    folder = tmp_path_factory.mktemp("planted")
    texts = [f"{m}{i}{a}{j}" for m in METALS for a in ANIONS for i, j in ((1, 1), (1, 2), (2, 1), (2, 3), (3, 1))]
    compositions = reduce(parse_column(texts).compositions)
    roots = element_roots(compositions).astype(float)
    rng = np.random.default_rng(0)
    linear = roots @ rng.normal(size=roots.shape[1])
    wide = np.exp(3 * (roots @ rng.normal(size=roots.shape[1])))
    groups = np.where(compositions.amounts.sum(axis=1) > 3, 225, 12)
    pq.write_table(
        pa.table({"formula": formula_text(compositions), "linear": linear, "spg_num": groups}), folder / "a.parquet"
    )
    half = np.flatnonzero(np.arange(len(texts)) % 2 == 0)
    lines = ["composition,wide (eV),count", *(f"{texts[i]},{float(wide[i])!r},{i}" for i in half), "Xx2,1.5,7"]
    (folder / "b.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="package")
def planted_data(planted_folder: Path) -> FoundationData:
    return gather(planted_folder)


@pytest.fixture(scope="package")
def quick() -> FoundationSettings:
    return FoundationSettings(1, 0, QUICK)


@pytest.fixture(scope="package")
def planted_foundation(
    planted_data: FoundationData, quick: FoundationSettings, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """A network for every fold, trained once for all tests."""
    return train_foundation(planted_data, quick, tmp_path_factory.mktemp("parts"))
