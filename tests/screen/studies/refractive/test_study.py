import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.records import PropertyTable
from kakehashi.catalogs.runs.results import Results
from kakehashi.screen.studies.config import resolve
from kakehashi.screen.studies.refractive import study as refractive
from kakehashi.screen.studies.refractive.coverage import (
    ElementCoverage,
    Excess,
    SplitError,
    compare_elements,
    diagnosis,
    excess_error,
    split_error,
)


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


def table(name: str, formulas: list[str], values: list[float]) -> PropertyTable:
    return assemble(name, formulas, np.array(values), minimum=1)


def test_element_coverage_names_what_is_missing() -> None:
    source = table("source", ["CH4", "CO2", "C2H6O"], [1.0, 2.0, 3.0])
    target = table("target", ["H2O", "NaCl", "KCl", "Na2O", "C6H6"], [1.0, 2.0, 3.0, 4.0, 5.0])
    found = compare_elements(source, target)
    assert (found.source_elements, found.target_elements) == (3, 6)
    assert found.covered.tolist() == [text in ("H2O", "C6H6") for text in target.materials]
    assert set(found.missing[:2]) == {"Na", "Cl"}  # two compounds each
    assert found.missing[2] == "K"
    errors = np.where(found.covered, 0.5, 2.0)
    split = split_error(found, target.y, target.y + errors)
    assert split == pytest.approx((0.5, 2.0))
    informed = target.y + np.where(found.covered, 0.25, 0.5)
    worse = excess_error(found, target.y, target.y + errors, informed)
    assert worse == pytest.approx((2.0, 4.0, 2.0, 2.0))  # every sample of equal errors says the same
    text = diagnosis(found, split, worse)
    assert "3 of 5" in text
    assert "explain part of the failure" in text
    back = compare_elements(target, source)
    assert back.covered.all()
    assert "no reason to fail" in diagnosis(back, split, worse)
    nothing = compare_elements(table("a", ["He", "Ne"], [1.0, 2.0]), target)
    assert not nothing.covered.any()
    assert np.isnan(split_error(nothing, target.y, target.y).inside)
    empty = excess_error(nothing, target.y, target.y + errors, informed)
    assert np.isnan([empty.inside, empty.low, empty.high]).all()
    assert "nothing of the target is covered" in diagnosis(nothing, split, worse)


def test_materials_that_are_harder_for_every_model_do_not_blame_the_elements() -> None:
    """Errors four times as large without the elements, for the networks as for a model that knows the compounds."""
    rng = np.random.default_rng(0)
    covered = np.arange(60) < 20
    found = ElementCoverage(3, 6, ("Na",), covered)
    y, size = np.zeros(60), np.where(covered, 0.5, 2.0)
    alone, informed = 2 * size * rng.uniform(0.5, 1.5, 60), size * rng.uniform(0.5, 1.5, 60)
    excess = excess_error(found, y, alone, informed)
    assert split_error(found, y, alone).outside > 3 * split_error(found, y, alone).inside
    assert excess.low < 1 < excess.high
    assert excess.explains is None
    assert excess_error(found, y, np.where(covered, 1, 3) * alone, informed).explains is True
    assert "do not explain" in diagnosis(found, SplitError(0.5, 2.0), Excess(2.0, 1.0, 0.4, 0.6))
    assert "with 20 covered ones it cannot be told" in diagnosis(
        found, SplitError(0.5, 2.0), Excess(2.0, 2.1, 0.8, 1.4)
    )


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
