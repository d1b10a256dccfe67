"""What a run prints: the verdict, the head of the ranking, where the files are."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalogs.records import UserError
from catalogs.rundir import RunDir
from screen.config import ScreenConfig, as_dict, deciding, exit_code, exporting
from screen.progress import Mode, Progress, warn

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.text import Text

HEAD = 10


def run_and_print(
    config: ScreenConfig,
    *,
    mode: Mode = "auto",
    resume: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    json_out: bool = False,
    quiet: bool = False,
) -> int:
    """Run one screening and print its outcome; the exit code."""
    if resume and overwrite:
        raise UserError("expected --resume or --overwrite, got both: choose one")
    # The folder is judged before the data are read and jax is imported: both take seconds.
    if not dry_run and not config.out:
        raise UserError("--out is missing: the folder the results go to")
    if not dry_run and resume and (record := _finished(Path(config.out), config)) is not None:
        if json_out:
            print(json.dumps(record))
        elif not quiet:
            print(f"nothing to do: {config.out} holds this run, finished")
        return exit_code(record)
    from screen.device import choose

    choose(config.device)
    from screen.run import plan, read_inputs, run_screen

    if dry_run:
        found = plan(config, read_inputs(config))
        if json_out or not quiet:
            print(json.dumps(found, indent=None if json_out else 1))
        return 0
    words = ["kakehashi", *sys.argv[1:]]
    # What is overwritten goes when the folder is opened: not before the inputs are known to be good.
    inputs = read_inputs(config) if overwrite else None
    try:
        with RunDir(config.out, resume=resume, overwrite=overwrite) as rundir:
            outcome = run_screen(config, inputs or read_inputs(config), rundir, Progress(mode), shlex.join(words))
    except KeyboardInterrupt:
        again = [word for word in words if word not in ("--resume", "--overwrite")]
        warn("auto" if mode == "quiet" else mode, f"interrupted; go on with: {shlex.join([*again, '--resume'])}")
        return 130
    if json_out:
        print(json.dumps(outcome.record))
    elif not quiet:
        show(outcome.record, Path(config.out))
    if outcome.code:
        catalog = outcome.record["catalog"]
        warn(
            mode,
            f"{catalog['quarantined']:,} of {catalog['rows']:,} rows are in quarantine, above --max-quarantine"
            f" {config.max_quarantine}: see {config.out}/quarantine.parquet",
        )
    return outcome.code


def rebuild_report(
    directory: str,
    build: Callable[[Path], str] | None = None,
    *,
    json_out: bool = False,
    quiet: bool = False,
    dry_run: bool = False,
) -> int:
    """Write report.html again from a run folder's files.

    build : makes the page, where the run is no screening run
    """
    text = (build or _builder(Path(directory)))(Path(directory))
    if not dry_run:
        with RunDir(directory, resume=True) as rundir:
            rundir.write_text("report.html", text)
    path = str(Path(directory) / "report.html")
    if json_out or not quiet:
        print(json.dumps({"report": path}) if json_out else path)
    return 0


def _builder(directory: Path) -> Callable[[Path], str]:
    """What makes the page of a run, by the kind that its run.json names."""
    from screen.report import build, data, evaluation

    found = data.run_json(directory / "run.json").get("kind")
    return evaluation.write_report if found == "evaluation" else build.write_report


def show(record: dict[str, Any], out: Path) -> None:
    """Print verdict, counts, the best distinct compositions inside or at the edge of the domain, and overall."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    target, catalog, domain = record["target"], record["catalog"], record["domain"]
    console.print(shown(record["verdict"]["text"]), style="bold", markup=False)
    kin = record["interval"].get("by_family")
    apart = f" ({kin['coverage']:.0%} with whole chemical families held out)" if kin else ""
    console.print(
        f"90% intervals cover {record['verdict']['coverage_90']:.0%} of held-out compounds{apart}."
        f" {catalog['scored']:,} scored, {catalog['quarantined']:,} quarantined;"
        f" domain: {domain['in']:,} in, {domain['edge']:,} at the edge, {domain['out']:,} out."
    )
    if record["filters"]:
        removed = "; ".join(
            f"{count['expression']} fails {count['failed']:,}"
            + (f" ({count['null']:,} without a value)" if count["null"] else "")
            for count in record["filters"]
        )
        console.print(shown(f"{record['ranked']:,} ranked; {removed}."), markup=False)
    for warning in record["warnings"]:
        console.print(shown(f"note: {warning}"), markup=False)
    if "export" in record:
        console.print(shown(record["export"]["text"]), markup=False)
    rows, near = _best(out / "ranking.parquet")
    name = f"{target['quantity']} {target['unit']}".strip()
    if near:
        _table(console, f"Best in or at the edge of the domain: {name}", near)
    if rows != near:
        _table(console, f"Best of all, extrapolations included: {name}", rows)
    seconds = sum(record["timings"].values())
    console.print(f"{seconds:.0f} s; report: {out / 'report.html'}", markup=False)


def _best(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """First rows of the `HEAD` best compositions, and of those inside or at the edge of the domain."""
    import pyarrow.parquet as pq
    from pyarrow import compute

    overall: dict[str, dict[str, Any]] = {}
    near: dict[str, dict[str, Any]] = {}
    names = ["rank", "id", "formula", "reduced_formula", "mean", "lower", "upper", "domain", "nearest_training"]
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=4096, columns=names, use_threads=False):
            _collect(overall, batch)
            _collect(near, batch.filter(compute.not_equal(batch["domain"], "out")))
            if len(overall) == len(near) == HEAD:
                break
    return list(overall.values()), list(near.values())


def _collect(seen: dict[str, dict[str, Any]], batch: pa.RecordBatch) -> None:
    """Add the first row of every new composition until `HEAD` are there."""
    if len(seen) < HEAD:
        for row in batch.to_pylist():
            seen.setdefault(row["reduced_formula"], row)
            if len(seen) == HEAD:
                return


def _table(console: Any, title: str, rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    view = Table(title=Text(shown(title)), title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("rank", "formula", "id", "mean", "90% interval", "domain", "nearest"):
        view.add_column(name, justify="right" if name in ("rank", "mean", "90% interval") else "left")
    for row in rows:
        view.add_row(
            str(row["rank"]), _cell(row["formula"]), _cell(row["id"]), f"{row['mean']:.3g}",
            f"{row['lower']:.3g} to {row['upper']:.3g}", row["domain"], _cell(row["nearest_training"]),
        )  # fmt: skip
    console.print(view)


def shown(text: str) -> str:
    """Text without characters that steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _cell(text: str) -> Text:
    from rich.text import Text

    return Text(shown(text if len(text) <= 40 else text[:39] + "…"))


def _finished(out: Path, config: ScreenConfig) -> dict[str, Any] | None:
    """The record of a run of this very configuration that the folder already holds, finished; else None."""
    from catalogs.results import Results

    if not (out / "run.json").is_file():
        return None
    results = Results(out)
    record: dict[str, Any] = json.loads(results.read_text("run.json"))
    same = deciding(record["config"]) == deciding(as_dict(config))
    if not same:
        raise UserError(f"{out} holds a finished run with another configuration: use --overwrite or another --out")
    if changed := _changed(config, record):
        raise UserError(
            f"{out} holds a finished run of other data: {'; '.join(changed)}; use --overwrite or another --out"
        )
    if config.export and exporting(record["config"]) != exporting(as_dict(config)):
        return None  # scores are kept, and files are written that were not asked for then
    results.verify()
    return record if "report.html" in results.names() else None


def _changed(config: ScreenConfig, record: dict[str, Any]) -> list[str]:
    """Which inputs are not those of the run of a record, in words."""
    from screen.run import read_inputs

    inputs = read_inputs(config)
    found = [("target", config.target, inputs.target.sha256, record["target"]["sha256"])]
    sources = zip(config.source, inputs.sources, record["sources"], strict=True)
    found += [("source", spec, table.sha256, then["sha256"]) for spec, table, then in sources]
    found.append(("catalogue", config.catalog, inputs.catalog.sha256, record["catalog"]["sha256"]))
    return [
        f"{role} {shown(spec)} has sha256 {now[:12]}, then {then[:12]}"
        for role, spec, now, then in found
        if now != then
    ]
