from pathlib import Path

import pytest

from kakehashi.catalogs.properties.column_units import bare_name, infer
from kakehashi.catalogs.properties.stated_units import check_named, parse_units, stated_unit, unit_of_cell, with_unit
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.quantities import Quantity
from kakehashi.catalogs.records import UserError

CASES = Path(__file__).parents[3] / "../shared/cases"
TG = "glass_transition_temperature"


def case(name: str) -> str:
    if not (CASES / name).is_file():
        pytest.skip(f"{CASES / name} is not here")
    return str(CASES / name)


@pytest.mark.parametrize(
    ("column", "name", "unit"),
    [
        ("Tg (°C)", TG, "degC"),
        ("Tg (ºC)", TG, "degC"),
        ("Tg (oC)", TG, "degC"),
        ("Tg(C)", TG, "degC"),
        ("Tg [K]", TG, "K"),
        ("T_g / K", TG, "K"),
        ("Tg/K", TG, "K"),
        ("Tg in K", TG, "K"),
        ("Tg K", TG, "K"),
        ("Tg (°F)", TG, "degF"),
        ("tg_f", TG, "degF"),
        ("Tg_degC", TG, "degC"),
        ("tg_celsius", TG, "degC"),
        ("tg_exp_k", TG, "K"),
        ("TG", TG, ""),
        ("Tg (DSC)", TG, ""),
        ("Melting point [K]", "melting_temperature", "K"),
        ("Curie temperature (K)", "Curie temperature (K)", "K"),
        ("Tc/K", "Tc/K", "K"),
        ("Band gap (eV)", "band_gap", "eV"),
        ("band gap (PBE) (eV)", "band_gap", "eV"),
        ("Eg/eV", "Eg/eV", "eV"),
        ("kappa (W/mK)", "thermal_conductivity", "W/(m K)"),
        ("kappa (W/(m K))", "thermal_conductivity", "W/(m K)"),
        ("kappa [W m⁻¹ K⁻¹]", "thermal_conductivity", "W/(m K)"),
        ("kappa, mW/mK", "thermal_conductivity", "mW/(m K)"),
        ("Density (g/cm³)", "density", "g/cm3"),
        ("K (GPa)", "K (GPa)", "GPa"),
        ("Seebeck (µV/K)", "Seebeck (µV/K)", "uV/K"),
        # What only looks like a unit.
        ("kappa (300 K)", "kappa (300 K)", ""),
        ("kappa_300k", "thermal_conductivity", ""),
        ("alpha_ppm/K", "alpha_ppm/K", ""),
        ("CTE (ppm/K)", "CTE (ppm/K)", ""),
        ("heat (C)", "heat (C)", ""),
        ("K/G", "K/G", ""),
        ("c/a", "c/a", ""),
        ("S/cm", "S/cm", ""),
        ("vitamin_k", "vitamin_k", ""),
        ("true_k", "true_k", ""),
        # A temperature whose last word is k.
        ("T_K", "T_K", "K"),
        ("tc_k", "tc_k", "K"),
        ("curie_temperature_k", "curie_temperature_k", "K"),
        ("flash_point_k", "flash_point_k", "K"),
        ("synthesis_temp_k", "synthesis_temp_k", "K"),
        ("t_c", "t_c", ""),
        ("E (mPa)", "E (mPa)", ""),
        ("log10(K_VRH)", "log10(K_VRH)", ""),
        ("ln kappa (W/mK)", "ln kappa (W/mK)", ""),
    ],
)
def test_units_in_headers(column: str, name: str, unit: str) -> None:
    assert infer(column)[:2] == (name, unit)


def test_bare_names() -> None:
    given = ("Tg (°C)", "Tg/K", "kappa [W/(m K)]", "rho, g/cm3", "c/a", "tg_c", "Tg (DSC)")
    assert [bare_name(column) for column in given] == ["Tg", "Tg", "kappa", "rho", "c/a", "tg_c", "Tg (DSC)"]


def test_stated_units_are_read() -> None:
    units = parse_units(["tg=°C", "a=b=W/mK", "my.csv:tg=K"])
    assert units == {"tg": "degC", "a=b": "W/(m K)", "my.csv:tg": "K"}
    assert stated_unit(units, Path("my.csv"), "tg") == "K"
    assert stated_unit(units, Path("other.csv"), "tg") == "degC"
    assert stated_unit(units, Path("my.csv"), "other") is None
    assert stated_unit("kelvin", Path("my.csv"), "other") == "K"


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["tg"], "expected COLUMN=UNIT, such as tg=degC, got 'tg'"),
        (["=K"], "expected COLUMN=UNIT"),
        (["tg="], "expected COLUMN=UNIT"),
        (["tg=K", "tg=degC"], "'tg' is given twice"),
        (["tg=furlong"], "unknown unit 'furlong'; known units: K, degC, degF"),
    ],
)
def test_a_stated_unit_is_refused_because(texts: list[str], words: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_units(texts)
    assert words in str(caught.value)


def test_units_of_columns_that_are_not_read_are_refused() -> None:
    check_named({"tg": "K", "b.csv:gap": "eV"}, [("a.csv", "tg"), ("b.csv", "gap")])
    with pytest.raises(UserError, match=r"--unit gpa=eV: .* of that name; did you mean 'gap'\?"):
        check_named({"gpa": "eV"}, [("a.csv", "tg"), ("b.csv", "gap")])
    with pytest.raises(UserError, match=r"of that name \(columns: tg\)"):
        check_named({"zzz": "eV"}, [("a.csv", "tg")])


def test_units_are_not_mixed() -> None:
    tg = Quantity(TG, "")
    assert with_unit(tg, "tg", "f", (None, "K", "K")).unit == "K"
    for quantity, stated, words in (
        (Quantity(TG, "degC"), ("K",), "column 'tg' is in degC by its own name or file, and in K by --unit"),
        (tg, ("K", "degC"), "say it once"),
        (tg, ("GPa",), "is a glass transition temperature, not in GPa"),
    ):
        with pytest.raises(UserError) as caught:
            with_unit(quantity, "tg", "f", stated)
        assert words in str(caught.value)
    with pytest.raises(UserError, match="holds logarithms, which have no unit"):
        with_unit(infer("log_kappa"), "log_kappa", "f", ("W/mK",))


def test_a_unit_in_the_first_row() -> None:
    assert unit_of_cell("", "W/mK") == "W/(m K)"
    assert unit_of_cell(None, "[°C]") == "degC"
    for material, cell in (("MgO", "K"), ("", "abc"), ("", ""), ("", "1"), ("", None), ("", 3.0)):
        assert unit_of_cell(material, cell) is None


@pytest.mark.parametrize(
    ("name", "unit"),
    [("degc", "degC"), ("h0", "degC"), ("h1", "K"), ("h2", "degC"), ("h3", "K"), ("h4", ""), ("h5", "degC"),
     ("h6", "degC"), ("h7", "K"), ("h8", "degF")],
)  # fmt: skip
def test_headers_of_polymers(name: str, unit: str) -> None:
    table = load_table(case(f"polymers/units/{name}.csv"))
    assert (len(table), table.quantity, table.unit) == (24, TG, unit)
    if not unit:
        assert load_table(case(f"polymers/units/{name}.csv"), units={table.name: "degC"}).unit == "degC"


def test_a_row_of_units_is_the_unit_of_the_column(tmp_path: Path) -> None:
    table = load_table(case("targets/units_row.csv"), log=True, max_rejected=0.0)
    assert (len(table), table.unit, table.missing) == (45, "W/(m K)", 1)
    assert table.warnings == ("kappa: row 1 holds a unit, W/(m K), and no value",)
    file = tmp_path / "t.csv"
    file.write_text("formula,Tg (K)\n,°C\n" + "".join(f"Li{i}O,{i}\n" for i in range(1, 12)), encoding="utf-8")
    with pytest.raises(UserError, match="is in K by its own name or file, and in degC by"):
        load_table(str(file))
    file.write_text("formula,Tg (K)\nkelvin,K\n" + "".join(f"Li{i}O,{i}\n" for i in range(1, 12)), encoding="utf-8")
    with pytest.raises(UserError, match=r"1 cell of Tg \(K\) is not a number: row 1 'K'; .*a row of units"):
        load_table(str(file))
