"""Element coverage names missing elements, and blames them only with reason."""

import numpy as np
import pytest

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.studies.refractive.coverage import (
    ElementCoverage,
    Excess,
    SplitError,
    compare_elements,
    diagnosis,
    excess_error,
    split_error,
)


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
