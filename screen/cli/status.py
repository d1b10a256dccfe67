"""The `kakehashi status` command."""

from __future__ import annotations

from kakehashi.catalogs.cli.flags import JsonFlags
from kakehashi.catalogs.cli.flatten import flatten_flags


@flatten_flags
def status(directory: str, *, call: JsonFlags) -> int:
    """Print what a run has done, what is left, and the command that continues it.

    Checks every committed file against its sha256, at a URL against its size, unless the run is at work; the exit code
    is 6 if one is missing or damaged. After a run that was killed on a batch system, removes its certificates and
    names its jobs that still wait.

    Example: kakehashi status runs/kappa

    Example: kakehashi status s3://bucket/kappa

    Parameters
    ----------
    directory
        The folder or URL of the run.
    """
    from json import dumps

    from kakehashi.catalogs.shown import say
    from kakehashi.screen.runs.status import describe_status, read_status

    found = read_status(directory)
    say(dumps(found._asdict()) if call.json else describe_status(found))
    return 0
