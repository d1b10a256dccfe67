import numpy as np
import pytest

from kakehashi.catalogs.properties.column_units import infer
from kakehashi.catalogs.quantities import convert, parse_unit
from kakehashi.catalogs.records import UserError


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("W/(m K)", "W/(m K)"),
        ("W/mK", "W/(m K)"),
        ("W m-1 K-1", "W/(m K)"),
        ("W/(m·K)", "W/(m K)"),
        ("°C", "degC"),
        ("g/cm^3", "g/cm3"),
        ("J/(mol K)", "J/(mol K)"),
        ("J mol-1 K-1", "J/(mol K)"),
        ("GPa", "GPa"),
        ("Å^3/atom", "A3/atom"),
    ],
)
def test_unit_texts(text: str, unit: str) -> None:
    assert parse_unit(text).text == unit


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (25.0, "degC", "K", 298.15),
        (298.15, "K", "°C", 25.0),
        (7.87, "g/cm3", "kg/m3", 7870.0),
        (0.1, "W/(cm K)", "W/(m K)", 10.0),
        (96.48533212331, "kJ/(mol atoms)", "eV/atom", 1.0),
        (1.0, "kcal/mol", "J/mol", 4184.0),
    ],
)
def test_conversions(value: float, unit: str, to: str, expected: float) -> None:
    assert convert(np.array([value]), unit, to) == pytest.approx(expected)


def test_per_mole_of_formula_needs_the_atoms() -> None:
    # Al2O3: -1675.7 kJ/mol (CRC) is -3.4735 eV/atom.
    values = np.array([-1675.7])
    with pytest.raises(UserError, match="atoms per formula"):
        convert(values, "kJ/mol", "eV/atom")
    per_atom = convert(values, "kJ/mol", "eV/atom", atoms=5.0)
    assert per_atom == pytest.approx(-3.4735, abs=1e-4)
    assert convert(per_atom, "eV/atom", "kJ/mol", atoms=5.0) == pytest.approx(values)


@pytest.mark.parametrize(("unit", "to"), [("K", "GPa"), ("", "K"), ("K", ""), ("furlong", "K")])
def test_mixing_is_refused(unit: str, to: str) -> None:
    with pytest.raises(UserError):
        convert(np.array([1.0]), unit, to)


@pytest.mark.parametrize(
    ("column", "name", "unit"),
    [
        ("tg_k_exp", "glass_transition_temperature", "K"),
        ("tg_exp_k", "glass_transition_temperature", "K"),
        ("tg_c", "glass_transition_temperature", "degC"),
        ("tg", "glass_transition_temperature", ""),
        ("kappa_W_mK", "thermal_conductivity", "W/(m K)"),
        ("bulk_gpa", "bulk_gpa", "GPa"),
        ("density_g_cm3", "density", "g/cm3"),
        ("eat_ev_atom", "eat_ev_atom", "eV/atom"),
        ("e_form", "e_form", ""),
        ("log10(K_VRH)", "log10(K_VRH)", ""),
        ("log_kappa_W_mK", "log_kappa_W_mK", ""),
        ("value_k", "value_k", ""),
        ("test_c", "test_c", ""),
    ],
)
def test_units_in_column_names(column: str, name: str, unit: str) -> None:
    assert infer(column)[:2] == (name, unit)
