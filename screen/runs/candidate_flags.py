"""Flags on candidates that commands share: what is read, kept out, listed and proposed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from kakehashi.catalogs.flag import CANDIDATES, USUAL, Flag
from kakehashi.screen.ranking.acquisition_names import ACQUISITIONS, Acquisition


@dataclass(frozen=True, kw_only=True)
class LimitFlags:
    """Rows read of a catalogue."""

    limit: Annotated[
        int | None,
        Flag("Read only the first rows of the catalogue, or the first indices of a virtual one.", CANDIDATES),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ElementFlags:
    """Elements of candidates."""

    exclude_elements: Annotated[
        tuple[str, ...], Flag("Elements no candidate may contain, such as Pb,Cd,Hg.", CANDIDATES, commas=True)
    ] = ()


@dataclass(frozen=True, kw_only=True)
class FilterFlags:
    """Conditions on candidates."""

    filter: Annotated[
        tuple[str, ...],
        Flag(
            "Rank only candidates that meet COLUMN OPERATOR VALUE, such as 'e_above_hull<=0.05' or 'domain!=out';"
            " repeat for several.",
            USUAL,
        ),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class BatchFlags:
    """Experiments proposed next."""

    batch: Annotated[int, Flag("Experiments proposed next, in next.parquet and next.csv.", CANDIDATES, decides=False)]
    by: Annotated[
        Acquisition,
        Flag(
            "Value of a measurement: " + "; ".join(f"{name} ({about})" for name, about in ACQUISITIONS.items()) + ".",
            CANDIDATES,
            decides=False,
        ),
        Parameter(show_choices=False),
    ] = "improvement"
    elements: Annotated[
        bool,
        Flag(
            "Propose elements, compounds of noble gases and gases at room temperature, too; they are ranked in any"
            " case.",
            CANDIDATES,
            decides=False,
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class TopFlags:
    """Length of the ranking."""

    top: Annotated[int | None, Flag("Largest number of candidates listed, best first.", CANDIDATES)] = None
