import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from kakehashi.screen.report.build import write_report
from kakehashi.screen.report.text import elements


@pytest.fixture
def opened(driver: Any, report_run: Path) -> Any:
    page = report_run / "report.html"
    page.write_text(write_report(report_run), encoding="utf-8")
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    driver.get(page.as_uri())
    return driver


@pytest.fixture
def column(opened: Any) -> Callable[[str], list[str]]:
    """Texts of a column of the rows on view."""

    def read(label: str) -> list[str]:
        return opened.execute_script(
            """const heads = [...document.querySelectorAll("#table thead th")].map((h) => h.textContent);
            const k = heads.indexOf(arguments[0]);
            return [...document.querySelectorAll("#table tbody tr")].map((r) => r.cells[k].textContent);""",
            label,
        )

    return read


def show_all(driver: Any) -> None:
    """Rows of every domain, measured ones and elements among them."""
    driver.execute_script(
        """document.getElementById("domain").value = "";
        for (const box of document.querySelectorAll("#known, #everyday")) box.checked = true;
        document.getElementById("controls").dispatchEvent(new Event("input"));"""
    )


def sort_by(driver: Any, label: str) -> None:
    driver.execute_script(
        """const buttons = [...document.querySelectorAll("#table thead button")];
        buttons.find((b) => b.textContent === arguments[0]).click();""",
        label,
    )


def put(driver: Any, field: str, text: str) -> None:
    element = driver.find_element("id", field)
    element.clear()
    element.send_keys(text)


def matching(driver: Any) -> int:
    return int(driver.find_element("id", "count").text.split()[0].replace(",", ""))


def value(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


@pytest.mark.fault
def test_hostile_texts_run_nothing(opened: Any, hostile: tuple[str, ...]) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    shown = opened.find_element("id", "table").text
    assert hostile[0] in shown
    with pytest.raises(NoAlertPresentException):
        _ = opened.switch_to.alert.text
    assert opened.execute_script("return document.images.length") == 0
    assert opened.execute_script("return document.scripts.length") == 2
    # a bad policy hash, a blocked inline style or a script error would be listed here
    assert [entry for entry in opened.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


@pytest.mark.fault
def test_nothing_is_requested(opened: Any) -> None:
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in urls if not url.startswith(("file:", "data:"))] == []


def test_drawn_rows_equal_those_without_script(opened: Any, report_run: Path) -> None:
    after = opened.execute_script(
        "return [...document.querySelectorAll('#table tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))"
    )
    before = opened.execute_script(
        """const page = new DOMParser().parseFromString(arguments[0], "text/html");
        return [...page.querySelectorAll("#table tbody tr")].map((r) => [...r.cells].map((c) => c.textContent))""",
        write_report(report_run),
    )
    assert after == before
    assert len(after) == 50


def test_sorting(opened: Any, column: Callable[[str], list[str]], report_run: Path) -> None:
    show_all(opened)
    sort_by(opened, "predicted")
    means = sorted(pq.read_table(report_run / "ranking.parquet")["mean"].to_pylist())
    assert [value(text) for text in column("predicted")] == pytest.approx(means[:50], rel=1e-3)
    sort_by(opened, "predicted")
    assert [value(text) for text in column("predicted")] == pytest.approx(means[:-51:-1], rel=1e-3)
    assert opened.find_element("css selector", "th[aria-sort]").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("times", [1, 2])
def test_missing_values_sort_last(opened: Any, column: Callable[[str], list[str]], times: int) -> None:
    show_all(opened)
    for _ in range(times):
        sort_by(opened, "e_above_hull")
    assert "–" not in column("e_above_hull")
    for _ in range(7):
        opened.find_element("id", "next").click()
    assert column("e_above_hull")[-1] == "–"
    assert not opened.find_element("id", "next").is_enabled()


def test_text_filter(opened: Any, column: Callable[[str], list[str]], report_run: Path) -> None:
    show_all(opened)
    table = pq.read_table(report_run / "ranking.parquet")
    put(opened, "text", "onerror")
    assert "<img src=x onerror=alert(2)>" in column("formula")
    put(opened, "text", "MP-1140")
    assert column("id") == ["mp-1140"]
    assert column("formula") == [table["formula"][20].as_py()]


def test_domain_selector(opened: Any, column: Callable[[str], list[str]], report_run: Path) -> None:
    from selenium.webdriver.support.ui import Select

    domains = pq.read_table(report_run / "ranking.parquet")["domain"].to_pylist()
    selector = Select(opened.find_element("id", "domain"))
    for domain in ("in", "edge", "out"):
        selector.select_by_value(domain)
        assert {text.split()[1] for text in column("domain")} == {domain}
        assert matching(opened) == domains.count(domain)
    selector.select_by_value("")
    assert matching(opened) == len(domains)


def test_element_filters(opened: Any, column: Callable[[str], list[str]], report_run: Path) -> None:
    show_all(opened)
    formulas = pq.read_table(report_run / "ranking.parquet")["formula"].to_pylist()
    holding = [set(elements(text)) for text in formulas]
    put(opened, "with", "s")  # sulfur, not silicon or selenium
    assert matching(opened) == sum("S" in found for found in holding) > 0
    put(opened, "with", "ca, S")
    assert matching(opened) == sum({"Ca", "S"} <= found for found in holding) > 0
    put(opened, "without", "ZnLi")
    assert matching(opened) == sum({"Ca", "S"} <= found and not found & {"Zn", "Li"} for found in holding) > 0
    assert not any("Zn" in text or "Li" in text for text in column("formula"))
    put(opened, "with", "Xx")
    assert column("formula") == []
    assert "No such element: Xx" in opened.find_element("id", "count").text


def test_range_and_clear(opened: Any, column: Callable[[str], list[str]], report_run: Path) -> None:
    show_all(opened)
    means = pq.read_table(report_run / "ranking.parquet")["mean"].to_pylist()
    put(opened, "low", "10")
    put(opened, "high", "20")
    assert matching(opened) == sum(10 <= mean <= 20 for mean in means)
    assert all(10 <= value(text) <= 20 for text in column("predicted"))
    opened.find_element("css selector", "button[type=reset]").click()
    opened.execute_async_script("setTimeout(arguments[0], 20)")
    domains = pq.read_table(report_run / "ranking.parquet")["domain"].to_pylist()
    assert matching(opened) == len(means) - domains.count("out")  # as the page opened


def test_paging(opened: Any, column: Callable[[str], list[str]]) -> None:
    show_all(opened)
    opened.find_element("id", "next").click()
    assert column("rank") == [str(k) for k in range(51, 101)]
    opened.find_element("id", "previous").click()
    assert column("rank")[0] == "1"
    assert not opened.find_element("id", "previous").is_enabled()


@pytest.mark.fault
def test_tooltips_are_text(opened: Any, hostile: tuple[str, ...]) -> None:
    tip = opened.execute_script(
        """const dots = [...document.querySelectorAll("circle.dot")];
        const dot = dots.find((d) => d.getAttribute("aria-label").includes("</script>"));
        dot.dispatchEvent(new PointerEvent("pointerenter", { clientX: 100, clientY: 100 }));
        const tip = document.getElementById("tip");
        return [tip.hidden, tip.textContent, tip.children.length];"""
    )
    assert tip[0] is False
    assert tip[1].startswith(hostile[0])
    assert "W/(m K)" in tip[1]
    assert tip[2] == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
def test_fits_the_window(opened: Any, tmp_path: Path, width: int, scheme: str) -> None:
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    opened.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    try:
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
        paper = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 28)"}[scheme]
        image = tmp_path / f"report-{width}-{scheme}.png"
        assert opened.save_screenshot(str(image))
        assert image.stat().st_size > 10_000
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_without_scripts_the_first_rows_are_there(opened: Any) -> None:
    opened.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened.refresh()
        assert len(opened.find_elements("css selector", "#table tbody tr")) == 50
        assert not opened.find_element("id", "controls").is_displayed()
        assert opened.find_element("css selector", ".no-script").is_displayed()
    finally:
        opened.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
