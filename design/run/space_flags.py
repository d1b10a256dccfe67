"""Flags of the space that a design searches: monomers, polymerisations, conditions on repeat units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from kakehashi.catalogs.flag import CANDIDATES, DESIGN, Flag

ANY, REGISTERED, POOL = "any", "registered", "pool"
MONOMERS = (ANY, REGISTERED, POOL)
ON, OFF = "on", "off"
GROWTH = (ON, OFF)


@dataclass(frozen=True, kw_only=True)
class SpaceFlags:
    """Which monomers, which polymerisations, which repeat units."""

    pool: Annotated[
        str | None,
        Flag("Table of monomers: SMILES, optionally columns name and cas.", DESIGN, default="the embedded pool"),
    ] = None
    monomers: Annotated[
        str,
        Flag(
            "Monomers of a proposal: any (molecules of the pool, lengthened and decorated), registered (with a CAS"
            " number, or of --pool), or pool (of --pool alone). The last two switch growth off.",
            DESIGN,
        ),
    ] = ANY
    growth: Annotated[
        str, Flag("off: use the molecules of the pool as they are, without linkers and decorations.", DESIGN)
    ] = ON
    polymer_class: Annotated[
        tuple[str, ...],
        Flag("Polymer classes to propose, such as polyamide,polyimide.", DESIGN, default="all", commas=True),
    ] = ()
    polymerisation: Annotated[
        tuple[str, ...],
        Flag(
            "Polymerisations to propose by, named after their building blocks, such as diamine+dianhydride,lactam.",
            DESIGN,
            default="all",
            commas=True,
        ),
    ] = ()
    contains: Annotated[
        tuple[str, ...],
        Flag("SMARTS that every proposed chain must hold, across repeat units too; repeat for several.", CANDIDATES),
    ] = ()
    without: Annotated[
        tuple[str, ...], Flag("SMARTS that no proposed chain may hold; repeat for several.", CANDIDATES)
    ] = ()
    only_elements: Annotated[
        tuple[str, ...],
        Flag("Elements that a repeat unit may hold, such as C,H,N,O.", CANDIDATES, default="all", commas=True),
    ] = ()
    max_mass: Annotated[float | None, Flag("Largest molar mass of a repeat unit, in g/mol.", CANDIDATES)] = None
    charge_free: Annotated[bool, Flag("Propose no charged atoms but those of nitro groups.", CANDIDATES)] = False
    known: Annotated[
        tuple[str, ...],
        Flag(
            "Table of repeat units (SMILES) that are not new, beside the target's and those with a name; repeat for"
            " several.",
            CANDIDATES,
        ),
    ] = ()

    @property
    def grows(self) -> bool:
        """Whether building blocks are lengthened and decorated."""
        return self.growth == ON and self.monomers == ANY
