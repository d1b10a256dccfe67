"""Terminal output of `kakehashi screen`: verdict, best candidates, place of the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kakehashi.catalogs.numbers import interval, number
from kakehashi.catalogs.runs.open import as_folder, open_run
from kakehashi.catalogs.runs.rundir import Results, RunDir
from kakehashi.catalogs.shown import say, shortened, shown
from kakehashi.screen.cli.preview_text import preview_run
from kakehashi.screen.cli.slower_text import slower_lines
from kakehashi.screen.progress import Progress
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.runner import InputComparison, RunKind, source_hashes
from kakehashi.screen.screening.config import ScreenConfig, choosing, deciding, exit_code, exporting

if TYPE_CHECKING:
    from rich.text import Text

    from kakehashi.screen.screening.inputs import ScreenInputs
    from kakehashi.screen.screening.run import ScreenOutcome

# Compositions printed.
HEAD = 10


def kind() -> RunKind:
    """Steps of a screening, for the runner."""
    return RunKind(
        read=_read, plan=_plan, forecast=_forecast, run=_run, as_dict=as_dict,
        show=lambda outcome, rundir: show(outcome.record, rundir),
        deciding=deciding, compare=_compare, whole=_exported, judge=_judge, preview=preview_run,
    )  # fmt: skip


def rebuild_report(
    directory: str,
    build: Callable[[Path], str],
    *,
    json_out: bool = False,
    quiet: bool = False,
    dry_run: bool = False,
) -> int:
    """Write report.html again from a run's files.

    build : makes the page from the folder of the run

    Raises
    ------
    UserError : a file is damaged (code 6).
    """
    with as_folder(directory) as results:  # the page reads the files as they are
        results.verify(name for name in results.names() if name != "report.html")
        text = build(results.path)
    if not dry_run:
        with open_run(directory, resume=True) as rundir:
            rundir.write_text("report.html", text)
    path = f"{results.where}/report.html"
    if json_out or not quiet:
        say(json.dumps({"report": path}) if json_out else path)
    return 0


def show(record: dict[str, Any], rundir: Results) -> None:
    """Print verdict, counts, the best compositions, and at the end what to make next."""
    from rich.console import Console

    from kakehashi.screen.report.lead import lead_lines

    console = Console(highlight=False, soft_wrap=True)
    target, catalog, domain = record["target"], record["catalog"], record["domain"]
    console.print(shown(record["verdict"]["text"]), style="bold", markup=False)
    if record["verdict"].get("recommendation"):  # runs of earlier versions have none
        console.print(shown(record["verdict"]["recommendation"]), markup=False)
    kin = record["interval"].get("by_family")
    apart = f" ({kin['coverage']:.0%} with whole chemical families held out)" if kin else ""
    console.print(
        shown(
            f"90% intervals cover {record['verdict']['coverage_90']:.0%} of held-out compounds{apart}."
            f" {catalog['scored']:,} scored, {catalog['quarantined']:,} quarantined;"
            f" domain: {domain['in']:,} in, {domain['edge']:,} at the edge, {domain['out']:,} out"
            + (f", of which {record['unpredicted']:,} not predicted." if record.get("unpredicted") else ".")
        ),
        markup=False,
    )
    if record["filters"]:
        removed = "; ".join(
            f"{count['expression']} fails {count['failed']:,}"
            + (f" ({count['null']:,} without a value)" if count["null"] else "")
            for count in record["filters"]
        )
        console.print(shown(f"{record['ranked']:,} ranked; {removed}."), markup=False)
    if "virtual" in record:
        console.print(shown(in_words(record["virtual"], catalog["scored"])), markup=False)
    for warning in record["warnings"]:
        console.print(shown(f"note: {warning}"), markup=False)
    for line in _aside(record):
        console.print(shown(f"in quarantine: {line}"), markup=False)
    if "export" in record:
        console.print(shown(record["export"]["text"]), markup=False)
    name = f"{target['quantity']} {target['unit']}".strip()
    _table(
        console,
        f"The ranking, extrapolations included (* measured already): {name}",
        _best(rundir.path / "ranking.parquet"),
    )
    if left_out := record["model"].get("left_out_text"):  # runs of earlier versions have none
        console.print(shown(left_out), markup=False)
    seconds = sum(record["timings"].values())
    console.print(shown(f"{seconds:.0f} s; report: {rundir.where}/report.html"), markup=False)
    for line in slower_lines(record):
        console.print(shown(line), markup=False)
    lines = lead_lines(record)
    for k, line in enumerate(lines):
        console.print(shown(line), style="bold" if k in (0, len(lines) - 1) else None, markup=False)


def in_words(virtual: Mapping[str, Any], scored: int) -> str:
    """Describe the search of a virtual catalogue: counts, speed, time for a billion candidates."""
    text = f"{virtual['visited']:,} indices: {virtual['filtered']:,} removed by the filters, {scored:,} scored"
    seconds = virtual["seconds_for_1e9_candidates"]
    if seconds is None:
        return f"{text}, none of them now."
    hours, minutes = divmod(round(seconds / 60), 60)
    return (
        f"{text}; {virtual['candidates_per_second']:,} candidates/s ({virtual['indices_per_second']:,} indices/s):"
        f" 1,000,000,000 candidates would take {hours} h {minutes:02} min."
    )


def _best(path: Path) -> list[dict[str, Any]]:
    """Read the best `HEAD` compositions of a ranking."""
    from kakehashi.catalogs.reading.parquet_files import in_pieces

    best: dict[str, dict[str, Any]] = {}
    names = ["rank", "id", "formula", "reduced_formula", "mean", "lower", "upper", "domain", "nearest_training"]
    with in_pieces(path) as file:
        for batch in file.iter_batches(batch_size=4096, columns=[*names, "measured"], use_threads=False):
            for row in batch.to_pylist():
                best.setdefault(row["reduced_formula"], row)
                if len(best) == HEAD:
                    return list(best.values())
    return list(best.values())


def _table(console: Any, title: str, rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    view = Table(title=Text(shown(title)), title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("rank", "formula", "id", "mean", "90% interval", "domain", "nearest"):
        figures = name in ("rank", "mean", "90% interval")
        view.add_column(name, justify="right" if figures else "left", no_wrap=figures, overflow="fold")
    for row in rows:
        known = "" if row["measured"] is None else "* "
        view.add_row(
            f"{known}{row['rank']}", _cell(row["formula"]), _cell(row["id"]), number(row["mean"], 3),
            interval(row["lower"], row["upper"]), _cell(row["domain"]), _cell(row["nearest_training"]),
        )  # fmt: skip
    console.print(view)


def _cell(text: str) -> Text:
    from rich.text import Text

    return Text(shown(text))


def _read(config: ScreenConfig) -> ScreenInputs:
    from kakehashi.screen.screening.inputs import read_inputs

    return read_inputs(config)


def _plan(config: ScreenConfig, inputs: ScreenInputs) -> dict[str, Any]:
    from kakehashi.screen.screening.run import plan_run

    return plan_run(config, inputs)


def _forecast(config: ScreenConfig, inputs: ScreenInputs) -> dict[str, Any]:
    from kakehashi.screen.screening.run import forecast_run

    return forecast_run(config, inputs)


def _run(config: ScreenConfig, inputs: ScreenInputs, rundir: RunDir, progress: Progress, command: str) -> ScreenOutcome:
    from kakehashi.screen.screening.run import run_screen

    return run_screen(config, inputs, rundir, progress, command)


def _compare(config: ScreenConfig, inputs: ScreenInputs, record: Mapping[str, Any]) -> list[InputComparison]:
    then = source_hashes(record["sources"])
    specs = config.source if len(config.source) == len(inputs.sources) else [table.name for table in inputs.sources]
    return [
        InputComparison("target", config.target, inputs.target.sha256, record["target"]["sha256"]),
        *(
            InputComparison("source", spec, table.sha256, then.get(table.name))
            for spec, table in zip(specs, inputs.sources, strict=True)
        ),
        InputComparison("catalogue", config.catalog, inputs.catalog.sha256, record["catalog"]["sha256"]),
    ]


def _aside(record: Mapping[str, Any], most: int = 3) -> list[str]:
    """List the commonest reasons of quarantine, each with its count and first row."""
    reasons = record.get("quarantine_reasons", [])  # runs of earlier versions have none
    lines = []
    for found in reasons[:most]:
        first = f", first {shortened(found['example'])}" if found["example"] else ""
        lines.append(f"{found['reason']} ({found['count']:,} row{'s' * (found['count'] > 1)}{first})")
    if rest := reasons[most:]:
        count = sum(found["count"] for found in rest)
        lines.append(
            f"{count:,} more row{'s' * (count > 1)} for other reasons: {record['config']['out']}/quarantine.csv"
        )
    return lines


def _exported(config: ScreenConfig, record: Mapping[str, Any]) -> bool:
    """Check that a finished run wrote the files that are exported, and the batch that is asked for, now."""
    mine, theirs = as_dict(config), record["config"]
    if config.export and exporting(theirs) != exporting(mine):
        return False
    return "batch" not in theirs or choosing(theirs) == choosing(mine)  # runs of earlier versions chose none


def _judge(record: Mapping[str, Any]) -> tuple[int, str]:
    catalog, config = record["catalog"], record["config"]
    return exit_code(record), (
        f"{catalog['quarantined']:,} of {catalog['rows']:,} rows are in quarantine, above --max-quarantine"
        f" {config['max_quarantine']}: see {config['out']}/quarantine.csv"
    )
