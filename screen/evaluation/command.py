"""The command line that an evaluation recommends to go on with."""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np

from kakehashi.catalogs.properties.column_units import bare_name
from kakehashi.catalogs.properties.stated_units import parse_units
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.evaluation.config import EvaluateConfig
from kakehashi.screen.evaluation.evaluate import Evaluation
from kakehashi.screen.runs.flags import ALL_SOURCES, MAX_REJECTED, NO_FOUNDATION, NO_SOURCE
from kakehashi.screen.runs.presets import NO_BASELINE
from kakehashi.screen.screening.config import sources_of
from kakehashi.screen.transfer.rows import CHOSEN


def write_command(config: EvaluateConfig, evaluation: Evaluation) -> str:
    """Write the command line to go on with, for this target and these settings.

    It is that of the recommended procedure; where some of the sources are worth keeping, an evaluation of these, which
    were picked with hindsight.
    """
    kept = keep_sources(config, evaluation)
    transferred = kept is not config or evaluation.verdict.recommended == CHOSEN
    units, quantity = evaluation.target.molecules is not None, bare_name(evaluation.target.name)
    verb = "evaluate" if kept is not config else "design" if units and transferred else "screen"
    words: list[str] = ["kakehashi", verb, "--target", config.target]
    words += _table_words(config, evaluation.target, transferred=transferred)
    for spec in kept.source if transferred else NO_SOURCE:
        words += ["--source", spec]
    words += ["--foundation", kept.foundation] if transferred and kept.foundation else []
    words += ["--networks", str(config.networks)] if transferred and (kept.source or not evaluation.knowledge) else []
    words += ["--heads", ",".join(config.heads), "--outer-folds", str(config.outer_folds), "--seed", str(config.seed)]
    if verb == "design":
        # A goal that a tenth of the known values meet, to begin with.
        words += ["--goal", f"{quantity}>{np.quantile(evaluation.target.values, 0.9):.3g}"]
    else:
        words += ["--trunk", config.trunk] if transferred and config.trunk != "separate" else []
        words += ["--convention", config.convention] if config.convention is not None else []
        words += ["--folds", config.folds] if config.folds is not None else []
    if verb == "evaluate":
        words += ["--baselines", ",".join(config.baselines) or NO_BASELINE[0], "--holdout", config.holdout]
        words += ["--top-fraction", f"{config.top_fraction:g}"] if config.holdout == "top" else []
    elif verb == "screen":
        words += ["--catalog", "candidates.csv" if units else "default"]
    folder = f"runs/{quantity.replace('/', '_')}{'-kept' if verb == 'evaluate' else ''}"
    return shlex.join([*words, "--out", folder])


def _table_words(config: EvaluateConfig, target: PropertyTable, *, transferred: bool) -> list[str]:
    """Flags that say how tables are read."""
    words: list[str] = []
    for name, value in (("--value", config.value), ("--descriptors", config.descriptors)):
        words += [name, value] if value is not None else []
    for column in config.material or ():
        words += ["--material", column]
    words += ["--log"] if config.log else []
    for column, unit in parse_units(config.unit).items():  # those of sources only with sources
        words += ["--unit", f"{column}={unit}"] if transferred or column.endswith(target.name) else []
    return [*words, *(["--max-rejected", f"{config.max_rejected:g}"] if config.max_rejected != MAX_REJECTED else [])]


def keep_sources(config: EvaluateConfig, evaluation: Evaluation) -> EvaluateConfig:
    """Leave of several sources what is worth keeping; the configuration itself where that is all or nothing.

    Those of the user's own choice stay together where together they gain.
    """
    kept, knowledge = {worth.source for worth in evaluation.worth if worth.keep}, evaluation.knowledge
    gains = evaluation.verdict.recommended == CHOSEN and not {*config.source} & {*ALL_SOURCES}
    if gains or config.trunk != "separate" or not kept or len(kept) == len(evaluation.worth):
        return config
    specs = sources_of(config.source, evaluation.target, foundation=knowledge is not None)
    if len(specs) != len(evaluation.library.sources):  # tables in memory of one name: no command tells them apart
        return config
    named = zip(specs, evaluation.library.sources, strict=True)
    without = knowledge is not None and knowledge.foundation.name not in kept
    return replace(
        config,
        source=tuple(spec for spec, source in named if source.name in kept),
        foundation=NO_FOUNDATION if without else config.foundation,
    )
