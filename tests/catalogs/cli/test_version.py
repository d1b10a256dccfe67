"""The version, as text and as JSON."""

import json
from importlib import metadata

import pytest

import kakehashi as front


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    number = metadata.version("kakehashi")
    assert front.main(["version"]) == 0
    assert capsys.readouterr().out == f"kakehashi {number}\n"
    assert front.main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": number}
