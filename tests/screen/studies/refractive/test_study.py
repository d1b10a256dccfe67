import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.runs.results import Results
from kakehashi.screen.studies.config import resolve
from kakehashi.screen.studies.refractive import study as refractive


def test_everything_is_written_and_whole(refractive_study: Path) -> None:
    Results(refractive_study).verify()
    study = json.loads((refractive_study / "study.json").read_text())
    assert [figure["number"] for figure in study["figures"]] == ["5a", "5b", "5c", "6a", "6b", "6c"]
    for figure in study["figures"]:
        assert ElementTree.parse(refractive_study / figure["file"]).getroot().tag.endswith("svg")
        assert f'id="fig{figure["number"]}"' in (refractive_study / "report.html").read_text()


def test_directions_are_measured_on_their_own_table(refractive_study: Path) -> None:
    numbers = json.loads((refractive_study / "study.json").read_text())["numbers"]
    rows = pq.read_table(refractive_study / "tables/predictions.parquet").to_pylist()
    counts = Counter((row["source"], row["target"]) for row in rows)
    assert counts == {("inorganic compounds", "molecules"): 75, ("molecules", "inorganic compounds"): 75}
    for (source, target), n in counts.items():
        own = [row for row in rows if (row["source"], row["target"]) == (source, target)]
        found = numbers[f"{source} to {target}"]
        assert found["compounds"] == n
        for name, column in (("source_networks_alone", "source_networks"), ("stack", "stack")):
            assert found[name]["mae"] == pytest.approx(np.mean([abs(r["y"] - r[column]) for r in own]))
        inside = [abs(r["y"] - r["source_networks"]) for r in own if r["covered"]]
        assert found["covered"] == len(inside)
        if inside:
            assert found["networks_error"]["inside"] == pytest.approx(np.mean(inside))
    splits = pq.read_table(refractive_study / "tables/test_sets.parquet").to_pylist()
    assert Counter(row["features"] for row in splits) == {"last hidden layer": 4, "descriptors": 4}
    assert all(row["n"] == 15 for row in splits)


def test_the_tables_of_polymers_are_never_mixed(shared_data: Path) -> None:
    config = resolve("refractive-index", {"data": str(shared_data)}, None)
    inorganic, organic = refractive.read(config)
    names = ["inorganic compounds", "polymers (XenonPy 500)", "polymers (Khazana)"]
    assert [one.name for one in (inorganic, *organic)] == names
    assert [one.rows for one in (inorganic, *organic)] == [1056, 498, 382]
    for one, file, column in (
        (organic[0], "xenonpy_polymer_genome_500", "refractive_index"),
        (organic[1], "khazana_mtl_dft", "n_dft"),
    ):
        known = pq.read_table(shared_data / f"organic/{file}.parquet", columns=[column])[column].drop_null().to_pylist()
        assert one.values.min() >= min(known)
        assert one.values.max() <= max(known)
        assert one.rows <= len(known)  # no row of the other table
        assert one.molecules is None
        assert len(set(one.keys)) == len(one)


def test_values_of_one_composition_are_merged_to_their_median() -> None:
    isomers = assemble("n", ["*CC(C)*", "*CCC*", "*CO*"], np.array([1.0, 2.0, 5.0]), minimum=1, attachments=(2,))
    merged = refractive.by_composition(isomers)
    assert dict(zip(merged.keys, merged.values.tolist(), strict=True)) == {"H2C": 1.5, "H2CO": 5.0}
