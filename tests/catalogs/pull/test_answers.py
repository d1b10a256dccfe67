"""Values of a service that a column can hold, and those that it cannot."""

from typing import Any

import pyarrow as pa
import pytest

from kakehashi.catalogs.pull.answers import REAL, TEXT, WHOLE, identifier, table_of, typed
from kakehashi.catalogs.pull.web import Fault


@pytest.mark.parametrize(
    ("value", "kind", "held"),
    [
        (None, WHOLE, None), (2**63 - 1, WHOLE, 2**63 - 1), (-(2**63), WHOLE, -(2**63)), (3, REAL, 3.0),
        ("κ\n", TEXT, "κ\n"), (1.7e308, REAL, 1.7e308),
    ],
)  # fmt: skip
def test_values_that_fit(value: Any, kind: pa.DataType, held: Any) -> None:
    assert pa.array([typed(value, kind, "here")], kind).to_pylist() == [held]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (10**30, WHOLE), (2**63, WHOLE), (True, WHOLE), (1.0, WHOLE), ("1", WHOLE), (float("inf"), REAL),
        (float("nan"), REAL), (10**400, REAL), (False, REAL), ("1.0", REAL), ("\ud800", TEXT), (7, TEXT), ([], TEXT),
    ],
)  # fmt: skip
def test_values_that_do_not(value: Any, kind: pa.DataType) -> None:
    with pytest.raises(Fault, match="record mp-7: expected ") as caught:
        typed(value, kind, "record mp-7")
    assert str(caught.value).isprintable()
    assert caught.value.tries == 2


def test_ids_are_printable() -> None:
    assert identifier("mp-149", "here") == "mp-149"
    for id in ("", "\x1b[2J", "a\ud800", "a\u202eb", 5, None):
        with pytest.raises(Fault, match="here: expected an id"):
            identifier(id, "here")


def test_what_a_terminal_is_given() -> None:
    assert str(Fault("κ: 1 W\x1b[31m\ud800\n")) == "κ: 1 W\ufffd[31m\ufffd\ufffd"


def test_a_table_that_cannot_be_made_names_the_record() -> None:
    schema = pa.schema([("id", TEXT), ("species", pa.list_(TEXT)), ("n", WHOLE)])
    good = {"id": "mp-1", "species": ["Na"], "n": 1}
    assert table_of([good, {"id": "mp-2", "species": None, "n": None}], schema).num_rows == 2
    for bad in ({"species": ["Na", "\ud800"]}, {"n": 10**30}, {"species": 7}):
        with pytest.raises(Fault, match="record mp-2 cannot be kept: ") as caught:
            table_of([good, {**good, "id": "mp-2", **bad}], schema)
        assert str(caught.value).isprintable()
