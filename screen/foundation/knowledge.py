"""What a run knows beside its target: foundation networks, and known values of their properties."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kakehashi.catalogs.formulas.slots import formula_text, reduce
from kakehashi.catalogs.records import Compositions, FloatArray
from kakehashi.screen.foundation.known import KnownTarget, KnownValues, hide_like
from kakehashi.screen.foundation.record import Foundation


class Knowledge(NamedTuple):
    """Foundation networks of k properties, and known values of these.

    shares : (k,) of the candidates that have a known value; None for all
    """

    foundation: Foundation
    known: KnownValues | None = None
    shares: FloatArray | None = None

    def of_target(self, compositions: Compositions, seed: int) -> KnownTarget | None:
        """Known values of a target's compounds, hidden as often as candidates lack them."""
        if self.known is None:
            return None
        values = self.known.of(formula_text(reduce(compositions)))
        shares = np.ones(values.shape[1]) if self.shares is None else self.shares
        return hide_like(values, shares, seed)
