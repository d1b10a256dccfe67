"""Kinds of material: one record each, found by inputs, table or choice of descriptors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.catalogs.records import Compositions, Crystals, Molecules, PropertyTable, UserError
from kakehashi.screen.descriptors.compositions import COMPOSITION
from kakehashi.screen.descriptors.crystals import CRYSTAL
from kakehashi.screen.descriptors.materials import (
    KINDS,
    convention_for,
    describe,
    kind_of,
    kind_of_choice,
    kind_of_table,
)
from kakehashi.screen.descriptors.molecules import MOLECULE

FORMULAS = parse_column(["Mg2O2", "SiO2", "MgO"]).compositions
UNITS = Molecules(("*CC*", "*CC(C)*"), ("*CC*", "*CC(C)*"))
CELLS = Crystals(
    parse_column(["Mg2O2", "SiO"]).compositions,
    np.array([0, 4, 6]),
    np.stack([4.2 * np.eye(3), 5.0 * np.eye(3)]),
    np.array([11, 11, 7, 7, 13, 7], np.int16),
    np.arange(18, dtype=float).reshape(6, 3) / 18,
)
INPUTS: tuple[tuple[Any, Any], ...] = ((COMPOSITION, FORMULAS), (MOLECULE, UNITS), (CRYSTAL, CELLS))


def table(name: str, **inputs: Any) -> PropertyTable:
    return PropertyTable(name, name, "", ("1",), ("MgO",), ("MgO",), FORMULAS.take(np.array([2])), np.ones(1), **inputs)


FORMULA_TABLE, UNIT_TABLE, CELL_TABLE = table("gaps"), table("units", molecules=UNITS), table("cells", crystals=CELLS)


@pytest.mark.parametrize(("kind", "inputs"), INPUTS)
def test_join_undoes_take(kind: Any, inputs: Any) -> None:
    assert kind_of(inputs) is kind
    parts = [inputs.take(np.array([i])) for i in range(len(kind.label(inputs).texts))]
    joined = kind.join([*parts, inputs.take(np.array([], np.int64))])
    assert type(joined) is kind.record
    for one, other in zip(jax_leaves(joined), jax_leaves(inputs), strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.asarray(one).dtype == np.asarray(other).dtype


def jax_leaves(tree: Any) -> list[Any]:
    import jax

    return jax.tree.leaves(tree)


@pytest.mark.parametrize(("kind", "inputs"), INPUTS)
def test_columns_are_named(kind: Any, inputs: Any) -> None:
    choice = kind.choose(None, None, "t")
    assert kind.accepts(choice)
    x = describe(inputs, choice)
    assert x.dtype == np.float32
    assert x.shape == (len(kind.label(inputs).texts), len(kind.names(choice)))
    np.testing.assert_array_equal(kind.describe(kind.record(*inputs), choice), x)


def test_structures_are_described_by_their_compositions() -> None:
    np.testing.assert_array_equal(CRYSTAL.describe(CELLS, "cell"), COMPOSITION.describe(CELLS.compositions, "cell"))
    assert isinstance(CRYSTAL.normalise(CELLS, "reduced"), Compositions)


def test_keys_tell_apart_what_descriptors_do() -> None:
    assert list(COMPOSITION.keys(FORMULAS, "cell")) == ["Mg2O2", "SiO2", "MgO"]
    for kind, inputs in ((COMPOSITION, FORMULAS), (CRYSTAL, CELLS)):
        assert kind.keys(inputs, "reduced")[0] == "MgO"
    assert MOLECULE.keys(UNITS, "maccs") == UNITS.keys
    assert MOLECULE.label(UNITS).texts == UNITS.keys


def test_texts_that_cannot_be_read_have_a_reason() -> None:
    for kind, good, bad in ((COMPOSITION, "MgO", "Xx2"), (MOLECULE, "*CC*", "C("), (CRYSTAL, "", "nothing")):
        parsed = kind.parse([bad], 2)
        assert parsed.reasons.tolist() != [""]
        if good:
            assert kind.parse([good], 2).reasons.tolist() == [""]


def test_a_choice_or_a_table_says_its_kind() -> None:
    assert [kind_of_table(t) for t in (FORMULA_TABLE, UNIT_TABLE, CELL_TABLE)] == list(KINDS)
    assert kind_of_choice("per-atom") is COMPOSITION
    assert kind_of_choice("ecfp4@ring/atom+rdkit@dimer/atom+backbone") is MOLECULE


def test_one_choice_serves_all_tables() -> None:
    assert convention_for([FORMULA_TABLE, replace(FORMULA_TABLE, name="more")], "cell", None) == "cell"
    assert convention_for([UNIT_TABLE], None, None) == "ecfp4@ring/atom+rdkit@dimer/atom+backbone"
    assert convention_for([UNIT_TABLE], None, "maccs") == "maccs"
    assert convention_for([CELL_TABLE], None, None) == "reduced"


@pytest.mark.parametrize(
    ("tables", "flags", "words"),
    [
        ([FORMULA_TABLE, CELL_TABLE], (None, None), "gaps and cells: expected structures for both or for none"),
        ([FORMULA_TABLE, UNIT_TABLE], (None, None), "gaps has formulas, units has SMILES: .* sources with formulas"),
        ([UNIT_TABLE, FORMULA_TABLE], (None, None), "units has SMILES, gaps has formulas: .* sources with SMILES"),
        ([UNIT_TABLE], ("cell", None), "--convention cell is for formulas; units has SMILES"),
        ([FORMULA_TABLE], (None, "maccs"), "--descriptors maccs: gaps has formulas; expected one of xenonpy"),
    ],
)
def test_tables_and_flags_that_do_not_agree(
    tables: list[PropertyTable], flags: tuple[str | None, str | None], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        convention_for(tables, *flags)
