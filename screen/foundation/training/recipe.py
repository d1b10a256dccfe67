"""Recipes: which tables and columns foundation networks learn, with units, licences and citations."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from kakehashi.catalogs import elements
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.files.toml_text import read_toml
from kakehashi.catalogs.properties import registry
from kakehashi.catalogs.records import UserError

PACKAGED = Path(elements.__file__).parent / "foundation"
SUFFIX = ".toml"


class RecipeColumn(NamedTuple):
    """A column of values; quantity and unit, "" where its name tells."""

    name: str
    quantity: str = ""
    unit: str = ""


class RecipeTable(NamedTuple):
    """A table of the folder.

    material : column of formulas, "" where its name tells
    columns : of values, None for every numeric column but those to exclude
    crystal_system : column of space group numbers, "" for none
    """

    file: str
    material: str = ""
    licence: str = ""
    source: str = ""
    columns: tuple[RecipeColumn, ...] | None = None
    crystal_system: str = ""
    exclude: tuple[str, ...] = ()


class FoundationRecipe(NamedTuple):
    """Tables of a folder, and names of embedded tables."""

    name: str
    tables: tuple[RecipeTable, ...]
    embedded: tuple[str, ...] = ()


def packaged_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    return tuple(sorted(path.stem for path in PACKAGED.glob(f"*{SUFFIX}")))


def load_recipe(spec: str) -> FoundationRecipe:
    """Load a recipe by its name in the package or its file.

    Raises
    ------
    UserError : no such recipe, not TOML, or a key, table or value that is not what it should be.
    """
    named = spec in packaged_recipes()
    path = PACKAGED / f"{spec}{SUFFIX}" if named else path_of(spec)
    if not named and path.suffix != SUFFIX:
        known = ", ".join(packaged_recipes())
        raise UserError(f"--recipe: expected {known or 'no name'} or a file that ends in {SUFFIX}, got {spec!r}")
    return read_recipe(read_toml(path, "--recipe"), path.stem, f"--recipe {path}")


def read_recipe(body: Mapping[str, Any], name: str, where: str) -> FoundationRecipe:
    """Read the content of a recipe.

    Raises
    ------
    UserError : as `load_recipe`.
    """
    _check_keys(body, ("table", "embedded"), where)
    tables = tuple(
        _table(entry, f"{where}: table {i + 1}") for i, entry in enumerate(_list(body, "table", dict, where))
    )
    embedded = tuple(
        _embedded(entry, f"{where}: embedded {i + 1}") for i, entry in enumerate(_list(body, "embedded", dict, where))
    )
    for what, names in (("table", [table.file for table in tables]), ("embedded table", list(embedded))):
        if twice := sorted({text for text in names if names.count(text) > 1}):
            raise UserError(f"{where}: {what} {twice[0]!r} is there twice")
    if not tables and not embedded:
        raise UserError(f"{where}: expected [[table]] or [[embedded]] entries, got none")
    return FoundationRecipe(name, tables, embedded)


def _table(entry: Mapping[str, Any], where: str) -> RecipeTable:
    _check_keys(entry, RecipeTable._fields, where)
    texts = {key: _text(entry, key, where) for key in ("file", "material", "licence", "source", "crystal_system")}
    if not texts["file"]:
        raise UserError(f"{where}: expected the name of a file: file = '...'")
    file = texts["file"]
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise UserError(f"{where}: file: expected a name inside the folder, got {file!r}")
    columns = None
    if "columns" in entry:
        if not isinstance(entry["columns"], dict):
            _refuse(where, "columns", "a table of columns", entry["columns"])
        columns = tuple(_column(name, about, f"{where}: column {name!r}") for name, about in entry["columns"].items())
        if entry.get("exclude"):
            raise UserError(f"{where}: expected columns or exclude, got both")
    return RecipeTable(**texts, columns=columns, exclude=tuple(_list(entry, "exclude", str, where)))


def _column(name: str, about: Any, where: str) -> RecipeColumn:
    if not isinstance(about, dict):
        raise UserError(f"{where}: expected {{quantity = '...', unit = '...'}}, got {about!r}")
    _check_keys(about, ("quantity", "unit"), where)
    return RecipeColumn(name, _text(about, "quantity", where), _text(about, "unit", where))


def _embedded(entry: Mapping[str, Any], where: str) -> str:
    _check_keys(entry, ("name",), where)
    name, known = _text(entry, "name", where), registry.sources()
    if name not in known or known[name].attachments is not None:
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; see `kakehashi catalogs list`"
        raise UserError(f"{where}: expected an embedded source table of formulas, got {name!r}{hint}")
    return name


def _list(entry: Mapping[str, Any], key: str, kind: type, where: str) -> list[Any]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        _refuse(where, key, "a list of tables, [[...]]" if kind is dict else "a list of texts", value)
    return value


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key, "")
    if not isinstance(value, str):
        _refuse(where, key, "text", value)
    return value


def _refuse(where: str, key: str, wanted: str, value: Any) -> NoReturn:
    raise UserError(f"{where}: {key}: expected {wanted}, got {value!r}")


def _check_keys(entry: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in entry:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(known)}"
            raise UserError(f"{where}: unknown key {key!r}{hint}")
