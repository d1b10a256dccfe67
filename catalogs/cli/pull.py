"""The `kakehashi catalogs pull` commands: flags, nothing else. Heavy imports wait for the call."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from kakehashi.catalogs.cli.flags import Switch, Whole

Seconds = Annotated[float, Parameter(validator=lambda kind, value: _check(value))]


def pull_mp(
    *,
    structures: Switch = False,
    again: Switch = False,
    timeout: Seconds = 60.0,
    json: Switch = False,
    quiet: Switch = False,
    events: Switch = False,
    dry_run: Switch = False,
) -> int:
    """Pull the summary of all materials of the Materials Project: properties, and on request structures.

    They become the catalogue `mp`, which `kakehashi screen` ranks from then on unless it is told another, and sources
    such as `--source mp:k_vrh`. Your key is read from the environment, MP_API_KEY, and kept nowhere. A pull that was
    cut off goes on behind its last page; one of a database that has not changed asks for nothing.

    Example: MP_API_KEY=... kakehashi catalogs pull mp

    Parameters
    ----------
    structures
        Pull crystal structures too (much more data), for --architecture cgcnn and --export cif.
    again
        Pull everything anew, even if the database has not changed.
    timeout
        Seconds the service has for each answer.
    json
        Print what was pulled as JSON.
    quiet
        Print nothing but errors.
    events
        Progress as JSON lines on stderr.
    dry_run
        Say what would be pulled, and ask for nothing.
    """
    import os

    from kakehashi.catalogs.pull.materials_project import CITATION, LICENCE, Summary, key_from
    from kakehashi.catalogs.pull.pull import Facts, Terminal, pull, show_plan

    service = Summary(key_from(os.environ), structures=structures, seconds=timeout)
    facts = Facts("mp", "Materials Project", LICENCE, CITATION)
    terminal = Terminal(json=json, quiet=quiet, events=events)
    if dry_run:
        return show_plan(service, facts, terminal)
    return pull(service, facts, terminal, again=again)


def pull_optimade(
    *,
    provider: str | None = None,
    url: str | None = None,
    filter: str = "",
    name: str | None = None,
    structures: Switch = False,
    page: Whole = 100,
    pause: Seconds = 0.5,
    again: Switch = False,
    timeout: Seconds = 60.0,
    json: Switch = False,
    quiet: Switch = False,
    events: Switch = False,
    dry_run: Switch = False,
) -> int:
    """Pull materials from a database that speaks OPTIMADE.

    They become a catalogue of their own, named after the provider. A pull that was cut off goes on behind its last
    page; the next one asks only for what was modified since, where the provider says when.

    Example: kakehashi catalogs pull optimade --provider oqmd --filter 'elements HAS ALL "Si","O" AND nelements=2'

    Parameters
    ----------
    provider
        aflow, alexandria, cod, mp or oqmd.
    url
        The base address of another one, https://..., instead.
    filter
        Which materials, in OPTIMADE's language. Default: all.
    name
        What to call the catalogue. Default: the provider's name; of mp, mp-optimade; of --url, its host.
    structures
        Pull crystal structures too (much more data), for --architecture cgcnn and --export cif.
    page
        Materials asked for at a time; a provider may give fewer.
    pause
        Seconds between two requests.
    again
        Pull everything anew.
    timeout
        Seconds the service has for each answer.
    json
        Print what was pulled as JSON.
    quiet
        Print nothing but errors.
    events
        Progress as JSON lines on stderr.
    dry_run
        Say what would be pulled, and ask for nothing.
    """
    from kakehashi.catalogs.pull.optimade import Structures, find_database
    from kakehashi.catalogs.pull.pull import Facts, Terminal, pull, show_plan

    found = find_database(provider, url, name)
    service = Structures(found.url, filter, structures=structures, limit=page, seconds=timeout)
    facts = Facts(found.name, found.service, "", "", filter)
    terminal = Terminal(json=json, quiet=quiet, events=events)
    if dry_run:
        return show_plan(service, facts, terminal)
    return pull(service, facts, terminal, again=again, pause=pause)


def _check(value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"expected seconds above 0, got {value:g}")
