import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.numbers import number
from kakehashi.catalogs.records import UserError
from kakehashi.screen.report.build import write_report
from kakehashi.screen.report.charts import Point, histogram, parity
from kakehashi.screen.report.data import MAX_ROWS, read_run, script_json
from kakehashi.screen.report.svg import Axis, linear_ticks, log_ticks
from kakehashi.screen.report.text import duration, elements, figure, formula, percent, with_unit

VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """Every element with its attributes, the text, the scripts, and whether tags nest properly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        assert len(attrs) == len(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(report_run: Path) -> Page:
    return Page(write_report(report_run))


def change(directory: Path, **values: object) -> Path:
    path = directory / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return directory


def embedded(page: Page) -> dict[str, list]:
    return json.loads(page.scripts[0])


@pytest.mark.fault
def test_nothing_hostile_becomes_markup(page: Page) -> None:
    counts = Counter(tag for tag, _ in page.elements)
    assert counts["script"] == 2
    assert counts["style"] == counts["link"] == counts["html"] == counts["body"] == 1
    assert not {"img", "iframe", "object", "embed", "base"} & set(counts)
    for tag, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on") or key == "style"], tag
    page_of_a_material = re.compile(r"#[a-z-]+|https://materialsproject\.org/materials/mp-[0-9]+")
    assert all(page_of_a_material.fullmatch(a["href"]) for a in page.all("a"))
    assert [meta["http-equiv"] for meta in page.all("meta") if "http-equiv" in meta] == ["Content-Security-Policy"]
    # they are shown, as text
    assert "</script><script>alert(1)</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text


def test_nothing_is_loaded(report_run: Path, page: Page) -> None:
    loading = {"src", "srcset", "data", "poster", "action", "formaction", "xlink:href", "background"}
    for _, attributes in page.elements:
        assert not loading & set(attributes)
    assert page.all("link") == [{"rel": "icon", "href": "data:,"}]
    html = write_report(report_run)
    style = html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_policy_hashes_are_those_of_the_inline_blocks(report_run: Path) -> None:
    import base64
    import hashlib

    html = write_report(report_run)
    for block in (
        re.search(r"<style>(.*?)</style>", html, re.S),
        re.search(r"<script>(.*?)</script>", html, re.S),
    ):
        assert block is not None
        digest = base64.b64encode(hashlib.sha256(block[1].encode()).digest()).decode()
        assert f"'sha256-{digest}'" in html.replace("&#39;", "'").replace("&#43;", "+")


def test_embedded_data_keep_every_row(report_run: Path, page: Page, hostile: tuple[str, ...]) -> None:
    data = embedded(page)
    table = pq.read_table(report_run / "ranking.parquet")
    assert len(data["rows"]) == table.num_rows
    where = {key: index for key, _, _, _, index in data["columns"]}
    assert [row[where["formula"]] for row in data["rows"]] == table["formula"].to_pylist()
    assert [row[where["mean"]] for row in data["rows"]] == pytest.approx(table["mean"].to_pylist(), rel=1e-5)
    assert set(hostile) <= {row[where["formula"]] for row in data["rows"]}
    by_label = {label: index for _, label, _, _, index in data["columns"]}
    gap = [row[by_label["band_gap"]] for row in data["rows"]]
    hull = [row[by_label["e_above_hull"]] for row in data["rows"]]
    # a missing value and a NaN are different things
    assert hull[5] is None
    assert gap[8] == "nan"


def test_first_rows_need_no_script(report_run: Path) -> None:
    html = write_report(report_run)
    body = html.split('id="table"')[1].split("<tbody>")[1].split("</tbody>")[0]
    assert body.count("<tr>") == 50
    read = read_run(report_run).ranking
    assert read is not None
    near = [row for row in read.records() if row["domain"] in ("in", "edge")]
    first = next(row for row in near if elements(row["formula"]))
    assert f">{formula(first['formula'])}<" in body
    assert body.count('class="badge out"') == 0


def test_says_what_was_asked_and_found(page: Page) -> None:
    for words in (
        "45 known values of lattice thermal conductivity (W/(m K), fitted as its logarithm)",
        "34,630 candidates",
        "Transfer helps here",
        "lower error than direct",
        "91.1%",
        "e_above_hull < 0.05",
        "8,120",
        "element not tabulated: Og",
        "Ca(OH",
        "value is not a number",
        "6 min 43 s",
        "2026-01-31 14:05 UTC",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "3,123",
        "12,007",
        "19,468",
    ):
        assert words in page.text, words


@pytest.mark.parametrize(
    ("helps", "chosen", "headline", "direction"),
    [
        (True, 0.40, "Transfer helps here", "lower error"),
        (False, 0.50, "Transfer does not help here", "higher error"),
        (None, 0.46, "No measurable difference", "lower error"),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_verdict_is_put_in_words(
    report_run: Path, helps: bool | None, chosen: float, headline: str, direction: str, sign: int
) -> None:
    difference = sign * (chosen - 0.465)
    verdict = {"helps": helps, "chosen_mae": chosen, "direct_mae": 0.465, "difference": difference}
    text = Page(write_report(change(report_run, verdict=verdict))).text
    assert headline in text
    assert direction in text


def test_same_run_same_page(report_run: Path) -> None:
    assert write_report(report_run) == write_report(report_run)


def test_any_key_may_be_missing(small_run: Path) -> None:
    run = json.loads((small_run / "run.json").read_text())
    for key in run:
        without = {k: v for k, v in run.items() if k != key}
        (small_run / "run.json").write_text(json.dumps(without))
        Page(write_report(small_run))


def test_any_entry_may_be_missing_or_null(small_run: Path) -> None:
    run = json.loads((small_run / "run.json").read_text())
    for key, value in run.items():
        if not isinstance(value, dict):
            continue
        for entry in value:
            for changed in ({k: v for k, v in value.items() if k != entry}, {**value, entry: None}):
                (small_run / "run.json").write_text(json.dumps({**run, key: changed}))
                Page(write_report(small_run))


@pytest.mark.parametrize("value", [None, "text", 3, [{}], {"x": None}])
def test_any_value_may_be_of_another_kind(small_run: Path, value: object) -> None:
    run = json.loads((small_run / "run.json").read_text())
    for key in run:
        (small_run / "run.json").write_text(json.dumps({**run, key: value}))
        Page(write_report(small_run))


def test_an_almost_empty_run(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    text = Page(write_report(tmp_path)).text
    assert "No ranking.parquet in this run" in text
    assert "recorded no verdict" in text


def test_an_empty_ranking(tmp_path: Path, report_run: Path) -> None:
    for name in ("ranking", "leaderboard", "predictions", "quarantine", "quarantine_training"):
        path = report_run / f"{name}.parquet"
        pq.write_table(pq.read_table(path).slice(0, 0), path, write_page_checksum=True)
    assert "All 0 ranked candidates" in Page(write_report(report_run)).text


def test_missing_ranking_columns(small_run: Path) -> None:
    path = small_run / "ranking.parquet"
    table = pq.read_table(path)
    for name in table.column_names:
        pq.write_table(table.drop_columns([name]), path)
        Page(write_report(small_run))


def test_long_rankings_are_cut_and_it_says_so(report_run: Path) -> None:
    path = report_run / "ranking.parquet"
    table = pa.concat_tables([pq.read_table(path)] * 4)
    pq.write_table(table, path)
    html = write_report(report_run)
    page = Page(html)
    assert len(embedded(page)["rows"]) == MAX_ROWS
    assert f"1,000 of {table.num_rows:,} ranked candidates: the best of all" in page.text
    assert len(html.encode()) < 1_000_000


def test_candidates_inside_the_domain_are_shown_however_deep_they_rank(report_run: Path) -> None:
    path = report_run / "ranking.parquet"
    table = pa.concat_tables([pq.read_table(path)] * 6)
    n = table.num_rows
    where = np.full(n, "out", dtype=object)
    where[[n - 700, n - 5, n - 1]] = "in", "edge", "in"
    table = table.set_column(table.column_names.index("rank"), "rank", pa.array(range(1, n + 1)))
    table = table.set_column(table.column_names.index("domain"), "domain", pa.array(where.tolist()))
    pq.write_table(table, path, row_group_size=100)
    read = read_run(report_run).ranking
    assert read is not None
    assert [row["rank"] for row in read.records()] == [*range(1, 601), n - 699, n - 4, n]


def test_wide_rankings_stay_under_a_megabyte(report_run: Path) -> None:
    path = report_run / "ranking.parquet"
    table = pa.concat_tables([pq.read_table(path)] * 3)
    for k in range(40):
        table = table.append_column(f"extra {k}", pa.array([f"{k} " + "<&>é" * 100] * table.num_rows))
    pq.write_table(table, path)
    html = write_report(report_run)
    page = Page(html)
    kept = len(embedded(page)["rows"])
    assert len(html.encode()) < 1_000_000
    assert f"{kept} of 1,200 ranked candidates" in page.text
    assert "extra 39" in page.text


def test_many_predictions_are_sampled_and_it_says_so(report_run: Path) -> None:
    path = report_run / "predictions.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(path)] * 100), path)
    assert "Out-of-fold predictions of 1,000 of 4,500 materials" in Page(write_report(report_run)).text


def test_unpaired_surrogates_can_be_written(report_run: Path) -> None:
    write_report(change(report_run, command="kakehashi \ud800 screen")).encode("utf-8")


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run\.json") as caught:
        write_report(tmp_path)
    assert caught.value.code == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "nul"])
def test_broken_run_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"run\.json") as caught:
        write_report(tmp_path)
    assert caught.value.code == 6


@pytest.mark.fault
@pytest.mark.parametrize("name", ["ranking", "leaderboard", "predictions", "quarantine_training"])
def test_damaged_tables_are_refused(report_run: Path, name: str) -> None:
    path = report_run / f"{name}.parquet"
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(UserError, match=name) as caught:
        write_report(report_run)
    assert caught.value.code == 6


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (True, "yes"),
        (34630, "34,630"),
        (0.0, "0"),
        (48.1, "48.1"),
        (129.04, "129"),
        (-0.10249, "−0.1025"),
        (0.000123456, "0.0001235"),
        (1.2e-5, "1.2×10⁻⁵"),
        (9.99999, "10"),
        (999999.0, "1×10⁶"),
        (123456.0, "123,500"),
        (float("inf"), "inf"),
    ],
)
def test_number(value: object, text: str) -> None:
    assert number(value) == text


def test_figure_keeps_final_zeros() -> None:
    assert [figure(v, 4) for v in (73.0, 0.5, 129.04)] == ["73.00", "0.5000", "129.0"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Fe2O3", "Fe<sub>2</sub>O<sub>3</sub>"),
        ("Ca(OH)2", "Ca(OH)<sub>2</sub>"),
        ("Li0.5CoO2", "Li<sub>0.5</sub>CoO<sub>2</sub>"),
        ("CC1CC1", "CC1CC1"),
        ("Xx2", "Xx2"),
        ("<b>2", "&lt;b&gt;2"),
    ],
)
def test_formula(text: str, html: str) -> None:
    assert formula(text) == html


def test_elements_of_what_is_no_formula() -> None:
    assert elements("K4 Mn4 O8") == ["K", "Mn", "O"]
    assert elements("c1ccccc1") == elements("Xx2O") == elements("") == []


def test_words_for_quantities() -> None:
    assert [percent(*p) for p in ((1, 2), (9, 100), (1, 90_000), (0, 5), (0, 0))] == ["50%", "9%", "<0.1%", "0%", "–"]
    assert [duration(s) for s in (0.42, 12.4, 185, 3725, None)] == ["0.42 s", "12 s", "3 min 5 s", "1 h 2 min", "–"]
    assert with_unit("MAE", "W/(m K)") == "MAE [W/(m\u00a0K)]"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 17), (1e-9, 3e-9), (1e5, 4.2e5), (0.999, 1.001), (5, 5)])
def test_linear_ticks(low: float, high: float) -> None:
    ticks = linear_ticks(low, high)
    assert all(low - 1e-12 <= t <= high + 1e-12 for t in ticks.major)
    assert len(set(ticks.labels)) == len(ticks.major)
    assert 1 <= len(ticks.major) <= 11


@pytest.mark.parametrize(
    ("low", "high"), [(1, 10), (0.3, 400), (2, 3), (1e-8, 1e12), (0.11, 0.9), (5.1, 9.7), (0.04, 60), (2.1, 19)]
)
def test_log_ticks(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert all(low * (1 - 1e-9) <= t <= high * (1 + 1e-9) for t in ticks.major)
    assert 2 <= len(ticks.major) <= 12
    assert len(set(ticks.labels)) == len(ticks.major)
    assert ticks.major == sorted(ticks.major)


def test_axis() -> None:
    axis = Axis(1.0, 100.0, 0.0, 200.0, True)
    assert axis(10.0) == pytest.approx(100.0)
    assert abs(axis(0.0)) < 1e4
    assert axis(-5.0) == axis(0.0)


def test_parity_puts_perfect_predictions_on_the_diagonal() -> None:
    points = [Point("a", "0", 1.0, 1.0, 0.5, 2.0), Point("b", "1", 30.0, 30.0, None, None)]
    svg = str(parity(points, "q", "K", True))
    spots = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)]
    width, height = 508 - 68, 418 - 12
    assert [(x - 68) / width for x, _ in spots] == pytest.approx([(418 - y) / height for _, y in spots], abs=1e-4)
    assert len(re.findall('class="bar', svg)) == 1


def test_parity_marks_misses() -> None:
    svg = str(parity([Point("a", "", 1.0, 3.0, 2.0, 4.0), Point("b", "", 3.0, 3.0, 2.0, 4.0)], "q", "K", False))
    assert svg.count("dot miss") == svg.count("dot hit") == 1
    assert "1 outside" in svg


def test_histogram_shares_add_up() -> None:
    svg = str(histogram([1, 10, 100], [3, 1], [0, 50], "q", "K", True, 50.0))
    assert "training: 3 (75%)" in svg
    assert "predicted: 50 (100%)" in svg
    assert "ceiling" in svg


@pytest.mark.fault
def test_script_json_cannot_end_its_element() -> None:
    nasty = "</script><!--&\u2028\u2029"
    text = script_json({nasty: nasty})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {nasty: nasty}


@pytest.fixture
def unit_run(report_run: Path) -> Path:
    """The run of a target with SMILES: nylons and polyesters, one of them given twice in different frames."""
    units = [f"*{x}{'C' * k}{x}C(=O){'C' * m}C(=O)*" for k in range(2, 12) for m in range(1, 11) for x in "NO"]
    n = pq.read_metadata(report_run / "ranking.parquet").num_rows
    given = ["*NCCNC(=O)CC(=O)*", "*CCNC(=O)CC(=O)N*", *units[2:]]
    given += ["</script><script>alert(1)</script>"] * (n - len(given))
    canonical = [given[0], given[0], *given[2:]]
    for name, columns in (
        ("ranking", {"formula": given, "reduced_formula": canonical}),
        ("predictions", {"formula": units[:45], "smiles": units[:45]}),
    ):
        path = report_run / f"{name}.parquet"
        table = pq.read_table(path)
        for column, values in columns.items():
            if column in table.column_names:
                table = table.drop_columns([column])
            table = table.append_column(column, pa.array(values))
        pq.write_table(table, path)
    return report_run


def test_repeat_units_are_drawn_and_called_so(unit_run: Path) -> None:
    page = Page(write_report(unit_run))
    assert "distinct repeat units" in page.text
    assert "compositions" not in page.text
    assert "Periodic table" not in page.text
    assert "stoichiometry and" not in page.text
    assert "target polymer removed" in page.text
    drawn = [a["aria-label"] for a in page.all("svg") if a["class"] == "structure"]
    table = pq.read_table(unit_run / "ranking.parquet")
    # the unit given twice is drawn once, with its better rank
    assert re.findall(r"<figcaption><b>(\d+)</b>", write_report(unit_run)) == ["1", *(str(k) for k in range(3, 26))]
    assert drawn == [f"Structure of {text}" for text in table["reduced_formula"].to_pylist()[1:25]]
    assert not [a for a in page.all("input") if a.get("id") in ("with", "without")]
    kinds = {key: kind for key, _, kind, _, _ in embedded(page)["columns"]}
    assert kinds["formula"] == kinds["reduced_formula"] == kinds["nearest_training"] == "smiles"


def test_repeat_units_are_known_without_predictions(unit_run: Path) -> None:
    (unit_run / "predictions.parquet").unlink()
    assert "distinct repeat units" in Page(write_report(unit_run)).text


def test_compositions_are_not_drawn(page: Page) -> None:
    assert "distinct compositions" in page.text
    assert not [a for a in page.all("svg") if a["class"] == "structure"]


def test_coverage_by_distance_and_of_families_left_out(report_run: Path) -> None:
    bins = [
        {"low": 0.0, "high": 0.5, "compounds": 12, "coverage": 11 / 12},
        {"low": 2.0, "high": None, "compounds": 3, "coverage": 1 / 3},
    ]
    kin = {"families": 7, "folds": 5, "coverage": 0.62, "mae": 1.0}
    interval = {"level": 0.9, "by_distance": bins, "by_family": kin}
    text = Page(write_report(change(report_run, interval=interval))).text
    for said in ("up to 0.5 times the usual distance", "92%", "more than 2 times the usual distance", "33%",
                 "7 families", "62%", "inside their 90% interval"):  # fmt: skip
        assert said in text, said
    assert "Coverage of the intervals by distance" in text
    bare = Page(write_report(change(report_run, interval={"level": 0.9, "by_distance": [], "by_family": None}))).text
    assert "Coverage of the intervals by distance" not in bare
