"""Structures of databases that speak OPTIMADE 1: pages by their links, totals by `data_returned`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import pyarrow as pa

from catalogs.pull import Page
from catalogs.pulled import MATERIALS_PROJECT, PROVIDERS, Column, schema_of
from catalogs.records import UserError
from catalogs.web import Fault, Session, check_url, parse

TEXT, REAL, WHOLE = pa.string(), pa.float64(), pa.int64()
COLUMNS = (
    Column("id", TEXT),
    Column("formula", TEXT),
    Column("n_sites", WHOLE, "1"),
    Column("last_modified", TEXT),
)
STRUCTURE = (
    Column("lattice", pa.list_(REAL), "A"),
    Column("species", pa.list_(TEXT)),
    Column("frac_coords", pa.list_(REAL)),
)
_FIELDS = ("chemical_formula_reduced", "nsites", "last_modified")
_STRUCTURE_FIELDS = ("lattice_vectors", "cartesian_site_positions", "species_at_sites", "species")
_ADVICE = {
    400: "check --filter",
    401: "the provider asks for an account; nothing here can give one",
    403: "the provider refuses this address; ask it, or use another",
    404: "check --url: the base address, without /v1/structures",
}


class Named(NamedTuple):
    """A provider: the catalogue's name, what the service is called, its base address."""

    name: str
    service: str
    url: str


def named(provider: str | None, url: str | None, name: str | None) -> Named:
    """The provider meant; UserError unless it is one of those known, or given by its address."""
    if (provider is None) == (url is None):
        raise UserError(f"expected --provider ({', '.join(PROVIDERS)}) or --url, one of them")
    if url is not None:
        host = urlsplit(url).hostname or ""
        return Named(name or re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-"), f"OPTIMADE at {host}", url)
    if provider not in PROVIDERS:
        raise UserError(f"--provider: expected one of {', '.join(PROVIDERS)}, got {provider!r}; give --url for others")
    own = "mp-optimade" if provider == MATERIALS_PROJECT else provider
    return Named(name or own, f"OPTIMADE provider {provider}", PROVIDERS[provider])


class Structures:
    """Pages of the structures that meet a filter."""

    def __init__(
        self, url: str, filter: str = "", *, structures: bool = False, limit: int = 100, seconds: float = 60.0
    ) -> None:
        if limit < 1:
            raise UserError(f"--page: expected 1 or more, got {limit}")
        check_url(url)
        self._base = re.sub(r"/v1/?$", "", url.rstrip("/")) + "/v1/"
        self.name = f"OPTIMADE at {urlsplit(url).hostname}"
        self._given = (url, filter, structures, limit, seconds)
        self.columns = COLUMNS + STRUCTURE if structures else COLUMNS
        self.schema = schema_of(self.columns)
        self.licence = ""
        self._limit = limit
        self._fields = (*_FIELDS, *(_STRUCTURE_FIELDS if structures else ()))
        asked = {"filter": filter, "response_fields": ",".join(self._fields), "page_limit": str(limit)}
        self.first = f"{self._base}structures?{urlencode({k: v for k, v in asked.items() if v})}"
        self.query: Mapping[str, Any] = {"service": self._base, **asked, "columns": [c.name for c in self.columns]}
        self._session = Session(seconds=seconds, advice=_ADVICE)

    def version(self) -> str:
        """Ask what the provider is; it has no version of its data."""
        body = parse(self._session.get(f"{self._base}info"))
        attributes = _part(_part(body, "data"), "attributes")
        if not str(attributes.get("api_version", "")).lstrip("v").startswith("1."):
            raise Fault(
                f"it speaks OPTIMADE {attributes.get('api_version')!r}, expected 1.x", tries=1, advice=_ADVICE[404]
            )
        licence = attributes.get("license")
        given = licence.get("href") if isinstance(licence, dict) else licence
        available = attributes.get("available_licenses_for_entries") or attributes.get("available_licenses")
        self.licence = str(given or "") or ", ".join(map(str, available or ()))
        return ""

    def since(self, newest: str) -> Structures:
        """The same query, of what was modified then or later."""
        url, filter, structures, limit, seconds = self._given
        dated = f'last_modified>="{newest}"'
        narrowed = f"({filter}) AND {dated}" if filter else dated
        return Structures(url, narrowed, structures=structures, limit=limit, seconds=seconds)

    def count(self) -> int:
        """Ask how many structures there are."""
        return self.page(re.sub(r"page_limit=\d+", "page_limit=1", self.first)).total

    def page(self, cursor: str) -> Page:
        """Ask for the page at that address."""
        body = parse(self._session.get(cursor))
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            said = [e.get("detail") or e.get("title") for e in _errors(body)]
            raise Fault(
                f"the answer holds no list 'data' of structures{': ' if said else ''}{'; '.join(map(str, said))}"
            )
        total = _part(body, "meta").get("data_returned")
        if not isinstance(total, int) or isinstance(total, bool) or total < 0:
            raise Fault("the answer does not say how many structures there are (meta.data_returned)")
        rows = [self._row(entry) for entry in body["data"]]
        following = self._following(body, cursor)
        return Page(pa.Table.from_pylist(rows, schema=self.schema), following, total)

    def _following(self, body: dict[str, Any], cursor: str) -> str:
        """Address of the next page, "" behind the last; only ever of the same host."""
        link = (body.get("links") or {}).get("next")
        address = link.get("href") if isinstance(link, dict) else link
        if address is None or address == "":
            return ""
        if not isinstance(address, str):
            raise Fault(f"links.next: expected an address, got {str(address)[:50]!r}")
        found = urljoin(cursor, address)
        own, other = urlsplit(self._base), urlsplit(found)
        if (other.hostname, other.port) != (own.hostname, own.port):
            raise Fault(f"links.next leads to {other.hostname}, which is not followed", tries=1)
        if other.scheme != own.scheme:  # behind a proxy a service may not know that it is asked by https
            found = other._replace(scheme=own.scheme).geturl()
        if found == cursor:
            raise Fault("links.next leads to the page it stands on")
        return found

    def _row(self, entry: Any) -> dict[str, Any]:
        attributes = _part(entry, "attributes")
        id = entry.get("id")
        if not isinstance(id, str) or not id:
            raise Fault("a structure has no id")
        absent = [field for field in self._fields if field not in attributes and field != "last_modified"]
        if absent:
            raise Fault(
                f"structure {id} has no field '{absent[0]}': it may have been renamed",
                advice="the provider does not follow the specification; nothing was filled in",
            )
        row = {
            "id": id,
            "formula": _typed(attributes["chemical_formula_reduced"], str, "chemical_formula_reduced", id),
            "n_sites": _typed(attributes["nsites"], int, "nsites", id),
            "last_modified": _typed(attributes.get("last_modified"), str, "last_modified", id),
        }
        return row | sites_of(attributes, id) if len(self.columns) > len(COLUMNS) else row


def sites_of(attributes: Mapping[str, Any], id: str) -> dict[str, Any]:
    """Structure columns; empty for a structure without positions, or with disorder or sites that are no element."""
    import numpy as np

    none = {"lattice": None, "species": None, "frac_coords": None}
    vectors, positions = attributes["lattice_vectors"], attributes["cartesian_site_positions"]
    names, kinds = attributes["species_at_sites"], attributes["species"]
    if not (vectors and positions and names and kinds):
        return none
    try:
        element = {
            kind["name"]: kind["chemical_symbols"][0]
            for kind in kinds
            if len(kind["chemical_symbols"]) == 1 and kind["chemical_symbols"][0] not in ("X", "vacancy")
        }
        lattice, places = np.array(vectors, np.float64), np.array(positions, np.float64)
        if lattice.shape != (3, 3) or places.shape != (len(names), 3):
            raise ValueError
        if not all(name in element for name in names):
            return none
        fractional = np.linalg.solve(lattice.T, places.T).T
    except (TypeError, KeyError, ValueError, IndexError, np.linalg.LinAlgError):
        raise Fault(f"structure {id} cannot be read") from None
    return {
        "lattice": lattice.ravel().tolist(),
        "species": [element[name] for name in names],
        "frac_coords": fractional.ravel().tolist(),
    }


def _part(body: Any, name: str) -> dict[str, Any]:
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise Fault(f"the answer has no '{name}'")
    return found


def _errors(body: Any) -> list[dict[str, Any]]:
    found = body.get("errors") if isinstance(body, dict) else None
    return [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []


def _typed(value: Any, kind: type, name: str, id: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Fault(f"structure {id}, field '{name}': expected {kind.__name__}, got {str(value)[:50]!r}")
    return value
