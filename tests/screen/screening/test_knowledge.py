"""Foundation networks of a run, and the known values at hand."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.candidates.catalog import Catalog
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import UserError
from kakehashi.screen.foundation.folds import formula_hash
from kakehashi.screen.screening import knowledge
from kakehashi.screen.screening.knowledge import choose_foundation, gather_knowledge


@pytest.fixture
def shipped(small_foundation, monkeypatch):
    """A package with foundation networks, called small."""

    def find(name):
        if name != "small":
            raise UserError(f"no foundation networks called {name!r}")
        return small_foundation

    monkeypatch.setattr(knowledge, "shipped_foundation", lambda: small_foundation)
    monkeypatch.setattr(knowledge, "find_foundation", find)
    return small_foundation


@pytest.fixture(scope="module")
def smiles(tmp_path_factory):
    file = tmp_path_factory.mktemp("smiles") / "tg.csv"
    file.write_text("smiles,tg\n" + "".join(f"*{'C' * n}*,{100 + n}\n" for n in range(1, 13)))
    return load_table(f"{file}:tg", minimum=1)


def test_those_of_the_package_are_the_default_for_formulas(planted, shipped, smiles):
    assert choose_foundation("", (), planted.target, None) is shipped
    assert choose_foundation("", ("melting_temperature",), planted.target, None) is shipped
    assert choose_foundation("small", (), planted.target, None) is shipped
    assert choose_foundation("", (), smiles, None) is None


@pytest.mark.usefixtures("shipped")
def test_none_is_none_and_source_none_is_the_direct_model(planted):
    assert choose_foundation("none", (), planted.target, None) is None
    assert choose_foundation("", ("none",), planted.target, None) is None


@pytest.mark.usefixtures("shipped")
def test_what_does_not_fit_is_refused_when_named_and_left_out_otherwise(planted, smiles):
    with pytest.raises(UserError, match="no foundation networks called 'smal'"):
        choose_foundation("smal", (), planted.target, None)
    with pytest.raises(UserError, match="--foundation small: foundation networks are for formulas"):
        choose_foundation("small", (), smiles, None)
    with pytest.raises(UserError, match="--foundation small: its networks see reduced descriptors"):
        choose_foundation("small", (), planted.target, "cell")
    assert choose_foundation("", (), planted.target, "cell") is None


def test_a_package_without_networks_has_none(planted, monkeypatch):
    monkeypatch.setattr(knowledge, "shipped_foundation", lambda: None)
    assert choose_foundation("", (), planted.target, None) is None


def catalogue(table, *, smiles=False):
    return Catalog("candidates", table.num_rows, table.schema, "0" * 64, (), lambda: iter([table]), smiles=smiles)


def test_columns_of_a_catalogue_are_known_values(small_foundation):
    table = pa.table(
        {
            "id": list("abcdef"),
            "formula": ["MgO", "Mg2O2", "TiO2", "GaAs", "Xx2", "NaCl"],
            "stiffness": [np.e**4, np.e**5, 0.0, -1.0, 5.0, None],
            "gap": [1.0, 3.0, 5.0, float("nan"), 0.0, None],
            "cubic": [1.0, 1.0, 0.0, 1.0, 1.0, 1.0],
        }
    )
    found = gather_knowledge(small_foundation, (), catalogue(table))
    # Median of a formula, logarithms of positive values alone, no shares; (ln x - 4) / .5 and (x - 1) / 2.
    middle = 2 * (np.log((np.e**4 + np.e**5) / 2) - 4)
    expected = [[middle, 0.5, np.nan], [np.nan, 2.0, np.nan], [np.nan] * 3, [np.nan] * 3]
    np.testing.assert_allclose(found.known.of(["MgO", "TiO2", "GaAs", "NaCl"]), expected, rtol=1e-6)
    np.testing.assert_allclose(found.shares, [1 / 4, 2 / 4, 0.0])


def test_whole_numbers_of_a_catalogue_are_values_and_texts_are_none(small_foundation):
    table = pa.table({"id": ["a", "b"], "formula": ["MgO", "TiO2"], "stiffness": ["5", "6"], "gap": [3, None]})
    known = gather_knowledge(small_foundation, (), catalogue(table)).known
    np.testing.assert_array_equal(known.of(["MgO", "TiO2"]), [[np.nan, 1.0, np.nan], [np.nan] * 3])


def test_sources_are_known_values_where_quantity_and_unit_agree(planted, small_foundation):
    def source(quantity, unit):
        return replace(planted.source, name=quantity, quantity=quantity, unit=unit)

    table = pa.table({"id": ["a", "b"], "formula": [planted.source.keys[0], "CsLu3"]})
    tables = [source("gap", "eV"), source("stiffness", "MPa"), source("cubic", "no")]
    found = gather_knowledge(small_foundation, tables, catalogue(table))
    keys = list(planted.source.keys)
    np.testing.assert_allclose(found.known.of(keys)[:, 1], (planted.source.values - 1.0) / 2.0, rtol=1e-5, atol=1e-6)
    assert np.isnan(found.known.of(keys)[:, [0, 2]]).all()
    np.testing.assert_allclose(found.shares, [0.0, 0.5, 0.0])
    assert np.isin(formula_hash(keys), found.known.formulas).all()


def test_without_networks_or_rows_nothing_is_known(small_foundation):
    assert gather_knowledge(None) is None
    assert gather_knowledge(small_foundation).known is None
    table = pa.table({"id": ["a"], "formula": ["*CC*"]})
    assert gather_knowledge(small_foundation, (), catalogue(table, smiles=True)).known is None
