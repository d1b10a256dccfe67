"""A table that comes with the package is one file and one line in the registry."""

from types import ModuleType

import numpy as np
import pytest

from kakehashi.catalogs.cli.catalogs import show_dataset
from kakehashi.catalogs.properties import embedded, registry
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import UserError

NEW_FILE = '''
"""Hardness of rock salts."""

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.properties.source_table import CandidateList, Rows, SourceTable

FORMULAS = ["NaCl", "KCl", "LiF", "MgO", "CaO", "NaBr", "KBr", "LiCl", "SrO", "BaO"]


def hardness() -> Rows:
    """Return hardness, GPa."""
    return Rows([f"r{i}" for i in range(10)], FORMULAS, np.arange(1.0, 11.0), ("typed here",), "0" * 64)


def formulas() -> pa.Table:
    return pa.table({"id": [str(i) for i in range(10)], "formula": FORMULAS})


_SAID = ("a handbook", "CC0")
SOURCES = {"hardness": SourceTable("hardness", "GPa", True, *_SAID, "hardness of rock salts", "A (2001)", hardness)}
CANDIDATES = {"rock_salts": CandidateList(*_SAID, "rock salts", "A (2001)", formulas)}
'''


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry with the lines of one more file."""
    module = ModuleType("hardness")
    exec(compile(NEW_FILE, "hardness.py", "exec"), module.__dict__)
    monkeypatch.setattr(registry, "SOURCES", (*registry.SOURCES, module.SOURCES))
    monkeypatch.setattr(registry, "CANDIDATES", (*registry.CANDIDATES, module.CANDIDATES))


@pytest.mark.usefixtures("added")
def test_a_new_source_is_known_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"hardness", "rock_salts"} <= set(embedded.known())
    table = load_table("hardness")
    assert (table.unit, table.log, table.licence, table.notes[0]) == ("GPa", True, "CC0", "typed here")
    assert table.keys[:3] == ("NaCl", "KCl", "LiF")
    np.testing.assert_array_equal(table.values, np.arange(1.0, 11.0))
    assert embedded.info("hardness").citation == "A (2001)"
    assert embedded.info("rock_salts").rows == embedded.candidates("rock_salts").num_rows == 10
    with pytest.raises(UserError, match="did you mean 'hardness'"):
        load_table("hardnes")
    show_dataset("hardness")
    assert "hardness of rock salts" in capsys.readouterr().out


def test_without_its_line_it_is_not_known() -> None:
    assert "hardness" not in embedded.known()
    with pytest.raises(UserError, match="neither an embedded data set nor a table file"):
        load_table("hardness")


def test_two_tables_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "SOURCES", (*registry.SOURCES, registry.SOURCES[0]))
    with pytest.raises(ValueError, match="two tables are called 'density'"):
        embedded.known()
