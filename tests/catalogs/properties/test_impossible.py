from pathlib import Path

import numpy as np
import pytest

from kakehashi.catalogs.properties import embedded, impossible
from kakehashi.catalogs.properties.column_units import infer
from kakehashi.catalogs.properties.refused import refused_lines
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.quantities import Quantity
from kakehashi.catalogs.records import UserError

CASES = Path(__file__).parents[3] / "../shared/cases"
TEN = ["LiF", "NaCl", "KBr", "RbI", "MgO", "CaO", "SrO", "BaO", "ZnS", "CdTe"]


def case(name: str) -> str:
    if not (CASES / name).is_file():
        pytest.skip(f"{CASES / name} is not here")
    return str(CASES / name)


def file_of(folder: Path, header: str, values: list[str]) -> str:
    file = folder / "t.csv"
    rows = [f"{TEN[i % 10]}{',' if i < 10 else '2,'}{value}" for i, value in enumerate(values)]
    file.write_text("\n".join([f"formula,{header}", *rows]) + "\n", encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("column", "unit", "value", "reason"),
    [
        ("tg_k", "K", -80.0, "below absolute zero (0 K): looks like °C"),
        ("tg_k", "K", -300.0, "below absolute zero (0 K): looks like °F"),
        ("tg_k", "K", -9999.0, "below absolute zero (0 K): looks like a placeholder for a missing value"),
        ("tg_k", "K", 0.0, ""),
        ("tg_c", "degC", -273.15, ""),
        ("tg_c", "degC", -274.0, "below absolute zero (-273.15 degC): looks like °F"),
        ("tg_f", "degF", -459.67, ""),
        ("tg_f", "degF", -460.0, "below absolute zero (-459.67 degF)"),
        ("tg", "", -999.0, "below absolute zero (in every unit): looks like a placeholder"),
        ("Curie temperature (K)", "K", -1.0, "below absolute zero"),
        ("T_k", "K", -80.0, "below absolute zero (0 K): looks like °C"),
        ("delta_tg (K)", "K", -1.0, ""),
        ("tg_error_k", "K", -1.0, ""),
        ("kappa", "", -1.0, "below zero, which no thermal conductivity is"),
        ("kappa_W_mK", "W/(m K)", -9999.0, "no thermal conductivity is: looks like a placeholder for a missing value"),
        ("kappa", "", 0.0, ""),
        ("log_kappa", "", -1.0, ""),
        ("density_g_cm3", "g/cm3", -1.0, "below zero, which no density is"),
        ("spin_density", "", -1.0, ""),
        ("k_vrh", "", -1.0, "below zero, which no modulus is"),
        ("young_modulus (GPa)", "GPa", -1.0, "below zero, which no modulus is"),
        ("pressure (GPa)", "GPa", -1.0, ""),
        ("electrical_conductivity", "", -1.0, "below zero, which no conductivity is"),
        ("formation_energy", "eV/atom", -1.0, ""),
        ("seebeck (uV/K)", "uV/K", -200.0, ""),
        ("band_gap", "eV", -0.1, ""),
    ],
)
def test_values_that_cannot_be(column: str, unit: str, value: float, reason: str) -> None:
    quantity = infer(column)._replace(unit=unit)
    (found,) = impossible.refusals(np.array([value]), quantity, column)
    assert (reason in found) if reason else found == ""


def test_many_values_below_zero_look_like_something_else() -> None:
    reasons = impossible.refusals(np.array([-1.0, -2.0, 3.0]), Quantity("thermal_conductivity", ""), "kappa")
    assert "looks like a logarithm" in reasons[0]
    assert reasons[2] == ""


@pytest.mark.parametrize("value", [-99, -999, -9999, 99999, 9999, 999, -999.9, -999.25, -32768])
def test_placeholders_far_from_all_others(value: float) -> None:
    near = np.linspace(1, 20, 8)
    np.testing.assert_array_equal(impossible.placeholders(np.array([*near, value])), [8])
    np.testing.assert_array_equal(impossible.placeholders(np.array([*near, -1e30])), [8])
    wide = np.array([*near, 2 * abs(value), -2 * abs(value)])  # among others it is a value
    assert not len(impossible.placeholders(np.array([*wide, value])))


def test_ordinary_numbers_are_no_placeholders() -> None:
    assert not any(map(impossible.is_placeholder, [0, 9, 99, -9, 99.9, 98999, 1000, -1000, 998.9, 1e10, np.pi]))
    assert not len(impossible.placeholders(np.array([999.0, 999.0])))


def test_a_temperature_in_k_takes_neither_celsius_nor_placeholders(tmp_path: Path) -> None:
    values = ["300", "-80", "-9999", "99999", *map(str, range(310, 322))]
    table = load_table(file_of(tmp_path, "tg_k", values), max_rejected=0.2)
    assert [(row.row, row.value) for row in table.rejected] == [(2, -80.0), (3, -9999.0)]
    assert refused_lines(table)[0].startswith("tg_k: 1 of 16 rows refused: below absolute zero (0 K): looks like °C")
    assert refused_lines(table)[0].endswith("row 2 (NaCl, -80)")
    (said,) = table.warnings
    assert "1 value looks like a placeholder for a missing value, far from all others: row 4 (RbI, 99999)" in said
    with pytest.raises(UserError, match=r"2 of 16 rows with a value are refused, .* --max-rejected 0\.1 allows"):
        load_table(file_of(tmp_path, "tg_k", values), max_rejected=0.1)


def test_embedded_values_can_all_be() -> None:
    for name in ("melting_temperature", "density", "volume_per_atom", "mp_conductivity_p", "tg", "ltc"):
        table = embedded.table(name)
        assert table.warnings == ()
        assert not any("below" in row.reason for row in table.rejected)


@pytest.mark.parametrize(("name", "count"), [("mixed", 6), ("f", 6), ("dup", 2)])
def test_a_temperature_below_zero_without_a_unit_is_asked_about(name: str, count: int) -> None:
    file = case(f"polymers/mixed-units/{name}.csv")
    with pytest.raises(UserError, match=f"tg has no unit, and {count} values are below 0") as caught:
        load_table(file)
    assert "--unit tg=degC (or degF), or --unit tg=K to set these rows aside" in str(caught.value)
    assert "row 1 (*CC*, -" in str(caught.value) or name == "dup"
    assert load_table(file, units={"tg": "degC"}).unit == "degC"
    kelvin = load_table(file, units={"tg": "K"})
    assert len(kelvin.rejected) == count
    assert all(row.reason.startswith("below absolute zero (0 K): looks like °C") for row in kelvin.rejected)
    with pytest.raises(UserError, match=r"6 of 24 rows with a value are refused, more than --max-rejected 0\.1 allows"):
        load_table(case("polymers/mixed-units/mixed.csv"), units={"tg": "K"}, max_rejected=0.1)


def test_one_polymer_in_two_units_is_said() -> None:
    words = "6 materials have one value in K and °C (first *CC*: -78.15 and 195)"
    with pytest.raises(UserError) as caught:
        load_table(case("polymers/mixed-units/dup.csv"))
    assert words in str(caught.value)
    assert any(words in text for text in load_table(case("polymers/mixed-units/dup.csv"), units="degC").warnings)


def test_one_material_in_units_a_thousand_apart_is_said(tmp_path: Path) -> None:
    values = [*map(str, range(1, 11)), *(f"{1000 * i}" for i in range(1, 6))]
    file = tmp_path / "t.csv"
    rows = "".join(f"{TEN[i % 10]},{value}\n" for i, value in enumerate(values))
    file.write_text(f"formula,kappa (W/mK)\n{rows}", encoding="utf-8")
    assert any(
        "5 materials have one value in units a factor of 1000 apart" in w for w in load_table(str(file)).warnings
    )
    file.write_text(f"formula,kappa\n{rows}", encoding="utf-8")  # without a unit nothing is known
    assert load_table(str(file)).warnings == ()


def test_placeholders_of_polymers_are_named() -> None:
    table = load_table(case("polymers/mixed-units/sentinel.csv"), max_rejected=0.1)
    assert "row 23 (*CC(*)OC, -9999)" in refused_lines(table)[0]
    assert any("row 24 (*CC(*)C(=O)OCCCC, 99999)" in text for text in table.warnings)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("zero", "the logarithm needs a value above 0: row 4 (AlP, 0), row 10 (CaS, 0)"),
     ("sentinel", "looks like a placeholder for a missing value: row 4 (AlP, -9999), row 10 (CaS, -9999)")],
)  # fmt: skip
def test_values_without_a_logarithm_are_set_aside_and_said(name: str, reason: str) -> None:
    table = load_table(case(f"targets/{name}.csv"), log=True, max_rejected=0.1)
    assert len(table) == 43
    assert len(refused_lines(table)) == 1
    assert reason in refused_lines(table)[0]
