"""`kh.models`: query the library of trained networks and load from it.

Queries need no networks: jax and the like are imported by the functions that compute.
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
    """Networks of the library, ready to predict and to transfer.

    id, card : of the stack; with networks picked out of it, `library` holds those alone
    library : goes into `kh.transfer`
    """

    id: str
    card: dict[str, Any]
    library: Library

    def __repr__(self) -> str:
        return f"Networks {self.id[:12]} of {self.card.get('property', self.source.name)}\n  {self.source!r}"

    @property
    def source(self) -> Source:
        """The networks and their training data."""
        return self.library.sources[0]

    def predict(self, materials: Sequence[Any], *, each: bool = False) -> NDArray[np.float64]:
        """Predict materials in the property's unit.

        The mean over the networks of what they fit.

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
        """Compute frozen features of every network, (n, widths together).

        depth, activation : as in `screen.networks.features`
        """
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
        """The networks take crystal structures."""
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
    """Query the index of networks, best correlation first.

    A row for every network and property. `field=value` looks for a part of a text, and for equality of anything else;
    `min_field=` and `max_field=` bound numbers (`min_pearson=0.9`, `max_mae=0.1`). The fields are
    `catalogs.models.index_fields.FIELDS`.

    Raises
    ------
    UserError : an unknown field, with the nearest known one.

    Examples
    --------
    >>> import kakehashi as kh
    >>> networks = kh.models.query(property="refractive", min_pearson=0.9)
    >>> "pearson_corr" in networks.column_names
    True
    """
    result = model_index.query(model_index.conditions(fields))
    for warning in result.warnings:
        warnings.warn(warning, stacklevel=2)
    return result.table.sort_by([("pearson_corr", "descending"), ("id", "ascending")])


def load(id: str) -> Loaded:
    """Load a stack by its id, or one network by `id-number`.

    As `query` and `kakehashi models list` show them.

    Raises
    ------
    UserError : no entry, or several, of that id; one that is damaged (code 6) or holds a transferred model.
    """
    from kakehashi.screen.cache.keep import UNREADABLE
    from kakehashi.screen.networks.kept import networks_of

    key, number, path = shelf.find_by_id(id)
    entry = shelf.read(path, key)
    if entry.arrays is None or entry.card is None:
        raise UserError(entry.warning or f"{path} is gone", code=6)
    if entry.card.get("kind") == "foundation":
        raise UserError(f"{id} is a foundation of many properties: expected the networks of a source")
    if entry.card.get("kind") != "networks":
        raise UserError(f"{id} is a transferred model, which needs its target: expected the networks of a source")
    try:
        library = networks_of(entry.arrays)
    except UNREADABLE as error:
        raise UserError(f"{path} holds no networks that this version can read ({error}): train them again", 6) from None
    return Loaded(key, entry.card, library if number is None else _picked(library, number, id))


def _picked(library: Library, number: int, id: str) -> Library:
    (source,) = library.sources
    if number >= len(source.networks):
        raise UserError(f"{id}: expected the number of a network from 0 to {len(source.networks) - 1}")
    evidence = source.evidence
    only = slice(number, number + 1)
    if evidence is not None:
        evidence = evidence._replace(
            rows=evidence.rows[only], scores=evidence.scores[only], predictions=evidence.predictions[:, only]
        )
    picked = source._replace(
        networks=source.networks[only], unit_scales=source.unit_scales[only], evidence=evidence, checkpoint=None
    )
    return library._replace(sources=(picked,))


def read_structures(materials: Sequence[Any]) -> Crystals:
    """Read crystal structures, of pymatgen or as text.

    Raises
    ------
    UserError : the first that cannot be read.
    """
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
    """Read formulas or SMILES as inputs of networks.

    Raises
    ------
    UserError : the first that cannot be read.

    Examples
    --------
    >>> len(read_materials(["MgO", "GaAs"], "reduced"))
    2
    """
    from kakehashi.screen.descriptors.materials import kind_of_choice

    if isinstance(materials, str):
        raise UserError(f"expected a list of materials, got the text {materials!r}: write [{materials!r}]")
    texts = list(materials)
    inputs, reasons = kind_of_choice(convention).parse(texts, (0, 2))
    bad = [i for i, reason in enumerate(reasons) if reason]
    if bad:
        raise UserError(f"{len(bad)} of {len(texts)} materials cannot be read: {texts[bad[0]]!r}: {reasons[bad[0]]}")
    read: Inputs = inputs
    return read
