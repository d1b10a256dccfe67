"""Flags that commands share, each declared here and nowhere else, in groups that configurations inherit.

A dataclass collects its fields from its last base to its first: bases are listed in reverse order of `--help`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from kakehashi.catalogs.cli.flags import OverwriteFlags, ProgressFlags
from kakehashi.catalogs.flag import COMPUTING, MODELS, NETWORKS, OUTPUT, TARGET, USUAL, Flag, Here
from kakehashi.screen.descriptors.registry import CONVENTIONS, DEFAULT, DEFAULT_CONVENTION, descriptors_help
from kakehashi.screen.device_names import EXACT, Device, Precision
from kakehashi.screen.heads.registry import DEFAULT_HEADS, heads_help

# Largest share of a target's rows with a value that may be refused.
MAX_REJECTED = 0.1
# `--source none`: no source at all; `--foundation none`: no foundation networks.
NO_SOURCE = ("none",)
NO_FOUNDATION = "none"
# `--source usual`, `--source all`: the usual embedded sources of the target's kind of material, and all of them.
USUAL_SOURCES, ALL_SOURCES = ("usual",), ("all",)
# Sources of targets of formulas without foundation networks.
DEFAULT_SOURCES = ("formation_energy", "volume_per_atom", "melting_temperature")


@dataclass(frozen=True, kw_only=True)
class MaterialFlags:
    """Column of materials."""

    material: Annotated[
        tuple[str, ...] | None,
        Flag(
            "Column of formulas or SMILES, if its name does not tell (formula, composition, pretty_formula, smiles,"
            " psmiles, repeat_unit ...). Repeat it for files with other names; the first column a file has counts.",
            TARGET,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class TableFlags(MaterialFlags):
    """Reading of tables."""

    unit: Annotated[
        tuple[str, ...],
        Flag(
            "COLUMN=UNIT or FILE:COLUMN=UNIT: unit of a value column whose name does not state it, such as tg=degC;"
            " repeat for several.",
            TARGET,
            optional=True,
        ),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class ValueFlags:
    """Reading of target values."""

    value: Annotated[str | None, Flag("Column of target values, if not given as FILE:COLUMN.", TARGET)] = None
    log: Annotated[bool, Flag("Fit ln(value): for positive properties that span orders of magnitude.", USUAL)] = False
    max_rejected: Annotated[
        float,
        Flag(
            "Largest share of target rows with a value that may be unusable before the command fails.",
            TARGET,
            decides=False,
        ),
    ] = MAX_REJECTED


@dataclass(frozen=True, kw_only=True)
class TargetFlags:
    """One target."""

    target: Annotated[
        str,
        Flag(
            "Property to predict: a name from `kakehashi catalogs list`, or FILE:COLUMN of a table (.csv, .tsv, also"
            " .gz, .xlsx, .parquet, or a folder of Parquet).",
            USUAL,
        ),
    ] = ""


@dataclass(frozen=True, kw_only=True)
class FoldFlags:
    """Given folds."""

    folds: Annotated[
        str | None, Flag("Column of the target with fold numbers for the outer cross-validation.", MODELS)
    ] = None


@dataclass(frozen=True, kw_only=True)
class NetworkFlags:
    """Number of networks; each command sets its default."""

    networks: Annotated[int, Flag("Networks pre-trained per source, or per group that shares its layers.", NETWORKS)]


@dataclass(frozen=True, kw_only=True)
class SourceFlags(NetworkFlags):
    """Sources, and descriptors of materials."""

    source: Annotated[
        tuple[str, ...],
        Flag(
            "Plentiful property to pre-train on: a name, FILE:COLUMN or FILE:log(COLUMN), where FILE may be a pulled"
            " catalogue, such as mp:k_vrh; repeat for several.",
            USUAL,
        ),
    ] = ()
    descriptors: Annotated[
        str | None,
        Flag(descriptors_help(), NETWORKS, default=f"{DEFAULT}; of SMILES ecfp4@ring/atom+rdkit@dimer/atom+backbone"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class TrunkFlags:
    """Shared layers, and amounts of formulas."""

    trunk: Annotated[
        str,
        Flag(
            "separate: networks for each source; shared: networks that learn all sources at once (multi-task);"
            " both: compare the two.",
            NETWORKS,
        ),
    ] = "separate"
    convention: Annotated[
        str | None,
        Flag(
            f"Amounts behind the descriptors of formulas: {', '.join(CONVENTIONS)}.",
            NETWORKS,
            default=DEFAULT_CONVENTION,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class UsualSourceFlags(SourceFlags):
    """Sources of a command with usual ones."""

    source: Annotated[
        tuple[str, ...],
        Here(
            "none: the direct model, without foundation networks too; usual: the usual embedded sources; all: every"
            " embedded source of the target's kind of material, side by side.",
            default=f"none beside the foundation networks; with --foundation none {','.join(DEFAULT_SOURCES)}; of a"
            " target of SMILES, properties of molecules",
        ),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class FoundationFlags:
    """Networks that know many properties."""

    foundation: Annotated[
        str,
        Flag(
            "Foundation networks, which learned many properties of formulas at once: a name from `kakehashi models"
            " list`, or none: pre-train networks on the sources of this run instead.",
            NETWORKS,
            default="those of the package, for targets of formulas",
        ),
    ] = ""


@dataclass(frozen=True, kw_only=True)
class KnownValueFlags:
    """Known values of other properties."""

    known_values: Annotated[
        bool,
        Flag(
            "Put known values of the properties that foundation networks learned (embedded tables, sources, columns of"
            " the catalogue) in place of their predictions; on small targets this gained nothing on average.",
            NETWORKS,
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class HeadFlags:
    """Heads, and their cross-validation."""

    outer_folds: Annotated[int, Flag("Folds of the outer cross-validation.", MODELS)] = 10
    heads: Annotated[tuple[str, ...], Flag(heads_help(), MODELS, default="", commas=True)] = DEFAULT_HEADS


@dataclass(frozen=True, kw_only=True)
class PresetFlags:
    """Presets of other flags (`presets.py`)."""

    quick: Annotated[
        bool,
        Flag(
            "Models without transfer and on foundation networks alone, 5 outer folds, no held-out families: seconds."
            " A flag that is given wins.",
            USUAL,
            decides=False,
        ),
    ] = False
    thorough: Annotated[
        bool,
        Flag(
            "Foundation networks, the usual embedded sources by 50 networks each, and every head: many minutes. A flag"
            " that is given wins.",
            USUAL,
            decides=False,
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class SeedFlags:
    """Seed of random numbers."""

    seed: Annotated[int, Flag("One seed for everything random.", COMPUTING)] = 0


@dataclass(frozen=True, kw_only=True)
class DeviceFlags:
    """Device that computes."""

    device: Annotated[
        Device, Flag("What computes: cpu, gpu, or auto (a GPU if jax sees one).", COMPUTING, decides=False)
    ] = "auto"


@dataclass(frozen=True, kw_only=True)
class PrecisionFlags:
    """Precision of scoring."""

    precision: Annotated[
        Precision,
        Flag(
            "Products of networks while candidates are scored; heads, distances and sums are in single precision"
            " whatever is asked. exact: single precision. balanced: almost that, in products of parts, on GPUs that"
            " have them. fast: bfloat16, means within some thousandths of the target's standard deviation.",
            COMPUTING,
            optional=True,
        ),
    ] = EXACT


@dataclass(frozen=True, kw_only=True)
class ParticleFlags:
    """Size of a sampler."""

    particles: Annotated[int, Flag("Repeat units the sampler carries along.", USUAL)] = 1000


@dataclass(frozen=True, kw_only=True)
class WorkerFlags:
    """Processes that share the work."""

    workers: Annotated[
        int | None,
        Flag(
            "Local processes that share the work; results do not depend on it.",
            COMPUTING,
            default="one per core",
            decides=False,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class OutFlags:
    """Place of the results."""

    out: Annotated[str, Flag("Folder or URL for the results, such as s3://bucket/run.", USUAL, decides=False)] = ""


@dataclass(frozen=True, kw_only=True)
class CacheFlags:
    """Use of the cache."""

    no_cache: Annotated[
        bool,
        Flag("Train again, even if the cache holds networks and models of the same settings.", COMPUTING,
             decides=False),
    ] = False  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ConfigFlags:
    """A file of flags."""

    config: Annotated[
        str | None, Flag("TOML file with these flags as keys; flags on the command line win.", OUTPUT)
    ] = None


@dataclass(frozen=True, kw_only=True)
class RunFlags(OverwriteFlags, ConfigFlags, ProgressFlags):
    """Flags of a call that fills a folder; no keys of the file."""

    json: Annotated[bool, Here("It is the record of the run, run.json.")] = False
    resume: Annotated[bool, Flag("Continue in a folder that holds an unfinished run.", OUTPUT)] = False
