"""Refused rows of targets and sources: what runs say of them, the limit, and the units that are stated."""

import json
from pathlib import Path

import pytest

import kakehashi
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import UserError
from kakehashi.design.run import config as design_config
from kakehashi.screen.evaluation import config as evaluate_config
from kakehashi.screen.models import config as train_config
from kakehashi.screen.models import train
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.refused import rejected_table, warnings_of
from kakehashi.screen.screening import config as screen_config
from kakehashi.screen.screening.tables import check_units, load_sources, load_target

CASES = Path(__file__).parents[3] / "../shared/cases"
KINDS = [
    (screen_config.resolve, {}),
    (evaluate_config.resolve, {}),
    (design_config.resolve, {"goal": ["tg>1"]}),
]


def table(folder: Path, name: str = "t", header: str = "tg_k", bad: str = "-80") -> str:
    file = folder / f"{name}.csv"
    rows = [f"Li{i}O,{300 + i}" for i in range(1, 15)]
    file.write_text("\n".join([f"formula,{header}", f"MgO,{bad}", "Xx2O,1", *rows]) + "\n", encoding="utf-8")
    return str(file)


def test_targets_come_first_and_sources_are_brief(tmp_path: Path) -> None:
    target, source = load_table(table(tmp_path)), load_table(table(tmp_path, "s", "density", "-1"))
    said = warnings_of([target], [source])
    assert [text.split(":")[0] for text in said] == ["tg_k", "tg_k", "density", "density", said[-1].split(":")[0]]
    assert said[-1].endswith("quarantine_training.csv")
    assert warnings_of([target], [source], written=False) == said[:-1]
    assert warnings_of([]) == []
    rows = rejected_table(target, source)
    assert rows.column_names == ["table", "row", "id", "formula", "reason"]
    assert rows["row"].to_pylist() == [1, 2, 1, 2]


def test_refused_rows_of_the_package_are_counted_in_one_line(tmp_path: Path) -> None:
    own, other = load_table("density"), load_table(table(tmp_path, "s", "density", "-1"))
    assert own.rejected
    said = warnings_of([other], [own], written=False)
    assert said == [
        *warnings_of([other], written=False),
        f"{len(own.rejected)} rows of the package's own tables (density) cannot be used",
    ]
    assert len(warnings_of([], [other])) > len(warnings_of([], [own]))


@pytest.mark.parametrize(("resolve", "more"), KINDS)
def test_units_and_the_limit_in_files_and_flags(resolve, more, tmp_path: Path) -> None:
    given = {**more, "target": ["t.csv:tg"] if more else "t.csv:tg"}
    file = tmp_path / "run.toml"
    file.write_text('unit = ["tg=degC"]\nmax-rejected = 0.5\n')
    assert (found := resolve(given, str(file))).unit == ("tg=degC",)
    assert found.max_rejected == 0.5
    assert resolve({**given, "unit": ["tg=K"]}, str(file)).unit == ("tg=K",)
    assert resolve(given, None).max_rejected == 0.1
    with pytest.raises(UserError, match="--unit tg=mile: unknown unit 'mile'"):
        resolve({**given, "unit": ["tg=mile"]}, None)
    with pytest.raises(UserError, match=r"--max-rejected: expected a share from 0 to 1, got 1\.5"):
        resolve({**given, "max_rejected": 1.5}, None)


@pytest.mark.parametrize("kind", [screen_config, evaluate_config])
def test_runs_from_before_units_could_be_stated_can_be_gone_on_with(kind) -> None:
    now = as_dict(kind.resolve({"target": "t.csv:tg"}, None))
    before = {name: value for name, value in now.items() if name not in ("unit", "max_rejected")}
    assert kind.deciding(now) == kind.deciding(before)
    stated = as_dict(kind.resolve({"target": "t.csv:tg", "unit": ["tg=K"]}, None))
    assert kind.deciding(stated) != kind.deciding(before)


def test_a_dry_run_shows_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["screen", "--target", f"{table(tmp_path)}:tg_k", "--source", "none", "--dry-run", "--json"]
    assert kakehashi.main(words) == 2
    error = capsys.readouterr().err
    assert "2 of 16 rows with a value are refused, more than --max-rejected 0.1 allows" in error
    assert "below absolute zero (0 K): looks like °C" in error
    assert "row 1 (MgO, -80)" in error
    assert "row 2 (Xx2O, 1)" in error
    assert kakehashi.main([*words, "--max-rejected", "0.2"]) == 0
    said = json.loads(capsys.readouterr().out)["warnings"]
    assert [text.endswith(row) for text, row in zip(said, ("row 1 (MgO, -80)", "row 2 (Xx2O, 1)"), strict=True)]
    assert len(said) == 2


def test_a_unit_is_of_a_column_that_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "--target", f"{table(tmp_path, header='tg', bad='80')}:tg", "--source", "none", "--dry-run"]
    assert kakehashi.main([*words, "--unit", "tgg=K"]) == 2
    assert "--unit tgg=K: no target or source is read from a column of that name; did you mean 'tg'?" in (
        capsys.readouterr().err
    )
    assert kakehashi.main([*words, "--unit", "tg=K"]) == 0
    with pytest.raises(UserError, match="--unit tgg=K: no target or source"):
        train.train(
            train_config.resolve({"source": [f"{tmp_path}/t.csv:tg"], "unit": ["tgg=K"]}, None), "quiet", dry_run=True
        )


@pytest.mark.parametrize(
    ("name", "column", "goal", "bound"),
    [("h0", "Tg (°C)", "Tg>470 K", 196.85), ("h0", "Tg (°C)", "Tg (°C)>100", 100), ("h7", "Tg/K", "Tg>200 °C", 473.15),
     ("h8", "tg_f", "tg_f>0 °C", 32), ("h4", "TG", "TG>100", 100)],
)  # fmt: skip
def test_goals_in_the_units_of_headers(
    name: str, column: str, goal: str, bound: float, capsys: pytest.CaptureFixture[str]
) -> None:
    file = CASES / f"polymers/units/{name}.csv"
    if not file.is_file():
        pytest.skip(f"{file} is not here")
    source = str(CASES / "polymers/units/degc.csv:tg_c")
    words = ["design", "--target", f"{file}:{column}", "--goal", goal, "--source", source, "--dry-run", "--json"]
    assert kakehashi.main(words) == 0
    (found,) = json.loads(capsys.readouterr().out)["goals"]
    assert float(found.split(">")[1]) == pytest.approx(bound)


def test_a_goal_in_a_unit_asks_for_that_of_the_column(capsys: pytest.CaptureFixture[str]) -> None:
    file = CASES / "polymers/units/h4.csv"
    if not file.is_file():
        pytest.skip(f"{file} is not here")
    source = str(CASES / "polymers/units/degc.csv:tg_c")
    words = ["design", "--target", f"{file}:TG", "--goal", "TG>470 K", "--source", source, "--dry-run", "--json"]
    assert kakehashi.main(words) == 2
    assert "TG has no unit to convert K to: say which its column has, such as --unit TG=K" in capsys.readouterr().err
    assert kakehashi.main([*words, "--unit", "TG=degC"]) == 0
    assert json.loads(capsys.readouterr().out)["goals"] == ["TG>196.85"]


def test_python_warns_of_what_is_refused(tmp_path: Path) -> None:
    file = f"{table(tmp_path)}:tg_k"
    with pytest.raises(UserError, match="2 of 16 rows with a value are refused"):
        kakehashi.load(file)
    with pytest.warns(UserWarning, match="tg_k: 1 of 16 rows refused: ") as caught:
        found = kakehashi.load(file, max_rejected=0.2)
    assert sorted(str(one.message).split(": ")[2] for one in caught) == [
        "below absolute zero (0 K)", "unknown element Xx",
    ]  # fmt: skip
    assert {one.filename for one in caught} == {__file__}
    assert len(found) == 14
    with pytest.warns(UserWarning, match="tg_k: 1 of 16 rows refused: "):
        assert len(load_sources([file])[0]) == 14
    with pytest.warns(UserWarning, match="tg_k: 1 of 16 rows refused: "):
        assert load_target(file, None, 0.2) is not None
    assert load_target(found) is found


def test_units_in_python(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("formula,tg\n" + "".join(f"Li{i}O,{i - 5}\n" for i in range(1, 15)), encoding="utf-8")
    with pytest.raises(UserError, match="tg has no unit, and 4 values are below 0"):
        kakehashi.load(str(file))
    assert kakehashi.load(str(file), unit="°C").unit == "degC"
    assert kakehashi.load(str(file), unit={"tg": "degC"}).unit == "degC"
    with pytest.raises(UserError, match="no target or source is read from a column of that name"):
        kakehashi.load(str(file), value="tg", unit={"tg": "degC", "tgg": "K"})
    tables = load_sources([str(file)], {f"{file}:tg": "degC"})
    check_units({f"{file}:tg": "degC"}, [str(file)], tables)
    assert tables[0].unit == "degC"
