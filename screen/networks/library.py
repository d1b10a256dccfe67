"""Property tables to a library of pre-trained networks.

Of one property each, of all at once, or both.
"""

from __future__ import annotations

from collections.abc import Sequence

from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.networks.aliases import marked
from kakehashi.screen.networks.kept import load_or_pretrain
from kakehashi.screen.networks.source import Library, Settings, Trunk
from kakehashi.screen.networks.trunk import check_trunk
from kakehashi.screen.progress import Stage, no_stage


def pretrain_library(
    tables: Sequence[PropertyTable],
    settings: Settings,
    *,
    target: PropertyTable | None = None,
    trunk: Trunk = "separate",
    cache: bool = True,
    stage: Stage = no_stage,
) -> Library:
    """Pre-train every source, or reuse its networks.

    They depend on its own tables and the settings, nothing else.

    Parameters
    ----------
    target : its formulas are removed from every table, and a source that is the target in disguise is marked.
    trunk : "separate" trains networks for each property, "shared" networks that predict all of them at once.
    cache, stage : as in `load_or_pretrain`.

    Raises
    ------
    UserError : fewer than two tables to share a trunk.
    """
    exclude = target.keys if target is not None else ()
    sources = []
    for group in groups(tables, trunk):
        source = load_or_pretrain(group, settings, exclude=exclude, cache=cache, stage=stage)
        sources.append(source if target is None else marked(source, group, target))
    return Library(tuple(sources), settings.convention, settings.seed)


def groups(tables: Sequence[PropertyTable], trunk: Trunk) -> list[tuple[PropertyTable, ...]]:
    """Tables behind each set of networks.

    Those of a shared trunk are sorted by name.
    """
    check_trunk(trunk, len(tables))
    alone = [(table,) for table in tables] if trunk != "shared" else []
    together = [tuple(sorted(tables, key=lambda table: table.name))] if trunk != "separate" else []
    return [*alone, *together]
