"""Services that catalogues are pulled from.

A new one is a file in `catalogs/pull` and a line here.
"""

from __future__ import annotations

from typing import NamedTuple

# Addresses as pymatgen.ext.optimade lists them (its `refresh_aliases` takes them from the providers' own list).
OPTIMADE = {
    "aflow": "https://aflow.org/API/optimade/",
    "alexandria": "https://alexandria.icams.rub.de/pbe",
    "cod": "https://www.crystallography.net/cod/optimade",
    "mp": "https://optimade.materialsproject.org",
    "oqmd": "https://oqmd.org/optimade/",
}


class Provider(NamedTuple):
    """Provider of catalogues, with its command `kakehashi catalogs pull NAME`.

    command : import path of the function with its flags
    help : its line in `kakehashi catalogs pull --help`
    catalogues : names of those it makes by default
    advice : what to run for one of them, `{name}`
    """

    name: str
    command: str
    help: str
    catalogues: tuple[str, ...]
    advice: str


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        "mp",
        "kakehashi.catalogs.cli.pull:pull_mp",
        "Pull the Materials Project (key in MP_API_KEY).",
        ("mp",),
        "run `kakehashi catalogs pull mp` (with your key in MP_API_KEY)",
    ),
    Provider(
        "optimade",
        "kakehashi.catalogs.cli.pull:pull_optimade",
        "Pull from a database that speaks OPTIMADE.",
        tuple(OPTIMADE),
        "run `kakehashi catalogs pull optimade --provider {name} --filter ...`",
    ),
)


def pullable() -> tuple[str, ...]:
    """List the catalogues that some provider makes."""
    return tuple(dict.fromkeys(name for provider in PROVIDERS for name in provider.catalogues))


def advice(name: str) -> str:
    """Say which command pulls a catalogue.

    The first provider that makes it counts.

    >>> advice("cod")
    'run `kakehashi catalogs pull optimade --provider cod --filter ...`'
    """
    for provider in PROVIDERS:
        if name in provider.catalogues:
            return provider.advice.format(name=name)
    return "run `kakehashi catalogs pull optimade --filter ...`"
