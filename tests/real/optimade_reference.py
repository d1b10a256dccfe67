"""The reference server of OPTIMADE: pulled from with structures, filters and pages, and where its counts are slow."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.real.parts import (
    INSTALLED,
    ROOT,
    at_home,
    called,
    check,
    environment_of,
    free_port,
    kakehashi,
    listens,
    started,
    succeed,
)

PACKAGES = ("optimade[server]>=1.3", "mongomock>=4.3")
SLOW = "never said how many records there are"


def run(work: Path) -> list[str]:
    """Pull from it in every mode; Failed unless each catalogue holds what the server's own data file does."""
    python = environment_of(INSTALLED / "optimade", PACKAGES)
    file = next((INSTALLED / "optimade").glob("lib/python3*/site-packages/optimade/server/data/test_structures.json"))
    truth = {record["task_id"]: record for record in json.loads(file.read_text())}
    said = [f"{len(truth)} structures of the server's own test data"]
    for mode in ("fast", "slow-later", "slow-always"):
        with tempfile.TemporaryDirectory(dir=work) as folder, serving(python, mode, work) as url:
            said += [f"{mode} counts: {line}" for line in tried(url, mode, truth, Path(folder))]
            said.append(f"{mode} counts: {killed(url, truth, Path(folder), work)}")
    return said


@contextmanager
def serving(python: Path, mode: str, work: Path) -> Iterator[str]:
    """The address of the server while the block lasts."""
    port = free_port()
    command = [python, "-P", ROOT / "tests/real/servers/optimade_reference.py", port, mode]
    with started(command, work / f"optimade-{mode}.log", ready=lambda: listens(port), seconds=120):
        yield f"http://127.0.0.1:{port}"


def tried(url: str, mode: str, truth: dict[str, Any], home: Path) -> list[str]:
    """Pull all, by a filter, again and by too large a page."""
    words = ("catalogs", "pull", "optimade", "--url", url, "--structures", "--pause", 0.001)
    said = []
    for page in (5, len(truth)):  # the server says that more follow a full page that it did not count
        out = succeed(*words, "--page", page, "--name", f"all-{page}", home=home)
        check((SLOW in out) == (mode == "slow-always"), f"says that it was not counted where it was not ({mode})", out)
        compare(home, f"all-{page}", truth)
        said.append(out.splitlines()[0] + (f"; {SLOW}" if SLOW in out else ""))
    chosen = {id: record for id, record in truth.items() if "Ag" in record["elements"] and record["nelements"] > 2}
    query = 'elements HAS "Ag" AND nelements>2'
    out = succeed(*words, "--page", 2, "--name", "silver", "--filter", query, home=home)
    compare(home, "silver", chosen)
    said.append(f"{query}: {len(chosen)} records")
    record = json.loads(succeed(*words, "--page", 5, "--name", "all-5", "--json", home=home))
    compare(home, "all-5", truth)
    changes = record["since_former"]
    check(changes["unchanged"] == len(truth) and not changes["new"], "the same records when pulled again", record)
    said.append(f"pulled again: {record['asked']} requests, {changes['unchanged']} as before")
    code, _, error = called(*words, "--page", 1000, "--name", "large", home=home)
    check(
        code == 5 and "--page 500" in error and error.count("asking again") == 0, "too large a page, said once", error
    )
    said.append(error.splitlines()[-1])
    return said


def killed(url: str, truth: dict[str, Any], home: Path, work: Path) -> str:
    """Kill a pull midway and run it again: it goes on behind the pages that it kept."""
    words = ["catalogs", "pull", "optimade", "--url", url, "--structures", "--page", 2, "--name", "killed"]
    kept = home / "catalogs" / "killed" / "pulling" / "pages"
    slowly, log = kakehashi(*words, "--pause", 1), work / "killed.log"
    with started(slowly, log, at_home(home), ready=lambda: len(list(kept.glob("*.parquet"))) > 2) as one:
        one.kill()
        one.wait()
    held = len(list(kept.glob("*.parquet")))
    record = json.loads(succeed(*words, "--pause", 0.001, "--json", home=home))
    compare(home, "killed", truth)
    check(held + record["asked"] == math.ceil(len(truth) / 2), "no page is asked for twice", (held, record["asked"]))
    return f"killed after {held} pages: the same command asked for the other {record['asked']}"


def compare(home: Path, name: str, truth: dict[str, Any]) -> None:
    """Failed unless a catalogue holds exactly those records: formulas, lattices, species, positions."""
    import pyarrow.parquet as pq

    base = home / "catalogs" / name
    card = json.loads((base / "card.json").read_text())
    rows = pq.read_table(base / card["folder"]).to_pylist()
    check({row["id"] for row in rows} == set(truth) and len(rows) == len(truth), f"{name}: each record once", len(rows))
    for row in rows:
        own = truth[row["id"]]
        check(row["formula"] == own["pretty_formula"], "the formula", row)
        check(row["n_sites"] == own["nsites"] == len(row["species"] or ()), "the number of sites", row)
        lattice = [row["lattice"][i : i + 3] for i in (0, 3, 6)]
        check(lattice == own["lattice_vectors"], "the lattice", row)
        symbol = {kind["name"]: kind["chemical_symbols"][0] for kind in own["species"]}
        check(row["species"] == [symbol[name] for name in own["species_at_sites"]], "the species", row)
        for k, place in enumerate(own["cartesian_site_positions"]):
            abc = row["frac_coords"][3 * k : 3 * k + 3]
            back = [sum(abc[i] * lattice[i][axis] for i in range(3)) for axis in range(3)]
            check(all(math.isclose(a, b, abs_tol=1e-8) for a, b in zip(back, place, strict=True)), "the sites", row)
