"""Recipes say what is wrong with them."""

import tomllib

import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.foundation.training.columns import FoundationColumn, read_columns
from kakehashi.screen.foundation.training.recipe import load_recipe, packaged_recipes, read_recipe

GOOD = """
[[table]]
file = "a.parquet"
columns = { gap = { quantity = "band_gap", unit = "eV" } }
[[embedded]]
name = "density"
"""


def read(text):
    return read_recipe(tomllib.loads(text), "mine", "--recipe mine.toml")


def test_a_good_one():
    recipe = read(GOOD)
    assert recipe.tables[0].columns[0] == ("gap", "band_gap", "eV")
    assert recipe.embedded == ("density",)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"expected \[\[table\]\] or \[\[embedded\]\] entries, got none"),
        ("tables = []", "unknown key 'tables'; did you mean 'table'"),
        ("[[table]]\nmaterial = 'x'", "table 1: expected the name of a file"),
        ("[[table]]\nfile = 3", "table 1: file: expected text, got 3"),
        ("[[table]]\nfile = '../a.csv'", "file: expected a name inside the folder"),
        ("[[table]]\nfile = '/a.csv'", "file: expected a name inside the folder"),
        ("[[table]]\nfile = 'a.csv'\nlicense = ''", "unknown key 'license'; did you mean 'licence'"),
        ("[[table]]\nfile = 'a.csv'\ncolumns = ['gap']", "columns: expected a table of columns"),
        ("[[table]]\nfile = 'a.csv'\ncolumns = { gap = 'eV' }", "column 'gap': expected {quantity"),
        ("[[table]]\nfile = 'a.csv'\ncolumns = { gap = { units = 'eV' } }", "column 'gap': unknown key 'units'"),
        ("[[table]]\nfile = 'a.csv'\nexclude = 'gap'", "exclude: expected a list of texts"),
        ("[[table]]\nfile = 'a.csv'\nexclude = ['b']\ncolumns = { gap = {} }", "expected columns or exclude, got both"),
        ("[[table]]\nfile = 'a.csv'\n[[table]]\nfile = 'a.csv'", "table 'a.csv' is there twice"),
        ("[[embedded]]\nname = 'densty'", "expected an embedded source table of formulas, got 'densty'; did you mean"),
        ("[[embedded]]\nname = 'ltc'", "expected an embedded source table of formulas, got 'ltc'"),
        ("embedded = ['density']", "embedded: expected a list of tables"),
    ],
)
def test_mistakes_are_refused(text, said):
    with pytest.raises(UserError, match=said):
        read(text)


@pytest.mark.fault
def test_files_that_are_none(tmp_path):
    with pytest.raises(UserError, match=r"expected inorganic or a file that ends in \.toml, got 'organic'"):
        load_recipe("organic")
    with pytest.raises(UserError, match="cannot read"):
        load_recipe(str(tmp_path / "none.toml"))
    (tmp_path / "bad.toml").write_text("[[table")
    with pytest.raises(UserError, match="not valid TOML"):
        load_recipe(str(tmp_path / "bad.toml"))


def test_the_packaged_recipe_says_terms_and_sources():
    recipe = load_recipe("inorganic")
    assert packaged_recipes() == ("inorganic",)
    assert all(table.licence and table.source and table.columns for table in recipe.tables)
    assert len(recipe.embedded) == 15


def test_the_packaged_recipe_fits_the_tables(shared_data):
    recipe = load_recipe("inorganic")
    smallest = recipe._replace(tables=tuple(t for t in recipe.tables if t.file == "wolverton_oxides.parquet"))
    columns = list(read_columns(shared_data / "inorganic", smallest._replace(embedded=()), strict=True))
    assert [type(column) for column in columns] == [FoundationColumn] * 4
    assert {column.values.unit for column in columns} == {"eV/atom", "muB", "A3/atom", "eV"}
    assert all(len(column.values) > 2000 for column in columns)
