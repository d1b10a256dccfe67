import json
from pathlib import Path
from typing import Any

import pytest

import kakehashi
from kakehashi.catalogs.records import UserError
from kakehashi.screen.studies.config import DEFAULTS, STUDIES, resolve
from kakehashi.screen.studies.data import spec_in

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ltcc"], "did you mean ltc?"),
        (["phonons"], "there are ltc, refractive-index, polymer-tc"),
        (["ltc", "--networks", "0"], "--networks: expected at least 1, got 0"),
        (["ltc", "--seed", "99999999999"], "--seed: expected at most"),
        (["ltc", "--data", "/no/such/folder"], "/no/such/folder is no folder"),
        (["ltc"], "--out is missing"),
        (["ltc", "--draws", "3"], "--draws serves the study refractive-index and polymer-tc, not ltc"),
        (["refractive-index", "--limit", "3"], "--limit serves the study ltc, not refractive-index"),
        (["ltc", "--out", "x", "--resume", "--overwrite"], "choose one"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert kakehashi.main(["study", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_defaults_flags_and_file(tmp_path: Path) -> None:
    for name in STUDIES:
        assert resolve(name, {}, None).networks == DEFAULTS[name]["networks"]
    file = tmp_path / "study.toml"
    file.write_text("networks = 7\ndraws = 3\n")
    found = resolve("polymer-tc", {"draws": 4, "seed": None}, str(file))
    assert (found.networks, found.draws, found.seed) == (7, 4, 0)
    file.write_text("netwroks = 7\n")
    with pytest.raises(UserError, match="did you mean networks"):
        resolve("ltc", {}, str(file))
    file.write_text('name = "ltc"\n')
    with pytest.raises(UserError, match="is for the study ltc"):
        resolve("polymer-tc", {}, str(file))


def test_missing_files_of_the_shared_data_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"expected organic/qm9\.parquet in it"):
        spec_in(str(tmp_path), "organic/qm9.parquet:cv_cal_mol_k")
    assert kakehashi.main(["study", "ltc", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "inorganic/" in capsys.readouterr().err


def test_report_is_rebuilt_and_a_finished_study_is_known(ltc_study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (ltc_study / "report.html").read_bytes()
    assert kakehashi.main(["report", str(ltc_study)]) == 0
    assert (ltc_study / "report.html").read_bytes() == before
    words = ["study", "ltc", "--networks", "2", "--limit", "200", "--out", str(ltc_study), "--resume"]
    assert kakehashi.main(words) == 2
    assert "another configuration (networks)" in capsys.readouterr().err
    record = json.loads((ltc_study / "run.json").read_text())
    assert record["kind"] == "study"
    assert {entry["role"] for entry in record["data"]} == {"target", "source", "measured"}


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}")
@pytest.mark.skipif(not Path(DRIVER).exists(), reason=f"no driver at {DRIVER}")
def test_report_opens_without_a_complaint(ltc_study: Path, tmp_path: Path) -> None:
    webdriver: Any = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path / 'profile'}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        browser.get((ltc_study / "report.html").as_uri())
        assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
        events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
        # the browser's own first page asks for much, too
        urls = [one["request"]["url"] for one in sent if one["documentURL"].startswith("file:")]
        assert urls
        assert [url for url in urls if not url.startswith(("file:", "data:"))] == []
        # a picture that is no well-formed SVG has no size
        sizes = browser.execute_script("return [...document.images].map((i) => i.complete ? i.naturalWidth : 0)")
        assert len(sizes) == 7
        assert min(sizes) > 300
    finally:
        browser.quit()
