"""`kh.campaign`: ask for experiments, tell their results, again and again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kakehashi.catalogs.files import parquet
from kakehashi.catalogs.files.durable import make_folder, write_durably
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.properties.material_columns import material_column
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.reading.memory_tables import open_frame
from kakehashi.catalogs.reading.number_columns import as_numbers
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.screen.api.candidates import candidate_table
from kakehashi.screen.api.fitted import FittedModel
from kakehashi.screen.api.transfer import pretrain, screen, transfer
from kakehashi.screen.descriptors.materials import kind_of_table
from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.next.batch import propose_batch
from kakehashi.screen.next.candidates import BatchRequest
from kakehashi.screen.next.finished import read_finished_run
from kakehashi.screen.prediction.materials import is_frame
from kakehashi.screen.ranking.acquisition_names import Acquisition
from kakehashi.screen.screening.tables import as_entry, load_target

FORMAT = 1
STATE, KNOWN, CANDIDATES = "campaign.json", "known.parquet", "candidates.parquet"
_KNOWN = pa.schema(
    [("id", pa.string()), ("material", pa.string()), ("value", pa.float64()), ("round", pa.int64())]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """What decides the answers of a campaign, beside the known values."""

    name: str
    quantity: str
    unit: str
    log: bool
    smiles: bool
    catalog: str
    minimise: bool = False
    by: Acquisition = "improvement"
    filters: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    foundation: str = ""
    heads: tuple[str, ...] = DEFAULT_HEADS
    networks: int | None = None
    outer_folds: int = 10
    seed: int = 0


class Campaign:
    """A loop of asking and telling, kept in a folder.

    The same known values and settings give the same answers. Every round is a finished screening in a folder of its
    own, `round-001` and so on.

    folder : holds campaign.json, known.parquet, candidates.parquet where candidates were given as a list, and rounds
    known : Arrow table of id, material, value (NaN of an experiment that gave none) and round (0 of the target)
    """

    def __init__(self, folder: Path, settings: CampaignSettings, known: pa.Table) -> None:
        self.folder, self.settings, self.known = folder, settings, known

    def __repr__(self) -> str:
        count = int(np.isfinite(self.known["value"].to_numpy()).sum())
        aim = "small" if self.settings.minimise else "large"
        return (
            f"Campaign for {aim} {self.settings.name} [{self.settings.unit}] in {self.settings.catalog}: round"
            f" {self.round}, {count:,} known values\n  folder: {self.folder}"
        )

    @property
    def round(self) -> int:
        """Number of the round that is asked next, from 1."""
        return int(np.max(self.known["round"].to_numpy())) + 1

    @property
    def target(self) -> PropertyTable:
        """Known values as a table; several of one material are their median."""
        settings, known = self.settings, self.known
        return assemble(
            settings.name, known["material"].to_pylist(), known["value"].to_numpy(), ids=known["id"].to_pylist(),
            log=settings.log, quantity=settings.quantity, unit=settings.unit, source=f"campaign in {self.folder.name}",
            where=str(self.folder / KNOWN), attachments=(0, 2) if settings.smiles else None, guarded=True,
        )  # fmt: skip

    def model(self, *, progress: bool = True) -> FittedModel:
        """Fit the model of this round."""
        settings, table = self.settings, self.target
        library = pretrain(
            settings.sources, exclude=table, networks=settings.networks, seed=settings.seed, progress=progress
        )
        return transfer(
            library, table, outer_folds=settings.outer_folds, seed=settings.seed, heads=settings.heads,
            foundation=settings.foundation, progress=progress,
        )  # fmt: skip

    def ask(self, batch: int = 8, *, include_out: bool = False, progress: bool = True) -> pa.Table:
        """Choose the next experiments: rank, id, formula, mean, lower, upper, acquisition and reason.

        Until results are told it answers the same. What was told, with a value or without, is not asked again.

        include_out : candidates outside the applicability domain, too
        """
        folder = self.folder / f"round-{self.round:03}"
        if not (folder / "run.json").is_file():
            where = self.settings.catalog
            catalog = str(self.folder / CANDIDATES) if where == CANDIDATES else where
            screen(
                self.model(progress=progress), catalog=catalog, out=folder, overwrite=folder.exists(),
                minimise=self.settings.minimise, filters=self.settings.filters, progress=progress,
            )  # fmt: skip
        values = self.known["value"].to_numpy()
        failed = [self.known["material"][int(i)].as_py() for i in np.flatnonzero(~np.isfinite(values))]
        request = BatchRequest(batch, self.settings.by, include_out=include_out, without=self._names(failed))
        return propose_batch(read_finished_run(str(folder)), request).table

    def tell(self, rows: Any) -> Campaign:
        """Add results, and save them; the campaign.

        rows : {material: value}, pairs of material and value, or a table with a column of materials and the values in
            a column called like the target, or `value`; None or NaN where an experiment gave none

        Raises
        ------
        UserError : a material that cannot be read, an infinite value, ...; then nothing is added.
        """
        materials, values = self._read(rows)
        number = self.round
        added = pa.table(
            {
                "id": [f"round {number} {i}" for i in range(1, len(materials) + 1)], "material": materials,
                "value": values, "round": pa.array([number] * len(materials), pa.int64()),
            },
            schema=_KNOWN,
        )  # fmt: skip
        grown = Campaign(self.folder, self.settings, pa.concat_tables([self.known, added]))
        refused = [row for row in grown.target.rejected if row.row > self.known.num_rows]
        if refused:
            raise UserError(f"tell: {refused[0].formula}: {refused[0].reason}; nothing was added")
        self.known = grown.known
        self.save()
        return self

    def save(self) -> None:
        """Write settings and known values."""
        make_folder(self.folder)
        parquet.write_file(self.folder / KNOWN, self.known)
        state = {"format": FORMAT, "settings": asdict(self.settings)}
        write_durably(self.folder / STATE, (json.dumps(state, indent=1, ensure_ascii=False) + "\n").encode())

    def _names(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Names of materials, as rankings have them.

        Raises
        ------
        UserError : one that cannot be read.
        """
        kind = kind_of_table(self.target)
        materials, reasons = kind.parse(list(texts), (0, 2))
        for text, reason in zip(texts, reasons, strict=True):
            if reason:
                raise UserError(f"tell: {text}: {reason}; nothing was added")
        return tuple(kind.label(materials)[1]) if len(texts) else ()

    def _read(self, rows: Any) -> tuple[list[str], list[float]]:
        if isinstance(rows, Mapping) and not any(isinstance(cells, list | tuple) for cells in rows.values()):
            rows = list(rows.items())
        if is_frame(rows):
            frame = open_frame(rows)
            names = readers.column_names(frame)
            value = self.settings.name if self.settings.name in names else "value"
            readers.require(value, names, "tell")
            column = material_column(names, frame)
            table = readers.read(frame)
            texts = [text or "" for text in readers.as_text(table[column], "tell", column).to_pylist()]
            values = [float(v) for v in as_numbers(table[value], "tell", value)]
        else:
            try:
                texts = [str(text) for text, _ in rows]
                values = [np.nan if cell is None else float(cell) for _, cell in rows]
            except (TypeError, ValueError):
                raise UserError(
                    "tell: expected {material: value}, pairs of material and value, or a table of both"
                ) from None
        if not texts:
            raise UserError("tell: expected results, got none")
        self._names(texts)
        return texts, values


def campaign(
    target: Any = None,
    catalog: Any = None,
    *,
    out: str | Path,
    minimise: bool = False,
    by: Acquisition = "improvement",
    filters: Sequence[str] = (),
    sources: Sequence[str] = (),
    foundation: str = "",
    heads: Sequence[str] = DEFAULT_HEADS,
    networks: int | None = None,
    outer_folds: int = 10,
    seed: int = 0,
) -> Campaign:
    """Begin a campaign in a new folder, or go on with that of a folder.

    Parameters
    ----------
    target : values known at the beginning, of formulas or repeat units (a loaded table, a name, FILE:COLUMN, a path
        or a data frame); left out to go on.
    catalog : candidates: a name, a file, or a list, column or table of formulas or repeat units.
    out : the folder.
    minimise : small values are wanted.
    by : value of a measurement: improvement, chance, upper or variance.
    filters : that candidates meet, as for `kh.screen`.
    sources, foundation, heads, networks, outer_folds, seed : as for `kh.pretrain` and `kh.transfer`.

    Raises
    ------
    UserError : a folder that holds something else or no campaign, or a target of structures.

    Examples
    --------
    >>> import kakehashi as kh
    >>> settings = {"foundation": "none", "heads": ("ridge",), "outer_folds": 2}
    >>> loop = kh.campaign("ltc", ["BAs", "MgTe", "CaO", "AlAs"], out="loop", **settings)
    >>> loop.ask(2, include_out=True, progress=False).num_rows
    2
    >>> loop.tell({"BAs": 1000.0}).round
    2
    >>> kh.campaign(out="loop").known.num_rows == loop.known.num_rows
    True
    """
    folder = path_of(out)
    if target is None:
        return _open(folder)
    if folder.exists() and any(folder.iterdir()):
        advice = "leave target and catalog out to go on with it" if (folder / STATE).is_file() else "choose a new one"
        raise UserError(f"{folder} is in use: {advice}")
    if catalog is None:
        raise UserError("campaign: catalog is missing: a name, a file, or a list of candidates")
    table = load_target(as_entry(target))
    if table.crystals is not None:
        raise UserError(f"campaign: {table.name} has structures; expected formulas or repeat units")
    named = isinstance(catalog, str | Path)
    settings = CampaignSettings(
        table.name, table.quantity, table.unit, table.log, table.molecules is not None,
        str(catalog) if named else CANDIDATES, minimise, by, tuple(filters), tuple(sources), foundation, tuple(heads),
        networks, outer_folds, seed,
    )  # fmt: skip
    known = pa.table(
        {
            "id": list(table.ids), "material": list(table.materials), "value": table.values,
            "round": pa.array([0] * len(table), pa.int64()),
        },
        schema=_KNOWN,
    )  # fmt: skip
    listed = None if named else readers.read(candidate_table(catalog, smiles=settings.smiles))
    begun = Campaign(folder, settings, known)
    begun.save()
    if listed is not None:
        parquet.write_file(folder / CANDIDATES, listed)
    return begun


def _open(folder: Path) -> Campaign:
    if not (folder / STATE).is_file():
        raise UserError(f"{folder} holds no campaign: give a target and a catalogue to begin one")
    try:
        state = json.loads((folder / STATE).read_bytes())
        if state["format"] != FORMAT:
            raise UserError(f"{folder} holds a campaign of another version of kakehashi")
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in state["settings"].items()}
        settings = CampaignSettings(**values)
        known = parquet.read((folder / KNOWN).read_bytes(), str(folder / KNOWN)).cast(_KNOWN)
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: the campaign is damaged ({' '.join(str(error).split())})", code=6) from error
    return Campaign(folder, settings, known)
