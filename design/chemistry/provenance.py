"""Record of the synthesis of a repeat unit."""

from __future__ import annotations

from typing import NamedTuple


class Provenance(NamedTuple):
    """Synthesis of a repeat unit; "" and () where none is known.

    polymer_class, reaction : in words; monomers : canonical SMILES
    """

    polymer_class: str = ""
    monomers: tuple[str, ...] = ()
    reaction: str = ""
