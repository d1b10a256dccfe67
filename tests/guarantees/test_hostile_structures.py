"""A structure that names a module imports nothing, and one that would end the program ends itself, in every way in."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Run = Callable[..., tuple[int, str, str]]
MODULE = "hostile_module_beside_the_catalogue"
PLANTED = """
import pathlib
pathlib.Path(__file__).with_name("mark").write_text("imported")

class Boom:
    @classmethod
    def from_dict(cls, found):
        raise SystemExit(2)
"""
METALS = ("Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Fe")
WRONG = 2


def structure(metal: str, where: str) -> dict[str, Any]:
    """Rock salt of one anion, which names the module in one place."""
    boom = {"@module": MODULE, "@class": "Boom", "@version": None}
    exits = {"@module": "antigravity", "@class": "sys.exit", "args": [2]}
    sites = [
        {"species": [{"element": element, "occu": 1}], "abc": [place] * 3, "properties": {}, "label": element}
        for element, place in ((metal, 0.0), ("O", 0.5))
    ]
    found: dict[str, Any] = {
        "@module": "pymatgen.core.structure", "@class": "Structure", "sites": sites,
        "lattice": {"matrix": [[0.0, 2.6, 2.6], [2.6, 0.0, 2.6], [2.6, 2.6, 0.0]]},
    }  # fmt: skip
    match where:
        case "top":
            found |= boom
        case "properties":
            found["properties"] = {"x": boom, "y": exits}
        case "site":
            sites[0]["properties"] = {"magmom": boom}
        case "charge":
            found["charge"] = boom
        case "lattice":
            found["lattice"] |= boom
        case "element":
            sites[0]["species"][0]["element"] = boom
        case "state":
            sites[0]["species"][0]["oxidation_state"] = boom
    return found


PLACES = ("top", "properties", "site", "charge", "lattice", "element", "state", "none", "none", "none", "none", "none")
ROWS = [
    (f"h{i:02}", f"{metal}O", structure(metal, where))
    for i, (metal, where) in enumerate(zip(METALS, PLACES, strict=True))
]


def table() -> pa.Table:
    ids, formulas, cells = zip(*ROWS, strict=True)
    texts = [json.dumps(cell) for cell in cells]
    return pa.table({"id": ids, "formula": formulas, "structure": texts, "gap": [float(i) for i in range(len(ids))]})


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the module, first on the path and where the program runs, and hostile rows in every form."""
    (tmp_path / f"{MODULE}.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    pq.write_table(table(), "rows.parquet")
    with Path("rows.csv").open("w", newline="") as stream:
        lines = csv.DictWriter(stream, table().column_names)
        lines.writeheader()
        lines.writerows(table().to_pylist())
    Path("mp.json").write_text(json.dumps([{"material_id": row[0], "structure": row[2]} for row in ROWS]))
    Path("names.csv").write_text("id,formula\n" + "".join(f"{row[0]},{row[1]}\n" for row in ROWS))
    return tmp_path


@pytest.mark.fault
@pytest.mark.parametrize(
    ("catalog", "structures"),
    [
        ("rows.csv", None), ("rows.parquet", None), ("mp.json", None),
        ("names.csv", "rows.csv"), ("names.csv", "rows.parquet"), ("names.csv", "mp.json"),
    ],
)  # fmt: skip
def test_a_screening_imports_nothing(world: Path, screen: Run, catalog: str, structures: str | None) -> None:
    given = ["--structures", structures] if structures else []
    code, said, err = screen(
        "--catalog", catalog, *given, "--out", world / "run", "--export", "cif", "--max-quarantine", 0.5
    )
    assert (code, err) == (0, "")
    record = json.loads((world / "run/run.json").read_text())
    aside = WRONG if catalog == "mp.json" else 0  # where formulas are those of the structures
    assert (record["catalog"]["scored"], record["catalog"]["quarantined"]) == (len(ROWS) - aside, aside)
    assert record["export"]["written"] == len(ROWS) - WRONG
    for reason in record["export"]["refused"]:
        assert "expected the symbol of an element" in reason or "oxidation_state: expected a number" in reason
    assert f"{len(ROWS) - WRONG} CIF files" in said
    assert not (world / "mark").exists()


@pytest.mark.fault
@pytest.mark.parametrize(("catalog", "structures"), [("rows.csv", None), ("rows.parquet", None), ("mp.json", None),
                                                     ("names.csv", "mp.json")])  # fmt: skip
def test_crystal_graphs_import_nothing(world: Path, catalog: str, structures: str | None) -> None:
    from kakehashi.catalogs.candidates.catalog import STRUCTURE
    from kakehashi.catalogs.crystals.tables import parse_rows
    from kakehashi.screen.screening.config import resolve
    from kakehashi.screen.screening.inputs import read_inputs

    target = "rows.parquet" if catalog == "mp.json" else catalog
    flags: dict[str, Any] = {
        "architecture": "cgcnn", "target": f"{'rows.csv' if structures else target}:gap", "source": ["rows.csv:gap"],
        "catalog": catalog, "out": "run", "structures": structures, "max_rejected": 0.5,
    }  # fmt: skip
    inputs = read_inputs(resolve(flags, None))
    assert len(inputs.target) == len(ROWS) - WRONG
    assert len(inputs.target.rejected) == WRONG
    (rows,) = inputs.catalog.batches(100)
    reasons = parse_rows(rows[STRUCTURE].to_pylist(), rows["formula"].to_pylist()).reasons
    assert sum(reason != "" for reason in reasons) == WRONG
    assert not (world / "mark").exists()


@pytest.mark.fault
def test_records_of_a_service_import_nothing(world: Path) -> None:
    from kakehashi.catalogs.pull.materials_project import sites_of
    from kakehashi.catalogs.pull.web import Fault

    for name, formula, found in ROWS:
        if PLACES[int(name[1:])] in ("element", "state"):
            with pytest.raises(Fault, match=f"the structure of {name} cannot be read: site 1: "):
                sites_of(found, name)
        else:
            assert sites_of(found, name)["species"] == [formula[:-1], "O"]
    assert not (world / "mark").exists()
