"""`kakehashi demo`: the whole way round on what is installed, offline."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

_Switch = Annotated[bool, Parameter(negative="")]


def demo(
    *,
    out: str = "runs/demo",
    networks: int = 16,
    seed: int = 0,
    json: _Switch = False,
    quiet: _Switch = False,
    events: _Switch = False,
    dry_run: _Switch = False,
) -> int:
    """Screen 140,000 compositions for lattice thermal conductivity, offline, and write a report.

    Pre-trains networks on volume per atom and melting temperature, transfers them to the embedded table of lattice
    thermal conductivities, and ranks real Materials Project formulas and charge-balanced enumerated ones.

    Parameters
    ----------
    out
        Folder for the results; a former demo in it is replaced.
    networks
        Networks pre-trained per source.
    seed
        One seed for everything random.
    json
        Print the record of the run on stdout.
    quiet
        Print nothing but errors.
    events
        Progress as JSON lines on stderr.
    dry_run
        Say what would be done; write nothing.
    """
    from screen.config import ScreenConfig
    from screen.terminal import run_and_print

    config = ScreenConfig(
        target="ltc",
        log=True,
        catalog="default",
        source=("volume_per_atom", "melting_temperature"),
        networks=networks,
        seed=seed,
        out=out,
    )
    return run_and_print(
        config,
        mode="events" if events else "quiet" if quiet or json else "auto",
        overwrite=True,
        dry_run=dry_run,
        json_out=json,
        quiet=quiet,
    )
