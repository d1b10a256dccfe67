"""The space of a design as its flags ask for it: polymerisations, limits of repeat units, routes."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.catalogs.molecules.registered import find_registered
from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.constraints import Limits
from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS, PROPOSED, own_monomers
from kakehashi.design.chemistry.pool import Pool
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.chemistry.substructures import check_smarts
from kakehashi.design.run.space_flags import ANY, POOL, SpaceFlags


def check_space(config: SpaceFlags) -> None:
    """Refuse patterns, elements, classes and polymerisations that are none."""
    check_smarts(config.contains, "--contains")
    check_smarts(config.without, "--without")
    for symbol in config.only_elements:
        if symbol not in SYMBOLS:
            raise UserError(f"--only-elements: expected symbols of elements, got {symbol!r}")
    wanted_rules(config)


def limits_of(config: SpaceFlags, heavy_atoms: int) -> Limits:
    """Limits of repeat units."""
    return Limits(
        heavy_atoms=heavy_atoms, mass=config.max_mass, elements=config.only_elements, charge_free=config.charge_free,
        contains=config.contains, without=config.without,
    )  # fmt: skip


def name_rule(rule: Polymerisation) -> str:
    """Name of a polymerisation: its building blocks.

    >>> name_rule(POLYMERISATIONS[0])
    'diamine+diacid'
    """
    return "+".join(rule.slots)


def wanted_rules(config: SpaceFlags) -> list[Polymerisation]:
    """Polymerisations of the classes and names that are asked for, without either those that are proposed by default.

    Raises
    ------
    UserError : an unknown class or name, or none that is of both.
    """
    classes = list(dict.fromkeys(rule.polymer_class for rule in POLYMERISATIONS))
    names = list(dict.fromkeys(map(name_rule, POLYMERISATIONS)))
    _check_names("--polymer-class", config.polymer_class, classes)
    _check_names("--polymerisation", config.polymerisation, names)
    rules = [
        rule
        for rule in POLYMERISATIONS
        if (rule.proposed or config.polymer_class or config.polymerisation)
        and (not config.polymer_class or rule.polymer_class in config.polymer_class)
        and (not config.polymerisation or name_rule(rule) in config.polymerisation)
    ]
    if not rules:
        raise UserError(
            f"--polymerisation {','.join(config.polymerisation)}: none makes a polymer of --polymer-class"
            f" {','.join(config.polymer_class)}"
        )
    return rules


_PROPOSED = frozenset(rule.words for rule in PROPOSED)


class Routes:
    """Routes that the flags of a space allow.

    pool : the monomers of a file, where one is given
    """

    def __init__(self, config: SpaceFlags, pool: Pool | None) -> None:
        self._config = config
        self._mine = frozenset(pool.named()) if pool is not None else frozenset()
        self._words = {rule.words for rule in wanted_rules(config)}
        self._some = bool(config.polymer_class or config.polymerisation)

    @property
    def asks(self) -> bool:
        """True where not every route is allowed."""
        return self._some or self._config.monomers != ANY

    def proposed(self, routes: Iterable[Provenance]) -> list[Provenance]:
        """Those of polymerisations that units are proposed of, or that are asked for."""
        return [route for route in routes if route.reaction in self._words or route.reaction in _PROPOSED]

    def allowed(self, routes: Iterable[Provenance]) -> list[Provenance]:
        """Those of the routes that are allowed, in order."""
        return [route for route in routes if self._allows(route)]

    def _allows(self, route: Provenance) -> bool:
        if self._some and route.reaction not in self._words:
            return False
        if self._config.monomers == ANY:
            return True
        others = [smiles for smiles in own_monomers(route) if smiles not in self._mine]
        return not others if self._config.monomers == POOL else all(map(find_registered, others))


def _check_names(flag: str, given: Iterable[str], known: list[str]) -> None:
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"{flag}: expected some of {', '.join(known)}, got {name!r}{hint}")
