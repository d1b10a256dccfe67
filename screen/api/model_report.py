"""An HTML page of what is known of a model, without a catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from kakehashi.catalogs.files.durable import write_durably
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.screen.progress import Progress
from kakehashi.screen.report.evaluation import write_report
from kakehashi.screen.runs.refused import warnings_of, write_rejected
from kakehashi.screen.screening.foundation_record import foundation_record
from kakehashi.screen.screening.record import (
    PACKAGES,
    held_out_trust,
    leaderboard_table,
    model_record,
    predictions_table,
    record_head,
    source_record,
    target_record,
)
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.verdict import verdict_record
from kakehashi.screen.validation.intervals import LEVEL


def write_model_report(model: Model, path: str | Path) -> Path:
    """Write the page; its path.

    Raises
    ------
    UserError : a path that is a folder, or cannot be written (code 1).
    """
    page = path_of(path)
    if page.is_dir():
        raise UserError(f"{page} is a folder: expected a file, such as {page / 'report.html'}")
    folds = len(set(model.out_of_fold.folds.tolist()))
    record = {
        **record_head({"seed": model.seed, "heads": list(model.heads)}, Progress("quiet"), "model.report(...)",
                      PACKAGES, "evaluate"),
        "convention": model.library.convention,
        "target": target_record(model.target),
        "sources": [source_record(source) for source in model.library.sources],
        "foundation": foundation_record(model.knowledge, model.unseen),
        "holdout": {"mode": "formula", "text": f"{folds} folds, no formula in two", "splits": folds},
        "verdict": verdict_record(model.verdict),
        "recommendation": {"model": model.verdict.recommended, "text": model.verdict.recommendation, "command": ""},
        "model": model_record(model),
        "trust": held_out_trust(model),
        "interval": {"level": LEVEL},
        "warnings": [*model.warnings, *warnings_of([model.target], [])],
    }  # fmt: skip
    with TemporaryDirectory(prefix="kakehashi-") as folder, RunDir(Path(folder) / "report") as rundir:
        write_rejected(rundir, (model.target,), {})
        rundir.write_table("leaderboard.parquet", leaderboard_table(model))
        rundir.write_table("predictions.parquet", predictions_table(model))
        rundir.write_text("run.json", json.dumps(record, ensure_ascii=False))
        text = write_report(rundir.path)
    try:
        write_durably(page, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(f"{page} cannot be written: {error.strerror or error}", code=1) from error
    return page
