"""The `kakehashi next` command: flags, nothing else. Heavy imports wait for the call."""

from __future__ import annotations

from typing import Any, Literal

from kakehashi.screen.cli.flags import Many, Switch, Whole
from kakehashi.screen.device import Device


def next_experiments(
    directory: str,
    *,
    batch: Whole = 8,
    by: Literal["improvement", "upper", "variance"] = "improvement",
    filter: Many = None,
    exclude_elements: str | None = None,
    include_out: Switch = False,
    apart: float = 0.1,
    simulate: Switch = False,
    start: Whole | None = None,
    budget: Whole | None = None,
    repeats: Whole | None = None,
    head: Literal["gp", "ridge"] | None = None,
    seed: Whole = 0,
    device: Device = "auto",
    json: Switch = False,
    quiet: Switch = False,
    dry_run: Switch = False,
) -> int:
    """Choose the experiments or calculations to do next, from a finished run, and say why.

    Scored candidates the target does not hold yet are ordered by what measuring them is worth, at most one per
    chemical system, and written to next.parquet and next.csv in the folder of the run. The run's own filters and its
    --minimise hold. --simulate plays such a campaign on the target's known values against chance, writing nothing.

    Example: kakehashi next runs/kappa --batch 8

    Parameters
    ----------
    directory
        The folder or URL of a finished run.
    batch
        Experiments in the batch, or per round of the simulation.
    by
        Expected improvement on the best known value, upper bound of the interval (the lower one where small values
        are wanted), or variance.
    filter
        Keep rows that meet COLUMN OPERATOR VALUE, in addition to the run's filters; repeat for several.
    exclude_elements
        Elements no candidate may contain, e.g. Pb,Cd,Hg.
    include_out
        Propose candidates outside the applicability domain too.
    apart
        Share of the atoms by which any two compositions of a batch must differ.
    simulate
        Play a campaign on the target's known values instead.
    start
        Compounds known at the start of the simulation. Default: 10.
    budget
        Measurements of the simulation in all, the start included. Default: half of the rest, at most 10 batches.
    repeats
        Random starts of the simulation. Default: 10.
    head
        Model of the simulation. Default: gp.
    seed
        One seed for everything random (the simulation; nothing in a batch is).
    device
        Compute the simulation on auto (a GPU where jax sees one), cpu or gpu.
    json
        Print the batch, or the curve of the simulation, as JSON.
    quiet
        Print nothing but errors.
    dry_run
        Choose and print, or say what would be simulated; write nothing.
    """
    from kakehashi.catalogs.records import UserError
    from kakehashi.screen.device import choose

    choose(device)
    chosen: dict[str, Any] = {"start": start, "budget": budget, "repeats": repeats, "head": head}
    played = {name: value for name, value in chosen.items() if value is not None}
    if simulate:
        if filter or exclude_elements or include_out:
            raise UserError("--filter, --exclude-elements and --include-out have no meaning with --simulate")
        from kakehashi.screen.next.campaign import Campaign, simulate_and_print

        campaign = Campaign(batch=batch, by=by, apart=apart, seed=seed)._replace(**played)
        return simulate_and_print(directory, campaign, json_out=json, quiet=quiet, dry_run=dry_run)
    if played:
        raise UserError(f"{', '.join(f'--{name}' for name in played)}: only with --simulate")
    from kakehashi.screen.next.batch import BatchRequest, parse_filters, propose_and_print
    from kakehashi.screen.screening.config import words

    exclude = words([exclude_elements] if exclude_elements else [])
    request = BatchRequest(batch, by, parse_filters(filter), exclude, include_out, apart)
    return propose_and_print(directory, request, json_out=json, quiet=quiet, dry_run=dry_run)
