"""The summary of the Materials Project, through its own client but paged here.

The client's own pager loses records without a word where a page is short, empty or comes twice, and an unfiltered
search leaves the service for files elsewhere and ignores the fields asked for: so single pages are asked for, by
number of records, sorted by id, and the query always has a filter.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from kakehashi.catalogs.crystals.sites import of_mapping
from kakehashi.catalogs.pull.answers import DISORDERED, REAL, TEXT, WHOLE, identifier, null, table_of, typed
from kakehashi.catalogs.pull.pages import Page
from kakehashi.catalogs.pull.web import NO_JSON, UNFIT, Fault, Secret, Session, check_url, parse
from kakehashi.catalogs.reading.pulled import Column, schema_of
from kakehashi.catalogs.records import UserError

KEY, ENDPOINT = "MP_API_KEY", "MP_API_ENDPOINT"
PUBLIC = "https://api.materialsproject.org/"
LICENCE = "terms of use: https://next-gen.materialsproject.org/about/terms"
CITATION = "Jain et al., APL Materials 1, 011002 (2013)"
PAGE_ROWS, STRUCTURE_ROWS = 1000, 200
_GET_ONE = "get one at https://next-gen.materialsproject.org/api and `export MP_API_KEY=...`"
_ADVICE = {
    401: f"the key in {KEY} is missing or wrong: {_GET_ONE}",
    403: f"the key in {KEY} is not accepted, or this network is blocked: {_GET_ONE}",
}

COLUMNS = (
    Column("id", TEXT),
    Column("formula", TEXT),
    Column("e_above_hull", REAL, "eV/atom", "", "energy above the convex hull"),
    Column("formation_energy_per_atom", REAL, "eV/atom", "formation_energy", "formation energy"),
    Column("band_gap", REAL, "eV"),
    Column("density", REAL, "g/cm3"),
    Column("volume", REAL, "A3", "", "volume of the cell"),
    Column("n_sites", WHOLE, "1"),
    Column("spacegroup", WHOLE, "", "", "number of the space group"),
    Column("total_magnetization", REAL, "muB", "", "of the cell"),
    Column("efermi", REAL, "eV", "fermi_energy"),
    Column("energy_per_atom", REAL, "eV/atom", "total_energy", "total energy, corrected"),
    Column("k_vrh", REAL, "GPa", "bulk_modulus", "Voigt-Reuss-Hill average"),
    Column("g_vrh", REAL, "GPa", "shear_modulus", "Voigt-Reuss-Hill average"),
    Column("e_total", REAL, "1", "dielectric_constant"),
    Column("e_electronic", REAL, "1", "electronic_dielectric_constant"),
    Column("n", REAL, "1", "refractive_index"),
    Column("last_updated", TEXT),
)
STRUCTURE = (
    Column("lattice", pa.list_(REAL), "A"),
    Column("species", pa.list_(TEXT)),
    Column("frac_coords", pa.list_(REAL)),
)
# Places of columns in a record, where they have another name.
_PATHS = {
    "id": "material_id",
    "formula": "formula_pretty",
    "e_above_hull": "energy_above_hull",
    "n_sites": "nsites",
    "spacegroup": "symmetry.number",
    "k_vrh": "bulk_modulus.vrh",
    "g_vrh": "shear_modulus.vrh",
}
# Fields of few materials, absent from the records of others; all else is there, at least as null.
_OPTIONAL = frozenset({"bulk_modulus", "shear_modulus", "e_total", "e_electronic", "n"})


def key_from(environment: Mapping[str, str]) -> Secret:
    """Return the key in MP_API_KEY; UserError code 5 without."""
    text = environment.get(KEY, "").strip()
    if not text:
        raise UserError(f"{KEY} is not set: {_GET_ONE}", 5)
    if len(text) != 32 or not text.isascii() or not text.isprintable():
        raise UserError(f"{KEY} holds {len(text)} characters, a key has 32: {_GET_ONE}", 5)
    return Secret(text)


class Summary:
    """Pages of all materials that are not deprecated."""

    first = "0"
    licence = ""

    def __init__(self, key: Secret, *, endpoint: str = "", structures: bool = False, seconds: float = 60.0) -> None:
        self.name = "the Materials Project"
        self.columns = COLUMNS + STRUCTURE if structures else COLUMNS
        self.schema = schema_of(self.columns)
        self._endpoint = (endpoint or os.environ.get(ENDPOINT, "").strip() or PUBLIC).rstrip("/") + "/"
        check_url(self._endpoint)
        self._limit = STRUCTURE_ROWS if structures else PAGE_ROWS
        self._key = key
        self._session = Session(seconds=seconds, advice=_ADVICE, secret=key)
        self._session.headers["x-api-key"] = key.reveal()
        paths = [_PATHS.get(c.name, c.name) for c in COLUMNS] + (["structure"] if structures else [])
        self._fields = list(dict.fromkeys(path.partition(".")[0] for path in paths))
        self.query: Mapping[str, Any] = {
            "service": self._endpoint,
            "fields": self._fields,
            "columns": [c.name for c in self.columns],
            "rows per page": self._limit,
        }
        self._rester: Any = None
        self._beat: dict[str, Any] = {}

    def version(self) -> str:
        """Ask for the version of the database."""
        beat = parse(self._session.get(f"{self._endpoint}heartbeat"))
        version = beat.get("db_version") if isinstance(beat, dict) else None
        if not isinstance(version, str) or not version.isprintable():
            raise Fault(f"the heartbeat names no version of the database (db_version: {version!r:.50})", tries=UNFIT)
        self._beat = beat
        return version

    def page(self, cursor: str) -> Page:
        """Ask for the records from a number on."""
        skip = int(cursor)
        records, total = self._ask(skip)
        expected = min(self._limit, total - skip)
        if 0 < len(records) < expected:
            raise Fault(f"a page of {len(records):,} records where {expected:,} were due")
        absent = [f for f in self._fields if f not in _OPTIONAL and not any(f in record for record in records)]
        if records and absent:
            raise Fault(
                f"the records have no field '{absent[0]}': it may have been renamed",
                tries=UNFIT,
                advice="try a newer mp-api, or report it; nothing was filled in",
            )
        rows = [self._row(record, skip + number) for number, record in enumerate(records)]
        remarks = Counter(
            remark for record, row in zip(records, rows, strict=True) for remark in self._lacks(record, row)
        )
        following = skip + len(records)
        table = table_of(rows, self.schema)
        return Page(table, str(following) if following < total else "", total, following < total, remarks)

    def _ask(self, skip: int) -> tuple[list[dict[str, Any]], int]:
        # Fields as a criterion: as `fields` the client would build a schema for each request, which takes seconds.
        criteria = {
            "_fields": ",".join(self._fields),
            "_limit": self._limit,
            "_skip": skip,
            "_sort_fields": "material_id",
        }
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answer = self._client()._query_resource(
                    {"deprecated": False, **criteria}, num_chunks=1, chunk_size=self._limit, use_document_model=False
                )
        except Fault:
            raise
        except (ValueError, RecursionError):
            # The client refuses a whole page for one lone surrogate; `parse` shows the record that holds it.
            if self._session.answer is None or self._session.answer.status_code != 200:
                raise Fault(NO_JSON) from None
            answer = parse(self._session.answer)
        except Exception as error:  # the client does not know a field, or did not expect the answer
            message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise Fault(self._key.struck_from(message), tries=UNFIT) from None
        records = answer.get("data") if isinstance(answer, dict) else None
        meta = answer.get("meta") if isinstance(answer, dict) else None
        total = meta.get("total_doc") if isinstance(meta, dict) else None
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise Fault("the answer holds no list 'data' of records", tries=UNFIT)
        if not isinstance(total, int) or isinstance(total, bool) or total < 0:
            raise Fault("the answer does not say how many records there are (meta.total_doc)", tries=UNFIT)
        return records, total

    def _client(self) -> Any:
        """Return the client for the summary; importing takes seconds."""
        if self._rester is None:
            from mp_api.client.routes.materials.summary import SummaryRester

            beat = self._beat

            class Rester(SummaryRester):  # type: ignore[misc]  # the client has no types to check
                """Client without its own heartbeat, which could hang."""

                @staticmethod
                def _get_heartbeat_info(endpoint: str) -> tuple[str, list[str]]:
                    return str(beat.get("db_version", "")), list(beat.get("access_controlled_batch_ids") or ())

            self._rester = Rester(
                self._key.reveal(), endpoint=self._endpoint, session=self._session, use_document_model=False,
                mute_progress_bars=True,
            )  # fmt: skip
            if unknown := set(self._fields) - set(self._rester.document_model.model_fields):
                raise Fault(
                    f"this mp-api does not know the field '{min(unknown)}'", tries=1, advice="use another mp-api"
                )
        return self._rester

    def _row(self, record: dict[str, Any], number: int) -> dict[str, Any]:
        id = identifier(record.get("material_id"), f"record {number:,}, field 'material_id'")
        row = {c.name: _value(record, c, id) for c in COLUMNS}
        if len(self.columns) > len(COLUMNS):
            try:
                row |= sites_of(record.get("structure"), id)
            except OverflowError:
                raise Fault(f"the structure of {id} cannot be read: a number is too large", tries=UNFIT) from None
        return row

    def _lacks(self, record: dict[str, Any], row: dict[str, Any]) -> Iterator[str]:
        """Yield remarks on fields that every record should have."""
        if row["formula"] is None:
            yield null("formula_pretty")
        if len(self.columns) > len(COLUMNS) and row["lattice"] is None:
            yield null("structure") if record.get("structure") is None else DISORDERED


def _value(record: dict[str, Any], column: Column, id: str) -> Any:
    where = f"record {id}, column '{column.name}'"
    value = _at(record, _PATHS.get(column.name, column.name), f"record {id}")
    if column.kind == TEXT and isinstance(value, dict) and isinstance(value.get("$date"), str):
        value = value["$date"]
    return typed(value, column.kind, where)


def _at(record: dict[str, Any], path: str, where: str) -> Any:
    value: Any = record
    for part in path.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Fault(f"{where}, field '{path}': expected parts, got {str(value)[:50]!r}", tries=UNFIT)
        if part not in value and value is not record:
            raise Fault(f"{where}, field '{path}' has no part '{part}': it may have been renamed", tries=UNFIT)
        value = value.get(part)
    return value


def sites_of(structure: Any, id: str) -> dict[str, Any]:
    """Return the structure columns of a pymatgen structure's mapping.

    Empty where there is none; Fault where it is broken.

    A site that several species share has no column: such a structure is left out.
    """
    if structure is None:
        return {"lattice": None, "species": None, "frac_coords": None}
    try:
        sites = of_mapping(structure)
    except ValueError as error:
        raise Fault(f"the structure of {id} cannot be read: {error}") from None
    if any(len(shared) != 1 or shared[0][2] != 1 for shared in sites.species):
        return {"lattice": None, "species": None, "frac_coords": None}
    species = [shared[0][0] for shared in sites.species]
    return {"lattice": list(sites.lattice), "species": species, "frac_coords": list(sites.positions)}
