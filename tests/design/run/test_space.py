"""The space that flags ask for: polymerisations by name, limits, and whose monomers a route may have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.naming import name_monomer
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS, own_monomers
from kakehashi.design.chemistry.pool import read_pool
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.run.config import resolve
from kakehashi.design.run.proposals import reactions
from kakehashi.design.run.space import Routes, check_space, limits_of, name_rule, wanted_rules
from kakehashi.design.run.space_flags import SpaceFlags

CASES = Path(__file__).parents[3].parent / "shared/cases/polymers/own-pool"
LEAST = {"target": ["a.csv:x"], "goal": ["x>1"]}
REGISTERED = Provenance("polyamide", ("NCCCCCCN", "O=C(O)CCCCC(=O)O"), "polycondensation")
GROWN = Provenance("polyamide", ("N#CC(CCN)CCCCCN", "O=C(O)CCCCC(=O)O"), "polycondensation")


def test_polymerisations_by_name_and_class() -> None:
    found = wanted_rules(SpaceFlags(polymerisation=("diamine+dianhydride", "lactam")))
    assert {name_rule(rule) for rule in found} == {"diamine+dianhydride", "lactam"}
    both = wanted_rules(SpaceFlags(polymerisation=("lactam", "lactone"), polymer_class=("polyester",)))
    assert {name_rule(rule) for rule in both} == {"lactone"}
    with pytest.raises(UserError, match=r"--polymerisation: .*got 'diamine\+dianhydrid'; did you mean"):
        wanted_rules(SpaceFlags(polymerisation=("diamine+dianhydrid",)))
    with pytest.raises(UserError, match="none makes a polymer of --polymer-class polyester"):
        wanted_rules(SpaceFlags(polymerisation=("lactam",), polymer_class=("polyester",)))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"contains": ("c1ccc",)}, "--contains: expected a SMARTS pattern, got 'c1ccc'"),
        ({"without": ("C.C",)}, "--without: expected one connected SMARTS"),
        ({"without": ("",)}, "--without: expected one connected SMARTS"),
        ({"only_elements": ("C", "Xx")}, "--only-elements: expected symbols of elements, got 'Xx'"),
    ],
)
def test_patterns_and_elements_that_are_none(flags: dict[str, tuple[str, ...]], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_space(SpaceFlags(**flags))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"monomers": "mine"}, "--monomers: expected one of any, registered, pool"),
        ({"growth": "no"}, "--growth: expected one of on, off"),
        ({"monomers": "pool"}, "--monomers pool: --pool is missing"),
        ({"sampler": "exact"}, "--sampler exact scores every repeat unit"),
        ({"sampler": "exact", "proposal": "ngram", "growth": "off"}, "--sampler exact"),
        ({"max_mass": 0.0}, "--max-mass: expected a mass above 0"),
    ],
)
def test_flags_that_do_not_go_together(flags: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        resolve(LEAST | flags, None)


def test_what_switches_growth_off() -> None:
    assert SpaceFlags().grows
    assert not SpaceFlags(growth="off").grows
    assert not SpaceFlags(monomers="registered").grows
    assert not SpaceFlags(monomers="pool", pool="x").grows


def test_limits_follow_the_flags() -> None:
    limits = limits_of(SpaceFlags(max_mass=400.0, only_elements=("C", "H"), charge_free=True, without=("F",)), 50)
    assert (limits.heavy_atoms, limits.mass, limits.elements) == (50, 400.0, ("C", "H"))
    assert (limits.charge_free, limits.without, limits.contains) == (True, ("F",), ())


def test_routes_of_registered_monomers_and_of_a_pool(tmp_path: Path) -> None:
    path = tmp_path / "pool.csv"
    path.write_text("smiles,name,cas\nNCCCCCC(C#N)CCN,mine,\nO=C(O)CCCCC(=O)O,adipic acid,\n")
    pool = read_pool(path)
    routes = [GROWN, REGISTERED]
    assert Routes(SpaceFlags(), None).allowed(routes) == routes
    assert Routes(SpaceFlags(monomers="registered"), None).allowed(routes) == [REGISTERED]
    assert Routes(SpaceFlags(monomers="registered"), pool).allowed(routes) == routes
    assert Routes(SpaceFlags(monomers="pool"), pool).allowed(routes) == [GROWN]
    words = wanted_rules(SpaceFlags(polymerisation=("lactam",)))[0].words
    by_lactam = REGISTERED._replace(reaction=words)
    assert Routes(SpaceFlags(polymerisation=("lactam",)), None).allowed([REGISTERED, by_lactam]) == [by_lactam]


SILICONE = "hydrolysis and condensation of a dichlorosilane"
SULFIDE = "substitution of an aryl dichloride by sodium sulfide"
BISULFONE = "substitution of an aryl dichloride by sodium sulfide, then oxidation"


@pytest.mark.parametrize("monomers", ["registered", "pool"])
def test_a_fixed_reagent_is_no_monomer(tmp_path: Path, monomers: str) -> None:
    path = tmp_path / "pool.csv"
    path.write_text("smiles\nC[Si](C)(Cl)Cl\nClc1ccc(Cl)cc1\n")
    pool = read_pool(path)
    config = resolve(LEAST | {"pool": str(path), "monomers": monomers}, None)
    made = reactions(config, pool)
    assert {SILICONE, SULFIDE, BISULFONE} <= {rule.words for rule in made.polymerisations}
    allowed = Routes(config, pool)
    for unit in ("*O[Si](C)(C)*", "*Sc1ccc(*)cc1", "*S(=O)(=O)c1ccc(*)cc1"):
        assert allowed.allowed(classify(unit)), unit
    grown = Provenance("polysiloxane", ("C[Si](Cl)(Cl)CCCCCCC#N", "O"), SILICONE)
    assert allowed.allowed([grown]) == []


def test_a_reagent_that_is_opened_alone_is_a_monomer() -> None:
    words = {rule.slots: rule.words for rule in POLYMERISATIONS}
    alone = Provenance("polyether", ("ClCC1CO1",), words["epoxide",])
    beside = next(rule for rule in POLYMERISATIONS if rule.partner == "ClCC1CO1")
    phenoxy = Provenance("polyether", ("Oc1ccc(O)cc1", "ClCC1CO1"), beside.words)
    assert own_monomers(alone) == ("ClCC1CO1",)
    assert own_monomers(phenoxy) == ("Oc1ccc(O)cc1",)


@pytest.mark.parametrize("name", ["pool", "pool2"])
def test_cases_of_own_pools(name: str) -> None:
    """Only monomers of the file, with the names and CAS numbers it gives them."""
    path = CASES / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"shared cases are absent: {path}")
    pool = read_pool(path)
    config = resolve(LEAST | {"pool": str(path), "monomers": "pool"}, None)
    made = reactions(config, pool)
    allowed = Routes(config, pool)
    shown = set()
    for unit in set(made.smiles(made.draw(np.random.default_rng(0), 200))) - {""}:  # o-phenylenediamine is banned
        routes = allowed.allowed(classify(unit))
        assert routes, unit
        shown |= {smiles for route in routes for smiles in own_monomers(route)}
    mine = pool.named()
    assert len(shown) > 5
    for smiles in shown:
        assert name_monomer(smiles, mine)[0] == mine[smiles].name != ""
        assert name_monomer(smiles, mine)[1] == mine[smiles].cas != ""
