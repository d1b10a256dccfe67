"""The other side of the comparisons computes what it stands for, and every script is run and described somewhere."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/xenonpy_golden_290.csv"


@pytest.fixture(scope="module")
def today(script):
    return script("today")


def test_the_loop_computes_what_xenonpy_does(today):
    with GOLDEN.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    found = today.xenonpy_descriptors(today.pymatgen_compositions([row[0] for row in rows]))
    assert list(found) == header[1:]
    expected = np.array([[float(cell) for cell in row[1:]] for row in rows])
    np.testing.assert_allclose(found.values, expected, rtol=1e-13, atol=1e-13)


def test_formulas_are_real_distinct_and_spread(today):
    some = today.mp_formulas(50)
    everything = today.mp_formulas()
    assert len(set(some)) == 50
    assert set(some) <= set(everything)
    assert (some[0], some[-1]) == (everything[0], everything[-1])


def test_a_missed_goal_is_said(today, capsys):
    today.conclude(today.Ratio("a", "1 s", "30 s", 30.4, 60), today.Ratio("b", "1 s", "2 s", 2.04))
    assert capsys.readouterr().out.splitlines() == [
        "figure: a | 1 s | 30 s | 30x | 60x",
        "figure: b | 1 s | 2 s | 2.0x | –",
        "ratio: 30x (goal 60x, MISSED)  a",
        "ratio: 2.0x  b",
    ]


def test_every_script_has_its_place_in_makefile_and_readme():
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {
        "today",
        "table",
        "peers",
        "quick_rows",
        "device_scoring",
        "small_sides",
        "small_targets",
    }
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = re.findall(r"^(?:SHORT|LONG) := (.*)$", makefile, re.MULTILINE)
    assert sorted(" ".join(listed).split()) == sorted(scripts)
    readme = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    assert {name for name in scripts if f"| {name}.py |" in readme} == scripts
