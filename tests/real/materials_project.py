"""The Materials Project's own server code: pulled from through its own client, with structures and when it changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.catalogs.services import KEY, summary
from tests.real.parts import INSTALLED, ROOT, check, environment_of, free_port, listens, started, succeed

PACKAGES = ("emmet-api>=0.86", "mongomock>=4.3")
RECORDS = 2345
# A column and where its value lies in a document.
SAME = {
    "formula": ("formula_pretty",), "e_above_hull": ("energy_above_hull",), "band_gap": ("band_gap",),
    "density": ("density",), "n_sites": ("nsites",), "spacegroup": ("symmetry", "number"),
    "k_vrh": ("bulk_modulus", "vrh"), "g_vrh": ("shear_modulus", "vrh"),
}  # fmt: skip


def run(work: Path) -> list[str]:
    """Pull 2,345 documents among others that must not come; Failed unless each value is that of its document."""
    python = environment_of(INSTALLED / "emmet-api", PACKAGES)
    records = documents()
    home = work / "home"
    home.mkdir()
    said = []
    with serving(python, records, "2026.11.01", work) as environment:
        out = succeed("catalogs", "pull", "mp", home=home, **environment)
        compare(home, records)
        said.append(out.splitlines()[0])
        out = succeed("catalogs", "pull", "mp", home=home, **environment)
        check("nothing to do" in out, "the same database is not asked again", out)
        succeed("catalogs", "pull", "mp", "--structures", home=home, **environment)
        rows = compare(home, records)
        check(
            all(len(row["species"]) == len(row["frac_coords"]) // 3 > 0 for row in rows), "structures come with sites"
        )
        said.append(f"with structures: {len(rows):,} records, as many lattices")
    changed = [{**record, "band_gap": 1.25} if record["material_id"] == "mp-7" else record for record in records[1:]]
    with serving(python, changed, "2026.12.01", work) as environment:
        out = succeed("catalogs", "pull", "mp", "--structures", "--again", home=home, **environment)
        compare(home, changed)
        said.append(next(line for line in out.splitlines() if line.startswith("no longer there")).partition(";")[0])
    return said


def documents() -> list[dict[str, Any]]:
    """Made-up documents of a summary, with the fields that the server itself looks at."""
    made = summary(RECORDS + 5)
    for number, record in enumerate(made):
        record |= {"deprecated": number >= RECORDS, "builder_meta": {"license": "BY-C", "batch_id": None}}
    return made


@contextmanager
def serving(python: Path, records: list[dict[str, Any]], version: str, work: Path) -> Iterator[dict[str, str]]:
    """The environment that leads the client to a server of these documents while the block lasts."""
    file = work / f"documents-{version}.json"
    file.write_text(json.dumps(records))
    port = free_port()
    command = [python, "-P", ROOT / "tests/real/servers/emmet.py", port, file, version]
    with started(command, work / f"emmet-{version}.log", ready=lambda: listens(port)):
        yield {"MP_API_KEY": KEY, "MP_API_ENDPOINT": f"http://127.0.0.1:{port}/"}


def compare(home: Path, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the catalogue; Failed unless they are those of the documents that are not deprecated."""
    import pyarrow.parquet as pq

    base = home / "catalogs" / "mp"
    card = json.loads((base / "card.json").read_text())
    rows: list[dict[str, Any]] = pq.read_table(base / card["folder"]).to_pylist()
    truth = {record["material_id"]: record for record in records if not record["deprecated"]}
    check({row["id"] for row in rows} == set(truth) and len(rows) == len(truth), "each record once", len(rows))
    for row in rows:
        for column, path in SAME.items():
            value: Any = truth[row["id"]]
            for part in path:
                value = value and value[part]
            check(row[column] == value, f"{row['id']}, {column}", (row[column], value))
    return rows
