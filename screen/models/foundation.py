"""Training of foundation networks on a folder of tables."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from kakehashi.catalogs.files.home import cache_folder
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.models import library as shelf
from kakehashi.screen.foundation.kept import keep_foundation, stored_of, with_probe
from kakehashi.screen.foundation.training.cards import SPLIT, foundation_card
from kakehashi.screen.foundation.training.fit import FoundationSettings, foundation_key, train_foundation
from kakehashi.screen.foundation.training.parts import remove_parts
from kakehashi.screen.foundation.training.recipe import load_recipe
from kakehashi.screen.foundation.training.tables import FoundationData, gather
from kakehashi.screen.foundation.training.train import FoundationCourse
from kakehashi.screen.models.config import TrainConfig
from kakehashi.screen.progress import Mode, Progress, warn

PARTS = "foundation-parts"


def train_on_folder(config: TrainConfig, mode: Mode, *, dry_run: bool = False) -> dict[str, Any]:
    """Train, or find, the foundation networks of a folder; a record of them.

    Raises
    ------
    UserError : a table or recipe that cannot be read, or nothing to learn.
    """
    start = time.perf_counter()
    data = gather(path_of(config.foundation or ""), None if config.recipe is None else load_recipe(config.recipe))
    for text in data.warnings:
        warn(mode, text)
    for each in data.left_out:
        warn(mode, f"not learned: {each.table}: {each.reason}")
    settings = FoundationSettings(config.networks, config.seed, FoundationCourse(epochs=config.epochs))
    record: dict[str, Any] = {"name": data.name, "formulas": len(data.keys), "tasks": tasks_of(data)}
    if dry_run:
        return record
    key = foundation_key(data, settings)
    out = path_of(config.out) if config.out else None
    folder, reused = (out or shelf.models_folder()) / key, True
    if shelf.read(folder, key).arrays is None:
        entry = shelf.read(shelf.models_folder() / key, key)
        if out is not None and entry.arrays is not None and entry.card is not None:
            card = {name: value for name, value in entry.card.items() if name != "card_sha256"}
            folder = keep_foundation(key, stored_of(entry.arrays), card, out)
        else:
            folder, reused = _train(data, settings, key, out, mode), False
    card = json.loads((folder / shelf.CARD).read_bytes())
    errors = {task["name"]: task["metrics"] for task in card["tasks"]}
    record["tasks"] = [{**task, **{name: errors[task["name"]][name] for name in ("mae", "pearson")}}
                       for task in record["tasks"]]  # fmt: skip
    return {
        "id": key, **record, "networks": card["networks"], "split": SPLIT, "bytes": card["bytes"], "reused": reused,
        "seconds": round(time.perf_counter() - start, 1), "folder": str(folder),
    }  # fmt: skip


def tasks_of(data: FoundationData) -> list[dict[str, Any]]:
    """Records of the properties, as JSON values."""
    return [
        {"name": task.name, "property": task.quantity, "unit": task.unit, "learned": task.transform,
         "rows": task.rows, "alias": task.alias, "source": task.source, "licence": task.licence}
        for task in data.tasks
    ]  # fmt: skip


def _train(data: FoundationData, settings: FoundationSettings, key: str, out: Path | None, mode: Mode) -> Path:
    """Train the networks and keep them; the folder of their entry."""
    parts = cache_folder(PARTS) if out is None else out / PARTS
    trained = train_foundation(data, settings, parts, Progress(mode).stage)
    for text in trained.warnings:
        warn(mode, text)
    card = foundation_card(data, settings, trained)
    stored = with_probe(trained.foundation, data.compositions)
    folder = keep_foundation(key, stored, card)
    if out is not None:
        folder = keep_foundation(key, stored, card, out)
    remove_parts(trained.parts)
    return folder
