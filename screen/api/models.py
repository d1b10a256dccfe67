"""`kh.models`: query the library of trained models, and load from it what predicts and gives frozen features.

Queries need no networks: what computes is imported by what computes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kakehashi.catalogs.models import index as model_index
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.records import Crystals, Inputs, UserError

if TYPE_CHECKING:
    from kakehashi.screen.networks.features import Activation
    from kakehashi.screen.networks.source import Library, Source


class Loaded(NamedTuple):
    """Networks of the library, ready to predict; `library` goes into `kh.transfer`.

    id, card : of the stack; with networks picked out of it, `library` holds those alone
    """

    id: str
    card: dict[str, Any]
    library: Library

    @property
    def source(self) -> Source:
        """The networks and what they learned from."""
        return self.library.sources[0]

    def predict(self, materials: Sequence[Any], *, each: bool = False) -> NDArray[np.float64]:
        """Predictions in the property's unit, the mean over the networks of what they fit.

        materials : formulas or SMILES; of crystal graph networks structures, of pymatgen or as text (CIF, POSCAR, JSON)

        Returns
        -------
        (n,) or, of networks that share several properties, (n, properties); with `each` (n, networks[, properties])

        Raises
        ------
        UserError : a formula or SMILES that cannot be read, with the reason.
        """
        from kakehashi.screen.transfer.predictions import predictions_of

        tasks = self.source.tasks
        fitted = predictions_of(self.source, self._read(materials), self.library.convention).astype(np.float64)
        values = fitted * [task.scale for task in tasks] + [task.centre for task in tasks]
        values = values if each else values.mean(axis=1)
        for i, task in enumerate(tasks):
            if task.log:
                values[..., i] = np.exp(values[..., i])
        return values[..., 0] if len(tasks) == 1 else values

    def features(
        self, materials: Sequence[Any], *, depth: int = 0, activation: Activation = "pre"
    ) -> tuple[NDArray[np.float32], ...]:
        """Frozen features (n, widths together) of every network (`screen.networks.features`)."""
        from kakehashi.screen.networks.features import frozen_features

        if self.structural:
            from kakehashi.screen.networks.crystal.features import graphs_of, look

            if activation != "pre":
                raise UserError(f"activation: expected 'pre' for networks on structures, got {activation!r}")
            seen = look(self.source.networks, graphs_of(read_structures(materials)))
            return tuple(np.hstack(layers[-depth:]) for layers in seen.layers)
        x = self._standardised(materials)
        return tuple(
            np.hstack(frozen_features(network.hidden, x, depth, activation)) for network in self.source.networks
        )

    @property
    def structural(self) -> bool:
        """Whether the networks see crystal structures."""
        from kakehashi.screen.networks.crystal.network import is_structural

        return is_structural(self.source.networks)

    def _read(self, materials: Sequence[Any]) -> Inputs:
        return read_structures(materials) if self.structural else read_materials(materials, self.library.convention)

    def _standardised(self, materials: Sequence[Any]) -> NDArray[np.float32]:
        from kakehashi.screen.descriptors.materials import describe
        from kakehashi.screen.descriptors.scaling import standardise

        raw = describe(self._read(materials), self.library.convention)
        return np.asarray(standardise(self.source.scaling, raw))


def query(**fields: Any) -> pa.Table:
    """Rows of the index, a row for every network and property, best correlation first.

    `field=value` looks for a part of a text, and for equality of anything else; `min_field=` and `max_field=` bound
    numbers (`min_pearson=0.9`, `max_mae=0.1`). The fields are `catalogs.models.index.FIELDS`.

    Raises
    ------
    UserError : an unknown field, with the nearest known one.
    """
    found = model_index.query(model_index.conditions(fields))
    for said in found.warnings:
        warnings.warn(said, stacklevel=2)
    return found.table.sort_by([("pearson_corr", "descending"), ("id", "ascending")])


def load(id: str) -> Loaded:
    """Load a stack by its id, or one of its networks by `id-number`, as `query` and `kakehashi models list` show them.

    Raises
    ------
    UserError : no entry, or several, of that id; one that is damaged (code 6) or holds a transferred model.
    """
    from kakehashi.screen.cache.keep import UNREADABLE
    from kakehashi.screen.networks.kept import networks_of

    key, number, path = shelf.named(id)
    found = shelf.read(path, key)
    if found.arrays is None or found.card is None:
        raise UserError(found.warning or f"{path} is gone", code=6)
    if found.card.get("kind") != "networks":
        raise UserError(f"{id} is a transferred model, which needs its target: expected the networks of a source")
    try:
        library = networks_of(found.arrays)
    except UNREADABLE as error:
        raise UserError(f"{path} holds no networks that this version can read ({error}): train them again", 6) from None
    return Loaded(key, found.card, library if number is None else _picked(library, number, id))


def _picked(library: Library, number: int, id: str) -> Library:
    (source,) = library.sources
    if number >= len(source.networks):
        raise UserError(f"{id}: expected the number of a network from 0 to {len(source.networks) - 1}")
    evidence = source.evidence
    one = slice(number, number + 1)
    if evidence is not None:
        evidence = evidence._replace(
            rows=evidence.rows[one], scores=evidence.scores[one], predictions=evidence.predictions[:, one]
        )
    picked = source._replace(
        networks=source.networks[one], unit_scales=source.unit_scales[one], evidence=evidence, checkpoint=None
    )
    return library._replace(sources=(picked,))


def read_structures(materials: Sequence[Any]) -> Crystals:
    """Crystal structures, of pymatgen or as text; UserError naming the first that cannot be read."""
    from kakehashi.catalogs.crystals.tables import parse_rows

    if isinstance(materials, str):
        raise UserError("expected a list of structures, got one text: write [text]")
    texts = [one if isinstance(one, str) else one.to(fmt="json") for one in materials]
    parsed = parse_rows([{"structure": text} for text in texts])
    if any(parsed.reasons):
        row = next(i for i, reason in enumerate(parsed.reasons) if reason)
        raise UserError(f"structure {row + 1} of {len(texts)} cannot be read: {parsed.reasons[row]}")
    return parsed.crystals


def read_materials(materials: Sequence[str], convention: str) -> Inputs:
    """Formulas or SMILES as what the networks look at; UserError naming the first that cannot be read."""
    from kakehashi.screen.runs.flags import CONVENTIONS

    if isinstance(materials, str):
        raise UserError(f"expected a list of materials, got the text {materials!r}: write [{materials!r}]")
    texts = list(materials)
    if convention in CONVENTIONS:
        from kakehashi.catalogs.formulas.slots import parse_column

        parsed = parse_column(texts)
        inputs: Inputs = parsed.compositions
        reasons = parsed.reasons
    else:
        from kakehashi.catalogs.molecules import polymers

        units = polymers.parse_column(texts, (0, 2), guarded=True)
        inputs, reasons = units.molecules, units.reasons
    bad = [i for i, reason in enumerate(reasons) if reason]
    if bad:
        raise UserError(f"{len(bad)} of {len(texts)} materials cannot be read: {texts[bad[0]]!r}: {reasons[bad[0]]}")
    return inputs
