"""The `kakehashi catalogs pull` commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from kakehashi.catalogs.cli.flags import ProgressFlags
from kakehashi.catalogs.cli.flatten import Whole, flatten_flags
from kakehashi.catalogs.flag import CANDIDATES, COMPUTING, USUAL, Flag


def _check(kind: type, value: float | None) -> None:
    if value is not None and not 0 < value < float("inf"):
        raise ValueError(f"expected seconds above 0, got {value:g}")


Seconds = Annotated[float, Parameter(validator=_check)]


@dataclass(frozen=True, kw_only=True)
class PullFlags:
    """Flags of a pull from any service."""

    structures: Annotated[
        bool,
        Flag("Pull crystal structures, too (much more data), for --architecture cgcnn and --export cif.", USUAL),
    ] = False
    again: Annotated[bool, Flag("Pull everything anew, even if the database has not changed.", CANDIDATES)] = False
    timeout: Annotated[
        float, Flag("Seconds the service has for each answer.", COMPUTING), Parameter(validator=_check)
    ] = 60.0


@flatten_flags
def pull_mp(*, flags: PullFlags, call: ProgressFlags) -> int:
    """Pull all materials of the Materials Project: properties, and on request structures.

    They become the catalogue `mp`, the default of `kakehashi screen` from then on, and sources such as
    `--source mp:k_vrh`. Your key is read from the environment variable MP_API_KEY and stored nowhere. An interrupted
    pull continues after its last page; a database that has not changed is not pulled again.

    Example: MP_API_KEY=... kakehashi catalogs pull mp
    """
    import os

    from kakehashi.catalogs.pull.materials_project import CITATION, LICENCE, Summary, key_from
    from kakehashi.catalogs.pull.pull import Facts, Terminal, pull, show_plan

    service = Summary(key_from(os.environ), structures=flags.structures, seconds=flags.timeout)
    facts = Facts("mp", "Materials Project", LICENCE, CITATION)
    terminal = Terminal(json=call.json, quiet=call.quiet, events=call.events)
    if call.dry_run:
        return show_plan(service, facts, terminal)
    return pull(service, facts, terminal, again=flags.again)


@flatten_flags
def pull_optimade(
    *,
    provider: str | None = None,
    url: str | None = None,
    filter: str = "",
    name: str | None = None,
    page: Whole = 100,
    pause: Seconds = 0.5,
    flags: PullFlags,
    call: ProgressFlags,
) -> int:
    """Pull materials from a database that speaks OPTIMADE.

    They become a catalogue of their own, named after the provider. An interrupted pull continues after its last page;
    the next pull fetches only what was modified since, if the provider states dates.

    Example: kakehashi catalogs pull optimade --provider oqmd --filter 'elements HAS ALL "Si","O" AND nelements=2'

    Parameters
    ----------
    provider
        A known database: aflow, alexandria, cod, mp or oqmd.
    url
        Base address of any other database, https://..., instead.
    filter
        Materials wanted, in OPTIMADE's filter language. Default: all.
    name
        Name of the catalogue. Default: the provider's name; of mp, mp-optimade; of --url, its host.
    page
        Materials per request; a provider may send fewer.
    pause
        Seconds between two requests.
    """
    from kakehashi.catalogs.pull.optimade import Structures, find_database
    from kakehashi.catalogs.pull.pull import Facts, Terminal, pull, show_plan

    found = find_database(provider, url, name)
    service = Structures(found.url, filter, structures=flags.structures, limit=page, seconds=flags.timeout)
    facts = Facts(found.name, found.service, "", "", filter)
    terminal = Terminal(json=call.json, quiet=call.quiet, events=call.events)
    if call.dry_run:
        return show_plan(service, facts, terminal)
    return pull(service, facts, terminal, again=flags.again, pause=pause)
