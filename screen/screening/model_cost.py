"""Estimate how long a model takes to be fitted and measured: the stack is selected once for every fold.

Rough. The default follows runs of 45 and 964 compounds on two cores; the terms of further networks and heads were not
measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.transfer.selection import FROZEN_GP_ROWS
from kakehashi.screen.validation.coverage import FAMILY_FOLDS, LARGE, LARGE_FAMILY_FOLDS

# Seconds before the first selection: compilation, and reading the foundation networks.
START = 6.0
# Seconds of a selection of direct models and foundation networks, and its growth with each compound.
SELECTION, PER_COMPOUND = 0.45, 0.005
# The same of one network of a source with closed-form heads, and of one further head.
PER_NETWORK, PER_NETWORK_AND_COMPOUND = 0.01, 0.00004
PER_HEAD = 1.0
# Folds by formulas that no foundation network has seen.
HASH_FOLDS = 5


def estimate_model(
    n: int,
    *,
    networks: int = 0,
    foundation: bool = False,
    outer: int = 10,
    families: bool = True,
    heads: Sequence[str] = DEFAULT_HEADS,
    baselines: int = 0,
) -> float:
    """Seconds to fit and measure a model of n compounds.

    networks : of all sources together
    foundation : whether foundation networks serve
    outer, families, heads : as in `kakehashi.screen.transfer.fit.transfer`
    baselines : models that are only compared with
    """
    kin = (FAMILY_FOLDS if n <= LARGE else LARGE_FAMILY_FOLDS) if families else 0
    selections = 1 + min(outer, n) + kin + (HASH_FOLDS if foundation else 0)
    each = SELECTION + PER_COMPOUND * n
    each += networks * (PER_NETWORK + PER_NETWORK_AND_COMPOUND * min(n, FROZEN_GP_ROWS))
    further = [head for head in heads if head not in DEFAULT_HEADS]
    each += PER_HEAD * len(further) * (1 + n / 100)
    return START + selections * each + min(outer, n) * baselines * PER_HEAD * (1 + n / 100)
