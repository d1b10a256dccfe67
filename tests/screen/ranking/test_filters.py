"""Filters: what passes, what fails, what is refused before any work."""

import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.ranking.filters import (
    Filter,
    apply_filters,
    check_elements,
    check_filters,
    meets_filter,
    parse_filter,
)

TABLE = pa.table(
    {
        "reduced_formula": ["MgO", "PbTe", "UO2", "Fe2O3"],
        "hull": [0.0, 0.05, None, float("nan")],
        "count": pa.array([1, 2**60 + 1, None, 3], pa.int64()),
        "stable": [True, False, None, True],
        "origin": ["mp", "x=y", None, "mp"],
        "wide": pa.array(["mp", "a", None, "mp"], pa.large_string()),
        "coded": pa.array(["mp", "a", None, "mp"]).dictionary_encode(),
        "nothing": pa.nulls(4),
        "list": [[1], [2], None, [3]],
    }
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("e_above_hull<=0.05", ("e_above_hull", "<=", "0.05")),
        ("  gap  >=  -1e-3 ", ("gap", ">=", "-1e-3")),
        ("origin==a<b", ("origin", "==", "a<b")),
        ("band gap!=0", ("band gap", "!=", "0")),
        ("a<b", ("a", "<", "b")),
    ],
)
def test_expressions(text: str, parts: tuple[str, str, str]) -> None:
    assert parse_filter(text) == Filter(*parts)


@pytest.mark.parametrize("text", ["", "hull", "hull=0.05", "<0.05", "hull<", "hull <= "])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="expected a filter like e_above_hull"):
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "ok", "null"),
    [
        ("hull<=0.05", [1, 1, 0, 0], 2),
        ("hull<0.05", [1, 0, 0, 0], 2),
        ("hull!=7", [1, 1, 0, 0], 2),
        ("hull>-inf", [1, 1, 0, 0], 2),
        ("count>3", [0, 1, 0, 0], 1),
        ("stable==true", [1, 0, 0, 1], 1),
        ("stable!=True", [0, 1, 0, 0], 1),
        ("stable==0", [0, 1, 0, 0], 1),
        ("origin==mp", [1, 0, 0, 1], 1),
        ("origin=='mp'", [1, 0, 0, 1], 1),
        ("origin!=mp", [0, 1, 0, 0], 1),
        ("origin==x=y", [0, 1, 0, 0], 1),
        ("wide==mp", [1, 0, 0, 1], 1),
        ("coded==mp", [1, 0, 0, 1], 1),
        ("nothing<1", [0, 0, 0, 0], 4),
    ],
)
def test_a_row_without_a_value_fails_and_is_counted(text: str, ok: list[int], null: int) -> None:
    wanted = parse_filter(text)
    check_filters([wanted], TABLE.schema)
    found, absent = meets_filter(TABLE, wanted)
    assert found.tolist() == [bool(x) for x in ok]
    assert absent == null


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hul<1", "did you mean hull"),
        ("zzzzzz<1", "no column 'zzzzzz' among reduced_formula, hull"),
        ("hull<low", "expected a number after <, got 'low'"),
        ("hull<nan", "expected a number"),
        ("hull<1_000", "expected a number"),
        ("stable==maybe", "expected a number"),
        ("origin<mp", "origin is text; use == or !="),
        ("wide>1", "wide is text; use == or !="),
        ("list==1", "list holds list"),
    ],
)
def test_filters_that_cannot_be_met_are_refused_first(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_filters([parse_filter(text)], TABLE.schema)


def test_every_filter_counts_on_its_own_and_all_must_hold() -> None:
    filters = [parse_filter("hull<=0.05"), parse_filter("origin==mp")]
    keep, counts = apply_filters(TABLE, filters, exclude=("Pb", "O"), radioactive=False)
    assert keep.tolist() == [False] * 4
    assert [(c.expression, c.failed, c.null) for c in counts] == [
        ("hull<=0.05", 2, 2),
        ("origin==mp", 2, 1),
        ("without O, Pb", 4, 0),
        ("no radioactive elements", 1, 0),
    ]
    assert apply_filters(TABLE, [], radioactive=False)[0].tolist() == [True, True, False, True]
    assert apply_filters(TABLE, [], exclude=("Te",))[0].tolist() == [True, False, True, True]
    assert apply_filters(TABLE, [])[0].all()


def test_no_rows_pass_no_rows() -> None:
    keep, counts = apply_filters(TABLE.slice(0, 0), [parse_filter("hull<1")], exclude=("O",), radioactive=False)
    assert keep.shape == (0,)
    assert keep.dtype == np.bool_
    assert [c.failed for c in counts] == [0, 0, 0]


@pytest.mark.parametrize("symbol", ["Xx", "pb", "Og", ""])
def test_what_is_no_element_is_refused(symbol: str) -> None:
    with pytest.raises(UserError, match="not one of the 94"):
        check_elements(["Pb", symbol])
