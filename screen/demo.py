"""`kakehashi demo`: the whole way round on what is installed, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from screen.commands import Whole
from screen.device import Device

_Switch = Annotated[bool, Parameter(negative="")]


def demo(
    *,
    out: str = "runs/demo",
    networks: Whole = 16,
    seed: Whole = 0,
    device: Device = "auto",
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
    device
        Compute on auto (a GPU where jax sees one), cpu or gpu.
    json
        Print the record of the run on stdout.
    quiet
        Print nothing but errors.
    events
        Progress as JSON lines on stderr.
    dry_run
        Say what would be done; write nothing.
    """
    from screen.config import resolve
    from screen.terminal import run_and_print

    fixed = {"target": "ltc", "log": True, "catalog": "default", "source": ["volume_per_atom", "melting_temperature"]}
    config = resolve({**fixed, "networks": networks, "seed": seed, "out": out, "device": device}, None)
    _refuse_other_runs(Path(out), config.target, config.catalog)
    return run_and_print(
        config,
        mode="events" if events else "quiet" if quiet or json else "auto",
        overwrite=True,
        dry_run=dry_run,
        json_out=json,
        quiet=quiet,
    )


def _refuse_other_runs(out: Path, *expected: str) -> None:
    """UserError if the folder, which is overwritten, holds a finished run of anything but the demo."""
    import json

    from catalogs.records import UserError

    try:
        config = json.loads((out / "run.json").read_text(encoding="utf-8"))["config"]
        found: tuple[object, ...] = (config["target"], config["catalog"])
    except (FileNotFoundError, NotADirectoryError):
        return
    except (ValueError, KeyError, TypeError):
        found = ()
    if found != expected:
        raise UserError(f"{out} holds a run that is not the demo's: choose another --out")
