"""How a repeat unit would be made."""

from __future__ import annotations

from typing import NamedTuple


class Provenance(NamedTuple):
    """How a repeat unit would be made: "" and () where none is known."""

    polymer_class: str = ""
    monomers: tuple[str, ...] = ()
    reaction: str = ""
