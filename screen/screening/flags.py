"""Flags of a screening, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from kakehashi.catalogs.flag import CANDIDATES, COMPUTING, MODELS, NETWORKS, OUTPUT, USUAL, Flag


@dataclass(frozen=True, kw_only=True)
class ExportFlags:
    """Files written beside the results."""

    export: Annotated[
        str | None,
        Flag(
            "cif: write crystal structures of the best candidates to the folder cif, from the catalogue's columns"
            " lattice, species and frac_coords, or structure or cif as text.",
            OUTPUT,
            decides=False,
        ),
    ] = None
    export_top: Annotated[int, Flag("Best candidates whose structures are written.", OUTPUT, decides=False)] = 100
    structures: Annotated[
        str | None,
        Flag(
            "Structures by id, for tables that hold none: a table, a folder of CIF or POSCAR files named by id, or JSON"
            " documents.",
            CANDIDATES,
            decides=False,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ModelFlags:
    """The model in the folder of the run."""

    no_model: Annotated[
        bool,
        Flag("Leave the model out of the run folder; `kakehashi predict --model DIR` needs it.", OUTPUT, decides=False),
    ] = False


@dataclass(frozen=True, kw_only=True)
class CatalogFlags:
    """Candidates."""

    catalog: Annotated[
        str,
        Flag(
            "Candidates: a name, a table, a folder of Parquet files, or structures (a folder of CIF or POSCAR files, or"
            " JSON documents of the Materials Project). A virtual catalogue is searched for its best candidates:"
            " enumerate (charge-balanced compositions), or a TOML file of `kakehashi catalogs build`.",
            USUAL,
            default="mp if it was pulled (`kakehashi catalogs pull mp`), else default (140,000 compositions)",
        ),
    ] = "default"


@dataclass(frozen=True, kw_only=True)
class ArchitectureFlags:
    """Kind of networks."""

    architecture: Annotated[
        str,
        Flag(
            "Networks that are pre-trained. pyramid: on descriptors of formulas or SMILES. cgcnn: crystal graph"
            " networks (Xie & Grossman 2018) on structures, which target, sources and catalogue hold or --structures"
            " gives by id; each structure is a row, and the model without transfer sees the composition only.",
            NETWORKS,
        ),
    ] = "pyramid"


@dataclass(frozen=True, kw_only=True)
class RankingFlags:
    """Order of the ranking, and what is left out of it."""

    rank_by: Annotated[
        str, Flag("Order of the ranking: mean, lower, upper, or probability (needs --threshold).", CANDIDATES)
    ] = "mean"
    minimise: Annotated[bool, Flag("Rank small values first.", USUAL, also=("minimize",))] = False
    threshold: Annotated[
        float | None,
        Flag("Value in the target's unit; the probability of exceeding it becomes a column.", CANDIDATES),
    ] = None
    score: Annotated[
        str | None,
        Flag(
            "all: predict every candidate; in-domain: leave those that are out of the domain without a prediction and"
            " out of the ranking, which takes a fraction of the time. Every candidate is judged and counted in any"
            " case; a virtual catalogue and structures are predicted whole. Default: in-domain where a --filter removes"
            " what is out, and with --quick; else all.",
            CANDIDATES,
            optional=True,
        ),
    ] = None
    bounds: Annotated[
        str | None,
        Flag(
            "LOW,HIGH that the property cannot leave, in the target's unit, either of which may be empty, such as 0,"
            " for a positive one: predictions and intervals of the ranking are cut there, and marked.",
            CANDIDATES,
            optional=True,
        ),
    ] = None
    per_system: Annotated[int | None, Flag("Largest number of candidates per chemical system.", CANDIDATES)] = None
    no_radioactive: Annotated[bool, Flag("Leave out candidates with radioactive elements.", CANDIDATES)] = False
    max_quarantine: Annotated[
        float,
        Flag("Largest share of the catalogue that may be unusable (in quarantine); above it the exit code is 3.",
             CANDIDATES),
    ] = 0.05  # fmt: skip
    partition_rows: Annotated[
        int,
        Flag(
            "Rows scored and saved at a time, fewer with workers, so that each has some; of a virtual catalogue 64"
            " times as many indices.",
            COMPUTING,
        ),
    ] = 262_144


@dataclass(frozen=True, kw_only=True)
class FamilyFlags:
    """Held-out chemical families."""

    no_families: Annotated[
        bool,
        Flag("Do not measure how intervals hold with whole chemical families held out; faster.", MODELS,
             optional=True),
    ] = False  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ClusterFlags:
    """Workers on other machines."""

    scheduler: Annotated[
        str | None,
        Flag(
            "Score on the workers of the Dask scheduler at this address, such as tls://10.0.0.1:8786 (certificates as"
            " in dask's settings), or slurm: on --workers jobs of that batch system (dask-jobqueue's settings say what"
            " they request).",
            COMPUTING,
            decides=False,
        ),
    ] = None
    insecure_cluster: Annotated[
        bool,
        Flag("Allow a scheduler on another machine without TLS, which anyone there may read and use.", COMPUTING,
             decides=False),
    ] = False  # fmt: skip
