"""From property tables to a library of pre-trained networks."""

from __future__ import annotations

from collections.abc import Sequence

from catalogs.records import PropertyTable
from screen.aliases import marked
from screen.library import Library, Settings
from screen.zoo import Stage, load_or_pretrain, no_stage


def pretrain_library(
    tables: Sequence[PropertyTable],
    settings: Settings,
    *,
    target: PropertyTable | None = None,
    cache: bool = True,
    stage: Stage = no_stage,
) -> Library:
    """Pre-train every source, or reuse its networks; they depend on its own table and the settings, nothing else.

    Parameters
    ----------
    target : its formulas are removed from every source, and a source that is the target in disguise is marked.
    cache, stage : as in `load_or_pretrain`.
    """
    exclude = target.keys if target else ()
    sources = [load_or_pretrain(table, settings, exclude=exclude, cache=cache, stage=stage) for table in tables]
    if target:
        sources = [marked(source, table, target) for source, table in zip(sources, tables, strict=True)]
    return Library(tuple(sources), settings.convention, settings.seed)
