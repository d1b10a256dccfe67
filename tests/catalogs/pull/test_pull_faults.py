"""The fault table of both services: each fault ends in the right data, or in exit 5 and a pull that can go on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from services import ALWAYS, KEY, MaterialsProject, Optimade, Service, serving, structures, summary

from kakehashi.catalogs.pull import materials_project
from kakehashi.catalogs.pull.collect import Patience
from kakehashi.catalogs.pull.materials_project import Summary
from kakehashi.catalogs.pull.optimade import Structures
from kakehashi.catalogs.pull.pull import Facts, Terminal, pull
from kakehashi.catalogs.pull.web import Secret
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.records import UserError

pytestmark = pytest.mark.fault
ROWS = 23

ONCE = (
    "429 with Retry-After", "429", "500", "502", "503", "504", "stall", "cut connection", "HTML", "truncated JSON",
    "short page", "empty page", "repeated page", "renamed field", "total changes",
)  # fmt: skip
FOR_EVER = {
    "401": "HTTP 401", "403": "HTTP 403", "404": "HTTP 404", "302 redirect": "not followed",
    "429 with Retry-After": "HTTP 429", "500": "HTTP 500", "502": "HTTP 502", "503": "HTTP 503", "504": "HTTP 504",
    "stall": "did not answer|Read timed out", "cut connection": "connection", "HTML": "no JSON",
    "truncated JSON": "no JSON", "short page": "records (where|came)", "empty page": "empty page after",
    "repeated page": "came before", "renamed field": "may have been renamed",
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    monkeypatch.setattr(materials_project, "PAGE_ROWS", 10)


@pytest.fixture(params=["mp", "optimade"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A server of 23 records, 10 a page."""
    made = MaterialsProject(summary(ROWS)) if request.param == "mp" else Optimade(structures(ROWS))
    with serving(made):
        yield made


class Pulls:
    """Pull from a server, waiting in name only."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def __call__(self, service: Service, seconds: float = 0.4, **changes: Any) -> int:
        asked: Any
        if isinstance(service, MaterialsProject):
            asked = Summary(Secret(KEY), endpoint=service.url, seconds=seconds)
        else:
            asked = Structures(service.url, seconds=seconds)
        patience = Patience(wait=self.waited.append)
        return pull(asked, Facts("own", "test", ""), Terminal(quiet=True), patience=patience, **changes)


@pytest.fixture
def pulls() -> Pulls:
    return Pulls()


def expected(service: Service) -> list[dict[str, Any]]:
    """The rows that a pull must leave, made from the records by other means than the reader's."""
    if isinstance(service, Optimade):
        return [
            {"id": r["id"], "formula": r["attributes"]["chemical_formula_reduced"], "n_sites": 2,
             "last_modified": r["attributes"]["last_modified"]}
            for r in service.records
        ]  # fmt: skip
    same = ("formation_energy_per_atom", "band_gap", "density", "volume", "total_magnetization", "efermi",
            "energy_per_atom", "e_total", "e_electronic", "n", "last_updated")  # fmt: skip
    return [
        {"id": r["material_id"], "formula": r["formula_pretty"], "e_above_hull": r["energy_above_hull"],
         "n_sites": r["nsites"], "spacegroup": r["symmetry"]["number"],
         "k_vrh": r["bulk_modulus"] and r["bulk_modulus"]["vrh"],
         "g_vrh": r["shear_modulus"] and r["shear_modulus"]["vrh"], **{name: r[name] for name in same}}
        for r in service.records
    ]  # fmt: skip


def right(service: Service) -> bool:
    rows: list[dict[str, Any]] = readers.read(pulled.folder("own")).to_pylist()
    return rows == expected(service)


@pytest.mark.parametrize("fault", ONCE)
@pytest.mark.parametrize("where", [0, 1, 2], ids=["first page", "middle page", "last page"])
def test_fault(fault: str, where: int, service: Service, pulls: Pulls) -> None:
    service.faults = {where: fault}
    assert pulls(service) == 0
    assert right(service)
    harmless = where == 0 and fault in ("repeated page", "total changes")
    assert len(service.asked) > 3 or (harmless and fault == "repeated page")
    assert ("Retry-After" not in fault) or 7.0 in pulls.waited


@pytest.mark.parametrize("fault", FOR_EVER)
def test_fault_for_ever(fault: str, service: Service, pulls: Pulls, tmp_path: Path) -> None:
    service.faults = {0: "", ALWAYS: fault}
    with pytest.raises(UserError, match=FOR_EVER[fault]) as caught:
        pulls(service, seconds=0.15)
    assert caught.value.code == 5
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    if fault in ("401", "403") and isinstance(service, MaterialsProject):
        assert "MP_API_KEY" in str(caught.value)
        assert "https://next-gen.materialsproject.org/api" in str(caught.value)
    assert pulled.names() == ()
    before, service.faults = len(service.asked), {}
    assert pulls(service) == 0
    assert right(service)
    goes_on = not (fault == "short page" and isinstance(service, Optimade))
    assert [skip for skip, _ in service.asked[before:]] == ([10, 20] if goes_on else [0, 10, 20])


@pytest.mark.parametrize("fault", ["429 with Retry-After", "503", "stall", "HTML"])
def test_fault_before_the_first_page(fault: str, service: Service, pulls: Pulls) -> None:
    service.beat = fault
    assert pulls(service) == 0
    assert right(service)


@pytest.mark.parametrize("fault", ["401", "403"])
def test_refused_before_the_first_page(fault: str, service: Service, pulls: Pulls) -> None:
    service.beat = fault
    with pytest.raises(UserError, match=f"HTTP {fault}") as caught:
        pulls(service)
    assert caught.value.code == 5
    assert KEY not in str(caught.value)
    assert service.asked == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nsites": 10**30}, r"record mp-13, column 'n_sites': expected a whole number"),
        ({"formula_pretty": "Na\ud800"}, r"record mp-13, column 'formula': .*got 'Na\\ud800'"),
        ({"symmetry": {"number": "1"}}, r"record mp-13, column 'spacegroup'"),
        ({"symmetry": 5}, r"record mp-13, field 'symmetry.number'"),
        ({"bulk_modulus": {"voigt": 1}}, r"record mp-13, field 'bulk_modulus.vrh' has no part 'vrh'"),
        ({"material_id": "\ud800"}, r"record 12, field 'material_id': .*got '\\ud800'"),
    ],
)
def test_values_that_no_column_holds_name_the_record(values: dict[str, Any], said: str, pulls: Pulls) -> None:
    records = summary(ROWS)
    records[12] |= values
    with serving(MaterialsProject(records)) as server, pytest.raises(UserError, match=said) as caught:
        pulls(server)
    assert caught.value.code == 5
    assert str(caught.value).isprintable()
    assert len(pulls.waited) == 1


def test_what_records_of_the_materials_project_lack_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    records = summary(ROWS)
    records[1]["structure"] = None
    records[2]["structure"]["sites"][0]["species"][0]["occu"] = 0.5
    with serving(MaterialsProject(records)) as server:
        asked = Summary(Secret(KEY), endpoint=server.url, structures=True)
        assert pull(asked, Facts("own", "test", ""), Terminal()) == 0
    said = capsys.readouterr().out
    for text in ("'formula_pretty' is null", "'structure' is null", "the structure is left out"):
        assert f"1 of 23 records: {text}" in said


@pytest.mark.parametrize("version", ["2026\ud800", "\x1b[2J", 7, None])
def test_a_version_that_cannot_be_printed(version: Any, pulls: Pulls) -> None:
    server = MaterialsProject(summary(ROWS))
    server.version = version
    with serving(server), pytest.raises(UserError, match="names no version of the database") as caught:
        pulls(server)
    assert caught.value.code == 5
    assert str(caught.value).isprintable()
