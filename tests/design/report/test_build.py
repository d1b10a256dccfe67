"""The report of a design run, and the drawings in it."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kakehashi
from kakehashi.catalogs.molecules.polymers import parse
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.design.report.build import write_report
from kakehashi.design.report.charts import goal_histogram
from kakehashi.design.report.clusters import butina, cluster
from kakehashi.design.report.toml import as_toml
from kakehashi.design.run.config import DesignConfig, resolve
from kakehashi.screen.report.data import Row
from kakehashi.screen.report.draw import BOND, draw_structure
from kakehashi.screen.runs.config import as_dict


def loaded(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = loaded("design/report_run")
Page = loaded("screen/report/test_build").Page


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return made.write_run(tmp_path / "run")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return made.write_run(tmp_path / "tiny", 4, several=True)


def change(directory: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    path = directory / "run.json"
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))
    return directory


def numbers(text: str) -> list[float]:
    return [float(value) for value in re.findall(r"-?\d+\.?\d*", text)]


def corners(svg: str) -> list[list[tuple[float, float]]]:
    """The points of each bracket."""
    path = re.search(r'class="brackets" d="([^"]*)"', svg)
    assert path
    found = [numbers(part) for part in path[1].split("M") if part.strip()]
    return [list(zip(part[::2], part[1::2], strict=True)) for part in found]


@pytest.mark.parametrize("unit", [made.nylon(6, 4)[0], made.polyester(2, 1)[0], "*CC*", "*O*", "*Nc1ccc(C(=O)*)cc1"])
def test_a_unit_stands_between_brackets_that_cut_its_open_bonds(unit: str) -> None:
    svg = str(draw_structure(unit))
    left, right = corners(svg)
    assert len(left) == len(right) == 4
    # they open towards each other, with the same height
    assert left[0][0] > left[1][0] == left[2][0]
    assert right[0][0] < right[1][0] == right[2][0]
    assert (left[1][1], left[2][1]) == (right[1][1], right[2][1])
    assert re.search(r'class="many"[^>]*>n<', svg)
    bonds = re.search(r'class="bonds" d="([^"]*)"', svg)
    assert bonds
    lines = [numbers(part) for part in bonds[1].split("M") if part.strip()]
    for side in (left, right):
        x, low, high = side[1][0], side[1][1], side[2][1]
        crossing = [a for a in lines if min(a[0], a[2]) < x < max(a[0], a[2])]
        assert len(crossing) == 1
        assert all(low < y < high for y in crossing[0][1::2])
    # nothing but the ends of these bonds is outside
    labels = [float(x) for x in re.findall(r'class="atom[^"]*" x="([-\d.]+)"', svg)]
    assert all(left[1][0] - 1 < x < right[1][0] for x in labels)
    outside = [x for a in lines for x in a[::2] if x < left[1][0] or x > right[1][0]]
    assert len(outside) == 2
    assert "*" not in re.sub(r"<title>.*?</title>|aria-label=\"[^\"]*\"", "", svg)


def test_drawings_fit_their_frame_and_need_no_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    for unit, *_ in made.units(30):
        svg = str(draw_structure(unit))
        assert "style" not in svg
        box = re.search(r'viewBox="([^"]*)"', svg)
        assert box
        left, top, width, height = numbers(box[1])
        spots = [point for bracket in corners(svg) for point in bracket]
        spots += [(float(x), float(y)) for x, y in re.findall(r'x="([-\d.]+)" y="([-\d.]+)"', svg)]
        path = re.search(r'class="bonds" d="([^"]*)"', svg)
        assert path
        drawn = numbers(path[1])
        spots += list(zip(drawn[::2], drawn[1::2], strict=True))
        assert all(left <= x <= left + width and top <= y <= top + height for x, y in spots), unit
        assert width < BOND * (len(unit) + 2)


def test_a_molecule_has_no_brackets_and_coloured_heteroatoms() -> None:
    svg = str(draw_structure("NCCO"))
    assert "brackets" not in svg
    assert len(re.findall(r'class="atom N"', svg)) == 3  # N, H and the 2
    assert len(re.findall(r'class="atom O"', svg)) == 2


@pytest.mark.parametrize("text", ["", "<script>", "C.C", "*C(*)*", "*C", "c1ccc", "C(", "C" * 2000, "[2H]C"])
def test_what_cannot_be_read_is_not_drawn(text: str) -> None:
    assert draw_structure(text) is None


def test_says_what_was_asked_and_found(run: Path) -> None:
    text = Page(write_report(run)).text
    for words in (
        "Polymers with thermal conductivity above 0.35\u00a0W/(m\u00a0K)".replace("\u00a0", " "),
        "of 20,731 distinct ones evaluated",
        "as only 0.1% of the allowed random repeat units have",
        "meets the goals with probability 1.5%",  # exp(-4.2)
        "of 10,000 random repeat units (drawn from the prior) pass every constraint",
        "transfer helps thermal_conductivity: MAE 0.041 against 0.047",
        "polycondensation of a diamine and a dicarboxylic acid",
        "17 known polymer",
        "44 synthetic accessibility above 6",
        "Of 10,000 units drawn from the prior, 880 violated a constraint",
        "expected 2 attachment points",
        "polyester 20 50%",
        "Every model on the same folds",
        "kakehashi design --config run.toml",
        made.DIGEST,
    ):
        assert words in text, words
    assert Page(write_report(run)).text == text


@pytest.mark.parametrize(
    ("log_z", "words"), [(0.0, "100%"), (-0.7, "50%"), (-6.0, "0.2%"), (-10.0, "1 in 22,000"), (-9e9, "1 in 1×10³⁰⁴")]
)
def test_rare_goals_are_put_in_words(run: Path, log_z: float, words: str) -> None:
    text = Page(write_report(change(run, lambda record: record["sampler"].update(log_z=log_z)))).text
    assert f"meets the goals with probability {words}" in text


def test_the_best_are_drawn_and_all_are_listed(run: Path) -> None:
    page = Page(write_report(run))
    cards = [a for a in page.all("article") if a["class"] == "proposal"]
    assert len(cards) == 24
    data = json.loads(page.scripts[0])
    table = pq.read_table(run / "proposals.parquet")
    where = {key: index for key, _, _, _, index in data["columns"]}
    assert [row[where["smiles"]] for row in data["rows"]] == table["smiles"].to_pylist()
    assert "tg" not in [label for _, label, *_ in data["columns"]]  # it repeats another column, or is empty
    assert set(where) >= {"p_goal", "sa_score", "cluster", "monomer_1", "nearest_training", "domain"}
    searched = [data["rows"][0][k] for k in data["search"]]
    assert table["smiles"][0].as_py() in searched
    assert "polyamide" in searched


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    units = made.units(12)
    hostile = [(text, text, text, text, text) for text in made.HOSTILE]
    run = made.write_run(tmp_path / "run", made=[*hostile, *units], several=True)

    def edit(record: dict[str, Any]) -> None:
        record["command"] = record["warnings"] = record["goals"] = list(made.HOSTILE)
        record["config"]["pool"] = made.HOSTILE[0]
        record["proposals"]["classes"] = dict.fromkeys(made.HOSTILE, 3)
        record["proposals"]["left_out"] = dict.fromkeys(made.HOSTILE, 3)
        for found in record["properties"]:
            found["verdict"]["text"] = made.HOSTILE[0]
            found["target"]["unit"] = made.HOSTILE[1]
        record["properties"][1]["target"]["name"] = "../" + made.HOSTILE[0]
        record["sampler"]["name"] = made.HOSTILE[2]

    page = Page(write_report(change(run, edit)))
    kinds = [tag for tag, _ in page.elements]
    assert kinds.count("script") == 2
    assert kinds.count("style") == 1
    assert not {"img", "iframe", "object", "embed", "base", "use", "image"} & set(kinds)
    for tag, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on") or key in ("style", "src", "xlink:href")], tag
    assert all(a["href"].startswith("#") for a in page.all("a"))
    assert made.HOSTILE[0] in page.text
    assert made.HOSTILE[5] in page.text


def test_only_files_of_the_run_are_read(tiny: Path) -> None:
    (tiny.parent / "x_leaderboard.parquet").write_bytes(b"no table")

    def edit(record: dict[str, Any]) -> None:
        record["properties"][1]["target"]["name"] = "../x"

    write_report(change(tiny, edit))


def test_several_properties(tiny: Path) -> None:
    html = write_report(tiny)
    page = Page(html)
    assert "Tg against thermal conductivity" in page.text
    assert "tg between 400 and 470 K" in page.text.replace("\u00a0", " ")
    assert "30 known polymers, as measured" in page.text  # those with both values
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {"parity-area-0", "parity-area-1"} <= set(ids)
    where = {key: label for key, label, *_ in json.loads(page.scripts[0])["columns"]}
    assert where["mean"] == "thermal conductivity"
    assert where["tg_mean"] == "tg"
    # both windows bound the shaded part
    wanted = [a for _, a in page.elements if a.get("class") == "wanted"]
    assert len(wanted) == 1
    assert 0 < float(wanted[0]["height"]) < 406
    assert 0 < float(wanted[0]["width"]) < 440


def test_one_property_is_drawn_against_accessibility(run: Path) -> None:
    assert "Synthetic accessibility against thermal conductivity" in Page(write_report(run)).text


def test_any_entry_may_be_missing_or_of_another_kind(tmp_path: Path) -> None:
    tiny = made.write_run(tmp_path / "tiny", 1)
    (tiny / "predictions.parquet").unlink()
    run = json.loads((tiny / "run.json").read_text())
    variants = [{k: v for k, v in run.items() if k != key} for key in run]
    # Another schema is another version's, and refused.
    variants += [{**run, key: value} for key in run if key != "schema" for value in ("text", {"x": None})]
    for key in ("sampler", "prior", "proposals"):
        variants += [{**run, key: {**run[key], entry: None}} for entry in run[key]]
    for entry in run["properties"][0]:
        variants.append({**run, "properties": [{**run["properties"][0], entry: None}]})
    for variant in variants:
        (tiny / "run.json").write_text(json.dumps(variant))
        Page(write_report(tiny))


def test_files_and_columns_may_be_missing(tiny: Path) -> None:
    table = pq.read_table(tiny / "proposals.parquet")
    for name in table.column_names:
        pq.write_table(table.drop_columns([name]), tiny / "proposals.parquet")
        Page(write_report(tiny))
    pq.write_table(table.slice(0, 0), tiny / "proposals.parquet")
    assert "No proposals in this run" in Page(write_report(tiny)).text
    for path in tiny.glob("*.parquet"):
        path.unlink()
    text = Page(write_report(tiny)).text
    assert "No proposals.parquet in this run" in text
    assert "No trace.parquet in this run" in text


@pytest.mark.parametrize("name", ["proposals", "trace", "prior", "leaderboard", "predictions"])
def test_damaged_tables_are_refused(run: Path, name: str) -> None:
    path = run / f"{name}.parquet"
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(UserError, match=name) as caught:
        write_report(run)
    assert caught.value.code == 6


def test_the_iqspr_rule_has_no_path(run: Path) -> None:
    path = run / "trace.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)

    def edit(record: dict[str, Any]) -> None:
        record["sampler"] |= {"name": "iqspr", "log_z": None, "log_z_error": None, "log_z_constraint": None}

    text = Page(write_report(change(run, edit))).text
    assert "does not sample the posterior" in text
    assert "has no diagnostics by temperature" in text
    assert "log Z ends" not in text


def test_goal_probabilities_are_all_counted() -> None:
    prior, proposals = [1e-9, 1e-4, 0.01, 0.02], [0.3, 0.9, 1.0]
    svg = str(goal_histogram(prior, proposals, 0.02, 0.999))
    counts = {name: sum(map(int, re.findall(rf"{name}: (\d+)", svg))) for name in ("prior", "proposals")}
    assert counts == {"prior": 4, "proposals": 3}
    assert "99.9% of prior" in svg


def test_butina_on_a_graph_worked_by_hand() -> None:
    # 0-1-2-3 is a chain, 4 and 5 a pair, 6 alone: 1 takes 0 and 2 and leaves 3
    near = np.eye(7, dtype=bool)
    for i, j in ((0, 1), (1, 2), (2, 3), (4, 5)):
        near[i, j] = near[j, i] = True
    assert butina(near).tolist() == [1, 1, 1, 3, 2, 2, 4]
    assert butina(np.zeros((0, 0), bool)).tolist() == []


def test_units_of_one_kind_cluster_together() -> None:
    units = [made.nylon(6, m)[0] for m in range(5, 11)] + [made.polyester(6, m)[0] for m in range(5, 10)]
    found = cluster([*units, "not a unit"])
    assert found.numbers == (1,) * 6 + (2,) * 5 + (0,)
    assert found.total == 2
    assert found.mean_distance is not None
    assert 0 < found.mean_distance < 1
    assert cluster(["*CC*"]).mean_distance is None


def test_the_configuration_can_be_given_again(tmp_path: Path) -> None:
    config = DesignConfig(
        target=('a "b"\\c.csv:tc', "tg=x.csv:tg"), goal=("tc>0.35", "400<tg<470 K"), polymer_class=("polyamide",),
        max_sa=4.5, log=True, networks=7, seed=5, workers=2, out="runs/x",
    )  # fmt: skip
    text = as_toml(Row(as_dict(config)))
    assert "out" not in tomllib.loads(text)
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    assert resolve({"out": "runs/x"}, str(path)) == config


@pytest.mark.parametrize("kind", ["design", "screening"])
def test_one_command_for_both_kinds(run: Path, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if kind == "screening":
        change(run, lambda record: record.pop("kind"))
    out = tmp_path / "out"
    with RunDir(str(out)) as rundir:
        for path in run.iterdir():
            rundir.write_bytes(path.name, path.read_bytes())
    assert kakehashi.main(["report", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "report.html")
    assert f"{kind} report" in (out / "report.html").read_text()


def test_a_report_of_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kakehashi.main(["report", str(tmp_path / "nowhere")]) == 2
    assert "no manifest.json" in capsys.readouterr().err


def test_reports_need_no_jax(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    with RunDir(out) as rundir:
        for path in run.iterdir():
            rundir.write_bytes(path.name, path.read_bytes())
    script = (
        "import sys; from kakehashi.design.cli.design_text import rebuild_report;"
        f"rebuild_report({str(out)!r}, dry_run=True); print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(out / "report.html"), "False"]


CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


@pytest.mark.skipif(not Path(CHROMIUM).exists() or not Path(DRIVER).exists(), reason=f"no {CHROMIUM} or {DRIVER}")
def test_in_a_browser(tmp_path: Path, tiny: Path) -> None:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    page = tiny / "report.html"
    page.write_text(write_report(tiny), encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path / "profile"
    words = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
    for word in (*words, f"--user-data-dir={profile}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        for width in (1280, 400):
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
            )
            browser.get(page.as_uri())
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            # a drawing that spills over its card, or has no size, is no drawing
            spilling = browser.execute_script(
                """return [...document.querySelectorAll(".proposal")].filter((card) => {
                  const [a, b] = [card, card.querySelector("svg.structure")].map((e) => e.getBoundingClientRect());
                  return b.left < a.left || b.right > a.right || b.width < 40 || b.height < 20; }).length"""
            )
            assert spilling == 0
        # a refused style or script would be listed
        assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
        stroke = browser.execute_script("return getComputedStyle(document.querySelector('.bonds')).stroke")
        assert stroke == "rgb(24, 32, 43)"
        shown = browser.execute_script(
            """[...document.querySelectorAll("#table th button")].find((b) => b.textContent === "SA").click();
            const k = [...document.querySelectorAll("#table th")].findIndex((h) => h.textContent === "SA");
            return [...document.querySelectorAll("#table tbody tr")].map((r) => Number(r.cells[k].textContent));"""
        )
        assert shown == sorted(shown)
    finally:
        browser.quit()
        shutil.rmtree(profile, ignore_errors=True)


def test_made_units_are_repeat_units() -> None:
    assert len({parse(unit)[1] for unit, *_ in made.units(60)}) == 60
    assert pa.types.is_string(made.proposals(made.units(3), False)["smiles"].type)
