"""`kakehashi demo`: the whole way round on what is installed, offline, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kakehashi.screen.cli.flags import Switch, Whole, mode_of
from kakehashi.screen.device import Device

if TYPE_CHECKING:
    from kakehashi.design.run.config import DesignConfig


def demo(
    *,
    out: str = "runs/demo",
    networks: Whole = 16,
    seed: Whole = 0,
    device: Device = "auto",
    json: Switch = False,
    quiet: Switch = False,
    events: Switch = False,
    dry_run: Switch = False,
) -> int:
    """Screen 140,000 compositions and design polymers for thermal conductivity, offline, with a report of each.

    Forward: pre-trains networks on volume per atom and melting temperature, transfers them to the embedded table of
    lattice thermal conductivities, and ranks real Materials Project formulas and charge-balanced enumerated ones.
    Backward: transfers networks of liquids' thermal conductivity and refractive index to the embedded table of
    polymers' thermal conductivities (15 rough values: a demonstration, no finding), and proposes polymers that
    conduct heat better, with their monomers, in OUT-design.

    Parameters
    ----------
    out
        Folder for the screening's results, and with -design for the design's; a former demo in it is replaced.
    networks
        Networks pre-trained per source; a quarter of them for the design.
    seed
        One seed for everything random.
    device
        Compute on auto (a GPU where jax sees one), cpu or gpu.
    json
        Print the record of each run on stdout, one line each.
    quiet
        Print nothing but errors.
    events
        Progress as JSON lines on stderr.
    dry_run
        Say what would be done; write nothing.
    """
    from kakehashi.design.cli.design_text import kind
    from kakehashi.screen.cli.demo import configured, refuse_other_runs, screening
    from kakehashi.screen.runs.runner import run_and_print

    mode = mode_of(json=json, quiet=quiet, events=events)
    forward = configured(out, networks, seed, device)
    config = backward(out, networks, seed, device)
    refuse_other_runs(config.out, {"target": list(config.target), "goal": list(config.goal)})
    code = screening(forward, mode=mode, dry_run=dry_run, json_out=json, quiet=quiet)
    return code or run_and_print(
        kind(), config, mode=mode, overwrite=True, dry_run=dry_run, json_out=json, quiet=quiet, resumable=False
    )


def backward(out: str, networks: int, seed: int, device: Device) -> DesignConfig:
    """Configuration of the design half."""
    from kakehashi.design.run.config import resolve

    flags = {
        "target": ["polymer_thermal_conductivity"], "goal": ["polymer_thermal_conductivity>0.3"], "device": device,
        "source": ["molecule_thermal_conductivity", "molecule_refractive_index"], "networks": max(1, networks // 4),
        "particles": 500, "prior_draws": 2000, "top": 200, "seed": seed, "out": f"{out.rstrip('/')}-design",
    }  # fmt: skip
    return resolve(flags, None)
