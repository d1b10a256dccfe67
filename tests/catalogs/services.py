"""Servers on 127.0.0.1 that speak as the Materials Project and as an OPTIMADE provider, and misbehave on request.

`faults` maps the number of a page request (from 0) to what is done instead; ALWAYS does it for ever.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

KEY = "k3y0123456789abcdefghijklmnopqrs"
ALWAYS = -1
Record = dict[str, Any]
# A page of records from a number on, and what wraps them given a total.
Whole = Callable[[int], tuple[list[Record], Any]]


class Service:
    """What both servers share. `asked` logs every page request as (skip, status)."""

    def __init__(self, records: list[Record], faults: Mapping[int, str] | None = None) -> None:
        self.records, self.faults = records, dict(faults or {})
        self.asked: list[tuple[int, str]] = []
        self.beats = 0
        self.beat = ""
        self.url = ""
        self.stall = 1.5
        self.on_page: Callable[[int], None] = lambda number: None

    def fault(self, number: int) -> str:
        return self.faults.get(number, self.faults.get(ALWAYS, ""))

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        raise NotImplementedError

    def alive(self, handler: BaseHTTPRequestHandler, body: Record) -> None:
        """Answer who asks whether the service is there, or what the fault `beat` makes of it, once."""
        self.beats += 1
        fault, self.beat = self.beat, ""
        if fault[:3].isdecimal():
            return self.refuse(handler, fault)
        if fault == "stall":
            time.sleep(self.stall)
        send(handler, 200, b"<html></html>" if fault == "HTML" else json.dumps(body).encode())

    def page(self, handler: BaseHTTPRequestHandler, skip: int, whole: Whole) -> None:
        """Answer one page, `whole(skip)`, or what the fault makes of it."""
        number = len(self.asked)
        fault = self.fault(number)
        self.asked.append((skip, fault))
        self.on_page(number)
        if fault[:3].isdecimal():
            return self.refuse(handler, fault)
        data, shell = whole(skip)
        if fault == "stall":
            time.sleep(self.stall)
        if fault == "HTML":
            return send(handler, 200, b"<html><body>maintenance</body></html>", kind="text/html")
        if fault == "short page":
            data = data[:-2]
        if fault == "empty page":
            data = []
        if fault == "repeated page":
            data = whole(max(0, skip - 5))[0]
        if fault == "renamed field":
            data = [self.renamed(record) for record in data]
        body = json.dumps(shell(data, len(self.records) + (fault == "total changes"))).encode()
        if fault == "truncated JSON":
            return send(handler, 200, body[: len(body) // 2])
        if fault == "cut connection":
            return send(handler, 200, body[: len(body) // 2], length=len(body))
        return send(handler, 200, body)

    def refuse(self, handler: BaseHTTPRequestHandler, fault: str) -> None:
        code = int(fault[:3])
        extra = {"Retry-After": "7"} if "Retry-After" in fault else {}
        if code == 302:
            extra = {"Location": "https://elsewhere.example/"}
        send(handler, code, json.dumps({"detail": f"no, {handler.headers.get('x-api-key', '')}"}).encode(), extra)

    def renamed(self, record: Record) -> Record:
        raise NotImplementedError


def send(
    handler: BaseHTTPRequestHandler, code: int, body: bytes, extra: Mapping[str, str] | None = None, *,
    kind: str = "application/json", length: int | None = None,
) -> None:  # fmt: skip
    handler.send_response(code)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in (extra or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
    if length is not None:
        handler.close_connection = True


class MaterialsProject(Service):
    """`records` are documents of the summary."""

    def __init__(self, records: list[Record], faults: Mapping[int, str] | None = None) -> None:
        super().__init__(records, faults)
        self.version = "2026.11.01"
        self.keys: list[str] = []
        self.fields: list[str] = []

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.keys.append(str(handler.headers.get("x-api-key")))
        if url.path == "/heartbeat":
            beat = {"status": "OK", "db_version": self.version, "version": "0.86.4", "access_controlled_batch_ids": []}
            return self.alive(handler, beat)
        if url.path != "/materials/summary/" or asked.get("deprecated") != "False":
            return send(handler, 404, b"{}")
        self.fields = asked["_fields"].split(",")
        limit = int(asked["_limit"])

        def whole(skip: int) -> tuple[list[Record], Any]:
            chosen = [{f: r[f] for f in self.fields if f in r} for r in self.records[skip : skip + limit]]
            return chosen, lambda data, total: {"data": data, "meta": {"total_doc": total}}

        return self.page(handler, int(asked.get("_skip", 0)), whole)

    def renamed(self, record: Record) -> Record:
        return {("e_hull" if name == "energy_above_hull" else name): value for name, value in record.items()}


class Optimade(Service):
    """`records` are structure resources; the first `limit` of them a page."""

    limit = 10

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        meta = {"query": {"representation": handler.path}, "api_version": "1.2.0", "more_data_available": False}
        if url.path == "/v1/info":
            attributes = {
                "api_version": "1.2.0",
                "available_endpoints": ["structures"],
                "license": "https://licence.example",
            }
            body = {"data": {"type": "info", "id": "/", "attributes": attributes}, "meta": meta}
            return self.alive(handler, body)
        if url.path != "/v1/structures":
            return send(handler, 404, b"{}")
        fields = asked["response_fields"].split(",")
        size = min(self.limit, int(asked["page_limit"]))
        since = asked.get("filter", "").partition('last_modified>="')[2].partition('"')[0]
        chosen = (
            [r for r in self.records if r["attributes"].get("last_modified", "") >= since] if since else self.records
        )

        def whole(skip: int) -> tuple[list[Record], Any]:
            data = [
                {**r, "attributes": {f: r["attributes"][f] for f in fields if f in r["attributes"]}}
                for r in chosen[skip : skip + size]
            ]
            after = f"{self.url}/v1/structures?{urlencode({**asked, 'page_offset': skip + size})}"
            link = {"href": after} if (skip // size) % 2 else after
            links = {"next": link if skip + size < len(chosen) else None}
            changed = len(chosen) - len(self.records)
            return data, lambda data, total: {
                "data": data, "links": links,
                "meta": {**meta, "data_returned": total + changed, "data_available": total},
            }  # fmt: skip

        return self.page(handler, int(asked.get("page_offset", 0)), whole)

    def renamed(self, record: Record) -> Record:
        attributes = {("sites" if name == "nsites" else name): v for name, v in record["attributes"].items()}
        return {**record, "attributes": attributes}


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Serve on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                service.answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ga", "In", "Zn", "Ti", "Y")
_ANIONS = ("O", "S", "Se", "F", "Cl", "Br", "N", "P")


def summary(n: int = 23) -> list[Record]:
    """Made-up documents; every third has elastic moduli, one no formula."""
    return [
        {
            "material_id": f"mp-{i + 1}",
            "formula_pretty": None if i == 20 else f"{_METALS[i % 13]}{_ANIONS[i % 8]}{i % 3 + 1}",
            "energy_above_hull": i / 100, "formation_energy_per_atom": -i / 10, "band_gap": 0.5 * i, "density": 2.0 + i,
            "volume": 40.0 + i, "nsites": 2 + i, "symmetry": {"number": 1 + i, "symbol": "P1"},
            "total_magnetization": 0.0, "efermi": None, "energy_per_atom": -3.0 - i,
            "bulk_modulus": {"voigt": 1.0, "reuss": 2.0, "vrh": 10.0 + i} if i % 3 == 0 else None,
            "shear_modulus": {"voigt": 1.0, "reuss": 2.0, "vrh": 5.0 + i} if i % 3 == 0 else None,
            "e_total": None, "e_electronic": None, "n": 1.5 if i == 1 else None,
            "last_updated": "2026-01-01T00:00:00",
            "structure": {
                "lattice": {"matrix": [[4.0 + i / 10, 0, 0], [0, 4, 0], [0, 0, 4]]},
                "sites": [
                    {"species": [{"element": _METALS[i % 13], "occu": 1}], "abc": [0, 0, 0]},
                    *[{"species": [{"element": _ANIONS[i % 8], "occu": 1}], "abc": [0.5, 0.25 * k, 0.5]}
                      for k in range(i % 3 + 1)],
                ],
            },
        }
        for i in range(n)
    ]  # fmt: skip


def structures(n: int = 23) -> list[Record]:
    """Made-up structure resources."""
    return [
        {
            "type": "structures", "id": f"x{i:03}",
            "attributes": {
                "chemical_formula_reduced": f"{_METALS[i % 13]}{_ANIONS[i % 8]}", "nsites": 2,
                "last_modified": f"2026-01-{i + 1:02}T00:00:00Z",
                "lattice_vectors": [[4.0, 0, 0], [0, 4.0, 0], [0, 2.0, 4.0 + i / 10]],
                "cartesian_site_positions": [[0, 0, 0], [2.0, 3.0, 2.0 + i / 20]],
                "species_at_sites": ["a", "b"],
                "species": [
                    {"name": "a", "chemical_symbols": [_METALS[i % 13]], "concentration": [1.0]},
                    {"name": "b", "chemical_symbols": [_ANIONS[i % 8]], "concentration": [1.0]},
                ],
            },
        }
        for i in range(n)
    ]  # fmt: skip
