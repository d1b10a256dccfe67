"""`kh.evaluate`: measure whether transfer helps for a property."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from kakehashi.catalogs.properties.refused import check_share
from kakehashi.screen.descriptors.materials import convention_for
from kakehashi.screen.device import choose
from kakehashi.screen.device_names import Device
from kakehashi.screen.evaluation.config import TOP_FRACTION, Holdout, resolve
from kakehashi.screen.evaluation.run import Board, EvaluationInputs, compare
from kakehashi.screen.heads.registry import DEFAULT_BASELINES, DEFAULT_HEADS
from kakehashi.screen.networks.source import Trunk, tell_apart
from kakehashi.screen.progress import progress_of
from kakehashi.screen.runs.flags import MAX_REJECTED, NO_SOURCE
from kakehashi.screen.screening.config import expand_sources, sources_of
from kakehashi.screen.screening.knowledge import choose_foundation
from kakehashi.screen.screening.tables import as_entry, check_units, load_sources, load_target, specs_of


def evaluate(
    target: Any,
    *,
    sources: Sequence[Any] | None = None,
    networks: int | None = None,
    foundation: str = "",
    trunk: Trunk = "separate",
    unit: Mapping[str, str] | None = None,
    max_rejected: float = MAX_REJECTED,
    heads: Sequence[str] = DEFAULT_HEADS,
    baselines: Sequence[str] = DEFAULT_BASELINES,
    holdout: Holdout = "formula",
    top_fraction: float = TOP_FRACTION,
    outer_folds: int = 10,
    learning_curve: bool = False,
    seed: int = 0,
    convention: str | None = None,
    descriptors: str | None = None,
    cache: bool = True,
    progress: bool = True,
    device: Device = "auto",
) -> Board:
    """Measure whether transfer helps for a property.

    A leaderboard by nested cross-validation, a verdict and what to do. The target's formulas are removed from every
    source before pre-training.

    Parameters
    ----------
    target : a table (`load` reads one with `log=True`, given folds, ...), a name, FILE:COLUMN, a path or a data frame.
    sources : the same each; None for the usual ones of the target's kind of material, empty for none and no
        foundation networks; "all" among them stands for every embedded one, "usual" for the usual.
    networks : per source; None for 50, with "all" 10.
    foundation : as for `transfer`.
    unit : of value columns whose names do not say it, by column or FILE:COLUMN.
    max_rejected : share of the target's rows with a value that may be refused before that is an error.
    heads, trunk, convention, descriptors, cache, progress, device : as for `pretrain` and `transfer`.
    baselines : names of heads that serve descriptors, which the stack has no part in.
    holdout : formula or random, family, element, or top, whose share is `top_fraction`.

    Raises
    ------
    UserError : as `load` and `transfer`, or a target that cannot be held out so.

    Examples
    --------
    >>> import kakehashi as kh
    >>> board = kh.evaluate("ltc", sources=[], heads=("ridge",), baselines=(), outer_folds=2)
    >>> board.leaderboard["name"][0].as_py()
    'direct ridge'
    >>> board.command.split(" --")[0]
    'kakehashi screen'
    """
    choose(device)
    given = as_entry(target)
    table = load_target(given, unit, check_share(max_rejected))
    networks_of_package = choose_foundation(
        foundation, NO_SOURCE if sources is not None and not sources else (), table, convention, descriptors
    )
    usual = sources_of((), table, foundation=networks_of_package is not None)
    asked = [as_entry(source) for source in (usual if sources is None else sources)]
    listed = expand_sources(asked, table)
    tables = load_sources(listed, unit)
    check_units(unit, [given, *listed], [table, *tables])
    named = {id(entry): found.name for entry, found in zip(listed, tables, strict=True)}
    names = [entry if isinstance(entry, str) else named[id(entry)] for entry in asked]
    config = resolve(
        {
            "target": given if isinstance(given, str) else table.name, "log": table.log,
            "source": tuple(dict.fromkeys(names)) or (NO_SOURCE if networks_of_package is None else ()),
            "foundation": foundation, "trunk": trunk, "networks": networks,
            "unit": tuple(f"{column}={text}" for column, text in (unit or {}).items()), "max_rejected": max_rejected,
            "convention": convention, "descriptors": descriptors, "outer_folds": outer_folds, "heads": tuple(heads),
            "baselines": tuple(baselines) or ("none",), "holdout": holdout, "top_fraction": top_fraction,
            "learning_curve": learning_curve, "seed": seed, "no_cache": not cache, "device": device,
        },
        None,
    )  # fmt: skip
    tables = tell_apart(tables, specs_of(listed), taken=table.name)
    inputs = EvaluationInputs(
        table, tuple(tables), convention_for([table, *tables], convention, descriptors), networks_of_package
    )
    board = compare(config, inputs, progress_of(progress))
    checkpoints = [source.checkpoint for source in board.evaluation.library.sources]
    for warning in dict.fromkeys(checkpoint.warning for checkpoint in checkpoints if checkpoint and checkpoint.warning):
        warnings.warn(warning, stacklevel=2)
    return board
