"""The `kakehashi next` command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from kakehashi.catalogs.cli.flags import DryRunFlags, OverwriteFlags
from kakehashi.catalogs.cli.flatten import Switch, Whole, flatten_flags
from kakehashi.catalogs.flag import Here
from kakehashi.screen.device_names import Device
from kakehashi.screen.runs.candidate_flags import BatchFlags, ElementFlags, FilterFlags
from kakehashi.screen.runs.flags import DeviceFlags, SeedFlags


@dataclass(frozen=True, kw_only=True)
class NextFlags(DeviceFlags, SeedFlags, ElementFlags, FilterFlags, BatchFlags):
    """Flags of a batch that other commands have, too."""

    batch: Annotated[int, Here("With --simulate: per round.")] = 8
    filter: Annotated[tuple[str, ...], Here("The run's own filters hold as well.")] = ()
    seed: Annotated[int, Here("Only --simulate draws any.")] = 0
    device: Annotated[Device, Here("Only --simulate computes.")] = "auto"


@flatten_flags
def next_experiments(
    directory: str,
    *,
    include_out: Switch = False,
    apart: float | None = None,
    tell: str | None = None,
    simulate: Switch = False,
    start: Whole | None = None,
    budget: Whole | None = None,
    repeats: Whole | None = None,
    head: Literal["gp", "ridge"] | None = None,
    flags: NextFlags,
    replace: OverwriteFlags,
    call: DryRunFlags,
) -> int:
    """Choose the experiments or calculations to do next, from a finished run, and say why.

    Ranked candidates that the target does not hold yet are ordered by the value of measuring them, at most one per
    chemical system, and written to next.parquet and next.csv in the folder of the run; beside an earlier batch, which
    --overwrite replaces, to next-2.csv and so on. The run's own filters and its
    --minimise hold. Of a design the proposals are the candidates, and files for RadonPy and for a chemist are written
    beside. --simulate plays such a campaign on the target's known values against random choice, writing
    nothing.

    Example: kakehashi next runs/kappa --batch 8

    Parameters
    ----------
    directory
        The folder or URL of a finished run.
    include_out
        Propose candidates outside the applicability domain, too.
    apart
        Smallest share of atoms by which any two compositions of a batch differ (default 0.1), or of fingerprints by
        which repeat units do (default 0.4).
    tell
        FILE:COLUMN of new values of repeat units, of a design: they count as known from now on, and a model that is
        fitted again on all known values predicts the proposals.
    simulate
        Simulate a campaign on the target's known values instead.
    start
        Compounds known at the start of the simulation. Default: 10.
    budget
        Measurements of the simulation in all, the start included. Default: half of the rest, at most 10 batches.
    repeats
        Random starts of the simulation. Default: 10.
    head
        Model of the simulation. Default: gp.
    """
    from kakehashi.catalogs.records import UserError
    from kakehashi.screen.device import choose

    choose(flags.device)
    chosen: dict[str, Any] = {"start": start, "budget": budget, "repeats": repeats, "head": head}
    played = {name: value for name, value in chosen.items() if value is not None}
    if simulate:
        if tell:
            raise UserError("--tell has no meaning with --simulate")
        if flags.filter or flags.exclude_elements or flags.elements or include_out:
            raise UserError(
                "--filter, --exclude-elements, --elements and --include-out have no meaning with --simulate"
            )
        from kakehashi.screen.next.campaign import Campaign, simulate_and_print

        campaign = Campaign(batch=flags.batch, by=flags.by, apart=apart, seed=flags.seed)._replace(**played)
        return simulate_and_print(directory, campaign, json_out=call.json, quiet=call.quiet, dry_run=call.dry_run)
    if played:
        raise UserError(f"{', '.join(f'--{name}' for name in played)}: only with --simulate")
    from kakehashi.screen.next.batch import propose_and_print
    from kakehashi.screen.next.candidates import BatchRequest, parse_filters

    filters = parse_filters(list(flags.filter))
    request = BatchRequest(
        flags.batch, flags.by, filters, flags.exclude_elements, include_out, apart, elements=flags.elements
    )
    return propose_and_print(
        directory,
        request,
        json_out=call.json,
        quiet=call.quiet,
        dry_run=call.dry_run,
        overwrite=replace.overwrite,
        values=tell,
    )
