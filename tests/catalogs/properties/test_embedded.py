import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.files import package_data
from kakehashi.catalogs.files.home import cache_folder
from kakehashi.catalogs.properties import embedded, typed_tables
from kakehashi.catalogs.properties import transport as embedded_transport
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import UserError

SHARED = Path(__file__).parents[3].parent / "shared/data"
PROPERTIES = [name for name in embedded.known() if name not in ("default", "mp_formulas")]


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    embedded_transport.default_candidates.cache_clear()
    yield tmp_path / "home"
    embedded_transport.default_candidates.cache_clear()


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_property_is_usable(name: str) -> None:
    table = embedded.table(name)
    assert len(table) >= 10
    assert len(set(table.keys)) == len(table) == len(table.values)
    assert np.isfinite(table.y).all()
    assert table.source
    assert table.licence
    assert len(table.sha256) == 64


def by_key(name: str) -> dict[str, float]:
    table = embedded.table(name)
    return dict(zip(table.keys, table.values.tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "formula", "expected", "tolerance"),
    [
        # Textbook values, independent of the packages.
        ("formation_energy", "NaCl", -411.2 / 96.485 / 2, 0.01),
        ("formation_energy", "MgO", -601.6 / 96.485 / 2, 0.01),
        ("volume_per_atom", "NaCl", 5.640**3 / 8, 0.3),  # rock salt, a = 5.640 A
        ("volume_per_atom", "Si", 5.431**3 / 8, 0.3),
        ("density", "NaCl", 2.17, 0.03),
        ("melting_temperature", "NaCl", 1074.0, 2.0),
        ("melting_temperature", "W", 3687.0, 20.0),
        ("standard_entropy", "NaCl", 72.1 / 2, 0.2),
        ("heat_capacity", "NaCl", 50.5 / 2, 0.3),
    ],
)
def test_textbook_values(name: str, formula: str, expected: float, tolerance: float) -> None:
    assert by_key(name)[formula] == pytest.approx(expected, abs=tolerance)


def test_formulas_contradicted_by_the_molar_mass_are_left_out() -> None:
    keys = set(embedded.table("volume_per_atom").keys)
    assert not keys & {"HfH4C", "TaH4C"}  # listed upstream for HfC and TaC
    assert any("contradicted by the molar mass" in note for note in embedded.table("volume_per_atom").notes)


def test_only_inorganic_solids_without_wild_densities() -> None:
    from kakehashi.catalogs.formulas.slots import parse

    table = embedded.table("density")
    assert not any({"C", "H"} <= parse(key).keys() for key in table.keys)
    assert not set(table.keys) & {"WCl4O", "ScBr3", "ZnO2"}
    volumes = embedded.table("volume_per_atom").values
    assert volumes.min() > 5
    assert volumes.max() < 120


def test_heat_capacity_obeys_dulong_and_petit() -> None:
    # A wrong number of atoms would show: the classical limit is 3R per mole of atoms.
    assert np.quantile(embedded.table("heat_capacity").values, 0.95) < 1.2 * 3 * 8.314


def test_formation_energies_are_per_atom() -> None:
    path = SHARED / "inorganic/formation_enthalpy_expt.parquet"
    if not path.exists():
        pytest.skip(f"needs {path}, which is not part of the repository")
    measured = load_table(f"{path}:e_form_expt")
    own = by_key("formation_energy")
    pairs = [(own[key], value) for key, value in zip(measured.keys, measured.values, strict=True) if key in own]
    deviation = np.abs(np.subtract(*np.array(pairs).T))
    assert len(pairs) > 800
    assert np.median(deviation) < 1e-3
    assert np.mean(deviation < 0.05) > 0.98


def test_log_of_a_property_that_is_not_always_positive() -> None:
    plain, logged = embedded.table("mp_seebeck_p"), embedded.table("mp_seebeck_p", log=True)
    assert logged.log
    assert len(logged) < len(plain)
    assert all("above 0" in bad.reason for bad in logged.rejected)
    with pytest.raises(UserError):
        load_table("formation_energy", log=True, minimum=10_000)


def test_materials_project_formulas() -> None:
    table = embedded.candidates("mp_formulas")
    assert table.column_names == ["id", "formula", "mp_ids", "n_entries"]
    assert table.num_rows == 34_630
    assert len(set(table["formula"].to_pylist())) == 34_630
    assert sum(table["n_entries"].to_pylist()) == 47_737
    for row in table.slice(0, 500).to_pylist():
        entries = row["mp_ids"].split(" ")
        assert len(entries) == row["n_entries"]
        assert entries[0] == row["id"] == min(entries, key=lambda entry: int(entry.split("-")[1]))
    assert "NO" in table["formula"].to_pylist()


def test_default_candidates_are_cached_and_rebuilt(fresh_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = embedded.candidates("default")
    assert table.num_rows == 140_000
    assert len(set(table["id"].to_pylist())) == len(set(table["formula"].to_pylist())) == 140_000
    origins = table["origin"].to_pylist()
    assert origins[:34_630] == [f"materials_project (matminer {package_data.version('matminer')})"] * 34_630
    assert set(origins[34_630:]) == {"enumerated"}
    assert table["id"][34_630].as_py() == "enum-000001"
    (cached,) = (fresh_home / "candidates").iterdir()
    assert pq.ParquetFile(cached).metadata.row_group(0).column(0).compression == "ZSTD"

    def must_not_build() -> None:
        raise AssertionError("the cache was not used")

    embedded_transport.default_candidates.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(embedded_transport, "_build_default", must_not_build)
        assert embedded.candidates("default").equals(table)
    whole = cached.read_bytes()
    cached.write_bytes(whole[: len(whole) // 2])
    embedded_transport.default_candidates.cache_clear()
    assert embedded.candidates("default").equals(table)
    assert cached.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_error(fresh_home: Path) -> None:
    fresh_home.mkdir()
    (fresh_home / "candidates").write_text("a file in the way")
    assert embedded.candidates("default").num_rows == 140_000


def test_home_that_is_a_file(fresh_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="KAKEHASHI_HOME"):
        cache_folder()
    assert embedded.candidates("default").num_rows == 140_000


def test_missing_package_is_named() -> None:
    with pytest.raises(UserError, match="need the package no_such_package_here"):
        package_data.package_file("no_such_package_here", "x.csv")
    with pytest.raises(UserError, match=r"matminer .* carries no file 'no_such_file\.csv'"):
        package_data.package_file("matminer", "no_such_file.csv")


def test_names_that_are_not_properties() -> None:
    with pytest.raises(UserError, match="is a list of candidates"):
        embedded.table("default")
    with pytest.raises(UserError, match="did you mean 'density'"):
        embedded.table("densty")


def test_typed_target_is_read_from_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formulas = ["Si", "Ge", "C", "GaAs", "MgO", "NaCl", "KBr", "PbTe", "ZnS", "CdTe"]
    rows = "".join(
        f"{formula},{i + 1},W/(m K),300,{'total' if i else 'lattice'},Author {i} (2000)\n"
        for i, formula in enumerate(formulas)
    )
    monkeypatch.setattr(typed_tables, "TABLES", tmp_path)
    for cached in (typed_tables.target, embedded.table):
        assert isinstance(cached, functools._lru_cache_wrapper)
        cached.cache_clear()
    assert "ltc" not in embedded.known()
    file = tmp_path / "lattice_thermal_conductivity.csv"
    file.write_text(f"formula,value,unit,temperature_k,conductivity,citation\n{rows}")
    assert "ltc" in embedded.known()
    table = load_table("ltc")
    assert (table.quantity, table.unit, table.log) == ("lattice_thermal_conductivity", "W/(m K)", True)
    assert table.keys[:3] == ("Si", "Ge", "C")
    np.testing.assert_array_equal(table.values, np.arange(1.0, 11.0))
    assert embedded.info("ltc").kind == "target"
    assert {"conductivity: total (9), lattice (1)", "temperature_k: 300 (10)"} <= set(table.notes)
    typed_tables.target.cache_clear()
    embedded.table.cache_clear()
