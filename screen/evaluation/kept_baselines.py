"""Baselines of all splits of a leaderboard, kept by their content.

A baseline depends on descriptors, values and splits alone: neither sources nor networks change it, and they are what
is tried again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.files.home import cache_folder_or_none
from kakehashi.catalogs.models import library as shelf
from kakehashi.screen.cache.keep import UNREADABLE, machine_facts, unpacked
from kakehashi.screen.cache.packing import content_hash, pack
from kakehashi.screen.descriptors.kind import ColumnGroup
from kakehashi.screen.evaluation.baselines import FOLDS, BaselinePrediction, predict_baseline
from kakehashi.screen.heads.head import FloatArray
from kakehashi.screen.heads.registry import HEADS
from kakehashi.screen.progress import Stage
from kakehashi.screen.transfer.cache import TRANSFER_VERSION
from kakehashi.screen.validation.folds import Split

FOLDER = "baselines"
# Raise when the same data and splits would give other predictions; changes of heads raise `TRANSFER_VERSION`.
BASELINE_VERSION = 1


class SplitPredictions(NamedTuple):
    """Predictions of a baseline, one per split."""

    splits: tuple[BaselinePrediction, ...]


RECORDS: dict[str, type] = {kind.__name__: kind for kind in (SplitPredictions, BaselinePrediction)}


class BaselineData(NamedTuple):
    """What baselines are fitted on.

    raw : (n, width) descriptors; y : (n,) values; keys : n groups that inner folds do not split
    groups : of the columns, for heads that see blocks of descriptors
    """

    raw: NDArray[np.float32]
    y: FloatArray
    keys: Sequence[str]
    splits: Sequence[Split]
    seed: int
    groups: tuple[ColumnGroup, ...] = ()


class Baseline(NamedTuple):
    """Predictions by split, and why they could not be read or kept, else ""."""

    splits: tuple[BaselinePrediction, ...]
    warning: str = ""


def baseline_key(head: str, data: BaselineData) -> str:
    """Hash everything that decides a baseline's predictions (sha256)."""
    return content_hash(
        {
            "version": (BASELINE_VERSION, TRANSFER_VERSION, FOLDS, version("scikit-learn")),
            "head": head,
            **data._replace(keys=tuple(data.keys), splits=tuple(data.splits))._asdict(),
            **machine_facts(),
        }
    )


def predict_splits(head: str, data: BaselineData, pool: Executor, *, cache: bool, stage: Stage) -> Baseline:
    """Predict the held-out rows of every split, or read what an earlier run predicted.

    pool : runs the splits side by side
    cache : False neither reads nor keeps anything
    """
    name, count = f"baseline {head}", len(data.splits)

    def run() -> tuple[BaselinePrediction, ...]:
        with stage(name, count) as advance:
            return tuple(pool.map(lambda split: _predict(head, data, split, advance), data.splits))

    folder = cache_folder_or_none(FOLDER) if cache else None
    if folder is None:
        return Baseline(run())
    key = baseline_key(head, data)
    entry = shelf.read(folder / key, key)
    warning = entry.warning
    if entry.arrays is not None:
        try:
            kept: SplitPredictions = unpacked(entry.arrays, SplitPredictions, RECORDS)
        except UNREADABLE as error:
            warning = f"{folder / key} cannot be read ({error}): predicted again"
        else:
            with stage(f"{name} (cached)", count) as advance:
                advance(count)
            return Baseline(kept.splits)
    found = run()
    card = {"kind": "baseline", "head": head}
    arrays = pack(SplitPredictions(found))
    failed = shelf.store(key, arrays, card, replace=bool(warning), folder=folder, private=True)
    return Baseline(found, "; ".join(text for text in (warning, failed) if text))


def _predict(head: str, data: BaselineData, split: Split, advance: Callable[[int], None]) -> BaselinePrediction:
    rows, held = split
    keys = [data.keys[i] for i in rows]
    blocked = HEADS[head].blocked
    chosen = HEADS[head] if blocked is None else blocked.on_groups(data.groups)
    found = predict_baseline(chosen, data.raw[rows], data.y[rows], data.raw[held], keys, data.seed)
    advance(1)
    return found
