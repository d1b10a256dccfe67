"""A provider of catalogues is one file and one line in the registry."""

import sys
from pathlib import Path

import pytest

import kakehashi
from kakehashi.catalogs import providers
from kakehashi.catalogs.cli.pull import pull_optimade
from kakehashi.catalogs.properties.embedded import unknown_name
from kakehashi.catalogs.providers import OPTIMADE, Provider
from kakehashi.catalogs.pull.optimade import find_database
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.records import UserError

NEW_FILE = '''
"""Three materials of a service that answers in one page."""

import pyarrow as pa

from kakehashi.catalogs.pull.answers import TEXT, table_of
from kakehashi.catalogs.pull.pages import Page
from kakehashi.catalogs.pull.pull import Facts, Terminal, pull
from kakehashi.catalogs.reading.pulled import Column, schema_of


class Quarry:
    name, first, licence = "Quarry", "all", "CC0"
    query = {"service": "https://quarry.example", "columns": ["id", "formula"]}
    schema = schema_of((Column("id", TEXT), Column("formula", TEXT)))

    def version(self) -> str:
        return "1"

    def page(self, cursor: str) -> Page:
        rows = [{"id": f"q{i}", "formula": formula} for i, formula in enumerate(("SiO2", "CaF2", "FeS2"))]
        return Page(table_of(rows, self.schema), "", 3)


def pull_quarry(*, quiet: bool = False) -> int:
    """Pull the minerals of the quarry."""
    return pull(Quarry(), Facts("quarry", "Quarry", ""), Terminal(quiet=quiet))
'''
LINE = Provider(
    "quarry", "new_quarry:pull_quarry", "Pull minerals.", ("quarry",), "run `kakehashi catalogs pull quarry`"
)


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry with the line of one more file."""
    (tmp_path / "new_quarry.py").write_text(NEW_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(providers, "PROVIDERS", (*providers.PROVIDERS, LINE))
    monkeypatch.delitem(sys.modules, "new_quarry", raising=False)


@pytest.mark.usefixtures("added")
def test_a_new_provider_has_a_command_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert "quarry" in providers.pullable()
    with pytest.raises(UserError, match="'quarry' has not been pulled: run `kakehashi catalogs pull quarry`"):
        pulled.card("quarry")
    assert "run `kakehashi catalogs pull quarry`" in unknown_name("quarry:gap", ())
    assert kakehashi.main(["catalogs", "pull", "--help"]) == 0
    assert "Pull minerals." in capsys.readouterr().out
    assert kakehashi.main(["catalogs", "pull", "quarry"]) == 0
    assert "quarry: 3 records of Quarry, database version 1" in capsys.readouterr().out
    assert readers.read(pulled.folder("quarry"))["formula"].to_pylist() == ["SiO2", "CaF2", "FeS2"]


def test_without_its_line_it_has_none() -> None:
    assert "quarry" not in providers.pullable()
    assert kakehashi.main(["catalogs", "pull", "quarry"]) == 2


def test_the_first_provider_of_a_name_pulls_it() -> None:
    assert providers.advice("mp") == "run `kakehashi catalogs pull mp` (with your key in MP_API_KEY)"
    assert providers.advice("oqmd") == "run `kakehashi catalogs pull optimade --provider oqmd --filter ...`"
    assert providers.advice("mine") == "run `kakehashi catalogs pull optimade --filter ...`"
    assert providers.pullable() == ("mp", "aflow", "alexandria", "cod", "oqmd")


def test_a_database_of_optimade_is_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMADE, "quarry", "https://quarry.example/optimade")
    assert find_database("quarry", None, None).url == "https://quarry.example/optimade"
    assert all(name in (pull_optimade.__doc__ or "") for name in OPTIMADE if name != "quarry")
