"""`kakehashi demo`: a screening and a design on the data that come with Kakehashi, offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kakehashi.catalogs.cli.flags import ProgressFlags
from kakehashi.catalogs.cli.flatten import flatten_flags
from kakehashi.screen.device_names import Device
from kakehashi.screen.runs.flags import DeviceFlags, NetworkFlags, OutFlags, SeedFlags

if TYPE_CHECKING:
    from kakehashi.design.run.config import DesignConfig


@dataclass(frozen=True, kw_only=True)
class DemoFlags(DeviceFlags, SeedFlags, NetworkFlags, OutFlags):
    """Flags of the demo."""

    out: str = "runs/demo"
    networks: int = 16


@flatten_flags
def demo(*, flags: DemoFlags, call: ProgressFlags) -> int:
    """Screen 140,000 compositions and design polymers for thermal conductivity, offline, with a report of each.

    Screening: transfers the foundation networks of the package to the embedded table of lattice thermal conductivities,
    and ranks real Materials Project formulas and charge-balanced enumerated ones.

    Design: transfers networks of liquids' thermal conductivity and refractive index, a quarter of --networks, to the
    embedded table of polymers' thermal conductivities (15 rough values: a demonstration, no finding), and proposes
    polymers that conduct heat better, with their monomers, in the folder OUT-design.

    A former demo in OUT and OUT-design is replaced.
    """
    from kakehashi.design.cli.design_text import kind
    from kakehashi.screen.cli.demo import configure_screening, refuse_other_runs, run_screening
    from kakehashi.screen.cli.flags import printing_options
    from kakehashi.screen.runs.runner import run_and_print

    forward = configure_screening(flags.out, flags.networks, flags.seed, flags.device)
    config = configure_design(flags.out, flags.networks, flags.seed, flags.device)
    refuse_other_runs(config.out, {"target": list(config.target), "goal": list(config.goal)})
    code = run_screening(forward, call)
    return code or run_and_print(kind(), config, overwrite=True, resumable=False, **printing_options(call))


def configure_design(out: str, networks: int, seed: int, device: Device) -> DesignConfig:
    """Configure the design half."""
    from kakehashi.design.run.config import resolve

    flags = {
        "target": ["polymer_thermal_conductivity"], "goal": ["polymer_thermal_conductivity>0.3"], "device": device,
        "source": ["molecule_thermal_conductivity", "molecule_refractive_index"], "networks": max(1, networks // 4),
        "descriptors": "ecfp4@ring/atom",  # what the networks of the package see
        "particles": 500, "prior_draws": 2000, "top": 200, "seed": seed, "out": f"{out.rstrip('/')}-design",
    }  # fmt: skip
    return resolve(flags, None)
