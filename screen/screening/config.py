"""Configuration of a screening: defaults, then run.toml, then flags."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from kakehashi.catalogs.files.home import share
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties.refused import MAX_REJECTED, check_share
from kakehashi.catalogs.properties.stated_units import parse_units
from kakehashi.catalogs.reading.pulled import default_name
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.descriptors.registry import Convention
from kakehashi.screen.device import check_device
from kakehashi.screen.heads.registry import DEFAULT_HEADS, LINES
from kakehashi.screen.networks.trunk import check_trunk
from kakehashi.screen.scoring.workers.scheduler import SLURM, check_scheduler, check_usable
from kakehashi.screen.scoring.workers.semaphores import find_missing

DEFAULT_SOURCES = ("formation_energy", "volume_per_atom", "melting_temperature")
# Sources of targets with SMILES.
DEFAULT_MOLECULAR_SOURCES = (
    "molecule_thermal_conductivity",
    "molecule_melting_temperature",
    "molecule_refractive_index",
)
# Value of `--source` for no source at all.
NO_SOURCE = ("none",)
# Exit code of a finished run with too much of the catalogue in quarantine.
QUARANTINE_EXCEEDED = 3
# Random keys take 32 bits of a seed.
LARGEST_SEED = 2**32 - 1
# Settings of how and where a run is done, which do not change its results.
INCIDENTAL = ("out", "no_cache", "workers", "scheduler", "insecure_cluster", "device", "max_rejected")
# Settings without effect where empty, so that runs recorded without them can be resumed.
OPTIONAL = ("unit",)
# Settings of files that are written beside the results.
EXPORTING = ("export", "export_top", "structures")
ARCHITECTURES = ("pyramid", "cgcnn")
DEFAULT_NETWORKS = {"pyramid": 50, "cgcnn": 5}
CONVENTIONS = get_args(Convention)


@dataclass(frozen=True, slots=True)
class ScreenConfig:
    """Settings of a screening, named like the flags.

    They decide its results, and where and on which processes it runs.
    """

    target: str = ""
    value: str | None = None
    log: bool = False
    material: tuple[str, ...] | None = None
    folds: str | None = None
    unit: tuple[str, ...] = ()
    max_rejected: float = MAX_REJECTED
    catalog: str = "default"
    source: tuple[str, ...] = ()
    architecture: str = "pyramid"
    trunk: str = "separate"
    networks: int = DEFAULT_NETWORKS["pyramid"]
    convention: str | None = None
    descriptors: str | None = None
    outer_folds: int = 10
    heads: tuple[str, ...] = DEFAULT_HEADS
    rank_by: str = "mean"
    minimise: bool = False
    threshold: float | None = None
    top: int | None = None
    per_system: int | None = None
    filter: tuple[str, ...] = ()
    exclude_elements: tuple[str, ...] = ()
    no_radioactive: bool = False
    limit: int | None = None
    max_quarantine: float = 0.05
    partition_rows: int = 262_144
    export: str | None = None
    export_top: int = 100
    structures: str | None = None
    seed: int = 0
    no_cache: bool = False
    workers: int | None = None
    scheduler: str | None = None
    insecure_cluster: bool = False
    device: str = "auto"
    out: str = ""


def resolve(flags: Mapping[str, Any], file: str | None) -> ScreenConfig:
    """Merge defaults, TOML file and flags, and check them.

    flags : those not None

    Raises
    ------
    UserError : unreadable TOML, unknown key (with the nearest known one), wrong type, or a value out of range.
    """
    merged: dict[str, Any] = from_toml(Path(file), ScreenConfig) if file else {}
    merged.update({name: value for name, value in flags.items() if value is not None})
    for name in ("source", "material", "filter", "exclude_elements", "heads", "unit"):
        if name in merged:
            merged[name] = tuple(merged[name])
    if "exclude_elements" in merged:
        merged["exclude_elements"] = words(merged["exclude_elements"])
    if "heads" in merged:
        merged["heads"] = words(merged["heads"])
    if merged.get("architecture") in DEFAULT_NETWORKS:
        merged.setdefault("networks", DEFAULT_NETWORKS[merged["architecture"]])
    merged.setdefault("catalog", default_name())
    config = ScreenConfig(**merged)
    _check(config)
    return config


def as_dict(config: ScreenConfig) -> dict[str, Any]:
    """Resolved configuration as JSON values."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(config).items()}


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that decide the results, of a configuration as JSON values."""
    return decisive(config, (*INCIDENTAL, *EXPORTING))


def decisive(config: Mapping[str, Any], incidental: Iterable[str]) -> dict[str, Any]:
    """Settings without incidental ones and without optional ones left empty.

    >>> decisive({"seed": 0, "out": "run", "unit": []}, ("out",))
    {'seed': 0}
    """
    return {name: value for name, value in config.items() if name not in incidental and (value or name not in OPTIONAL)}


def exporting(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Settings of files written beside the results."""
    return tuple(config.get(name) for name in EXPORTING)


def exit_code(record: Mapping[str, Any]) -> int:
    """Exit code of a finished run, from its record (run.json)."""
    share = record["catalog"]["quarantined"] / record["catalog"]["rows"]
    return QUARANTINE_EXCEEDED if share > record["config"]["max_quarantine"] else 0


def check_shared(config: Any, least: Mapping[str, int], once: Iterable[str]) -> None:
    """Refuse settings that no kind of run can work with.

    config : of any kind of run, with a seed, heads, a device, units and a share that may be rejected
    least : the smallest value of each setting; once : the settings that name nothing twice
    """
    for name, smallest in least.items():
        if getattr(config, name) < smallest:
            raise UserError(f"--{name.replace('_', '-')}: expected at least {smallest}, got {getattr(config, name)}")
    if config.seed > LARGEST_SEED:
        raise UserError(f"--seed: expected at most {LARGEST_SEED}, got {config.seed}")
    for head in config.heads:
        if head not in LINES:
            raise UserError(f"--heads: expected some of {', '.join(LINES)}, got {head!r}")
    check_device(config.device)
    parse_units(config.unit)
    check_share(config.max_rejected)
    for name in once:
        names = getattr(config, name)
        if len(set(names)) != len(names):
            raise UserError(f"--{name}: given twice: {', '.join(names)}")


def check_workers(workers: int | None, scheduler: str | None, *, insecure: bool = False) -> None:
    """Refuse impossible numbers of workers, and schedulers unsafe to connect to."""
    if workers is not None and workers < 1:
        raise UserError(f"--workers: expected at least 1, got {workers}")
    if workers is not None and scheduler is None and (lack := find_missing()):
        raise UserError(f"--workers: {lack.why}; try: {lack.fix}; or leave --workers out")
    if scheduler is not None:
        check_scheduler(scheduler, insecure=insecure)
    if workers is not None and scheduler not in (None, SLURM):
        raise UserError("expected --workers (on this machine) or --scheduler (elsewhere), got both: choose one")
    if scheduler is not None:
        check_usable(scheduler)


def _check_architecture(config: ScreenConfig) -> None:
    if config.architecture not in ARCHITECTURES:
        raise UserError(f"--architecture: expected one of {', '.join(ARCHITECTURES)}, got {config.architecture!r}")
    if config.architecture == "pyramid":
        return
    if not config.source:
        raise UserError("--architecture cgcnn: expected a --source FILE:COLUMN with structures; none is embedded")
    if config.trunk != "separate":
        raise UserError(f"--architecture cgcnn: expected --trunk separate, got {config.trunk}")
    if config.descriptors is not None:
        raise UserError("--architecture cgcnn: --descriptors is for SMILES")
    if "finetune" in config.heads:
        raise UserError("--architecture cgcnn: expected heads ridge, gp or forest, got finetune")


def from_toml(path: Path, kind: type[Any]) -> dict[str, Any]:
    """Settings of a TOML file for a configuration dataclass.

    UserError names unreadable files, unknown keys and wrong types.
    """
    path = path_of(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--config: cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path}: not valid TOML: {error}") from None
    known = {field.name: field.type for field in fields(kind)}
    settings: dict[str, Any] = {}
    for entry, value in document.items():
        key = entry.replace("-", "_")
        if key == "shared_home":
            if not isinstance(value, bool):
                raise UserError(f"--config {path}: {entry}: expected true or false, got {value!r}")
            if value:
                share()
            continue
        if key in settings:
            raise UserError(f"--config {path}: {entry!r} is given twice, with - and with _")
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known keys: {', '.join(known)}"
            raise UserError(f"--config {path}: unknown key {entry!r}{hint}")
        settings[key] = _typed(path, entry, value, str(known[key]))
    return settings


def _typed(path: Path, key: str, value: Any, kind: str) -> Any:
    """Check a TOML value against a field's annotation.

    kind : a string, by `from __future__ import annotations`
    """
    if kind.startswith("tuple"):
        values = [value] if isinstance(value, str) else value
        if isinstance(values, list) and all(isinstance(item, str) for item in values):
            return values
    elif kind.startswith("float") and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif (
        (kind.startswith("int") and isinstance(value, int) and not isinstance(value, bool))
        or (kind == "bool" and isinstance(value, bool))
        or (kind.startswith("str") and isinstance(value, str))
    ):
        return value
    wanted = kind.removesuffix(" | None").replace("tuple[str, ...]", "list of texts").replace("str", "text")
    raise UserError(f"--config {path}: {key}: expected {wanted}, got {value!r}")


def words(texts: Iterable[str]) -> tuple[str, ...]:
    """Words of texts, each one word or several with commas between.

    >>> words(["Pb, Cd", "Hg"])
    ('Pb', 'Cd', 'Hg')
    """
    return tuple(word.strip() for text in texts for word in text.split(",") if word.strip())


def _check(config: ScreenConfig) -> None:
    if not config.target:
        raise UserError("--target is missing: a name from `kakehashi catalogs list`, or FILE:COLUMN")
    check_shared(config, {"networks": 1, "outer_folds": 2, "partition_rows": 1, "seed": 0}, ("source",))
    check_workers(config.workers, config.scheduler, insecure=config.insecure_cluster)
    check_trunk(config.trunk, 0 if config.source == NO_SOURCE else len(config.source) or len(DEFAULT_SOURCES))
    _check_architecture(config)
    if config.convention not in (None, *CONVENTIONS):
        raise UserError(f"--convention: expected one of {', '.join(CONVENTIONS)}, got {config.convention!r}")
    if not any(LINES[head].direct for head in config.heads):
        frozen_only = [name for name, line in LINES.items() if not line.direct]
        raise UserError(
            f"--heads: expected ridge, gp or another besides {', '.join(frozen_only)} among them, for the models"
            " without transfer"
        )
    if not 0 <= config.max_quarantine <= 1:
        raise UserError(f"--max-quarantine: expected a share from 0 to 1, got {config.max_quarantine}")


def sources_of(given: tuple[str, ...], target: PropertyTable) -> tuple[str, ...]:
    """The sources named, those of the target's kind of material where none are, none where `none` is named."""
    if given == NO_SOURCE:
        return ()
    return given or (DEFAULT_SOURCES if target.molecules is None else DEFAULT_MOLECULAR_SOURCES)
