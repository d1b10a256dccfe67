"""The `kakehashi status` command."""

from __future__ import annotations

from kakehashi.screen.cli.flags import Setting


def status(directory: str, *, json: Setting = None) -> int:
    """Say what a run has done, what is left, and how to go on.

    Every committed file is checked against its sha256, at a URL its size, unless the run is at work. Exit code 6 if
    one is missing or damaged. Certificates that a run left that was killed on a batch system are removed, and its jobs
    that still wait are named.

    Example: kakehashi status runs/kappa

    Example: kakehashi status s3://bucket/kappa

    Parameters
    ----------
    directory
        The folder or URL of the run.
    json
        Print one JSON document.
    """
    from json import dumps

    from kakehashi.catalogs.shown import say
    from kakehashi.screen.runs.status import describe_status, read_status

    found = read_status(directory)
    say(dumps(found._asdict()) if json else describe_status(found))
    return 0
