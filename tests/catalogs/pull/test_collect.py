"""Pulled catalogues: resumed, refreshed, named, screened and used as sources; the key stays where it is."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from services import KEY, MaterialsProject, Optimade, serving, structures, summary

import kakehashi as kh
from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.crystals.tables import load_crystals
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.pull import materials_project
from kakehashi.catalogs.pull.collect import Patience, alone
from kakehashi.catalogs.pull.materials_project import Summary, key_from
from kakehashi.catalogs.pull.optimade import Structures
from kakehashi.catalogs.pull.pages import Store
from kakehashi.catalogs.pull.publish import VANISHED
from kakehashi.catalogs.pull.pull import check_name
from kakehashi.catalogs.pull.web import Fault, check_url, retry_after
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.records import UserError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MaterialsProject]:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MP_API_KEY", KEY)
    monkeypatch.setattr(materials_project, "PAGE_ROWS", 10)
    monkeypatch.setattr(materials_project, "STRUCTURE_ROWS", 10)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with serving(MaterialsProject(summary())) as made:
        assert isinstance(made, MaterialsProject)
        monkeypatch.setenv("MP_API_ENDPOINT", made.url)
        yield made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process: (exit code, stdout, stderr)."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = kh.main(["catalogs", *map(str, words)])
        return code, *capsys.readouterr()

    return call


def ids() -> list[str]:
    found: list[str] = readers.read(pulled.folder("mp"), ["id"])["id"].to_pylist()
    return found


def test_pull_asks_only_for_what_it_needs_and_says_what_it_has(server: MaterialsProject, run: Run) -> None:
    code, out, err = run("pull", "mp")
    assert (code, len(ids())) == (0, 23)
    assert "structure" not in server.fields
    assert "23 records of Materials Project, database version 2026.11.01" in out
    assert "23 of 23 records" in err
    assert "no record has a value of efermi, e_total, e_electronic" in out
    file = pq.ParquetFile(next(pulled.folder("mp").glob("part-*.parquet")))
    own = {key.decode(): value.decode() for key, value in file.schema_arrow.metadata.items()}
    assert own["kakehashi.schema"] == "1"
    assert own["kakehashi.database_version"] == "2026.11.01"
    assert own["kakehashi.date"] == pulled.card("mp")["date"] != ""
    code, out, _ = run("show", "mp", "--json")
    shown = json.loads(out)
    assert (shown["rows"], shown["kind"]) == (23, "pulled")
    assert "2026.11.01" in shown["source"]
    assert "materialsproject.org" in shown["licence"]


def test_the_same_database_is_asked_once_and_a_new_one_compared(server: MaterialsProject, run: Run) -> None:
    run("pull", "mp")
    server.asked.clear()
    server.beats = 0
    code, out, _ = run("pull", "mp")
    assert (code, server.asked, server.beats) == (0, [], 1)
    assert "nothing to do" in out
    server.version = "2026.12.01"
    server.records = [*server.records[1:], {**server.records[0], "material_id": "mp-900"}]
    server.records[3] = {**server.records[3], "energy_above_hull": 9.0}
    code, out, _ = run("pull", "mp")
    assert code == 0
    assert "1 new, 1 changed, 21 as before, 1 no longer there" in out
    assert "no longer there: mp-1; all in" in out
    gone = readers.read(pulled.folder("mp") / VANISHED)
    assert gone.to_pylist() == [{"id": "mp-1", "formula": "LiO1"}]
    assert ids()[-1] == "mp-900"
    assert open_catalog("mp").rows == 23  # the file of what is gone is no part of it
    code, out, _ = run("pull", "mp", "--again", "--json")
    assert json.loads(out)["since_former"] == {"new": 0, "changed": 0, "unchanged": 23, "vanished": 0}


@pytest.mark.fault
def test_an_update_while_it_is_read_begins_again(server: MaterialsProject, run: Run) -> None:
    def update(number: int) -> None:
        if number == 1:
            server.version = "2026.12.01"
            server.records = [{**record, "band_gap": 7.0} for record in server.records]

    server.on_page = update
    code, _, err = run("pull", "mp")
    assert code == 0
    assert "changed from version 2026.11.01 to 2026.12.01" in err
    assert set(readers.read(pulled.folder("mp"), ["band_gap"])["band_gap"].to_pylist()) == {7.0}


@pytest.mark.fault
def test_a_database_that_never_rests_is_given_up(server: MaterialsProject, run: Run) -> None:
    server.on_page = lambda number: server.records.append({**server.records[0], "material_id": f"mp-x{number}"})
    code, _, err = run("pull", "mp")
    assert code == 5
    assert "the total changed from" in err.splitlines()[-1]


@pytest.mark.fault
def test_kill_and_resume_leave_the_bytes_of_a_clean_pull(
    server: MaterialsProject, run: Run, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("pull", "mp")
    clean = [part["sha256"] for part in pulled.card("mp")["parts"]]
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "other"))
    code = (
        "from kakehashi.catalogs.pull import materials_project as m; m.PAGE_ROWS = 10\n"
        "import sys, kakehashi; sys.exit(kakehashi.main(['catalogs', 'pull', 'mp']))"
    )
    before, pause = len(server.asked), threading.Event()
    server.faults = {before + 2: "stall"}
    server.stall = 20
    killed = subprocess.Popen([sys.executable, "-P", "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    try:
        while len(server.asked) < before + 3:
            assert killed.poll() is None
            pause.wait(0.02)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    server.faults = {}
    assert pulled.names() == ()
    page = next((tmp_path / "other/catalogs/mp/pulling/pages").glob("000001-*"))
    page.write_bytes(page.read_bytes()[:-9] + b"\0" * 9)  # damaged besides: it is asked for again, the first is not
    assert run("pull", "mp")[0] == 0
    assert [skip for skip, _ in server.asked[before + 3 :]] == [10, 20]
    assert [part["sha256"] for part in pulled.card("mp")["parts"]] == clean


@pytest.mark.fault
def test_the_key_is_nowhere(server: MaterialsProject, run: Run, tmp_path: Path) -> None:
    server.faults = {0: "500", 1: "403"}  # the server repeats the key in what it refuses
    texts = [str(run("pull", "mp", "--events")), str(run("pull", "mp", "--json", "--again"))]
    assert server.keys == [KEY] * len(server.keys) != []
    assert "MP_API_KEY" in texts[0]
    texts += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    secret = key_from({"MP_API_KEY": KEY})
    service = Summary(secret, endpoint=server.url)
    texts += [
        repr(secret),
        str(secret),
        f"{secret!r}",
        repr(vars(secret).keys()),
        repr(service),
        repr(service._session),
    ]
    assert not [text for text in texts if KEY in text]
    for thing in (secret, service):
        with pytest.raises(TypeError, match="does not leave its process"):
            pickle.dumps(thing)


@pytest.mark.parametrize(("key", "said"), [("", "is not set"), ("short", "holds 5 characters, a key has 32")])
def test_a_key_that_cannot_be_one(
    key: str, said: str, server: MaterialsProject, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_API_KEY", key)
    code, _, err = run("pull", "mp")
    assert code == 5
    assert said in err
    assert "https://next-gen.materialsproject.org/api" in err
    assert (server.keys, server.beats) == ([], 0)


def test_pulled_columns_are_sources_with_their_units(server: MaterialsProject, run: Run) -> None:
    with pytest.raises(UserError, match="'mp' has not been pulled: run `kakehashi catalogs pull mp`"):
        load_table("mp:k_vrh", minimum=1)
    with pytest.raises(UserError, match="'mp' has not been pulled"):
        open_catalog("mp")
    run("pull", "mp")
    table = load_table("mp:log(k_vrh)", minimum=1)
    assert (table.name, table.quantity, table.unit, table.log) == ("k_vrh", "bulk_modulus", "GPa", True)
    assert sorted(table.values) == [10.0 + i for i in range(0, 23, 3)]
    assert "database version 2026.11.01" in table.source
    assert "materialsproject.org" in table.licence
    with pytest.raises(UserError, match=r"no column 'k_vhr'; did you mean 'k_vrh'"):
        load_table("mp:k_vhr")
    with pytest.raises(UserError, match="name one: 'mp:e_above_hull'"):
        load_table("mp")


def test_structures_on_request(server: MaterialsProject, run: Run) -> None:
    assert run("pull", "mp", "--structures")[0] == 0
    catalog = open_catalog("mp")
    assert catalog.structures is not None
    first = next(catalog.structures()).to_pylist()[1]
    assert first["species"] == ["Na", "S", "S"]
    assert first["lattice"][0] == 4.1
    table = load_crystals("mp:density", minimum=1)
    assert (len(table), table.quantity, table.unit) == (22, "density", "g/cm3")  # one has no formula
    assert table.crystals is not None


def test_damage_is_seen(server: MaterialsProject, run: Run) -> None:
    run("pull", "mp")
    part = next(pulled.folder("mp").glob("part-*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(bytes(data))
    with pytest.raises(UserError, match="missing or damaged") as caught:
        open_catalog("mp")
    assert caught.value.code == 6
    assert run("pull", "mp")[0] == 0
    assert len(ids()) == 23


def test_two_pulls_at_once(server: MaterialsProject, run: Run) -> None:
    with alone(pulled.root("mp")):
        code, _, err = run("pull", "mp")
    assert code == 4
    assert "in use by another pull" in err


def test_screen_takes_what_was_pulled(server: MaterialsProject, run: Run, screen: Run, tmp_path: Path) -> None:
    from kakehashi.screen.screening.config import resolve

    assert resolve({"target": "t"}, None).catalog == "default"
    run("pull", "mp")
    assert resolve({"target": "t"}, None).catalog == "mp"
    assert resolve({"target": "t", "catalog": "mp_formulas"}, None).catalog == "mp_formulas"
    code, _, _ = screen("--catalog", "mp", "--out", tmp_path / "out", "--filter", "e_above_hull<=0.1")
    assert code == 0
    ranking = readers.read(tmp_path / "out/ranking.parquet")
    assert sorted(ranking["id"].to_pylist(), key=lambda i: int(i[3:])) == [f"mp-{i + 1}" for i in range(11)]
    quarantine = readers.read(tmp_path / "out/quarantine.parquet").to_pylist()
    assert [row["id"] for row in quarantine] == ["mp-21"]
    assert "database version 2026.11.01" in (tmp_path / "out/run.json").read_text()


def test_optimade_pulls_what_meets_the_filter(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    with serving(Optimade(structures())) as server:
        code, out, _ = run("pull", "optimade", "--url", server.url, "--filter", 'elements HAS "O"', "--name", "own",
                           "--structures", "--page", 7, "--pause", 0.001)  # fmt: skip
    assert code == 0
    assert 'elements HAS "O"' in out
    assert [skip for skip, _ in server.asked] == [0, 7, 14, 21]
    catalog = open_catalog("own")
    assert catalog.rows == 23
    assert catalog.structures is not None
    second = next(catalog.structures()).to_pylist()[1]
    assert second["frac_coords"] == pytest.approx([0, 0, 0, 0.5, 0.75 - 0.5 * (2.05 / 4.1), 2.05 / 4.1])
    assert pulled.card("own")["licence"] == "https://licence.example"


def test_optimade_is_asked_only_for_what_was_modified(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    with serving(Optimade(structures())) as server:
        words = ("pull", "optimade", "--url", server.url, "--name", "own", "--structures", "--pause", 0.001)

        def again() -> tuple[int, str, list[int]]:
            server.asked.clear()
            code, out, _ = run(*words)
            return code, out, [skip for skip, _ in server.asked]

        assert again()[2] == [0, 10, 20]
        assert again()[2] == [0, 0]  # the count, and the newest
        fresh = structures(25)
        changed = {**fresh[4]["attributes"], "last_modified": "2026-02-01T00:00:00Z", "nsites": 3}
        server.records = [*fresh[:4], {**fresh[4], "attributes": changed}, *fresh[5:]]
        code, out, asked = again()
        assert (code, asked) == (0, [0, 0])
        assert "2 new, 1 changed, 22 as before, 0 no longer there" in out
        rows = readers.read(pulled.folder("own")).to_pylist()
        assert [row["id"] for row in rows] == [record["id"] for record in server.records]
        assert [row["n_sites"] for row in rows].index(3) == 4
        assert all(row["species"] for row in rows)
        server.records = server.records[1:]
        code, out, asked = again()
        assert (code, asked) == (0, [0, 0, 0, 10, 20])
        assert "no longer there: x000" in out
        server.records = [{**r, "attributes": {**r["attributes"], "last_modified": None}} for r in server.records]
        run(*words, "--again")
        assert again()[2] == [0, 10, 20]


@pytest.mark.fault
def test_a_forgotten_page_begins_again(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    with serving(Optimade(structures(), {1: "401", 2: "410"})) as server:
        words = ("pull", "optimade", "--url", server.url, "--name", "own", "--pause", 0.001)
        code, _, err = run(*words)
        assert code == 5
        assert "10 records are kept, the same command goes on from there" in err
        code, _, err = run(*words)
        assert code == 0
        assert "HTTP 410: no, where the kept pages end: beginning again" in err
        assert [skip for skip, _ in server.asked] == [0, 10, 10, 0, 10, 20]


def test_nothing_meets_the_filter(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    with serving(Optimade([])) as server:
        code, _, err = run("pull", "optimade", "--url", server.url, "--filter", "nsites<0", "--name", "own")
    assert code == 2
    assert "no record meets --filter 'nsites<0'" in err
    assert pulled.names() == ()


@pytest.mark.fault
@pytest.mark.parametrize("address", ["https://elsewhere.example/v1/structures", "http://127.0.0.1:9/v1/structures"])
def test_links_to_other_places_are_not_followed(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    service = Structures("http://127.0.0.1:8/")
    with pytest.raises(Fault, match="is not followed"):
        service._following({"links": {"next": address}}, service.first)


@pytest.mark.parametrize(
    "url", ["http://oqmd.org/optimade", "ftp://127.0.0.1/", "file:///etc/passwd", "https://user:pw@host/", "host"]
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(UserError, match="expected an address https://HOST"):
        check_url(url)


def test_waiting() -> None:
    assert retry_after("7") == 7
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None
    waited: list[float] = []

    def never() -> None:
        raise Fault("no")

    with pytest.raises(Fault):
        Patience(wait=waited.append).ask(never, lambda text: None)
    assert len(waited) == 5
    assert all(0.25 * 2**n <= w <= 0.5 * 2**n for n, w in enumerate(waited, 1))

    def refused() -> None:
        raise Fault("no", wait=1e4)

    with pytest.raises(Fault):  # an hour and more is not waited for
        Patience(wait=waited.append).ask(refused, lambda text: None)
    assert len(waited) == 5


@pytest.mark.parametrize("name", ["../up", "default", "a.csv", "Big", "", "none", "enumerate", "ltc"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="expected a new name"):
        check_name(name)


def test_without_a_cache_folder_nothing_is_pulled_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path / "file" / "home"))
    assert pulled.names() == ()
    assert pulled.default_name() == "default"


def test_pages_of_another_query_are_not_mixed_in(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.open({"filter": "a"}) == ""
    (tmp_path / "pages" / "000000-x.parquet").write_bytes(b"")
    assert store.open({"filter": "a"}) == ""
    assert "another filter" in store.open({"filter": "b"})
    assert list((tmp_path / "pages").iterdir()) == []
