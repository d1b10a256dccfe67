"""The `kakehashi study` command: flags, nothing else. Heavy imports wait for the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kakehashi.screen.cli.flags import Setting, Whole, mode_of
from kakehashi.screen.device import Device

if TYPE_CHECKING:
    from kakehashi.screen.studies.run import Study


def study(
    name: str,
    *,
    data: str | None = None,
    networks: Whole | None = None,
    draws: Whole | None = None,
    limit: Whole | None = None,
    particles: Whole | None = None,
    out: str | None = None,
    seed: Whole | None = None,
    no_cache: Setting = None,
    workers: Whole | None = None,
    device: Device | None = None,
    config: str | None = None,
    resume: Setting = None,
    overwrite: Setting = None,
    dry_run: Setting = None,
    json: Setting = None,
    quiet: Setting = None,
    events: Setting = None,
) -> int:
    """Repeat one of the paper's studies, and say which of its claims hold on unseen data.

    Writes the paper's figures with its numbers beside ours (report.html, figures/), every number (study.json) and the
    values behind them (tables/). Minutes; with fewer networks and draws less.

    Example: kakehashi study ltc --data ../shared/data --out runs/ltc-study

    Parameters
    ----------
    name
        ltc: lattice thermal conductivity from plentiful properties, and a screening with a shortlist.
        refractive-index: from inorganic compounds to polymers and back. polymer-tc: thermal conductivity of polymers
        from 19 values, and an inverse design.
    data
        The folder of the shared data. Default: what comes with Kakehashi, with stand-ins that are named.
    networks
        Pre-trained networks: of all sources together for ltc (default 100), of each source otherwise (20).
    draws
        How often a test set or 19 training polymers are drawn (refractive-index, polymer-tc). Default: 10.
    limit
        Screen only the first rows of the catalogue (ltc).
    particles
        Repeat units carried along by the inverse design (polymer-tc). Default: 500.
    out
        Folder or URL for the results, such as s3://bucket/run.
    seed
        One seed for everything random. Default: 0.
    no_cache
        Pre-train and transfer again, even where an earlier run left the same networks and models.
    workers
        Processes that parse and describe repeat units (polymer-tc). Default: one per core.
    device
        Compute on auto (a GPU where jax sees one), cpu or gpu.
    config
        A TOML file with the same names as these flags; flags win.
    resume
        Go on in a folder that holds an unfinished study.
    overwrite
        Replace the run the folder holds.
    dry_run
        Check the settings and print them; write nothing.
    json
        Print the record of the study (run.json) on stdout.
    quiet
        Print nothing but errors.
    events
        Progress as JSON lines on stderr.
    """
    from kakehashi.screen.runs.runner import run_and_print
    from kakehashi.screen.studies.config import resolve
    from kakehashi.screen.studies.terminal import kind

    flags: dict[str, Any] = {
        "data": data, "networks": networks, "draws": draws, "limit": limit, "particles": particles, "out": out,
        "seed": seed, "no_cache": no_cache, "workers": workers, "device": device,
    }  # fmt: skip
    return run_and_print(
        kind(lambda: _study(name)),
        resolve(name, flags, config),
        mode=mode_of(json=json, quiet=quiet, events=events),
        resume=bool(resume),
        overwrite=bool(overwrite),
        dry_run=bool(dry_run),
        json_out=bool(json),
        quiet=bool(quiet),
    )


def _study(name: str) -> Study:
    """The study of that name; one of them designs polymers, too."""
    if name == "polymer-tc":
        from kakehashi.design.studies.inverse import STUDY

        return STUDY
    from kakehashi.screen.studies.run import study_of

    return study_of(name)
