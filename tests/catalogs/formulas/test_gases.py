"""Elements, noble gases and gases at room temperature, against boiling points of `chemicals`."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pytest
from chemicals.identifiers import search_chemical
from chemicals.phase_change import Tb

from kakehashi.catalogs.formulas.gases import TABLE, are_everyday, gases
from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys

ROOM = 298.15


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_boiling_point_is_that_of_chemicals_and_below_room_temperature() -> None:
    for row in rows():
        value = Tb(row["cas"], method=row["source"])
        assert float(row["boiling_point_k"]) == pytest.approx(value, abs=0.006), row
        assert float(row["boiling_point_k"]) < ROOM, row


def test_formulas_are_reduced_and_those_of_the_compounds() -> None:
    texts = [search_chemical(row["cas"]).formula for row in rows()]
    parsed = parse_column(texts)
    assert set(parsed.reasons) == {""}
    assert [row["formula"] for row in rows()] == [str(key) for key in reduced_keys(parsed.compositions)]
    assert len(gases()) == len(rows())


@pytest.mark.parametrize(
    ("formula", "everyday"),
    [
        ("Si", True), ("H", True), ("N", True), ("He", True), ("XeF2", True), ("KrF2", True), ("NaNe", True),
        ("CO2", True), ("CO", True), ("H3N", True), ("H4C", True), ("HF", True), ("WF6", True), ("SF6", True),
        ("H2O", False), ("Br2Hg", False), ("SiO2", False), ("GaN", False), ("HfO2", False), ("NaCl", False),
        ("H2C", False), ("UF6", False), ("BeO", False), ("HgSe", False), ("Co", True), ("CoO", False),
    ],
)  # fmt: skip
def test_well_known_ones(formula: str, everyday: bool) -> None:
    assert are_everyday(pa.array([formula])).tolist() == [everyday]


def test_a_null_and_a_hostile_text_are_none_of_them() -> None:
    assert are_everyday(pa.chunked_array([[None, "<b>", "", "Si\n"]])).tolist() == [False] * 4


def test_the_formulas_of_common_gases_reduce_to_those_of_the_table() -> None:
    texts = [
        "CO2",
        "NH3",
        "CH4",
        "SO2",
        "N2O",
        "NO2",
        "HCl",
        "H2S",
        "SiH4",
        "BF3",
        "C2H6",
        "C3H8",
        "O2",
        "N2",
        "Cl2",
        "F2",
    ]
    keys = pa.array([str(key) for key in reduced_keys(parse_column(texts).compositions)])
    assert np.all(are_everyday(keys))
