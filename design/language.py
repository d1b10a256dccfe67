"""A language of repeat units, learned from a corpus, as a proposal of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from catalogs import readers
from catalogs.material_columns import Material, smiles_column
from catalogs.paths import path_of
from catalogs.records import UserError
from catalogs.smiles_text import normalised
from design.config import DesignConfig
from design.proposals import ngram, recurrent
from design.proposals.language import Language, read_corpus

# Units of the reactions that a language learns from where no corpus is given.
DRAWN = 3_000
# Fewer repeat units teach no grammar.
LEAST = 50


def trained(config: DesignConfig) -> Language:
    """An n-gram or a recurrent network trained on the corpus of a configuration, or on units of the reactions.

    Raises
    ------
    UserError : a corpus without a column of SMILES, or with fewer than `LEAST` repeat units that can be represented.
    """
    texts = _read(path_of(config.corpus), config.material) if config.corpus else _drawn(config)
    try:
        reasons = read_corpus(texts).reasons.tolist()
    except ValueError as error:
        raise UserError(f"--corpus {config.corpus}: {error}") from None
    kept = [text for text, reason in zip(texts, reasons, strict=True) if not reason]
    if len(kept) < LEAST:
        first = next((reason for reason in reasons if reason), "")
        raise UserError(
            f"--corpus {config.corpus}: expected at least {LEAST} repeat units, got {len(kept)} of {len(texts)} rows"
            + (f"; first reason: {first}" if first else "")
        )
    if config.proposal == "ngram":
        return ngram.fit(kept)
    return recurrent.train(config.seed, kept)


def _read(path: Path, material: Material) -> list[str]:
    readers.check_file(path)
    names = readers.column_names(path)
    column = smiles_column(names, path, material)
    texts = readers.as_text(readers.read(path, [column])[column], path, column).to_pylist()
    return [normalised(text or "", (2,)) for text in texts]


def _drawn(config: DesignConfig) -> list[str]:
    from design.proposers import reactions

    source = reactions(config)
    rng = np.random.default_rng([config.seed, DRAWN])
    return list(dict.fromkeys(source.smiles(source.draw(rng, DRAWN))))
