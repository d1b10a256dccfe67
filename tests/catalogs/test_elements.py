import csv
import hashlib
import warnings

import numpy as np
import pytest

from kakehashi.catalogs.elements import (
    FEATURES,
    INDEX,
    ORDER,
    RADIOACTIVE,
    SYMBOLS,
    TABLES,
    UNTABULATED,
    feature_info,
    feature_table,
)


@pytest.fixture(scope="module")
def pymatgen_elements():
    from pymatgen.core.periodic_table import Element

    return [Element(symbol) for symbol in SYMBOLS]


def column(name):
    return feature_table()[:, FEATURES.index(name)]


def given(elements, key, scale=1.0):
    """The same column in pymatgen, nan where it has none."""
    values = [element.data.get(key) for element in elements]
    return np.array([v * scale if isinstance(v, (int, float)) and v else np.nan for v in values])


def test_the_table_is_the_published_one():
    digest = hashlib.sha256((TABLES / "elements.csv").read_bytes()).hexdigest()
    assert digest == "4bb9e660fe1ee6123fac014d77056ec6aad1b917c7c4ac6a5af006c3721983f7"
    assert feature_table().shape == (94, 58)
    assert np.isfinite(feature_table()).all()


def test_sodium_is_an_element_and_not_a_missing_value():
    assert SYMBOLS[10] == "Na"
    assert column("atomic_number")[INDEX["Na"]] == 11


def test_the_table_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        feature_table()[0, 0] = 5.0


def test_symbols_agree_with_pymatgen(pymatgen_elements):
    assert [element.Z for element in pymatgen_elements] == list(range(1, 95))
    np.testing.assert_array_equal(column("atomic_number"), np.arange(1, 95))


def test_order_is_that_of_pymatgen_formulas(pymatgen_elements):
    def key(element):
        x = element.data.get("X")
        return (x if x else np.inf, element.symbol)

    expected = [element.symbol for element in sorted(pymatgen_elements, key=key)]
    assert sorted(SYMBOLS, key=lambda symbol: ORDER[INDEX[symbol]]) == expected
    assert sorted(ORDER) == list(range(94))


@pytest.mark.parametrize(
    ("name", "key", "scale", "at_least"),
    [
        ("atomic_weight", "Atomic mass", 1, 93),
        ("bulk_modulus", "Bulk modulus", 1, 69),
        ("melting_point", "Melting point", 1, 70),
        ("density", "Density of solid", 1e-3, 58),
        ("thermal_conductivity", "Thermal conductivity", 1, 90),
        ("vdw_radius", "Van der waals radius", 100, 90),
        ("sound_velocity", "Velocity of sound", 1, 70),
        ("molar_volume", "Molar volume", 1, 90),
        ("mendeleev_number", "Mendeleev no", 1, 94),
        ("covalent_radius_slater", "Atomic radius", 100, 83),
        ("en_pauling", "X", 1, 73),
        ("electron_negativity", "X", 1, 80),
    ],
)
def test_columns_and_their_units_agree_with_pymatgen(pymatgen_elements, name, key, scale, at_least):
    reference = given(pymatgen_elements, key, scale)
    same = np.isclose(column(name), reference, rtol=5e-3)
    assert same.sum() >= at_least


def test_magpie_columns_agree_with_matminer():
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("matminer")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "utils/data_files/magpie_elementdata"
    for name, file in [
        ("first_ion_en", "FirstIonizationEnergy"),
        ("gs_volume_per", "GSvolume_pa"),
        ("gs_bandgap", "GSbandgap"),
        ("num_valance", "NValence"),
        ("fusion_enthalpy", "HeatFusion"),
    ]:
        cells = [line.strip() for line in (folder / f"{file}.table").read_text().split("\n")[:94]]
        reference = np.array([float(x) if x not in ("", "None", "Missing") else np.nan for x in cells])
        assert np.isclose(column(name), reference, rtol=5e-3).sum() >= 89, name


def test_units_of_columns_without_a_reference_follow_from_others():
    # a.u. against cubic angstrom: 1 bohr^3 is 0.1482 cubic angstrom
    ratio = np.median(column("dipole_polarizability") / column("Polarizability"))
    assert ratio == pytest.approx(1 / 0.1482, rel=0.05)
    np.testing.assert_allclose(column("gs_est_bcc_latcnt"), (2 * column("gs_volume_per")) ** (1 / 3), rtol=1e-3)
    molar = column("heat_capacity_mass") * column("atomic_weight")
    assert np.median(molar / column("heat_capacity_molar")) == pytest.approx(1, rel=0.01)


def test_every_feature_is_described():
    info = feature_info()
    assert tuple(record.name for record in info) == FEATURES
    assert all(record.unit and record.description and record.source for record in info)
    with (TABLES / "element_features.csv").open(newline="", encoding="utf-8") as file:
        assert {len(row) for row in csv.reader(file)} == {4}


def test_radioactive_elements_have_no_stable_isotope(pymatgen_elements):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        heavy = {element.symbol for element in pymatgen_elements if element.Z > 83}
    assert heavy | {"Tc", "Pm"} == RADIOACTIVE
    assert not UNTABULATED & set(SYMBOLS)
