"""Registry of the tables that come with the package.

A new table is a file here, and a line in `SOURCES` or `CANDIDATES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from kakehashi.catalogs.properties import inorganic, molecules, transport
from kakehashi.catalogs.properties.source_table import CandidateList, SourceTable

SOURCES: tuple[Mapping[str, SourceTable], ...] = (
    inorganic.SOURCES,
    transport.SOURCES,
    molecules.SOURCES,
)
CANDIDATES: tuple[Mapping[str, CandidateList], ...] = (transport.CANDIDATES,)

T = TypeVar("T")


def sources() -> dict[str, SourceTable]:
    """Return the source tables by name."""
    return _merge(SOURCES)


def candidate_lists() -> dict[str, CandidateList]:
    """Return the lists of candidates by name."""
    return _merge(CANDIDATES)


def _merge(parts: tuple[Mapping[str, T], ...]) -> dict[str, T]:
    merged: dict[str, T] = {}
    for part in parts:
        if twice := merged.keys() & part.keys():
            raise ValueError(f"two tables are called {min(twice)!r}")
        merged |= part
    return merged
