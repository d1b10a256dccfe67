"""Files of a batch of repeat units for those who go on with it: RadonPy, and a chemist."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

CHEMIST = ("class", "reaction", "conditions", "caution", "monomer_1", "monomer_1_name", "monomer_1_cas", "monomer_2",
           "monomer_2_name", "monomer_2_cas", "sa_score")  # fmt: skip
# Conditions that RadonPy's own scripts take where none are given: 300 K, 1 atm, ten atactic chains of 1,000 atoms.
CONDITIONS = {"Temp": 300.0, "Press": 1.0, "NAtom": 1000, "NChain": 10, "Tacticity": "atactic"}


def for_radonpy(batch: pa.Table) -> pa.Table:
    """A row per repeat unit, with the variables that RadonPy's scripts read from the environment.

    Those of its sample scripts qm.py, eq.py and tc.py (RadonPy developers, 2023).
    """
    units = batch["formula"].to_pylist()
    names = [f"unit-{rank}" for rank in batch["rank"].to_pylist()]
    columns: dict[str, Any] = {"DBID": names, "Monomer_ID": names, "SMILES": units}
    columns |= {name: [value] * len(units) for name, value in CONDITIONS.items()}
    return pa.table({f"RadonPy_{name}": values for name, values in columns.items()})


def for_chemist(batch: pa.Table, proposals: pa.Table) -> pa.Table:
    """The batch with the polymerisation and the monomers of each repeat unit."""
    rows = {row["smiles"]: row for row in proposals.to_pylist()}
    chosen = [rows[smiles] for smiles in batch["formula"].to_pylist()]
    names = [name for name in CHEMIST if name in proposals.column_names]
    return pa.table(
        {
            "rank": batch["rank"], "repeat_unit": batch["formula"],
            **{name: pa.array([row[name] for row in chosen], proposals.schema.field(name).type) for name in names},
            **{name: batch[name] for name in ("mean", "lower", "upper", "reason")},
        }
    )  # fmt: skip
