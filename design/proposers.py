"""Which prior a run proposes from, by name."""

from __future__ import annotations

from typing import Any

from catalogs.paths import path_of
from catalogs.records import UserError
from design.config import DesignConfig
from design.polymerisations import POLYMERISATIONS
from design.pool import Pool, read_pool
from design.proposals.reactions import Reactions, embedded_pool


def proposer(config: DesignConfig, pool: Pool | None = None) -> Any:
    """The proposal a configuration asks for; UserError where it cannot be made.

    pool : the file of monomers as read, where that was done
    """
    if config.proposal == "reactions":
        return reactions(config, pool)
    from design.language import trained

    return trained(config)


def reactions(config: DesignConfig, pool: Pool | None = None) -> Reactions:
    """Polymerisations of the embedded pool of monomers, or of a file of SMILES.

    Raises
    ------
    UserError : an unknown polymer class, or a pool nothing can be polymerised from.
    """
    known = list(dict.fromkeys(rule.polymer_class for rule in POLYMERISATIONS))
    for name in config.polymer_class:
        if name not in known:
            raise UserError(f"--polymer-class: expected some of {', '.join(known)}, got {name!r}")
    rules = [rule for rule in POLYMERISATIONS if not config.polymer_class or rule.polymer_class in config.polymer_class]
    if pool is None and config.pool:
        pool = read_pool(path_of(config.pool), config.material)
    molecules = embedded_pool() if pool is None else pool.molecules
    try:
        return Reactions(molecules, rules)
    except ValueError as error:
        where = config.pool or "the embedded pool"
        asked = f" for {', '.join(config.polymer_class)}" if config.polymer_class else ""
        left = "" if pool is None or not pool.rejected else f" ({pool.rejection()})"
        raise UserError(f"{where} ({len(molecules)} molecules){asked}: {error}{left}") from None
