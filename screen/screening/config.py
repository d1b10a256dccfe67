"""Configuration of a screening run: its flags, and which of them go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Any, get_args

from kakehashi.catalogs.flag import Here
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.descriptors.registry import CONVENTIONS
from kakehashi.screen.device_names import EXACT, Precision
from kakehashi.screen.heads.registry import LINES
from kakehashi.screen.ranking.acquisition_names import ACQUISITIONS, Acquisition
from kakehashi.screen.runs import config as runs
from kakehashi.screen.runs.candidate_flags import BatchFlags, ElementFlags, FilterFlags, LimitFlags, TopFlags
from kakehashi.screen.runs.flags import (
    ALL_SOURCES,
    DEFAULT_SOURCES,
    NO_FOUNDATION,
    NO_SOURCE,
    USUAL_SOURCES,
    CacheFlags,
    DeviceFlags,
    FoldFlags,
    FoundationFlags,
    HeadFlags,
    KnownValueFlags,
    OutFlags,
    PrecisionFlags,
    PresetFlags,
    SeedFlags,
    TableFlags,
    TargetFlags,
    TrunkFlags,
    UsualSourceFlags,
    ValueFlags,
    WorkerFlags,
)
from kakehashi.screen.screening.flags import (
    ArchitectureFlags,
    CatalogFlags,
    ClusterFlags,
    ExportFlags,
    FamilyFlags,
    ModelFlags,
    RankingFlags,
)

# Sources of targets given as SMILES.
DEFAULT_MOLECULAR_SOURCES = (
    "molecule_thermal_conductivity",
    "molecule_melting_temperature",
    "molecule_refractive_index",
)
# Exit code of a finished run with too much of the catalogue in quarantine.
QUARANTINE_EXCEEDED = 3
ARCHITECTURES = ("pyramid", "cgcnn")
# Which candidates are predicted.
SCORING = ALL, IN_DOMAIN = ("all", "in-domain")
DEFAULT_NETWORKS = {"pyramid": 50, "cgcnn": 5}
# Networks per source with `--source all`.
NETWORKS_OF_ALL = 10


@dataclass(frozen=True, kw_only=True)
class ScreenConfig(
    OutFlags, PrecisionFlags, DeviceFlags, ClusterFlags, WorkerFlags, CacheFlags, SeedFlags, ModelFlags, ExportFlags,
    LimitFlags, ElementFlags, TopFlags, FilterFlags, BatchFlags, RankingFlags, FamilyFlags, HeadFlags, FoldFlags,
    TrunkFlags, ArchitectureFlags, KnownValueFlags, FoundationFlags, PresetFlags, UsualSourceFlags, CatalogFlags,
    TableFlags, ValueFlags, TargetFlags,
):  # fmt: skip
    """Flags of a screening run, keys of its TOML file, and `config` in its run.json."""

    networks: Annotated[
        int,
        Here(
            default=", ".join(f"{n} ({name})" for name, n in DEFAULT_NETWORKS.items())
            + f", {NETWORKS_OF_ALL} with --source all"
        ),
    ] = DEFAULT_NETWORKS["pyramid"]
    top: Annotated[int | None, Here(default="all, of a virtual catalogue 1000")] = None
    by: Annotated[Acquisition, Here("The first screen of the report follows it.")] = "chance"
    batch: Annotated[int, Here("Chosen at the end; `kakehashi next` chooses again.")] = 5
    workers: Annotated[int | None, Here(default="none; this process uses all its cores")] = None


EXPORTING = tuple(field.name for field in fields(ExportFlags))
CHOOSING = tuple(field.name for field in fields(BatchFlags))


def exporting(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Select the settings of exported files from a configuration as plain values."""
    return tuple(config.get(name) for name in EXPORTING)


def choosing(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Select the settings of the proposed batch from a configuration as plain values."""
    return tuple(config.get(name) for name in CHOOSING)


def exit_code(record: Mapping[str, Any]) -> int:
    """Return the exit code of the finished run of a record (run.json)."""
    share = record["catalog"]["quarantined"] / record["catalog"]["rows"]
    return QUARANTINE_EXCEEDED if share > record["config"]["max_quarantine"] else 0


# Checks are imported when they are made: help reads this file, and must be quick.


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    from kakehashi.catalogs.reading.pulled import default_name

    return {"catalog": default_name(), "networks": default_networks(values)}


def default_networks(values: Mapping[str, Any]) -> int:
    """Networks per source where none are given, by sources and architecture."""
    if ALL_SOURCES[0] in values.get("source", ()):
        return NETWORKS_OF_ALL
    return DEFAULT_NETWORKS.get(values.get("architecture", ""), DEFAULT_NETWORKS["pyramid"])


def _check(config: ScreenConfig) -> None:
    from kakehashi.screen.networks.trunk import check_trunk
    from kakehashi.screen.runs.checks import check_known, check_shared, check_workers

    if not config.target:
        raise UserError("--target is missing: a name from `kakehashi catalogs list`, or FILE:COLUMN")
    check_shared(config, {"networks": 1, "outer_folds": 2, "partition_rows": 1, "batch": 1, "seed": 0}, ("source",))
    check_workers(config.workers, config.scheduler, insecure=config.insecure_cluster)
    check_trunk(config.trunk, count_sources(config.source))
    check_known("by", config.by, ACQUISITIONS)
    if config.score is not None:
        check_known("score", config.score, SCORING)
    check_known("architecture", config.architecture, ARCHITECTURES)
    check_known("precision", config.precision, get_args(Precision))
    if config.architecture == "cgcnn" and config.foundation not in ("", NO_FOUNDATION):
        raise UserError(f"--architecture cgcnn: foundation networks are for formulas, got {config.foundation!r}")
    if config.architecture == "cgcnn":
        _check_crystal_networks(config)
    check_known("convention", config.convention, CONVENTIONS)
    if not any(LINES[head].direct for head in config.heads):
        frozen_only = [name for name, line in LINES.items() if not line.direct]
        raise UserError(
            f"--heads: expected ridge, gp or another besides {', '.join(frozen_only)} among them, for the models"
            " without transfer"
        )
    if not 0 <= config.max_quarantine <= 1:
        raise UserError(f"--max-quarantine: expected a share from 0 to 1, got {config.max_quarantine}")


def _check_crystal_networks(config: ScreenConfig) -> None:
    if not config.source or {*config.source} & {*USUAL_SOURCES, *ALL_SOURCES}:
        raise UserError("--architecture cgcnn: expected a --source FILE:COLUMN with structures; none is embedded")
    if config.trunk != "separate":
        raise UserError(f"--architecture cgcnn: expected --trunk separate, got {config.trunk}")
    if config.precision != EXACT:
        raise UserError(f"--architecture cgcnn: expected --precision {EXACT}, got {config.precision}")
    if config.descriptors is not None:
        raise UserError("--architecture cgcnn: --descriptors is for formulas and SMILES")
    if "finetune" in config.heads:
        raise UserError("--architecture cgcnn: expected heads ridge, gp or forest, got finetune")


def sources_of(named: tuple[str, ...], target: PropertyTable, *, foundation: bool = False) -> tuple[str, ...]:
    """Choose the sources named, none for `none`, or the usual ones of the target.

    `usual` and `all` stand for the embedded sources of its kind of material, without the target itself.

    foundation : whether foundation networks serve, which need no others
    """
    if named == NO_SOURCE or (foundation and not named):
        return ()
    return tuple(dict.fromkeys(expand_sources(named or USUAL_SOURCES, target)))


def expand_sources(named: Sequence[Any], target: PropertyTable) -> list[Any]:
    """Put the embedded sources, each once, in place of `usual` and `all`; tables and other names stay as they are."""
    words = (*USUAL_SOURCES, *ALL_SOURCES)
    found: list[Any] = []
    for name in named:
        if isinstance(name, str) and name in words:
            taken = {one for one in (*named, *found) if isinstance(one, str)}
            found += [spec for spec in embedded_sources(name, target) if spec not in taken]
        else:
            found.append(name)
    return found


def embedded_sources(word: str, target: PropertyTable) -> tuple[str, ...]:
    """Embedded sources that `usual` or `all` stands for."""
    from kakehashi.catalogs.properties.registry import sources

    crystals = target.molecules is None
    if word in USUAL_SOURCES:
        return DEFAULT_SOURCES if crystals else DEFAULT_MOLECULAR_SOURCES
    of_kind = [name for name, table in sources().items() if (table.attachments is None) == crystals]
    return tuple(name for name in of_kind if name != target.name)


def count_sources(named: tuple[str, ...]) -> int:
    """Smallest number of sources that `named` stands for; the words for embedded ones stand for several."""
    several = not named or {*named} & {*USUAL_SOURCES, *ALL_SOURCES}
    return 0 if named == NO_SOURCE else max(len(named), len(DEFAULT_SOURCES) if several else 0)


resolve = partial(runs.resolve, ScreenConfig, check=_check, defaults=_defaults)
deciding = partial(runs.deciding, ScreenConfig)
