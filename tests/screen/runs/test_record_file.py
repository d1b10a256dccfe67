"""The record of a run is read by one reader, which says what is wrong with one it cannot use."""

from pathlib import Path

import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.runs.record_file import RECORD, load_record, parse_object, parse_record


def test_a_record_without_a_schema_is_of_the_first() -> None:
    assert parse_record('{"seed": 3}', RECORD) == {"seed": 3}


@pytest.mark.fault
@pytest.mark.parametrize(
    ("text", "wrong"),
    [("{", "run.json cannot be read"), ("[1]", "holds list, expected an object"), ('{"schema": 2}', "has schema 2")],
)
def test_what_is_no_record_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(UserError, match=wrong) as error:
        parse_record(text, RECORD)
    assert error.value.code == 6


def test_an_object_may_have_any_schema() -> None:
    assert parse_object('{"schema": 2}', RECORD) == {"schema": 2}


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run\.json in .*: expected the folder of a finished run") as error:
        load_record(tmp_path / RECORD)
    assert error.value.code == 2
