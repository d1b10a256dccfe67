"""The `kakehashi study` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from kakehashi.catalogs.cli.flatten import FlagValues, flatten_flags
from kakehashi.screen.runs.flags import RunFlags
from kakehashi.screen.studies.config import StudyFlags

if TYPE_CHECKING:
    from kakehashi.screen.studies.run import Study


@flatten_flags
def study(name: str, *, flags: Annotated[FlagValues, StudyFlags], call: RunFlags) -> int:
    """Repeat one of the paper's studies, and say which of its claims hold on unseen data.

    Writes the paper's figures beside ours (report.html, figures/), every number (study.json) and the values behind
    them (tables/) to --out. Takes minutes; fewer with fewer networks and draws.

    Example: kakehashi study ltc --data ../shared/data --out runs/ltc-study

    Parameters
    ----------
    name
        ltc: lattice thermal conductivity from plentiful properties, and a screening with a shortlist.
        refractive-index: from inorganic compounds to polymers and back. polymer-tc: thermal conductivity of polymers
        from 19 values, and an inverse design.
    """
    from kakehashi.screen.cli.flags import run_call
    from kakehashi.screen.studies.config import resolve
    from kakehashi.screen.studies.terminal import kind

    return run_call(kind(lambda: _study(name)), resolve(name, flags, call.config), call)


def _study(name: str) -> Study:
    """Load a study by its name."""
    if name == "polymer-tc":
        from kakehashi.design.studies.inverse import STUDY

        return STUDY
    from kakehashi.screen.studies.run import study_of

    return study_of(name)
