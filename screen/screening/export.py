"""Export crystal structures of the best candidates as CIF files."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from kakehashi.catalogs.crystals.sites import Sites, formula_of, to_structure
from kakehashi.catalogs.crystals.sites import in_words as reason_of
from kakehashi.catalogs.crystals.structures import PARTS, Pieces, StructureReader, wanted
from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys
from kakehashi.catalogs.reading.parquet_files import in_pieces
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir

FORMATS = ("cif",)
_LONGEST = 80
_AT_ONCE = 256


class ExportCounts(NamedTuple):
    """Outcome of an export of structures.

    written : files; missing : ids without a structure; refused : ids with an unusable one, and why
    """

    written: int
    missing: tuple[str, ...]
    refused: tuple[str, ...]


def check_export(kind: str | None, top: int, structures: str | None, pieces: Pieces | None) -> None:
    """Refuse an export that cannot be made, before any work."""
    if kind is None:
        if structures is not None:
            raise UserError("--structures has a meaning only with --export cif")
        return
    if kind not in FORMATS:
        raise UserError(f"--export: expected {' or '.join(FORMATS)}, got {kind!r}")
    if top < 1:
        raise UserError(f"--export-top: expected at least 1, got {top}")
    if pieces is None:
        raise UserError(
            f"--export {kind}: the catalogue holds no structures ({', '.join(PARTS)}, or structure or cif as text):"
            " give --structures FILE"
        )


def export_cif(rundir: RunDir, pieces: Pieces, top: int) -> ExportCounts:
    """Write `cif/<rank>_<id>.cif` for the first `top` rows of a ranking.

    A structure belongs to a row of its id and its composition; of several the first counts.
    """
    hits = _hits(rundir, top)
    by_id: dict[str, list[dict[str, Any]]] = {}
    for hit in hits:
        by_id.setdefault(hit["id"], []).append(hit)
    refused: dict[int, str] = {}
    written: set[int] = set()
    for row, text, composition, reason in _cifs(wanted(pieces(), by_id)):
        for hit in by_id[str(row["id"])]:
            if hit["rank"] in written:
                continue
            wrong = reason
            if not reason and _key(composition) != _key(hit["formula"]):
                wrong = f"it is a structure of {composition}, not of {hit['formula']}"
            if wrong:
                refused[hit["rank"]] = f"{hit['id']}: {wrong}"
            else:
                rundir.write_text(f"cif/{hit['rank']}_{_safe(hit['id'])}.cif", text)
                written.add(hit["rank"])
    missing = [hit["id"] for hit in hits if hit["rank"] not in written and hit["rank"] not in refused]
    useless = [text for rank, text in sorted(refused.items()) if rank not in written]
    return ExportCounts(len(written), tuple(missing), tuple(useless))


def describe_export(counts: ExportCounts, out: str) -> str:
    """Export counts as one line of text.

    >>> describe_export(ExportCounts(2, ("mp-1",), ()), "run")
    '2 CIF files in run/cif; 1 without a structure (mp-1)'
    """
    words = [f"{counts.written:,} CIF files in {out}/cif"]
    for ids, outcome in ((counts.missing, "without a structure"), (counts.refused, "with one that is of no use")):
        if ids:
            words.append(f"{len(ids):,} {outcome} ({', '.join(ids[:3])}{', ...' if len(ids) > 3 else ''})")
    return "; ".join(words)


def _hits(rundir: RunDir, top: int) -> list[dict[str, Any]]:
    hits: list[dict[str, Any]] = []
    with in_pieces(rundir.path / "ranking.parquet") as file:
        for batch in file.iter_batches(batch_size=min(top, 4096), columns=["rank", "id", "formula"]):
            hits += batch.to_pylist()[: top - len(hits)]
            if len(hits) == top:
                break
    return hits


def _cifs(rows: Iterator[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str, str, str]]:
    """Rows with CIF text and formula, or the reason for none."""
    with StructureReader() as reader:
        while some := list(islice(rows, _AT_ONCE)):
            for row, (sites, reason) in zip(some, reader.read(some), strict=True):
                yield (row, "", "", reason) if sites is None else (row, *_cif(sites))


def _cif(sites: Sites) -> tuple[str, str, str]:
    """CIF text and formula of a structure, or a reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about properties CIF cannot hold
            return to_structure(sites).to(fmt="cif"), formula_of(sites), ""
    except Exception as error:  # the writer may raise anything on a foreign structure
        return "", "", reason_of(error)


def _key(formula: str) -> str:
    parsed = parse_column([formula])
    return reduced_keys(parsed.compositions)[0] if not parsed.reasons[0] else ""


def _safe(name: str) -> str:
    """Id made safe for a file name on any system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:_LONGEST].strip(".-") or "candidate"
