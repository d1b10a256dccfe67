import json
import subprocess
import sys
from pathlib import Path

import pytest

from kakehashi.catalogs.cli.catalogs import list_datasets, show_dataset
from kakehashi.catalogs.properties import embedded
from kakehashi.catalogs.records import UserError


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path_factory.getbasetemp() / "kakehashi-home"))


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    list_datasets(json=True)
    found = {info["name"]: info for info in json.loads(capsys.readouterr().out)}
    assert set(found) == set(embedded.known())
    assert found["default"]["rows"] == 140_000
    assert found["volume_per_atom"]["unit"] == "A3/atom"
    assert found["mp_seebeck_p"]["unit"] == "unit not stated upstream"
    assert all(info["source"] and info["licence"] for info in found.values())


def test_list_as_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    list_datasets()
    out = capsys.readouterr().out
    assert all(name in out for name in embedded.known())
    assert "140,000" in out


@pytest.mark.parametrize("name", ["volume_per_atom", "mp_formulas"])
def test_show(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_dataset(name)
    text = capsys.readouterr().out
    info = embedded.info(name)
    for part in (info.name, f"{info.rows:,}", "licence"):
        assert part in text
    show_dataset(name, json=True)
    shown = json.loads(capsys.readouterr().out)
    assert shown["rows"] == info.rows
    assert len(shown["first_rows"]) == 5
    assert shown["citation"]


def test_show_unknown_name() -> None:
    with pytest.raises(UserError, match="did you mean 'heat_capacity'"):
        show_dataset("heat_capacty")


HEAVY = ["jax", "pandas", "rdkit", "pymatgen", "mp_api", "sklearn", "chemicals", "matminer"]


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("kakehashi.catalogs.cli.catalogs", [*HEAVY, "numpy", "pyarrow", "rich"]),
        (
            "kakehashi.catalogs.properties.tables, kakehashi.catalogs.candidates.candidates,"
            " kakehashi.catalogs.properties.embedded, kakehashi.catalogs.quantities",
            HEAVY,
        ),
    ],
)
def test_imports_are_light(modules: str, unwanted: list[str]) -> None:
    code = f"import sys, {modules}; print(sorted(set({unwanted}) & set(sys.modules)))"
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_list_fits_80_columns_without_breaking_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import kakehashi
    from kakehashi.catalogs.properties import embedded

    monkeypatch.setenv("COLUMNS", "80")
    assert kakehashi.main(["catalogs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    named = [line for line in lines[:-2] if not line.startswith(" ")]
    assert [line.split()[:2] for line in named] == [[info.name, info.kind] for info in embedded.names()]
    told = " ".join(" ".join(lines).split())
    assert all(f"{info.description}; {info.use}" in told for info in embedded.names())
    assert "--catalog enumerate" in lines[-1]
