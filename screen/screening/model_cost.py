"""Estimate time and memory of fitting and measuring a model: the stack is selected once for every fold.

Rough, within a factor of two or so. Processor seconds of single heads were measured on one thread (Zen 4) at 300 to
20,000 rows, and add up; runs of 45 and 964 compounds took as long as they say.
"""

from __future__ import annotations

from collections.abc import Sequence

from kakehashi.catalogs.memory import available_bytes
from kakehashi.catalogs.processors import available
from kakehashi.catalogs.records import UserError
from kakehashi.screen.budget import EXACT, FEW, SQUARE
from kakehashi.screen.heads.extra_trees import FOLDS, tree_count, tree_rows
from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.heads.tuned import epochs_for, networks_for
from kakehashi.screen.transfer.members import TUNED_ROWS
from kakehashi.screen.transfer.selection import ALL_LAYERS_ROWS, affordable_networks
from kakehashi.screen.validation.coverage import FAMILY_FOLDS, LARGE, LARGE_FAMILY_FOLDS

# Seconds before the first selection: compilation, and reading the foundation networks.
START = 6.0
# Processor seconds of a row that a tree sees, and its growth with each doubling of the rows.
VISIT, DOUBLING = 10e-6, 1.2e-6
# Processor seconds of a row in fine-tuning.
TUNED_VISIT = 90e-6
# Processor seconds of a decomposition of `SQUARE` rows, of a Gaussian process's grid, and of a row in sums.
SQUARE_SECONDS, GRID_SECONDS, ROW_SECONDS = 0.4, 0.4, 1.1e-4
# Processor seconds of one further head.
PER_HEAD = 2.0
# Folds by formulas that no foundation network has seen.
HASH_FOLDS = 5
# Megabytes of a process with nothing fitted; bytes of a value that all fits share, and in each fit under way.
BASE_MB = 1_500
SHARED_BYTES, FIT_BYTES = 8 * 700, 8 * 1_200
# The same with foundation networks, whose columns of every fold are kept.
FOUNDATION_BYTES, FOUNDATION_FIT_BYTES = 28_000, 8 * 2_300
# Bytes of a value in one network's frozen features.
NETWORK_BYTES = 8 * 500


def estimate_model(
    n: int,
    *,
    networks: int = 0,
    sources: int = 1,
    foundation: bool = False,
    outer: int = 10,
    families: bool = True,
    heads: Sequence[str] = DEFAULT_HEADS,
    baselines: int = 0,
) -> float:
    """Seconds to fit and measure a model of n compounds, on the processors there are.

    networks, sources : networks of all sources together, and the number of sources, which have as many each
    foundation : whether foundation networks serve
    outer, families, heads : as in `kakehashi.screen.transfer.fit.transfer`
    baselines : models that are only compared with
    """
    kin = (FAMILY_FOLDS if n <= LARGE else LARGE_FAMILY_FOLDS) if families else 0
    selections = 1 + min(outer, n) + kin + (HASH_FOLDS if foundation else 0)
    each = _closed_form(n) * (5 if networks else 1)
    if foundation:
        each += 2 * _closed_form(n) + _trees(n) + (_tuned(n) + _ridge(n) if n > TUNED_ROWS else 0.0)
    depths = 3 if n <= FEW else 2 if n <= ALL_LAYERS_ROWS else 1
    each += _serving(n, networks, sources) * depths * 0.3 * _ridge(n)
    further = PER_HEAD * (1 + n / 100)
    each += further * len([head for head in heads if head not in DEFAULT_HEADS])
    return START + (selections * each + min(outer, n) * baselines * further) / available()


def estimate_megabytes(n: int, *, networks: int = 0, sources: int = 1, foundation: bool = False) -> int:
    """Megabytes of a process that fits and measures a model of n compounds, with a fit on every processor."""
    shared, fitting = (FOUNDATION_BYTES, FOUNDATION_FIT_BYTES) if foundation else (SHARED_BYTES, FIT_BYTES)
    shared += NETWORK_BYTES * _serving(n, networks, sources)
    return BASE_MB + round(n * (shared + fitting * available()) / 1e6)


def check_memory(n: int, *, networks: int = 0, sources: int = 1, foundation: bool = False) -> None:
    """Refuse a target that cannot be fitted in the memory there is.

    networks, sources : as of `estimate_model`

    Raises
    ------
    UserError : how much is needed, how much there is, and what to do.
    """
    free = available_bytes()
    needed = estimate_megabytes(n, networks=networks, sources=sources, foundation=foundation)
    if free is None or needed * 1e6 <= free:
        return
    each = (needed - BASE_MB) / n
    fitting = int(max(0.0, free / 1e6 - BASE_MB) / each) if n > FEW else 0
    fewer = f"a target of at most {fitting // 100 * 100:,} values, " if fitting >= FEW else ""
    raise UserError(
        f"{n:,} known values need about {needed / 1000:.1f} GB of memory, {free / 1e9:.1f} GB are free: give {fewer}"
        f"{'fewer --networks, ' if networks else ''}or a machine with more"
    )


def _serving(n: int, networks: int, sources: int) -> int:
    """Networks of all sources that serve as frozen features: each source has some of its own."""
    return sources * affordable_networks(n, networks // sources) if sources else 0


def _trees(n: int) -> float:
    """Both members of extra trees, fitted and judged."""
    visits = tree_count(n) * len(tree_rows(n, 0))
    fits = 1 + (FOLDS - 1 if n <= FEW else 1)
    return 2 * fits * visits * (VISIT + DOUBLING * max(1, n).bit_length())


def _closed_form(n: int) -> float:
    """A Gaussian process and a ridge on descriptors, fitted and judged."""
    square = SQUARE_SECONDS * ((n / SQUARE) ** 3 if n <= EXACT else 1.0)
    return 2 * (GRID_SECONDS * min(1.0, n / 400) ** 2 + square + ROW_SECONDS * n) * 0.7 + 0.05


def _ridge(n: int) -> float:
    return 2 * (SQUARE_SECONDS * min(1.0, n / SQUARE) ** 2 + ROW_SECONDS * n) + 0.01


def _tuned(n: int) -> float:
    """Fine-tuning: a set of networks on all rows, judged by one network in two folds."""
    return (networks_for(n) + 1) * n * epochs_for(n) * TUNED_VISIT
