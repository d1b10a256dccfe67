"""`kh.check`: a table before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kakehashi.catalogs.properties.refused import check_share
from kakehashi.catalogs.properties.stated_units import Units, parse_units
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.api.candidates import open_candidates
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.screening.config import default_networks, sources_of
from kakehashi.screen.screening.estimate import estimate_cost
from kakehashi.screen.screening.inspection import Inspection, find_conflicts, inspect
from kakehashi.screen.screening.inspection_text import inspection_text
from kakehashi.screen.screening.knowledge import choose_foundation
from kakehashi.screen.screening.model_cost import estimate_megabytes, estimate_model
from kakehashi.screen.screening.tables import as_entry


class TableCheck(Inspection):
    """What a table holds; it shows itself as text."""

    def __repr__(self) -> str:
        """Show the lines of `kakehashi check`."""
        return inspection_text(self)


def check(
    spec: Any,
    *,
    value: str | None = None,
    log: bool = False,
    material: str | Sequence[str] | None = None,
    unit: Units | tuple[str, ...] = None,
    max_rejected: float = 1.0,
    sources: Sequence[str] = (),
    foundation: str = "",
    catalog: Any = None,
    networks: int | None = None,
    descriptors: str | None = None,
) -> TableCheck:
    """Look at a table of target values before a run.

    Parameters
    ----------
    spec, value, log, material, unit : as of `load`: a name, FILE:COLUMN, a path or a data frame
    max_rejected : share of the rows with a value that may be refused; here any, they are listed
    sources, foundation, networks : as of `screen`; the estimate depends on them
    catalog : the candidates; None is what `screen` ranks by default, for a target of formulas
    descriptors : refused where they do not fit the tables

    Raises
    ------
    UserError : the table cannot be read, or has fewer than 10 usable rows.

    Examples
    --------
    >>> import kakehashi as kh
    >>> found = kh.check("ltc", log=True, catalog=["MgO", "BAs"])
    >>> found.materials, len(found.conflicts)
    (31, 0)
    """
    given = as_entry(spec)
    if isinstance(given, PropertyTable):
        raise UserError(f"check: {given.name} is loaded already: give what it was loaded from")
    units = parse_units(unit) if isinstance(unit, tuple) else unit
    limit = check_share(max_rejected)
    target = load_table(given, value=value, log=log, material=material, units=units, max_rejected=limit)
    chosen = choose_foundation(foundation, sources, target, None, descriptors)
    specs = sources_of(tuple(sources), target, foundation=chosen is not None)
    tables = [load_table(source, minimum=1, attachments=(0, 2), units=units) for source in specs]
    convention_for([target, *tables], None, descriptors)
    candidates = None
    if catalog is not None or target.molecules is None:
        candidates = open_candidates(catalog, smiles=target.molecules is not None)
    each = default_networks({"source": tuple(sources)}) if networks is None else networks
    count = each * len(tables)
    model: dict[str, Any] = {"networks": count, "sources": len(tables), "foundation": chosen is not None}
    seconds = estimate_model(len(target), **model)
    cost = estimate_cost(
        candidates, count, None, None, foundation=chosen is not None, model_seconds=seconds,
        model_mb=estimate_megabytes(len(target), **model),
    )  # fmt: skip
    return TableCheck(*inspect(target, tables, candidates, find_conflicts(given, value, material), cost))
