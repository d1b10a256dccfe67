"""Parser of CIF and POSCAR texts, run by worker processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kakehashi.catalogs.crystals.cif_reader import read_cif
from kakehashi.catalogs.crystals.poscar_reader import is_poscar, read_poscar
from kakehashi.catalogs.crystals.sites import Sites, in_words, with_volume
from kakehashi.catalogs.files.guarded import ParserTask

MOST_SITES = 100_000
"""Sites of one structure; the largest of the Materials Project have some hundreds."""
TASK = ParserTask("structures", f"{__name__}:prepare_worker", chunk=16, share=128)
"""Chunks are small: a structure takes longer than a SMILES."""


def prepare_worker() -> Callable[[str, Any], Sites | str]:
    """Import pymatgen and return a worker's parser."""
    import pymatgen.core.structure
    import pymatgen.io.cif
    import pymatgen.io.vasp.inputs  # noqa: F401

    return lambda text, _: attempt(text)


def attempt(text: str) -> Sites | str:
    """Parse a CIF or POSCAR: sites, or the reason for refusal."""
    try:
        sites = with_volume(read_poscar(text) if is_poscar(text) else read_cif(text))
    except MemoryError:
        return "reading it takes more memory than a structure is given"
    except (Exception, SystemExit) as error:  # whatever a foreign text makes a parser raise
        return in_words(error)
    if len(sites.species) > MOST_SITES:
        return f"a structure of {len(sites.species):,} sites: at most {MOST_SITES:,} are read"
    return sites
