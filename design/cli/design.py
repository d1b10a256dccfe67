"""The `kakehashi design` and `kakehashi report` commands."""

from __future__ import annotations

from typing import Annotated

from kakehashi.catalogs.cli.flags import DryRunFlags
from kakehashi.catalogs.cli.flatten import FlagValues, flatten_flags
from kakehashi.design.run.config import DesignConfig
from kakehashi.screen.runs.flags import RunFlags


@flatten_flags
def design(*, flags: Annotated[FlagValues, DesignConfig], call: RunFlags) -> int:
    """Propose polymers that meet a goal, with the monomers and the reaction that make them.

    Transfers models to the targets as `kakehashi screen` does; samples repeat units from a prior, by default of
    polymerisable monomers, on the condition that the goals are met (sequential Monte Carlo); lists the best new ones in
    --out, with predictions, 90 % intervals, the probability of the goal, synthetic accessibility and a report.

    Example: kakehashi design --target my.csv:thermal_conductivity --goal 'thermal_conductivity>0.35' --out runs/tc
    """
    from kakehashi.design.cli.design_text import kind
    from kakehashi.design.run.config import resolve
    from kakehashi.screen.cli.flags import run_call

    return run_call(kind(), resolve(flags, call.config), call)


@flatten_flags
def report(directory: str, *, call: DryRunFlags) -> int:
    """Build the HTML report of a finished run again, from its files.

    Example: kakehashi report runs/kappa

    Parameters
    ----------
    directory
        The folder or URL of a finished run of any kind.
    """
    from kakehashi.design.cli.design_text import rebuild_report

    return rebuild_report(directory, json_out=call.json, quiet=call.quiet, dry_run=call.dry_run)
