"""Make the prior that a run proposes from, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.molecules.text import normalised
from kakehashi.catalogs.properties.material_columns import Material, smiles_column
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.pool import Pool, read_pool
from kakehashi.design.proposals.language import ngram, recurrent
from kakehashi.design.proposals.language.corpus import read_corpus
from kakehashi.design.proposals.language.language import Language
from kakehashi.design.proposals.reactions.reactions import Reactions, embedded_pool
from kakehashi.design.run.config import DesignConfig
from kakehashi.design.run.space import wanted_rules

# Units drawn from the reactions as the corpus of a language model where none is given.
DRAWN = 3_000
# Fewest repeat units of a corpus.
LEAST = 50


def proposer(config: DesignConfig, pool: Pool | None = None) -> Any:
    """Make the proposal that a configuration names.

    UserError where it cannot be made.

    pool : the file of monomers as read, where that was done
    """
    if config.proposal == "reactions":
        return reactions(config, pool)
    return trained(config)


def reactions(config: DesignConfig, pool: Pool | None = None) -> Reactions:
    """Polymerisations of the embedded pool, or of a file of monomers.

    Raises
    ------
    UserError : an unknown class or polymerisation, or a pool nothing can be polymerised from.
    """
    rules = wanted_rules(config)
    if pool is None and config.pool:
        pool = read_pool(path_of(config.pool), config.material)
    molecules = embedded_pool() if pool is None else pool.molecules
    try:
        return Reactions(molecules, rules, growth=config.grows)
    except ValueError as error:
        where = config.pool or "the embedded pool"
        asked = (*config.polymer_class, *config.polymerisation)
        scope = f" for {', '.join(asked)}" if asked else ""
        left = "" if pool is None or not pool.rejected else f" ({pool.rejection()})"
        raise UserError(f"{where} ({len(molecules)} molecules){scope}: {error}{left}") from None


def trained(config: DesignConfig) -> Language:
    """Train a language model on the corpus of a configuration.

    Without a corpus, on units drawn from the reactions.

    Raises
    ------
    UserError : a corpus without a column of SMILES, or with fewer than `LEAST` repeat units that can be represented.
    """
    texts = _corpus(path_of(config.corpus), config.material) if config.corpus else _drawn(config)
    try:
        reasons = read_corpus(texts).reasons.tolist()
    except ValueError as error:
        raise UserError(f"--corpus {config.corpus}: {error}") from None
    units = [text for text, reason in zip(texts, reasons, strict=True) if not reason]
    if len(units) < LEAST:
        first = next((reason for reason in reasons if reason), "")
        raise UserError(
            f"--corpus {config.corpus}: expected at least {LEAST} repeat units, got {len(units)} of {len(texts)} rows"
            + (f"; first reason: {first}" if first else "")
        )
    if config.proposal == "ngram":
        return ngram.fit(units)
    return recurrent.train(config.seed, units)


def _corpus(path: Path, material: Material) -> list[str]:
    readers.check_file(path)
    names = readers.column_names(path)
    column = smiles_column(names, path, material)
    texts = readers.as_text(readers.read(path, [column])[column], path, column).to_pylist()
    return [normalised(text or "", (2,)) for text in texts]


def _drawn(config: DesignConfig) -> list[str]:
    source = reactions(config)
    rng = np.random.default_rng([config.seed, DRAWN])
    return [unit for unit in dict.fromkeys(source.smiles(source.draw(rng, DRAWN))) if unit]
