"""Where things stand on the page, measured in a browser at two widths."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.screen.report.build import write_report

DESK, PHONE = (1280, 900), (390, 844)
PLACES = """const frame = (one) => one.getBoundingClientRect();
const box = (one) => [frame(one).top + scrollY, frame(one).bottom + scrollY];
return {picks: [...document.querySelectorAll(".pick")].map(box), sure: box(document.querySelector(".sure")),
  width: document.documentElement.scrollWidth, paper: getComputedStyle(document.body).backgroundColor};"""
ORDER = ["make-next", "trust", "ranking", "domain-map", "accuracy", "transfer", "shuffled", "quarantine", "provenance",
         "glossary"]  # fmt: skip


def lead(formula: str, chance: float) -> dict[str, Any]:
    """A candidate with the longest texts that are usual."""
    return {
        "rank": 1, "id": "mp-1234567", "formula": formula, "mean": 83.91234, "lower": 21.7, "upper": 325.0,
        "chance": chance, "why": "predicted below the best known, but may reach 325", "domain": "edge",
        "domain_reason": "Fe not in the target; 3 elements, the target has 2", "nearest": "Tl9BiTe6",
        "nearest_value": 0.39, "clipped": "",
    }  # fmt: skip


@pytest.fixture
def answered(report_run: Path) -> Path:
    """A run directory that has its batch, its trust, and places of measured compounds."""
    path = report_run / "run.json"
    names = ("Ba2NaIO6", "K2Ti6O13", "AlN", "CuGaS2", "Li0.5CoO2", "ZnS")
    batch = [lead(name, 0.4 / k) for k, name in enumerate(names, 1)]
    chosen = {
        "by": "improvement", "goal": {"value": 213.0, "formula": "GaN"}, "minimise": False, "level": 0.9,
        "counts": {"scored": 34630, "outside the domain": 21889, "measured already": 28},
        "notes": [], "batch": batch,
    }  # fmt: skip
    trust = {
        "n": 45, "factor": 1.9, "error": None, "r2": 0.77, "covered": 41, "with_interval": 45,
        "text": "On compounds it never saw the model is typically off by a factor of 1.9 (R² 0.77, n = 45); 41 of 45"
        " lay in their 90% intervals.",
    }  # fmt: skip
    places = {"of": 34630, "better": [7 * k * k for k in range(45)]}
    record = {**json.loads(path.read_text()), "next": chosen, "trust": trust, "places": places}
    path.write_text(json.dumps(record))
    ranking = pq.read_table(report_run / "ranking.parquet")
    n = ranking.num_rows
    measured = pa.array([12.5 if k % 40 == 0 else None for k in range(n)], pa.float64())
    rows = pa.array([k if k % 40 == 0 else None for k in range(n)], pa.int64())
    ranking = ranking.append_column("measured", measured).append_column("measured_row", rows)
    pq.write_table(ranking, report_run / "ranking.parquet")
    (report_run / "report.html").write_text(write_report(report_run), encoding="utf-8")
    return report_run / "report.html"


@pytest.fixture
def screen_of(driver: Any) -> Iterator[Any]:
    """Open a page on a screen of some size and scheme, and measure it."""

    def measure(page: Path, size: tuple[int, int], scheme: str) -> dict[str, Any]:
        width, height = size
        mobile = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", mobile)
        preference = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)
        driver.get(page.as_uri())
        return driver.execute_script(PLACES)

    yield measure
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_answer_is_on_the_first_screen(answered: Path, screen_of: Any) -> None:
    desk, phone = screen_of(answered, DESK, "light"), screen_of(answered, PHONE, "dark")
    assert len(desk["picks"]) == len(phone["picks"]) == 5
    assert desk["picks"][0][0] > 0
    assert desk["picks"][-1][1] < DESK[1]
    assert desk["sure"][1] < DESK[1]
    assert phone["picks"][-1][1] < 2 * PHONE[1]
    assert desk["width"] <= DESK[0]
    assert phone["width"] <= PHONE[0]
    assert (desk["paper"], phone["paper"]) == ("rgb(255, 255, 255)", "rgb(17, 22, 28)")


def test_every_chart_has_titled_axes_with_units_and_downloads(answered: Path, screen_of: Any, driver: Any) -> None:
    screen_of(answered, DESK, "light")
    labels = driver.execute_script(
        """return [...document.querySelectorAll("svg.chart:not(.periodic)")].map((chart) =>
        [...chart.querySelectorAll("text.label")].map((label) => label.textContent.replace(/\\s/g, " ")));"""
    )
    assert labels == [
        ["measured [W/(m K)]", "predicted, out of fold [W/(m K)]"],
        ["measured [W/(m K)]", "place in the ranking, held out"],
        ["lattice thermal conductivity [W/(m K)]", "share of each set"],
    ]
    buttons = driver.execute_script(
        """return [...document.querySelectorAll("svg.chart")].map((chart) =>
        [...(chart.closest(".scroll") || chart).nextElementSibling.children].map((button) => button.textContent));"""
    )
    assert buttons == [["SVG", "PNG"]] * 4
    tables = driver.execute_script(
        """return [...document.querySelectorAll("table")].map((table) =>
        (table.closest(".scroll") || table).nextElementSibling.textContent.slice(0, 3));"""
    )
    assert set(tables) == {"CSV"}


def test_downloads_hold_the_figure_and_the_rows_on_view(answered: Path, screen_of: Any, driver: Any) -> None:
    screen_of(answered, DESK, "light")
    saved = driver.execute_async_script(
        """const done = arguments[0], blobs = [];
        URL.createObjectURL = (blob) => { blobs.push(blob); return "#"; };
        HTMLAnchorElement.prototype.click = function () {};
        const press = (label, k = 0) => [...document.querySelectorAll(".take button")]
          .filter((button) => button.textContent.startsWith(label))[k].click();
        press("SVG", 1); press("CSV of"); press("PNG", 1);
        const wait = () => blobs.length < 3 ? setTimeout(wait, 20) : Promise.all([blobs[0].text(), blobs[1].text()])
          .then((texts) => done([...texts, blobs[2].type, blobs[2].size]));
        wait();"""
    )
    svg, rows, kind, size = saved
    assert svg.startswith("<svg")
    assert "measured" in svg
    assert "var(" not in svg
    assert 'fill="rgb(' in svg
    assert kind == "image/png"
    assert size > 10_000
    ranking = pq.read_table(answered.parent / "ranking.parquet").to_pylist()
    near = [row for row in ranking if row["domain"] != "out" and row["measured"] is None]
    assert rows.splitlines()[0].startswith("rank,formula,predicted,low,high,domain,measured")
    assert [int(line.split(",")[0]) for line in rows.splitlines()[1:] if line[:1].isdigit()] == [
        r["rank"] for r in near
    ]
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_measured_ones_are_marked_and_shown_when_asked_for(answered: Path, screen_of: Any, driver: Any) -> None:
    screen_of(answered, DESK, "light")
    known = """document.getElementById("known").click(); document.getElementById("domain").value = "";
        document.getElementById("controls").dispatchEvent(new Event("input"));
        return [...document.querySelectorAll("#table tbody tr.known .rank")].map((cell) => cell.textContent);"""
    assert driver.execute_script("return document.querySelectorAll('#table tbody tr.known').length") == 0
    assert driver.execute_script(known) == ["1", "41"]


def test_the_sections_are_in_the_order_of_a_readers_questions(answered: Path, driver: Any) -> None:
    driver.get(answered.as_uri())
    assert driver.execute_script("return [...document.querySelectorAll('section')].map((s) => s.id)") == ORDER
    contents = driver.execute_script("return [...document.querySelectorAll('.contents a')].map((a) => a.hash)")
    assert contents == [f"#{name}" for name in ORDER]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(answered: Path, screen_of: Any, driver: Any, root: Path, scheme: str) -> None:
    script = root / "build/axe/node_modules/axe-core/axe.min.js"
    if not script.exists():
        pytest.skip("no axe-core: npm install --prefix build/axe axe-core")
    screen_of(answered, DESK, scheme)
    driver.execute_script(script.read_text(encoding="utf-8"))
    driver.set_script_timeout(120)  # it looks at every cell
    found = driver.execute_async_script(
        """const done = arguments[0];
        axe.run().then((result) => done(result.violations.map((v) => [v.id, v.impact, v.nodes[0].html])));"""
    )
    assert [fault for fault in found if fault[1] in ("serious", "critical")] == []
