"""Terminal output of `kakehashi design`: verdicts, sampler, best proposals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kakehashi.catalogs.numbers import interval, number
from kakehashi.catalogs.properties.polymer_names import name_unit
from kakehashi.catalogs.runs.rundir import RunDir
from kakehashi.catalogs.shown import shown
from kakehashi.design.cli.preview_text import preview_design
from kakehashi.design.report.chance import chance_sentence, write_chance
from kakehashi.design.report.knowledge import caution
from kakehashi.design.run.config import DesignConfig, deciding
from kakehashi.screen.progress import Progress
from kakehashi.screen.runs.config import as_dict
from kakehashi.screen.runs.runner import InputComparison, RunKind, source_hashes

if TYPE_CHECKING:
    import pyarrow as pa

    from kakehashi.design.run.inputs import DesignInputs
    from kakehashi.design.run.run import DesignOutcome

# Proposals printed.
HEAD = 10


def kind() -> RunKind:
    """Steps of a design run, for the runner."""
    return RunKind(
        read=_read, plan=_plan, run=_run,
        show=lambda outcome, rundir: show(outcome.record, outcome.proposals, rundir.where),
        as_dict=as_dict, deciding=deciding, compare=_compare, preview=preview_design,
    )  # fmt: skip


def rebuild_report(directory: str, *, json_out: bool = False, quiet: bool = False, dry_run: bool = False) -> int:
    """Write report.html again from the files of a run of any kind."""
    from kakehashi.screen.cli.screen_text import rebuild_report as rebuild

    return rebuild(directory, _page, json_out=json_out, quiet=quiet, dry_run=dry_run)


def _page(folder: Path) -> str:
    """The report of any kind of run."""
    from kakehashi.screen.runs.record_file import RECORD, load_record

    kind = load_record(folder / RECORD).get("kind")
    if kind == "design":
        from kakehashi.design.report.build import write_report
    elif kind == "study":
        from kakehashi.screen.studies.page import write_report
    elif kind == "evaluation":
        from kakehashi.screen.report.evaluation import write_report
    else:
        from kakehashi.screen.report.build import write_report
    return write_report(folder)


def show(record: dict[str, Any], proposals: pa.Table, where: str) -> None:
    """Print verdicts, counts and the best proposals."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for found in record["properties"]:
        console.print(shown(f"{found['target']['name']}: {found['verdict']['text']}"), style="bold", markup=False)
        if found["verdict"].get("recommendation"):  # runs of earlier versions have none
            console.print(shown(found["verdict"]["recommendation"]), markup=False)
    sampler, listed, prior = record["sampler"], record["proposals"], record["prior"]
    console.print(
        shown(
            f"{sampler['evaluated']:,} distinct repeat units judged, {listed['listed']:,} proposals;"
            f" {listed['above_prior']:,} of them above the {prior['quantile']:.1%} quantile of the prior"
            f" (goal probability {number(prior['p_goal'], 3)})."
        ),
        markup=False,
    )
    chances = [chance for chance in proposals["p_goal"].to_pylist() if chance is not None]
    console.print(shown(chance_sentence(chances, prior["mean_p_goal"])), style="bold", markup=False)
    for spec, found in zip(record["config"]["target"], record["properties"], strict=False):
        if text := caution(found["target"], spec):
            console.print(shown(text), markup=False)
    console.print(f"{sum(record['timings'].values()):.0f} s in all.", markup=False)
    for row in proposals.slice(0, HEAD).to_pylist():
        for line in proposal_lines(row, record["properties"]):
            console.print(shown(line), markup=False)
    for text in record["warnings"]:
        console.print(shown(f"warning: {text}"), markup=False)
    console.print(shown(f"{where}/report.html"), markup=False)


def proposal_lines(row: Mapping[str, Any], properties: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines on a proposal, which may be long: nothing is cut.

    row : of proposals.parquet; properties : records, whose columns begin with their names from the second on
    """
    values = []
    for k, found in enumerate(properties):
        target, prefix = found["target"], f"{found['target']['name']}_" if k else ""
        ends = interval(row[f"{prefix}lower"], row[f"{prefix}upper"])
        values.append(f"{target['name']} {number(row[f'{prefix}mean'], 3)} ({ends}) {target['unit']}".rstrip())
    monomers = [_monomer(row, k) for k in (1, 2) if row[f"monomer_{k}"]]
    route = f"{row['class'] or 'no route known'}{': ' + ' + '.join(monomers) if monomers else ''}"
    known = name_unit(row["smiles"])
    return [
        shown(f"{row['rank']:>3}  {row['smiles']}{f'  ({known})' if known else ''}"),
        shown(f"     {'; '.join(values)}; chance {write_chance(row['p_goal'])}; SA {row['sa_score']:.1f}"),
        shown(f"     {route}"),
    ]


def _monomer(row: Mapping[str, Any], k: int) -> Any:
    who = [text for end in ("name", "cas") if (text := row.get(f"monomer_{k}_{end}"))]
    return row[f"monomer_{k}"] + (f" ({', '.join(who)})" if who else "")


def _read(config: DesignConfig) -> DesignInputs:
    from kakehashi.design.run.inputs import read_inputs

    return read_inputs(config)


def _plan(config: DesignConfig, inputs: DesignInputs) -> dict[str, Any]:
    from kakehashi.design.run.run import plan

    return plan(config, inputs)


def _run(config: DesignConfig, inputs: DesignInputs, rundir: RunDir, progress: Progress, command: str) -> DesignOutcome:
    from kakehashi.design.run.run import run_design

    return run_design(config, inputs, rundir, progress, command)


def _compare(config: DesignConfig, inputs: DesignInputs, record: Mapping[str, Any]) -> list[InputComparison]:
    properties = {found["target"]["name"]: found for found in record["properties"]}
    targets = [
        InputComparison("target", spec, table.sha256, properties[table.name]["target"]["sha256"])
        for spec, table in zip(config.target, inputs.targets, strict=True)
    ]
    then = source_hashes(record["properties"][0]["sources"])
    named = len(config.source) == len(inputs.sources)  # a word may stand for several
    specs = config.source if named else [table.name for table in inputs.sources]
    sources = zip(specs, inputs.sources, strict=True)
    return targets + [InputComparison("source", spec, table.sha256, then.get(table.name)) for spec, table in sources]
