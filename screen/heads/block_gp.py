"""Gaussian process with a kernel for each block of descriptors, shares and lengths by marginal likelihood.

The covariance is the sum of a min-max kernel for every block of counts and an RBF kernel for every block of numbers,
each with its share, and a constant (Rasmussen & Williams, 2006, chapters 4 and 5). The signal variance is profiled out
in closed form, and one eigendecomposition serves every noise level. Shares and lengths are found one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.screen.descriptors.kind import ColumnGroup
from kakehashi.screen.descriptors.scaling import Scaling, fit_scaling, standardise
from kakehashi.screen.heads.gp import striped
from kakehashi.screen.heads.head import Blocked, FloatArray, Head, Params, block_residuals, namespace
from kakehashi.screen.heads.kernels import min_max, rbf, shared_counts, squared_distances
from kakehashi.screen.networks.pyramid import matmul

# Lengths of RBF kernels, in units of the root mean square of a standardised column.
LENGTHS = (0.4, 0.8, 1.2, 1.8, 2.7)
# Factors by which the share of a block is changed in turn; 0 leaves a block out.
FACTORS = (0.0, 0.3, 0.6, 1.7, 3.3)
NOISES = np.logspace(-3.5, 0.5, 17)
# Rows that choose shares and lengths, at most, and rounds over them.
GRID_ROWS = 400
ROUNDS = 3
# Prior variance of the constant mean, in units of the signal variance.
CONSTANT = 0.2


class Setting(NamedTuple):
    """Shares of the blocks, adding up to one, and lengths; a length of counts is unused."""

    shares: tuple[float, ...]
    lengths: tuple[float, ...]


class _Block(NamedTuple):
    """A block on the training rows.

    start, stop : its columns; columns : those that are not zero, or vary, in some row
    scaling : of numbers, None of counts
    rows : counts (k, n), a row of the training set in a column, or standardised numbers (n, k)
    sums : (n,) of all counts; empty of numbers
    compared : kernel of counts, or squared distances of numbers, (n, n)
    """

    start: int
    stop: int
    columns: NDArray[np.intp]
    scaling: Scaling | None
    rows: FloatArray
    sums: FloatArray
    compared: FloatArray


class _Fit(NamedTuple):
    surprise: float
    noise: float
    signal: float
    values: FloatArray
    vectors: FloatArray


def fit(x: FloatArray, y: FloatArray, groups: Sequence[ColumnGroup] = ()) -> Params:
    """Fit on raw descriptors x (n, p), y (n,).

    groups : blocks of the columns; none: all are numbers of one block
    """
    blocks, offset = _blocks(x, groups), y.mean()
    setting = _search(blocks, y - offset)
    best = _fit(_covariance(blocks, setting), y - offset)
    root = best.vectors / np.sqrt(best.values + best.noise)
    parts = zip(blocks, setting.shares, setting.lengths, strict=True)
    return {
        "blocks": tuple(_kept(*part) for part in parts if part[1] > 0),
        "alpha": root @ (root.T @ (y - offset)),
        "roots": striped(root),
        "offset": np.float64(offset),
        "noise": np.float64(best.noise),
        "signal": np.float64(best.signal),
    }


def prepare(params: Params, x: Any) -> list[tuple[Any, ...]]:
    """What the kernels see of raw descriptors x (m, p), block by block, computed on the host.

    Of counts shared counts (m, n) and sums (m,), of numbers standardised columns (m, k).
    """
    raw, seen = np.asarray(x), list[tuple[Any, ...]]()
    for block in params["blocks"]:
        columns, rows = np.asarray(block["columns"]), np.asarray(block["rows"])
        if len(block["sums"]):
            start, stop = np.asarray(block["span"]).tolist()
            shared = shared_counts(rows, raw[:, columns].astype(rows.dtype))
            seen.append((shared, raw[:, start:stop].sum(axis=1, dtype=rows.dtype)))
        else:
            scaling = Scaling(np.asarray(block["mean"]), np.asarray(block["scale"]))
            seen.append((_standardised(scaling, raw[:, columns].astype(rows.dtype)),))
    return seen


def finish(params: Params, seen: Sequence[tuple[Any, ...]]) -> tuple[Any, Any]:
    """Posterior mean and spread (noise included), (m,) each, from what the kernels see."""
    cross = CONSTANT + sum(
        block["share"] * _kernel(block, *columns) for block, columns in zip(params["blocks"], seen, strict=True)
    )
    xp = namespace(cross)
    explained = sum(xp.sum(matmul(cross[:, -len(part) :], part) ** 2, axis=-1) for part in params["roots"])
    variance = params["signal"] * (xp.maximum(1 + CONSTANT - explained, 0.0) + params["noise"])
    return matmul(cross, params["alpha"]) + params["offset"], xp.sqrt(variance)


def predict(params: Params, x: Any) -> tuple[Any, Any]:
    """Mean and spread (m,) at raw descriptors x (m, p)."""
    return finish(params, prepare(params, x))


def ceiling(params: Params) -> float:
    """Upper bound of the mean: every kernel lies between 0 and its share."""
    alpha = np.asarray(params["alpha"], np.float64)
    return float(params["offset"] + CONSTANT * alpha.sum() + np.maximum(alpha, 0.0).sum())


def cross_validate(
    x: FloatArray, y: FloatArray, folds: NDArray[np.int64], groups: Sequence[ColumnGroup] = ()
) -> FloatArray:
    """Out-of-fold means (n,) in closed form.

    Shares, lengths and scales of columns are chosen once, on all rows given.
    """
    blocks, centred = _blocks(x, groups), y - y.mean()
    best = _fit(_covariance(blocks, _search(blocks, centred)), centred)
    inverse = (best.vectors / (best.values + best.noise)) @ best.vectors.T
    return y - block_residuals(inverse, centred, folds)


def _blocks(x: FloatArray, groups: Sequence[ColumnGroup]) -> list[_Block]:
    """Blocks that tell rows apart; where none does, one of a column that is the same in all: the mean is constant."""
    blocks = []
    stops = np.cumsum([group.width for group in groups] or [x.shape[1]]).tolist()
    if stops[-1] != x.shape[1]:
        raise ValueError(f"expected {stops[-1]} columns in {len(groups)} blocks, got {x.shape[1]}")
    for k, (start, stop) in enumerate(zip([0, *stops], stops, strict=False)):
        part = np.asarray(x[:, start:stop], np.float64)
        if groups and groups[k].counts:
            columns = np.flatnonzero(part.any(axis=0))
            rows, sums = np.ascontiguousarray(part[:, columns].T), part.sum(axis=1)
            compared = min_max(shared_counts(rows, part[:, columns]), sums, sums)
            blocks.append(_Block(start, stop, start + columns, None, rows, sums, compared))
            continue
        scaling = fit_scaling(part)
        columns = np.flatnonzero(np.isfinite(scaling.scale))
        if not len(columns) and (blocks or stop < x.shape[1]):
            continue
        columns = columns if len(columns) else np.array([0])
        scaling = Scaling(scaling.mean[columns], scaling.scale[columns])
        rows = _standardised(scaling, part[:, columns])
        blocks.append(_Block(start, stop, start + columns, scaling, rows, np.empty(0), squared_distances(rows, rows)))
    return blocks


def _standardised(scaling: Scaling, x: NDArray[Any]) -> NDArray[Any]:
    """Standardised columns whose mean square is 1 in all."""
    return np.asarray(standardise(scaling, x) / np.sqrt(len(scaling.mean)), x.dtype)


def _kept(block: _Block, share: float, length: float) -> dict[str, Any]:
    scaling = block.scaling or Scaling(np.empty(0, np.float32), np.empty(0, np.float32))
    return {
        "span": np.array([block.start, block.stop]), "columns": block.columns, "mean": scaling.mean,
        "scale": scaling.scale, "rows": block.rows, "sums": block.sums, "share": np.float64(share),
        "length": np.float64(length),
    }  # fmt: skip


def _kernel(block: dict[str, Any], seen: Any, sums: Any = None) -> Any:
    """Kernel (m, n) of a block: of counts where it has sums."""
    if sums is not None:
        return min_max(seen, sums, block["sums"])
    return rbf(squared_distances(seen, block["rows"]), block["length"])


def _covariance(blocks: Sequence[_Block], setting: Setting, rows: NDArray[np.intp] | None = None) -> FloatArray:
    """Covariance of some training rows over the signal variance, without noise."""
    n = len(blocks[0].compared) if rows is None else len(rows)
    total = np.full((n, n), CONSTANT)
    for block, share, length in zip(blocks, setting.shares, setting.lengths, strict=True):
        if share:
            compared = block.compared if rows is None else block.compared[np.ix_(rows, rows)]
            total += share * (compared if block.scaling is None else rbf(compared, length))
    return total


def _search(blocks: Sequence[_Block], y: FloatArray) -> Setting:
    """Shares and lengths of the largest marginal likelihood, changed one at a time.

    Of more than `GRID_ROWS` rows as many, evenly spaced, choose; noise and signal come from all.
    """
    start = Setting(tuple(1 / len(blocks) for _ in blocks), tuple(LENGTHS[len(LENGTHS) // 2] for _ in blocks))
    rows = np.linspace(0, len(y) - 1, min(len(y), GRID_ROWS)).astype(np.intp)
    centred = y[rows] - y[rows].mean()
    best, least = start, _fit(_covariance(blocks, start, rows), centred).surprise
    tried = {start}
    for _ in range(ROUNDS):
        before = best
        for k, block in enumerate(blocks):
            for setting in _changes(best, k, block.scaling is not None):
                if setting in tried:
                    continue
                tried.add(setting)
                surprise = _fit(_covariance(blocks, setting, rows), centred).surprise
                if surprise < least:
                    best, least = setting, surprise
        if best == before:
            break
    return best


def _changes(setting: Setting, k: int, numbers: bool) -> list[Setting]:
    """Settings with another share or length of block k.

    >>> len(_changes(Setting((0.5, 0.5), (1.2, 1.2)), 0, True))
    9
    """
    changed = []
    for factor in FACTORS:
        shares = [share * (factor if j == k else 1.0) for j, share in enumerate(setting.shares)]
        if sum(shares) > 0 and len(shares) > 1:
            changed.append(setting._replace(shares=tuple(share / sum(shares) for share in shares)))
    for length in LENGTHS if numbers else ():
        if length != setting.lengths[k]:
            lengths = tuple(length if j == k else other for j, other in enumerate(setting.lengths))
            changed.append(setting._replace(lengths=lengths))
    return changed


def _fit(covariance: FloatArray, y: FloatArray) -> _Fit:
    """Noise and signal of the largest marginal likelihood; `surprise` is its negative logarithm, less constants."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0.0)
    damped = values[None, :] + NOISES[:, None]
    signal = np.maximum(np.mean((vectors.T @ y) ** 2 / damped, axis=1), 1e-300)
    surprise = 0.5 * (len(y) * np.log(signal) + np.log(damped).sum(axis=1))
    at = int(np.argmin(surprise))
    return _Fit(float(surprise[at]), float(NOISES[at]), float(signal[at]), values, vectors)


def on_groups(groups: Sequence[ColumnGroup]) -> Head:
    """The head for columns in some blocks."""
    return block_gp._replace(fit=partial(fit, groups=groups), cross_validate=partial(cross_validate, groups=groups))


block_gp = Head("block-gp", fit, predict, ceiling, cross_validate, blocked=Blocked(on_groups, prepare, finish))
