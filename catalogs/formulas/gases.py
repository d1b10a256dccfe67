"""Tell elements, noble gases and gases at room temperature among formulas.

A ranking of solids has little use for them. The gases are those of `catalogs/tables/gases.csv`.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

TABLE = Path(__file__).parents[1] / "tables" / "gases.csv"
EVERYDAY = "elements, noble gases and gases at room temperature"
_ELEMENT = r"^[A-Z][a-z]?[0-9.]*$"
# Two letters that begin with a capital are one symbol wherever they stand in a formula.
_NOBLE = r"He|Ne|Ar|Kr|Xe|Rn"


@cache
def gases() -> frozenset[str]:
    """Return reduced formulas of compounds that are gases at 298 K and 1 atm.

    >>> "CO2" in gases(), "SiO2" in gases()
    (True, False)
    """
    with TABLE.open(encoding="utf-8", newline="") as stream:
        return frozenset(row["formula"] for row in csv.DictReader(stream))


def are_everyday(formulas: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Mask (n,) of elements, compounds of noble gases, and gases.

    formulas : reduced, as in `reduced_formula`; a null is none of them

    >>> are_everyday(pa.array(["Si", "XeF2", "CO2", "SiO2"])).tolist()
    [True, True, True, False]
    """
    text = pc.fill_null(formulas.cast(pa.string()), "")
    known = pa.array(sorted(gases()), pa.string())
    element, noble = (pc.match_substring_regex(text, pattern) for pattern in (_ELEMENT, _NOBLE))
    found = pc.or_(pc.or_(element, noble), pc.is_in(text, value_set=known))
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)
