"""Configuration of a screening run: defaults, then run.toml, then flags; unknown keys are refused."""

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
from kakehashi.catalogs.records import UserError
from kakehashi.screen.descriptors.registry import Convention
from kakehashi.screen.device import check_device
from kakehashi.screen.heads.registry import DEFAULT_HEADS, LINES
from kakehashi.screen.networks.trunk import check_trunk
from kakehashi.screen.scoring.workers.scheduler import SLURM, check_scheduler, check_usable
from kakehashi.screen.scoring.workers.semaphores import missing

DEFAULT_SOURCES = ("formation_energy", "volume_per_atom", "melting_temperature")
# Of targets given as SMILES.
DEFAULT_MOLECULAR_SOURCES = (
    "molecule_thermal_conductivity",
    "molecule_melting_temperature",
    "molecule_refractive_index",
)
# What `--source` is given to use none at all.
NO_SOURCE = ("none",)
# Exit code of a run that finished with more of the catalogue in quarantine than allowed.
QUARANTINE_EXCEEDED = 3
# Random keys hold 32 bits of a seed.
LARGEST_SEED = 2**32 - 1
# Settings of how and where a run is done, which change nothing in it.
INCIDENTAL = ("out", "no_cache", "workers", "scheduler", "insecure_cluster", "device", "max_rejected")
# Settings that decide nothing where they are not given: runs from before there were any can be gone on with.
OPTIONAL = ("unit",)
# Settings of files that are written beside the results.
EXPORTING = ("export", "export_top", "structures")
ARCHITECTURES = ("pyramid", "cgcnn")
DEFAULT_NETWORKS = {"pyramid": 50, "cgcnn": 5}
CONVENTIONS = get_args(Convention)


@dataclass(frozen=True, slots=True)
class ScreenConfig:
    """Everything that decides a run's results, and where and by whom it is done. Names equal the flags'."""

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
    """Merge defaults, the TOML file and the flags that were given (not None), and check the result.

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
    """The resolved configuration as plain JSON values."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(config).items()}


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the results, of a configuration as plain values."""
    return decisive(config, (*INCIDENTAL, *EXPORTING))


def decisive(config: Mapping[str, Any], incidental: Iterable[str]) -> dict[str, Any]:
    """Settings without those that change nothing, by their kind or because they are not given."""
    return {name: value for name, value in config.items() if name not in incidental and (value or name not in OPTIONAL)}


def exporting(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is to be written beside the results, of a configuration as plain values."""
    return tuple(config.get(name) for name in EXPORTING)


def exit_code(record: Mapping[str, Any]) -> int:
    """Exit code of the finished run of a record (run.json)."""
    share = record["catalog"]["quarantined"] / record["catalog"]["rows"]
    return QUARANTINE_EXCEEDED if share > record["config"]["max_quarantine"] else 0


def check_shared(config: Any, least: Mapping[str, int], once: Iterable[str]) -> None:
    """Refuse what no run can be done with.

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
        given = getattr(config, name)
        if len(set(given)) != len(given):
            raise UserError(f"--{name}: given twice: {', '.join(given)}")


def check_workers(workers: int | None, scheduler: str | None, *, insecure: bool = False) -> None:
    """Refuse a number of workers that cannot be, workers in two places, or a scheduler that is not safe to talk to."""
    if workers is not None and workers < 1:
        raise UserError(f"--workers: expected at least 1, got {workers}")
    if workers is not None and scheduler is None and (lack := missing()):
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
    """Values of a TOML file for the fields of a configuration, a dataclass; UserError says what is wrong with it."""
    path = path_of(path)
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--config: cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path}: not valid TOML: {error}") from None
    known = {field.name: field.type for field in fields(kind)}
    found: dict[str, Any] = {}
    for given, value in read.items():
        key = given.replace("-", "_")
        if key == "shared_home":
            if not isinstance(value, bool):
                raise UserError(f"--config {path}: {given}: expected true or false, got {value!r}")
            if value:
                share()
            continue
        if key in found:
            raise UserError(f"--config {path}: {given!r} is given twice, with - and with _")
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known keys: {', '.join(known)}"
            raise UserError(f"--config {path}: unknown key {given!r}{hint}")
        found[key] = _typed(path, given, value, str(known[key]))
    return found


def _typed(path: Path, key: str, value: Any, kind: str) -> Any:
    """Check a TOML value against the field's annotation (a string, by `from __future__ import annotations`)."""
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
    """Words, each text one word or several with commas between."""
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
