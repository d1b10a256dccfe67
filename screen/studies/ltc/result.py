"""Results of the conductivity study, before drawing."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from kakehashi.catalogs.records import FloatArray, PropertyTable
from kakehashi.screen.studies.fits import Fit, NetworkChoice
from kakehashi.screen.studies.ltc.measured import MeasuredCandidates
from kakehashi.screen.studies.ltc.shortlist import Screened, Shortlist
from kakehashi.screen.transfer.fit import Model


class StandIn(NamedTuple):
    """One source beside the target.

    r, spearman : correlation with the target (fitted scales) on `shared` compounds
    source : fit of its networks on compounds held out of them
    best, best_unseen : error of its best network by setup 2, with hindsight and without
    ridge, gp : nested error of the mean of ridge and of Gaussian process heads on all layers of all its networks
    """

    name: str
    rows: int
    shared: int
    r: float
    spearman: float
    source: Fit
    best: float
    best_unseen: float
    ridge: float
    gp: float


class LtcResult(NamedTuple):
    """Data of all figures.

    first_source : values of the first source's held-out compounds and its networks' predictions
    by_size : (n,) each fifth of the target's values predicted from the others
    compositions, without, forest : one row each, its mean by the direct model and by the paper's forest
    """

    target: PropertyTable
    sources: list[PropertyTable]
    model: Model
    direct: Model
    choice: NetworkChoice
    stand_ins: list[StandIn]
    first_source: tuple[FloatArray, FloatArray]
    by_size: FloatArray
    screened: Screened
    compositions: pa.Table
    without: FloatArray
    forest: FloatArray
    forest_ceiling: float
    chosen: Shortlist
    leading: pa.Table
    measured: MeasuredCandidates | None
