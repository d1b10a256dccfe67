"""Providers as they are: without totals, with links that forget what was asked for, with values that cannot be kept."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from services import ALWAYS, Optimade, serving, structures

from kakehashi.catalogs.pull.collect import Patience
from kakehashi.catalogs.pull.optimade import Structures, sites_of
from kakehashi.catalogs.pull.pull import Facts, Terminal, pull
from kakehashi.catalogs.pull.web import Fault
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.records import UserError

CASES = Path(__file__).parents[3] / "../shared/cases/optimade/server.py"
Pull = Callable[..., str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))


@pytest.fixture
def pull_from(capsys: pytest.CaptureFixture[str]) -> Pull:
    """Pull the catalogue `own`, waiting in name only; what was printed, and how often it was waited."""

    def call(url: str, filter: str = "", **settings: Any) -> str:
        capsys.readouterr()
        waited: list[float] = []
        service = Structures(url, filter, **{"structures": True, **settings})
        try:
            pull(service, Facts("own", "test", "", filter=filter), Terminal(), patience=Patience(wait=waited.append))
        finally:
            call.waited = len(waited)  # type: ignore[attr-defined]
        return "".join(capsys.readouterr())

    return call


@contextmanager
def provider(mode: str) -> Iterator[str]:
    """The server of the shared cases, as a process of its own that is ended by its id."""
    if not CASES.is_file():
        pytest.skip(f"no shared cases in {CASES.parent}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(CASES), str(port), mode])
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = readers.read(pulled.folder("own")).to_pylist()
    return found


@pytest.mark.parametrize("mode", ["ok", "null-later", "null-always", "absent", "cod"])
def test_all_records_with_their_lattices(mode: str, pull_from: Pull) -> None:
    with provider(mode) as url:
        said = pull_from(url)
    found = rows()
    assert [row["id"] for row in found] == [f"x-{i:03}" for i in range(25)]
    assert [row["lattice"][0] for row in found] == [3.0 + i / 100 for i in range(25)]
    assert all(row["frac_coords"] == pytest.approx([0, 0, 0, 0.5, 0.5, 0.5]) for row in found)
    unknown = mode in ("null-always", "absent")
    assert ("never said how many records there are: their number could not be checked" in said) == unknown
    card = pulled.card("own")
    assert (card["counted"], card["remarks"], card["nulls"]) == (not unknown, {}, {})
    assert pulled.origin(card).endswith("number of records unchecked") == unknown


@pytest.mark.fault
@pytest.mark.parametrize(
    ("mode", "said"), [("oqmd", r"20 records came of 10: its count of records is wrong"), ("mpds", r"links\.next")]
)
def test_a_provider_that_contradicts_itself_is_asked_twice(mode: str, said: str, pull_from: Pull) -> None:
    with provider(mode) as url, pytest.raises(UserError, match=said) as caught:
        pull_from(url)
    assert caught.value.code == 5
    assert pull_from.waited == 1  # type: ignore[attr-defined]
    assert pulled.names() == ()


class Forgetful(Optimade):
    """A provider of more than one page whose next link lacks some parameters, or has others."""

    forgets: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    answers: dict[str, Any]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.links: list[str] = []

    def page(self, handler: Any, skip: int, whole: Any) -> None:
        self.links.append(handler.path)
        super().page(handler, skip, self._changed(whole))

    def _changed(self, whole: Any) -> Any:
        def shortened(link: Any) -> Any:
            text = link["href"] if isinstance(link, dict) else link
            if text is None:
                return None
            start, _, query = text.partition("?")
            pieces = [p for p in query.split("&") if p.partition("=")[0] not in (*self.forgets, *dict(self.changes))]
            return f"{start}?{'&'.join([*pieces, *(f'{n}={v}' for n, v in self.changes)])}"

        def answer(skip: int) -> tuple[list[Any], Any]:
            data, shell = whole(skip)

            def shelled(data: Any, total: int) -> Any:
                body = shell(data, total)
                return {**body, "links": {"next": shortened(body["links"]["next"])}}

            return data, shelled

        return answer


@pytest.mark.parametrize(
    ("forgets", "changes"),
    [
        (("response_fields",), ()),
        (("filter", "page_limit"), ()),
        (("response_fields", "filter", "page_limit"), ()),
        ((), (("response_fields", "nsites"), ("filter", "nsites%3E9"))),
    ],
)
def test_what_a_next_link_lacks_is_put_back(
    forgets: tuple[str, ...], changes: tuple[tuple[str, str], ...], pull_from: Pull
) -> None:
    with serving(Forgetful(structures())) as server:
        server.forgets, server.changes = forgets, changes  # type: ignore[attr-defined]
        pull_from(server.url, 'elements HAS "O"')
        first, *others = server.links  # type: ignore[attr-defined]
    assert len(rows()) == 23
    assert all(row["lattice"] for row in rows())
    asked = set(first.partition("?")[2].split("&"))
    assert len(asked) == 3
    assert all(asked <= set(link.partition("?")[2].split("&")) for link in others)
    assert len(others) == 2


def test_a_smaller_page_and_another_spacing_are_no_change() -> None:
    service = Structures("http://127.0.0.1:8/", "a = 1", limit=100)
    own = "http://127.0.0.1:8/v1/structures?page_offset=9&page_limit=10&filter=a%3D1"
    link = f"{own}&response_fields=chemical_formula_reduced,nsites,last_modified"
    assert service._following({"links": {"next": link}}, service.first) == link
    assert service._following({"links": {"next": own}}, service.first).startswith(f"{own}&response_fields=")


def changed(number: int, **values: Any) -> list[dict[str, Any]]:
    found = structures()
    found[number]["attributes"] |= values
    return found


def test_nulls_are_counted_and_said(pull_from: Pull) -> None:
    made = changed(3, cartesian_site_positions=None)
    made[4]["attributes"]["cartesian_site_positions"] = None
    made[5]["attributes"]["chemical_formula_reduced"] = None
    made[6]["attributes"]["species"][0]["concentration"] = [0.5]
    made[7]["attributes"]["species"][0] |= {"attached": ["H"], "nattached": [3]}
    made[8]["attributes"]["lattice_vectors"][2] = [None, None, None]
    with serving(Optimade(made)) as server:
        said = pull_from(server.url)
        assert "2 of 23 records: 'cartesian_site_positions' is null, though it was asked for" in said
        assert "1 of 23 records: 'chemical_formula_reduced' is null, though it was asked for" in said
        assert "2 of 23 records: the structure is left out: sites shared, partly empty or of no element" in said
        assert "1 of 23 records: the structure is left out: it has no lattice in all three directions" in said
        assert [i for i, row in enumerate(rows()) if row["lattice"] is None] == [3, 4, 6, 7, 8]
        assert pulled.card("own")["nulls"]["lattice"] == 5
        server.records = [*made, structures(24)[23]]  # asked only for what is new: the others are counted still
        said = pull_from(server.url)
        assert len(server.asked) == 5
    assert "5 of 24 records have no lattice" in said
    assert "1 of 24 records have no formula" in said


@pytest.mark.fault
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nsites": 10**30}, r"x012, field 'nsites': expected a whole number of 64 bits, got '1000"),
        ({"nsites": -(2**63) - 1}, r"x012, field 'nsites'"),
        ({"nsites": 2.0}, r"x012, field 'nsites'"),
        ({"chemical_formula_reduced": "Na\ud800Cl"}, r"x012, field 'chemical_formula_reduced': .*got 'Na\\ud800Cl'"),
        ({"last_modified": "\udfff"}, r"x012, field 'last_modified'"),
        ({"lattice_vectors": [[1e400, 0, 0], [0, 1, 0], [0, 0, 1]]}, r"Infinity, which is no number of JSON"),
        ({"lattice_vectors": [[10**400, 0, 0], [0, 1, 0], [0, 0, 1]]}, r"structure x012 cannot be read"),
        ({"lattice_vectors": 7}, r"structure x012 cannot be read"),
        ({"cartesian_site_positions": [[None, 0, 0], [0, 0, 0]]}, r"structure x012 cannot be read"),
        ({"species_at_sites": ["a", "unknown"]}, r"structure x012 cannot be read"),
        ({"species": [{"name": n, "chemical_symbols": ["\ud800"]} for n in "ab"]}, r"x012, field 'species'"),
    ],
)
def test_values_that_no_column_holds_name_the_record(values: dict[str, Any], said: str, pull_from: Pull) -> None:
    with serving(Optimade(changed(12, **values))) as server, pytest.raises(UserError, match=said) as caught:
        pull_from(server.url)
    assert caught.value.code == 5
    assert str(caught.value).isprintable()
    assert pull_from.waited == 1  # type: ignore[attr-defined]
    assert "10 records are kept" in str(caught.value)


@pytest.mark.fault
@pytest.mark.parametrize("id", ["x\ud800", "x\x1b[31m", 7, "", None])
def test_ids_that_cannot_be_printed(id: Any, pull_from: Pull) -> None:
    made = structures()
    made[12]["id"] = id
    with serving(Optimade(made)) as server, pytest.raises(UserError, match="structure 2 of the page: ") as caught:
        pull_from(server.url)
    assert caught.value.code == 5
    assert str(caught.value).isprintable()


class Refusing(Optimade):
    """A provider whose refusals say why."""

    detail = ""

    def refuse(self, handler: Any, fault: str) -> None:
        body = json.dumps({"errors": [{"detail": self.detail}]}).encode()
        handler.send_response(int(fault[:3]))
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("status", "detail", "said"),
    [
        ("403", "Max allowed page_limit is 500, you requested 1000", r"so large a page: try --page 500"),
        ("400", "page_limit too large", r"so large a page: try --page 100"),
        ("403", "", r"refuses this address, or so large a page: try --page 100"),
        ("501", "HAS ONLY is not implemented", r"cannot answer such a --filter"),
        ("505", "\x1b]0;owned\x07", "HTTP 505: \N{REPLACEMENT CHARACTER}\\]0;owned\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_refusal_for_good_is_asked_once_and_says_what_to_do(
    status: str, detail: str, said: str, pull_from: Pull
) -> None:
    with serving(Refusing(structures(), {ALWAYS: status})) as server:
        server.detail = detail  # type: ignore[attr-defined]
        with pytest.raises(UserError, match=said) as caught:
            pull_from(server.url, limit=1000)
        assert len(server.asked) == 1
    assert caught.value.code == 5
    assert str(caught.value).isprintable()


class Uncounted(Optimade):
    """A provider without totals; `ends` makes the links and `more_data_available` of a page."""

    ends: Callable[[int, str | None, str], tuple[str | None, bool | None]]

    def page(self, handler: Any, skip: int, whole: Any) -> None:
        def answer(skip: int) -> tuple[list[Any], Any]:
            data, shell = whole(skip)

            def shelled(data: Any, total: int) -> Any:
                body = shell(data, total)
                link, more = self.ends(skip, body["links"]["next"], handler.path)
                return {**body, "links": {"next": link}, "meta": {"more_data_available": more}}

            return data, shelled

        super().page(handler, skip, answer)


def test_the_ways_in_which_pages_end_without_a_total(pull_from: Pull) -> None:
    """A last page that is empty; one behind the last, which was said to be the last, that is empty or refused."""
    after = "/v1/structures?page_offset={}&page_limit=10&response_fields=nsites"
    ways: dict[str, Callable[[int, str | None, str], tuple[str | None, bool | None]]] = {
        "more is said where none are": lambda skip, link, own: (
            link or (after.format(30) if skip < 30 else None),
            skip < 30,
        ),
        "always a link": lambda skip, link, own: (link or after.format(skip + 10), skip < 20),
        "a link to itself": lambda skip, link, own: (link or own, skip < 20),
        "nothing is said": lambda skip, link, own: (link, None),
    }
    for ends in ways.values():
        with serving(Uncounted(structures())) as server:
            server.ends = ends  # type: ignore[attr-defined]
            assert "could not be checked" in pull_from(server.url, seconds=5.0)
        assert len(rows()) == 23
        assert pulled.card("own")["counted"] is False
    with serving(Uncounted(structures(), {3: "404"})) as server:
        server.ends = ways["always a link"]  # type: ignore[attr-defined]
        pull_from(server.url)
    assert len(rows()) == 23


@pytest.mark.fault
@pytest.mark.parametrize(
    ("more", "said"), [(True, "more follow its 10 records, and not where"), (None, "an empty page after 23 records")]
)
def test_an_end_that_is_none_is_no_end(more: bool | None, said: str, pull_from: Pull) -> None:
    with serving(Uncounted(structures())) as server:
        after = "/v1/structures?page_offset={}"
        server.ends = lambda skip, link, own: (  # type: ignore[attr-defined]
            (None, True) if more else (link or after.format(skip + 10), None)
        )
        with pytest.raises(UserError, match=said) as caught:
            pull_from(server.url)
    assert caught.value.code == 5


@pytest.mark.fault
@pytest.mark.parametrize("where", [0, 1])
def test_a_short_page_is_asked_for_again_where_no_total_shows_it(where: int, pull_from: Pull) -> None:
    with serving(Uncounted(structures(), {where: "short page"})) as server:
        server.ends = lambda skip, link, own: (link, link is not None)  # type: ignore[attr-defined]
        assert "no total to check them by: asking for them again" in pull_from(server.url)
        assert [skip for skip, _ in server.asked] == [0, 10, 20, 10 * where, 20]
    assert sorted(row["id"] for row in rows()) == [f"x{i:03}" for i in range(23)]


@pytest.mark.parametrize("concentration", [[1.0], [0.9999], None])
def test_whole_sites_are_kept(concentration: list[float] | None) -> None:
    attributes = structures(1)[0]["attributes"]
    attributes["species"][0]["concentration"] = concentration
    assert sites_of(attributes, "x")["species"] == ["Li", "O"]


def test_a_count_that_is_not_given_is_asked_once(pull_from: Pull) -> None:
    with serving(Uncounted(structures())) as server:
        server.ends = lambda skip, link, own: (link, link is not None)  # type: ignore[attr-defined]
        with pytest.raises(Fault, match="does not say how many") as caught:
            Structures(server.url).count()
    assert caught.value.tries == 1
