"""Table of 94 elements and 58 element features.

The numbers are XenonPy's `elements_completed` (Yoshida laboratory; BSD-3-Clause), in the copy distributed by
ElementEmbeddings 0.8.0 (MIT). Cells without a measured value were imputed upstream and are not marked there.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.records import FloatArray, UserError

TABLES = Path(__file__).parent / "tables"

_PERIODIC_TABLE = """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
    Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
    Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu
    """
SYMBOLS: tuple[str, ...] = tuple(_PERIODIC_TABLE.split())
INDEX: dict[str, int] = {symbol: i for i, symbol in enumerate(SYMBOLS)}

# Rising Pauling electronegativity, ties by symbol, elements without a value last: pymatgen's order.
_BY_ELECTRONEGATIVITY = """
    Fr Cs K Rb Ba Ra Na Sr Li Ca Ac La Tb Yb Ce Pm Pr Nd Sm Eu Gd Dy Y Ho Er Tm Lu Pu Hf Th Mg Zr Np Sc U Pa
    Ta Ti Mn Be Nb Al Tl V Zn Cr Cd In Ga Fe Co Cu Re Si Tc Ni Ag Sn Hg Po Ge Bi B Sb Te Mo As P At H Ir Os
    Pd Rn Ru Pt Rh Pb W Au C Se S Xe I Br Kr N Cl O F Ar He Ne
    """
ORDER: tuple[int, ...] = tuple(_BY_ELECTRONEGATIVITY.split().index(symbol) for symbol in SYMBOLS)
"""Rank of each element in formulas; slots and reduced formulas list elements by rising rank."""

_BEYOND = "Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
UNTABULATED: frozenset[str] = frozenset(_BEYOND.split())
_UNSTABLE = "Tc Pm Po At Rn Fr Ra Ac Th Pa U Np Pu"
RADIOACTIVE: frozenset[str] = frozenset(_UNSTABLE.split())
"""Elements without a stable isotope (bismuth, which outlives the universe, counts as stable)."""

_COLUMNS = """
    atomic_number atomic_radius atomic_radius_rahm atomic_volume atomic_weight boiling_point bulk_modulus
    c6_gb covalent_radius_cordero covalent_radius_pyykko covalent_radius_pyykko_double
    covalent_radius_pyykko_triple covalent_radius_slater density dipole_polarizability electron_negativity
    electron_affinity en_allen en_ghosh en_pauling first_ion_en fusion_enthalpy gs_bandgap gs_energy
    gs_est_bcc_latcnt gs_est_fcc_latcnt gs_mag_moment gs_volume_per hhi_p hhi_r heat_capacity_mass
    heat_capacity_molar icsd_volume evaporation_heat heat_of_formation lattice_constant mendeleev_number
    melting_point molar_volume num_unfilled num_valance num_d_unfilled num_d_valence num_f_unfilled
    num_f_valence num_p_unfilled num_p_valence num_s_unfilled num_s_valence period specific_heat
    thermal_conductivity vdw_radius vdw_radius_alvarez vdw_radius_mm3 vdw_radius_uff sound_velocity
    Polarizability
    """
FEATURES: tuple[str, ...] = tuple(_COLUMNS.split())


class FeatureInfo(NamedTuple):
    """Description of a feature.

    unit : `not stated upstream` where no source corroborates one
    """

    name: str
    unit: str
    description: str
    source: str


@cache
def feature_table() -> FloatArray:
    """Return the element features (94, 58), read-only.

    Rows are by atomic number, columns in the order of `FEATURES`.

    Raises
    ------
    UserError : a damaged table file, code 6.

    >>> feature_table().shape
    (94, 58)
    """
    path = TABLES / "elements.csv"
    # csv, not pandas: pandas reads the text "Na"-like cells of such tables as missing values
    with path.open(newline="", encoding="ascii") as file:
        header, *rows = csv.reader(file)
    if tuple(header) != ("element", *FEATURES) or tuple(row[0] for row in rows) != SYMBOLS:
        raise UserError(f"{path}: expected 94 elements x 58 features; the file is damaged, reinstall", 6)
    table = np.array([[float(cell) for cell in row[1:]] for row in rows])
    if table.shape != (len(SYMBOLS), len(FEATURES)) or not np.isfinite(table).all():
        raise UserError(f"{path}: expected finite numbers only; the file is damaged, reinstall", 6)
    table.flags.writeable = False
    return table


@cache
def feature_info() -> tuple[FeatureInfo, ...]:
    """Return each feature's unit, description and source."""
    with (TABLES / "element_features.csv").open(newline="", encoding="utf-8") as file:
        return tuple(FeatureInfo(**row) for row in csv.DictReader(file))
