"""Structures of databases that speak OPTIMADE 1.

Pages follow `links.next`; totals are `data_returned` where it is given.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urlencode, urljoin, urlsplit

import pyarrow as pa

from kakehashi.catalogs.providers import OPTIMADE
from kakehashi.catalogs.pull.answers import DISORDERED, REAL, TEXT, WHOLE, identifier, null, table_of, typed
from kakehashi.catalogs.pull.pages import Page
from kakehashi.catalogs.pull.web import UNFIT, Fault, Session, check_url, parse
from kakehashi.catalogs.reading.pulled import MATERIALS_PROJECT, Column, schema_of
from kakehashi.catalogs.records import UserError

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
    501: "the provider cannot answer such a --filter: ask for less, and `kakehashi screen --filter` the rest",
}
NO_CELL = "the structure is left out: it has no lattice in all three directions"
# HTTP status of a service that finds a page too large.
_TOO_LARGE = (400, 403, 413, 422)


class Database(NamedTuple):
    """Names and base address of a database.

    name : of the catalogue; service : in words; url : base address
    """

    name: str
    service: str
    url: str


def find_database(provider: str | None, url: str | None, name: str | None) -> Database:
    """Return a database by provider or address; UserError if unknown.

    >>> find_database("oqmd", None, None).service
    'OPTIMADE provider oqmd'

    """
    if (provider is None) == (url is None):
        raise UserError(f"expected --provider ({', '.join(OPTIMADE)}) or --url, one of them")
    if url is not None:
        host = urlsplit(url).hostname or ""
        return Database(name or re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-"), f"OPTIMADE at {host}", url)
    if provider not in OPTIMADE:
        raise UserError(f"--provider: expected one of {', '.join(OPTIMADE)}, got {provider!r}; give --url for others")
    default = "mp-optimade" if provider == MATERIALS_PROJECT else provider
    return Database(name or default, f"OPTIMADE provider {provider}", OPTIMADE[provider])


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
        parameters = {"filter": filter, "response_fields": ",".join(self._fields), "page_limit": str(limit)}
        self._asked = {name: value for name, value in parameters.items() if value}
        self.first = f"{self._base}structures?{urlencode(self._asked)}"
        self.query: Mapping[str, Any] = {"service": self._base, **parameters, "columns": [c.name for c in self.columns]}
        self._session = Session(seconds=seconds, advice=_ADVICE)

    def version(self) -> str:
        """Check the protocol, read the licence; "", as there is none."""
        body = parse(self._session.get(f"{self._base}info"))
        attributes = _part(_part(body, "data"), "attributes")
        if not str(attributes.get("api_version", "")).lstrip("v").startswith("1."):
            raise Fault(
                f"it speaks OPTIMADE {attributes.get('api_version')!r}, expected 1.x", tries=1, advice=_ADVICE[404]
            )
        licence = attributes.get("license")
        stated = licence.get("href") if isinstance(licence, dict) else licence
        available = attributes.get("available_licenses_for_entries") or attributes.get("available_licenses")
        self.licence = str(stated or "") or ", ".join(map(str, available if isinstance(available, list) else ()))
        return ""

    def since(self, newest: str) -> Structures:
        """Narrow the query to what was modified then or later."""
        url, filter, structures, limit, seconds = self._given
        dated = f'last_modified>="{newest}"'
        narrowed = f"({filter}) AND {dated}" if filter else dated
        return Structures(url, narrowed, structures=structures, limit=limit, seconds=seconds)

    def count(self) -> int:
        """Ask for the number of structures."""
        total = self.page(re.sub(r"page_limit=\d+", "page_limit=1", self.first)).total
        if total is None:
            raise Fault("it does not say how many structures there are (meta.data_returned)", tries=1)
        return total

    def page(self, cursor: str) -> Page:
        """Ask for the page at an address."""
        body = parse(self._answer(cursor))
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            errors = [e.get("detail") or e.get("title") for e in _errors(body)]
            raise Fault(
                f"the answer holds no list 'data' of structures{': ' if errors else ''}{'; '.join(map(str, errors))}",
                tries=UNFIT,
            )
        meta = _part(body, "meta")
        total, more = meta.get("data_returned"), meta.get("more_data_available")
        if total is not None and (not isinstance(total, int) or isinstance(total, bool) or total < 0):
            raise Fault(f"meta.data_returned: expected a number of structures, got {str(total)[:50]!r}", tries=UNFIT)
        rows, remarks = [], Counter[str]()
        for number, entry in enumerate(body["data"]):
            rows.append(self._row(entry, number))
            remarks.update(self._lacks(entry["attributes"], rows[-1]))
        table = table_of(rows, self.schema)
        return Page(table, self._following(body, cursor), total, more if isinstance(more, bool) else None, remarks)

    def _answer(self, address: str) -> Any:
        try:
            return self._session.get(address)
        except Fault as fault:
            if fault.status in _TOO_LARGE and re.search(r"page.?limit", str(fault), re.IGNORECASE):
                allowed = [int(n) for n in re.findall(r"\d+", str(fault).partition(":")[2]) if 0 < int(n) < self._limit]
                fault.advice = (
                    f"it refuses so large a page: try --page {max(allowed, default=max(1, self._limit // 10))}"
                )
            elif fault.status in (403, 413) and self._limit > 1:
                fault.advice = (
                    f"the provider refuses this address, or so large a page: try --page {self._limit // 10 or 1}"
                )
            raise

    def _following(self, body: dict[str, Any], cursor: str) -> str:
        """Return the next page's address, "" behind the last.

        Only ever of the same host.
        """
        link = (body.get("links") or {}).get("next")
        address = link.get("href") if isinstance(link, dict) else link
        if address is None or address == "":
            return ""
        if not isinstance(address, str) or not address.isprintable():
            raise Fault(f"links.next: expected an address, got {str(address)[:50]!r}", tries=UNFIT)
        target = self._completed(urljoin(cursor, address))
        base, other = urlsplit(self._base), urlsplit(target)
        if (other.hostname, other.port) != (base.hostname, base.port):
            raise Fault(f"links.next leads to {other.hostname}, which is not followed", tries=1)
        if other.scheme != base.scheme:  # a service behind a proxy may not know its own scheme
            target = other._replace(scheme=base.scheme).geturl()
        if target == cursor and _part(body, "meta").get("more_data_available") is False:
            return ""
        if target == cursor:
            raise Fault("links.next leads to the page it stands on", tries=UNFIT)
        return target

    def _completed(self, address: str) -> str:
        """Restore parameters that a provider left out."""
        parts = urlsplit(address)
        present = dict(parse_qsl(parts.query))
        same = {"page_limit"}  # a provider may give fewer at a time
        missing = {
            n: v for n, v in self._asked.items() if n not in present or (n not in same and not _alike(present[n], v))
        }
        pieces = [
            piece for piece in parts.query.split("&") if piece and unquote_plus(piece.partition("=")[0]) not in missing
        ]
        return parts._replace(query="&".join([*pieces, urlencode(missing)])).geturl() if missing else address

    def _row(self, entry: Any, number: int) -> dict[str, Any]:
        attributes = _part(entry, "attributes")
        id = identifier(entry.get("id"), f"structure {number} of the page")
        absent = [field for field in self._fields if field not in attributes and field != "last_modified"]
        if absent:
            raise Fault(
                f"structure {id} has no field '{absent[0]}': it may have been renamed",
                tries=UNFIT,
                advice="the provider does not follow the specification; nothing was filled in",
            )
        values = {"id": id}
        for column, field in zip(COLUMNS[1:], _FIELDS, strict=True):
            values[column.name] = typed(attributes.get(field), column.kind, f"structure {id}, field '{field}'")
        return values | sites_of(attributes, id) if len(self.columns) > len(COLUMNS) else values

    def _lacks(self, attributes: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[str]:
        """Yield remarks on fields that a structure lacks."""
        absent = [field for field in self._fields if attributes.get(field) in (None, [])]
        yield from map(null, absent)
        if len(self.columns) > len(COLUMNS) and row["lattice"] is None and not {*absent} & {*_STRUCTURE_FIELDS}:
            yield DISORDERED if _has_cell(attributes["lattice_vectors"]) else NO_CELL


def _alike(one: str, other: str) -> bool:
    """Compare two values of a parameter, whatever their blanks."""
    return "".join(one.split()) == "".join(other.split())


def sites_of(attributes: Mapping[str, Any], id: str) -> dict[str, Any]:
    """Return the structure columns of an entry.

    Empty without positions or cell, with disorder, or with sites that are no element.

    Raises
    ------
    Fault : what contradicts itself or cannot be read.
    """
    import numpy as np

    none = {"lattice": None, "species": None, "frac_coords": None}
    vectors, positions = attributes["lattice_vectors"], attributes["cartesian_site_positions"]
    names, kinds = attributes["species_at_sites"], attributes["species"]
    if not (vectors and positions and names and kinds and _has_cell(vectors)):
        return none
    try:
        element = {kind["name"]: kind["chemical_symbols"][0] for kind in kinds if _is_one_atom(kind)}
        lattice, places = np.array(vectors, np.float64), np.array(positions, np.float64)
        if lattice.shape != (3, 3) or places.shape != (len(names), 3):
            raise ValueError
        if not (np.isfinite(lattice).all() and np.isfinite(places).all()):
            raise ValueError
        if not {*names} <= {kind["name"] for kind in kinds}:
            raise ValueError
        if not all(name in element for name in names):
            return none
        for symbol in element.values():
            typed(symbol, TEXT, f"structure {id}, field 'species'")
        fractional = np.linalg.solve(lattice.T, places.T).T
    except (TypeError, KeyError, ValueError, IndexError, OverflowError, np.linalg.LinAlgError):
        raise Fault(f"structure {id} cannot be read", tries=UNFIT) from None
    return {
        "lattice": lattice.ravel().tolist(),
        "species": [element[name] for name in names],
        "frac_coords": fractional.ravel().tolist(),
    }


def _is_one_atom(kind: Mapping[str, Any]) -> bool:
    """Tell whether a species is one bare atom."""
    symbols, shares = kind["chemical_symbols"], kind.get("concentration") or [1.0]
    whole = len(symbols) == len(shares) == 1 and abs(shares[0] - 1) < 1e-3
    return whole and symbols[0] not in ("X", "vacancy") and not kind.get("attached")


def _has_cell(vectors: Any) -> bool:
    """Tell whether there are lattice vectors in three directions."""
    return not isinstance(vectors, list) or not any(v is None or (isinstance(v, list) and None in v) for v in vectors)


def _part(body: Any, name: str) -> dict[str, Any]:
    part = body.get(name) if isinstance(body, dict) else None
    if not isinstance(part, dict):
        raise Fault(f"the answer has no '{name}'", tries=UNFIT)
    return part


def _errors(body: Any) -> list[dict[str, Any]]:
    errors = body.get("errors") if isinstance(body, dict) else None
    return [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
