"""The record of a kind of material.

Kinds are compositions, molecules and crystal structures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions


class ParsedMaterials(NamedTuple):
    """Inputs of n texts, and (n,) reasons.

    A reason is "" where a text was read.
    """

    inputs: Any
    reasons: NDArray[np.object_]


class MaterialLabels(NamedTuple):
    """Reduced compositions and names of n materials."""

    reduced: Compositions
    texts: Sequence[str]


class ColumnGroup(NamedTuple):
    """A block of descriptors that are computed together.

    counts : whether they count environments, so that zeros are usual and sums mean something
    """

    name: str
    width: int
    counts: bool = False


class Kind(NamedTuple):
    """A kind of material, as pure functions of its inputs.

    Inputs are a record of `catalogs.records`.

    Choices are texts: which descriptors, and of compositions by which convention of amounts.

    name : of what networks see, in cards: composition, smiles or structure
    descriptor : of what descriptors are computed from, in cards: composition or smiles
    record : type of the inputs
    written, plural : nouns for messages
    stoichiometric : whether a stoichiometry new to the target counts against a candidate
    structural : whether networks see crystal graphs
    slots : whether the scorer computes descriptors from slots, on its device
    accepts : choice to whether it is one for this kind
    choose : convention and descriptors as given (None: default) and the name of a table, to a choice
    parse : texts and allowed numbers of attachment points (of molecules), to inputs and reasons
    join : inputs one after the other, to one
    describe : inputs and choice to (n, width) float32
    names : choice to the labels of the columns
    groups : choice to the blocks of the columns
    normalise : inputs and choice to the inputs as far as they decide descriptors
    eligible : choice and descriptors (n, width) to (width,) columns networks may see, None for all
    keys : inputs and choice to the texts that tell materials apart
    label : inputs to their labels
    """

    name: str
    descriptor: str
    record: type
    written: str
    plural: str
    stoichiometric: bool
    structural: bool
    slots: bool
    accepts: Callable[[str], bool]
    choose: Callable[[str | None, str | None, str], str]
    parse: Callable[[Any, Any], ParsedMaterials]
    join: Callable[[Sequence[Any]], Any]
    describe: Callable[[Any, str], NDArray[np.float32]]
    names: Callable[[str], tuple[str, ...]]
    groups: Callable[[str], tuple[ColumnGroup, ...]]
    normalise: Callable[[Any, str], Any]
    eligible: Callable[[str, NDArray[np.float32]], NDArray[np.bool_] | None]
    keys: Callable[[Any, str], Sequence[str]]
    label: Callable[[Any], MaterialLabels]
