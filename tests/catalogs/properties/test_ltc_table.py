import csv
import subprocess
import sys
from pathlib import Path

import pytest

from kakehashi.catalogs.formulas.slots import parse, parse_column, reduced_keys
from kakehashi.catalogs.properties.tables import load_table

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "catalogs/tables/lattice_thermal_conductivity.csv"
SCRIPT = ROOT / "benchmarks/check_ltc.py"
DATA = ROOT.parent / "shared/data"
SUPPORTED = 31  # as many as could be supported; 45 were wanted, catalogs/tables/README.md says what stood in the way
METALS = {
    "TiC",
    "WC",
    "TiN",
    "TiB2",
    "ZrB2",
    "ZrC",
}  # conduct heat by electrons, though the check data hold them

COLUMNS = [
    "formula", "value", "unit", "temperature_k", "conductivity", "sample",
    "citation", "citation_checked", "check_source", "check", "ln_ratio",
]  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    with TABLE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def shared():
    if not (DATA / "inorganic/ltc45_dft.parquet").is_file():
        pytest.skip(f"the data to check against are not at {DATA}")
    return DATA


def test_as_many_rows_as_could_be_supported(rows):
    assert len(rows) >= SUPPORTED
    assert list(rows[0]) == COLUMNS


def test_formulas_parse_and_are_distinct(rows):
    formulas = [row["formula"] for row in rows]
    assert all(parse(formula) for formula in formulas)
    keys = reduced_keys(parse_column(formulas).compositions)
    assert len(set(keys)) == len(keys)
    assert not METALS & set(keys)


def test_values_are_positive_near_room_temperature_in_one_unit(rows):
    assert {row["unit"] for row in rows} == {"W/(m K)"}
    assert all(0.1 < float(row["value"]) < 3000 for row in rows)
    assert all(285 <= float(row["temperature_k"]) <= 315 for row in rows)
    assert {row["conductivity"] for row in rows} <= {"total", "lattice"}


def test_every_row_is_cited_and_corroborated(rows):
    assert all(len(row["citation"]) > 20 and row["check"] for row in rows)
    assert {row["citation_checked"] for row in rows} <= {"opened", "reference seen"}
    assert {row["check_source"] for row in rows} <= {"ltc45_dft", "tc_citrine_expt near 300 K"}
    assert all(0 <= float(row["ln_ratio"]) <= 0.25 for row in rows)


def test_table_loads_as_the_embedded_target(rows):
    table = load_table("ltc", log=True)
    assert len(table) == len(rows)
    assert (table.unit, table.rejected, table.missing) == ("W/(m K)", (), 0)
    assert sorted(table.values) == sorted(float(row["value"]) for row in rows)


def test_script_confirms_the_table(shared, rows):
    done = run("--data", shared)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rows)} rows, {len(rows)} corroborated" in done.stdout


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [
        ("value", "999", "above 0.25"),
        ("ln_ratio", "0.001", "the table says 0.001"),
        ("formula", "KMnF3", "in neither data set"),
        ("check_source", "tc_citrine_expt near 300 K", "checked against ltc45_dft"),
    ],
)
def test_script_refuses_a_wrong_row(shared, rows, tmp_path, column, text, said):
    spoiled = tmp_path / "spoiled.csv"
    with spoiled.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows([rows[0] | {column: text}, *rows[1:]])
    done = run("--data", shared, "--table", spoiled)
    assert done.returncode == 1, done.stderr
    assert said in done.stdout


def check_one(shared, tmp_path, row):
    table = tmp_path / "one.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerow(row)
    return run("--data", shared, "--table", table)


def test_either_set_corroborates_and_the_other_is_printed(shared, rows, tmp_path):
    row = next(row for row in rows if row["formula"] == "MgO")
    measured = {"check_source": "tc_citrine_expt near 300 K", "check": "median of 1 row 290-310 K"}
    done = check_one(shared, tmp_path, row | measured | {"value": "37", "ln_ratio": "0.078"})
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[1].split()[-3:] == ["0.078", "0.259", "ok"]


def test_rows_that_look_calculated_are_no_experimental_check(shared, rows, tmp_path):
    calculated_alike = {"formula": "BeS", "value": "180"}  # 157 at "room temperature" there, 134 calculated
    done = check_one(shared, tmp_path, rows[0] | calculated_alike)
    assert done.returncode == 1
    assert "above 0.25" in done.stdout
    assert "tc_citrine_expt" not in done.stdout


def test_script_skips_without_the_data(tmp_path):
    done = run("--data", tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("skipped: ")


def test_readme_prints_the_table_of_the_script(shared):
    readme = (TABLE.parent / "README.md").read_text(encoding="utf-8")
    assert run("--data", shared).stdout.strip() in readme
