"""The reaction proposal on spaces small enough to enumerate, and on a pool of everyday monomers."""

from collections.abc import Callable
from itertools import combinations, product

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdChemReactions
from scipy.stats import chi2

from kakehashi.catalogs.molecules.polymers import attempt
from kakehashi.design.chemistry.blocks import Molecule, read_block
from kakehashi.design.chemistry.cutting import cut
from kakehashi.design.chemistry.ends import ENDS
from kakehashi.design.chemistry.fragments import ACTIVATED, ALKYL, ARYL, AZA, LONGEST
from kakehashi.design.chemistry.monomer_rules import banned
from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS
from kakehashi.design.proposals.proposal import concatenate, take
from kakehashi.design.proposals.reactions.densities import Densities
from kakehashi.design.proposals.reactions.derivations import Derivations
from kakehashi.design.proposals.reactions.neighbours import Neighbours
from kakehashi.design.proposals.reactions.reactions import Reactions
from kakehashi.design.proposals.reactions.space import Space
from kakehashi.design.proposals.reactions.steps import Steps

TINY = (
    "Nc1c(Cl)c(Cl)c(N)c(Cl)c1",
    "Nc1c(Cl)c(Cl)c(N)c(Cl)c1Cl",  # one site and none, linkers at both
    "O=C(O)C(=O)O",
    "O=C(O)C(Cl)(Cl)C(=O)O",  # no place for a linker, both linkers on one carbon
    "C=Cc1ccccc1",
    "C=Cc1ccc(F)cc1",
    "C=Cc1cc(F)cc(F)c1F",  # more sites than decorations, as many, fewer
)
TINY_EDITS = {ARYL: [5, AZA], ALKYL: [0, 5], ACTIVATED: [0]}
TINY_LINKS = {"amine": [0, 3], "acid": [3]}


def rule(polymer_class: str, *slots: str) -> Polymerisation:
    (found,) = (p for p in POLYMERISATIONS if p.polymer_class == polymer_class and p.slots == slots)
    return found


@pytest.fixture(scope="module")
def tiny() -> Reactions:
    """Two polymerisations, five blocks, few substituents and two linkers: a space that can be written out."""
    pool = [Molecule(s) for s in TINY]
    made = Reactions(
        pool, [rule("polyamide", "diamine", "diacid"), rule("styrenic polymer", "styrenic")], weights={"polyamide": 3.0}
    )
    restrict(made.space)
    # One nearest block each: the styrenes are a chain, so that their degrees differ.
    made.steps = Steps(made.space, Neighbours(made.space, 1))
    assert set(made.steps.neighbours.degree[made.space.group == made.space.group[-1]]) == {1, 2}
    return made


def restrict(space: Space) -> None:
    """Fewer edits and linkers, consistently in every table."""
    space.edit_allowed[:] = False
    for kind, edits in TINY_EDITS.items():
        space.edit_allowed[:, kind, edits] = True
        space.edit_table[:, kind, : len(edits)] = edits
        space.edit_count[:, kind] = len(edits)
    allowed = np.zeros_like(space.link_allowed)
    for end, linkers in TINY_LINKS.items():
        place = list(ENDS).index(end)
        allowed[place][:, linkers] = space.link_allowed[place][:, linkers]
    space.link_allowed = allowed
    for end, carbon in product(range(len(allowed)), (0, 1)):
        fine = np.flatnonzero(allowed[end, carbon])
        space.link_table[end, carbon, : len(fine)] = fine
        space.link_count[end, carbon] = max(1, len(fine))


def densities(made: Reactions) -> Callable[[str, Derivations, Derivations], np.ndarray]:
    return Densities(made.space, made.steps.neighbours).log_q


def chains(space: Space, block: int, port: int) -> list[list[int]]:
    """Every row of linkers at a port, from the core outward."""
    carbon, end = space.port[block, port], space.end[block, port]
    if carbon < 0:
        return [[-1] * LONGEST]
    found = [[]]
    for _ in range(LONGEST):
        for chain in [c for c in found if len(c) == max(map(len, found))]:
            last = space.last[chain[-1]] if chain else carbon
            found += [[*chain, int(x)] for x in np.flatnonzero(space.link_allowed[end, last])]
    return [chain + [-1] * (LONGEST - len(chain)) for chain in found]


def parts(space: Space, group: int, most: int) -> list[tuple]:
    found = []
    for block in range(space.first[group], space.first[group] + space.count[group]):
        links = list(product(chains(space, block, 0), chains(space, block, 1)))
        for k in range(min(4, space.n_sites[block]) + 1):
            for sites in combinations(range(space.n_sites[block]), k):
                options = [np.flatnonzero(space.edit_allowed[group, space.kind[block, s]]).tolist() for s in sites]
                for edits in product(*options):
                    pad = [-1] * (4 - k)
                    found += [(block, link, [*sites, *pad], [*edits, *pad]) for link in links]
    assert len(found) <= most
    return found


def every_state(space: Space) -> Derivations:
    empty = (-1, [[-1] * LONGEST] * 2, [-1] * 4, [-1] * 4)
    rows = []
    for reaction, slots in enumerate(space.slots):
        each = [parts(space, space.groups[reaction, s], 3000) for s in range(slots)]
        each += [[empty]] * (2 - slots)
        rows += [(reaction, turned, a, b) for a, b in product(*each) for turned in range(slots)]
    columns = [np.array([r[0] for r in rows], np.int16), np.array([r[1] for r in rows], np.int8)]
    for i, dtype in enumerate((np.int32, np.int16, np.int16, np.int16)):
        columns.append(np.array([[r[2][i], r[3][i]] for r in rows], dtype))
    return Derivations(*columns)


def ids(states: Derivations) -> list[bytes]:
    flat = np.concatenate([f.reshape(len(f), int(np.prod(f.shape[1:]))).astype(np.int32) for f in states], axis=1)
    return [row.tobytes() for row in np.ascontiguousarray(flat)]


def test_prior_is_normalised_over_every_state(tiny: Reactions) -> None:
    states = every_state(tiny.space)
    assert len(set(ids(states))) == len(states.reaction) == tiny.space.size()
    assert np.exp(tiny.log_prior(states)).sum() == pytest.approx(1.0, abs=1e-12)
    amides = states.reaction == 0
    assert np.exp(tiny.log_prior(take(states, amides))).sum() == pytest.approx(0.75, abs=1e-12)


def test_draws_follow_the_prior(tiny: Reactions) -> None:
    states = every_state(tiny.space)
    place = {key: i for i, key in enumerate(ids(states))}
    n = 200_000
    drawn = np.array([place[key] for key in ids(tiny.draw(np.random.default_rng(1), n))])
    expected = n * np.exp(tiny.log_prior(states))
    counts = np.bincount(drawn, minlength=len(expected))
    rare = expected < 10
    observed = np.append(counts[~rare], counts[rare].sum())
    wanted = np.append(expected[~rare], expected[rare].sum())
    assert chi2.sf(((observed - wanted) ** 2 / wanted).sum(), len(wanted) - 1) > 1e-3


@pytest.mark.parametrize("name", ["all", "block", "neighbour", "decorate", "alter", "lengthen", "relink"])
def test_each_step_is_in_detailed_balance(tiny: Reactions, name: str) -> None:
    states = every_state(tiny.space)
    n = len(states.reaction)
    rng = np.random.default_rng(2)
    log_p = tiny.log_prior(states)
    new, ratio = tiny.steps.by_name[name](rng, take(states, np.repeat(np.arange(n), 5)))
    old = take(states, np.repeat(np.arange(n), 5))
    possible = np.isfinite(ratio)
    assert possible.any()
    assert set(ids(take(new, possible))) <= set(ids(states))
    forth = densities(tiny)(name, old, new)[possible]
    back = densities(tiny)(name, new, old)[possible]
    gain = tiny.log_prior(take(new, possible)) - np.repeat(log_p, 5)[possible]
    np.testing.assert_allclose(ratio[possible], gain + back - forth, atol=1e-6)
    # pi(s) q(s'|s) a(s'|s) both ways round
    flow = np.repeat(log_p, 5)[possible] + forth + np.minimum(0, ratio[possible])
    reverse = tiny.log_prior(take(new, possible)) + back + np.minimum(0, -ratio[possible])
    np.testing.assert_allclose(flow, reverse, atol=1e-6)


@pytest.mark.parametrize("name", ["block", "neighbour", "decorate", "alter", "lengthen", "relink"])
def test_steps_propose_with_the_density_they_state(tiny: Reactions, name: str) -> None:
    """From a few states: q sums to the share of possible moves, and frequencies follow it."""
    states = every_state(tiny.space)
    total = len(states.reaction)
    rng = np.random.default_rng(3)
    for start in rng.choice(total, 6, replace=False):
        one = take(states, np.full(total, start))
        q = np.exp(densities(tiny)(name, one, states))
        m = 40_000
        new, ratio = tiny.steps.by_name[name](rng, take(states, np.full(m, start)))
        possible = np.isfinite(ratio)
        assert q.sum() == pytest.approx(possible.mean(), abs=0.015)
        place = {key: i for i, key in enumerate(ids(states))}
        counts = np.bincount([place[k] for k in ids(take(new, possible))], minlength=total)
        assert (q[counts > 0] > 0).all()
        seen = m * q >= 10
        if seen.any():
            statistic = ((counts[seen] - m * q[seen]) ** 2 / (m * q[seen])).sum()
            assert chi2.sf(statistic, seen.sum()) > 1e-4


def test_chain_of_moves_keeps_the_prior(tiny: Reactions) -> None:
    """Metropolis-Hastings from prior draws: the share of polyamides, of decorations and linkers stays."""
    rng = np.random.default_rng(4)
    n = 60_000
    states = tiny.draw(rng, n)
    before = summary(states)
    for _ in range(12):
        new, ratio = tiny.move(rng, states)
        accept = np.log(rng.random(n)) < ratio
        states = concatenate([take(new, accept), take(states, ~accept)])
    np.testing.assert_allclose(summary(states), before, atol=0.012)


def test_a_wrong_ratio_would_be_seen(tiny: Reactions) -> None:
    """As if adding and removing a decoration were equally likely: the balance asked for above breaks."""
    states = every_state(tiny.space)
    new, ratio = tiny.steps.decorate(np.random.default_rng(5), states)
    old, new = take(states, np.isfinite(ratio)), take(new, np.isfinite(ratio))
    right = tiny.log_prior(new) - tiny.log_prior(old)
    right += densities(tiny)("decorate", new, old) - densities(tiny)("decorate", old, new)
    assert np.abs(right).min() > 0.5


def summary(states: Derivations) -> np.ndarray:
    return np.array(
        [
            (states.reaction == 0).mean(),
            (states.sites >= 0).any(axis=(1, 2)).mean(),
            (states.links >= 0).any(axis=(1, 2, 3)).mean(),
            states.turned.mean(),
            (states.block[:, 0] == states.block[:, 0].min()).mean(),
        ]
    )


MONOMERS = (
    "NCCCCCCN",
    "Nc1ccc(N)cc1",
    "Nc1cccc(N)c1",
    "Nc1ccc(Oc2ccc(N)cc2)cc1",
    "CC(CN)CCCN",
    "OCCO",
    "CC(O)CO",
    "OCC1CCC(CO)CC1",
    "Oc1ccc(C(C)(C)c2ccc(O)cc2)cc1",
    "Oc1cccc(O)c1",
    "Oc1ccc(S(=O)(=O)c2ccc(O)cc2)cc1",
    "O=C(O)CCCCC(=O)O",
    "O=C(O)c1ccc(C(=O)O)cc1",
    "CC(CC(=O)O)C(=O)O",
    "O=C(O)C(=O)O",
    "O=C(Cl)c1cccc(C(=O)Cl)c1",
    "O=C(Cl)CCCCC(=O)Cl",
    "O=C=NCCCCCCN=C=O",
    "Cc1ccc(N=C=O)cc1N=C=O",
    "O=C=Nc1ccc(Cc2ccc(N=C=O)cc2)cc1",
    "O=C1OC(=O)c2cc3c(cc21)C(=O)OC3=O",
    "O=C1OC(=O)c2cc(C(=O)c3ccc4c(c3)C(=O)OC4=O)ccc21",
    "O=C(c1ccc(F)cc1)c1ccc(F)cc1",
    "O=S(=O)(c1ccc(Cl)cc1)c1ccc(Cl)cc1",
    "NCCCCCC(=O)O",
    "Nc1ccc(C(=O)O)cc1",
    "CC(O)C(=O)O",
    "O=C(O)c1ccc(O)cc1",
    "O=C1CCCCCN1",
    "O=C1CCCCCO1",
    "CC1CO1",
    "c1ccc(OCC2CO2)cc1",
    "C=CC(=O)OC",
    "C=C(C)C(=O)OC",
    "C=CC#N",
    "C=Cc1ccccc1",
    "C=C(C)c1ccccc1",
    "C=C",
    "CC=C",
    "C=COC(C)=O",
    "C=C(F)F",
    "C1CNCCN1",
    "CNCCCCCCNC",
    "O=C(O)C1CCNCC1",
    "O=C(O)c1ccc2c(c1)C(=O)OC2=O",
    "COC(=O)c1ccc(C(=O)OC)cc1",
    "O=S(=O)(Cl)c1cccc(S(=O)(=O)Cl)c1",
    "SCCCCS",
    "Nc1ccc(-c2ccc(N)c(N)c2)cc1N",
    "Nc1ccc(C(=O)O)cc1N",
    "Nc1cc(N)c(O)cc1O",
    "Nc1cc(C(=O)O)ccc1O",
    "Nc1cc(S)c(N)cc1S",
    "Nc1ccc(C(=O)O)cc1S",
    "Nc1cc(C(c2ccc(O)c(N)c2)(C(F)(F)F)C(F)(F)F)ccc1O",
    "NNC(=O)c1ccc(C(=O)NN)cc1",
    "O=Cc1ccc(C=O)cc1",
    "Brc1ccc(Br)cc1",
    "CCCCCCc1cc(Br)sc1Br",
    "Clc1ccc(Cl)cc1",
    "OB(O)c1ccc(B(O)O)cc1",
    "C=Cc1ccc(C=C)cc1",
    "C#Cc1ccc(C#C)cc1",
    "BrCCCCBr",
    "ClCc1ccc(CCl)cc1",
    "C[Si](C)(Cl)Cl",
    "c1ccsc1",
    "Cc1cccc(C)c1O",
    "Nc1ccccc1",
    "Cc1ccc(C)cc1",
    "C1CS1",
    "C1CCOC1",
    "FC(F)=C(F)F",
    "O=C1C=CC(=O)N1c1ccccc1",
    "C=CC=C",
    "C#Cc1ccccc1",
    "C1=CC2CCC1C2",
    "CC1=NCCO1",
    "NCCCCCO",
    "O=S(=O)(Cl)c1ccc(O)cc1",
    "C=C(c1ccccc1)c1ccccc1",  # banned
)


@pytest.fixture(scope="module")
def everyday() -> Reactions:
    return Reactions([Molecule(s) for s in MONOMERS])


def test_every_polymerisation_is_possible_and_every_state_a_repeat_unit(everyday: Reactions) -> None:
    assert everyday.unavailable == ()
    assert {b.molecule.smiles for b in everyday.blocks} == {Chem.CanonSmiles(s) for s in MONOMERS}
    states = everyday.draw(np.random.default_rng(0), 1500)
    units = everyday.smiles(states)
    made = everyday.provenance(states)
    assert {
        bool(unit) for unit, origin in zip(units, made, strict=True) if origin.polymer_class == "styrenic polymer"
    } == {
        True,
        False,
    }
    assert np.mean([unit == "" for unit in units]) < 0.1
    assert [why for _, _, why in (attempt(u, 2) for u in units if u) if why] == []


def test_banned_blocks_have_a_prior_and_no_repeat_unit(everyday: Reactions) -> None:
    """Where no linker stands between what would close to a ring; a linker takes the ban away."""
    states = everyday.draw(np.random.default_rng(9), 4000)
    bare = (states.links < 0).all(axis=(1, 2, 3)) & (states.sites < 0).all(axis=(1, 2))
    assert np.isfinite(everyday.log_prior(states)).all()
    seen = {True: 0, False: 0}
    for unit, origin, plain in zip(everyday.smiles(states), everyday.provenance(states), bare, strict=True):
        if unit == "":
            assert banned(origin), origin
        elif plain:
            assert not banned(origin), origin
        seen[unit == ""] += 1
    assert min(seen.values()) > 20


def test_a_block_under_conditions_is_four_times_rarer() -> None:
    """A five-ring lactam and caprolactam, of one polymerisation; beside it an amino acid that is banned."""
    made = Reactions([Molecule("O=C1CCCN1"), Molecule("O=C1CCCCCN1")], growth=False)
    rate = {b.molecule.smiles: float(np.exp(p)) for b, p in zip(made.blocks, made.space.log_block, strict=True)}
    assert rate["O=C1CCCN1"] / rate["O=C1CCCCCN1"] == pytest.approx(0.25 * np.exp(2 / 15))


def test_changed_monomers_carry_exactly_their_ends(everyday: Reactions) -> None:
    states = everyday.draw(np.random.default_rng(1), 800)
    for reaction, made in zip(states.reaction, everyday.provenance(states), strict=True):
        used = everyday.polymerisations[reaction]
        for group, monomer in zip(used.slots, made.monomers, strict=False):
            assert cut(Chem.MolFromSmiles(monomer), group) is not None, (monomer, group)


# An independent statement of the chemistry: reactions on the monomers, one bond at a time.
LINKING = {
    "amide": "[NX3H2:1][#6:5].[CX3:2](=[O:3])[OX2H1,Cl:4]>>[#6:5][N:1][C:2]=[O:3]",
    "urea": "[NX3H2:1][#6:5].[N:6]=[C:2]=[O:3]>>[#6:5][N:1][C:2](=[O:3])[N:6]",
    "ester": "[OX2H1:1][C!$(C=O),c:5].[CX3:2](=[O:3])[OX2H1,Cl:4]>>[#6:5][O:1][C:2]=[O:3]",
    "urethane": "[OX2H1:1][C,c:5].[N:6]=[C:2]=[O:3]>>[#6:5][O:1][C:2](=[O:3])[N:6]",
    "imide": "[NX3H2:1][#6:5].[C:2](=[O:3])[OX2][C:6]=[O:7]>>[#6:5][N:1]([C:2]=[O:3])[C:6]=[O:7]",
    "ether": "[OX2H1:1][c:5].[c:2][F,Cl:4]>>[c:5][O:1][c:2]",
}
WHICH = {
    "polyamide": "amide",
    "polyurea": "urea",
    "polyester": "ester",
    "polyurethane": "urethane",
    "polyimide": "imide",
    "poly(aryl ether)": "ether",
}


# Their ends are no acids, primary amines or fluorides: `opened` puts those.
UNLIKE = {"diacyl chloride", "activated dichloride", "dimethyl ester", "secondary diamine", "aryl dibromide"}


def reacted(first: str, second: str, kind: str) -> set[str]:
    """Canonical SMILES of a monomer pair after one bond has formed."""
    run = rdChemReactions.ReactionFromSmarts(LINKING[kind])
    mols = [Chem.MolFromSmiles(text) for text in (first, second)]
    for mol in mols:
        Chem.Kekulize(mol, clearAromaticFlags=kind == "imide")
    found = set()
    for (made,) in run.RunReactants(mols):
        if Chem.SanitizeMol(made, catchErrors=True) == 0:
            found.add(Chem.CanonSmiles(Chem.MolToSmiles(made)))
    return found


def opened(unit: str, kind: str) -> str:
    """The repeat unit with its monomers' ends in place of the attachment points: the dimer it is a stretch of."""
    mol = Chem.RWMol(Chem.MolFromSmiles(unit))
    Chem.Kekulize(mol, clearAromaticFlags=True)
    for star in [a for a in mol.GetAtoms() if a.GetAtomicNum() == 0]:
        near = star.GetNeighbors()[0]
        if kind == "imide":
            star.SetAtomicNum(7 if near.GetAtomicNum() == 6 else 1)
            if near.GetAtomicNum() == 7:
                near.SetAtomicNum(8)
                mol.RemoveBond(star.GetIdx(), near.GetIdx())
        elif near.GetAtomicNum() in (7, 8):
            star.SetAtomicNum(1)
        elif kind in ("urea", "urethane"):
            (nitrogen,) = (a for a in near.GetNeighbors() if a.GetAtomicNum() == 7)
            mol.GetBondBetweenAtoms(near.GetIdx(), nitrogen.GetIdx()).SetBondType(Chem.BondType.DOUBLE)
            mol.RemoveBond(star.GetIdx(), near.GetIdx())
        else:
            star.SetAtomicNum(9 if kind == "ether" else 8)
    Chem.SanitizeMol(mol)
    whole = max(Chem.GetMolFrags(mol, asMols=True, sanitizeFrags=False), key=lambda piece: piece.GetNumAtoms())
    return Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(whole)))


@pytest.mark.parametrize("polymer_class", WHICH)
def test_units_are_the_products_of_rdkit_reactions(everyday: Reactions, polymer_class: str) -> None:
    """Decorated pairs: with its ends put back, a unit is one of the dimers that RDKit makes of its monomers."""
    kind = WHICH[polymer_class]
    rules = [
        r.polymer_class == polymer_class and len(r.slots) == 2 and not UNLIKE.intersection(r.slots)
        for r in everyday.polymerisations
    ]
    drawn = everyday.draw(np.random.default_rng(3), 20000)
    whole = np.array([unit != "" for unit in everyday.smiles(drawn)])
    states = take(drawn, np.flatnonzero(np.array(rules)[drawn.reaction] & whole)[:100])
    assert len(states.reaction) == 100
    for unit, made in zip(everyday.smiles(states), everyday.provenance(states), strict=True):
        assert opened(unit, kind) in reacted(*made.monomers, kind), (unit, made)


def test_unsymmetrical_pairs_give_both_regular_chains() -> None:
    made = Reactions([Molecule("CC(CN)CCCN"), Molecule("CC(CC(=O)O)C(=O)O")], [rule("polyamide", "diamine", "diacid")])
    states = made.draw(np.random.default_rng(0), 4000)
    plain = (states.sites < 0).all(axis=(1, 2)) & (states.links < 0).all(axis=(1, 2, 3))
    keys = {attempt(u, 2)[1] for u in made.smiles(take(states, plain))}
    assert len(keys) == 2


def test_a_symmetrical_partner_gives_one_chain() -> None:
    made = Reactions([Molecule("CC(CN)CCCN"), Molecule("O=C(O)CCC(=O)O")], [rule("polyamide", "diamine", "diacid")])
    states = made.draw(np.random.default_rng(0), 2000)
    plain = (states.sites < 0).all(axis=(1, 2)) & (states.links < 0).all(axis=(1, 2, 3))
    assert len({attempt(u, 2)[1] for u in made.smiles(take(states, plain))}) == 1


@pytest.mark.parametrize(
    ("smiles", "group"),
    [
        ("NCC(N)CN", "diamine"),
        ("NCCNCCN", "diamine"),
        ("OCC(O)CO", "diol"),
        ("NCCO", "diamine"),
        ("OCO", "diol"),
        ("O=C(O)CC(C(=O)O)CC(=O)O", "diacid"),
        ("Oc1ccc(CO)cc1", "bisphenol"),
        ("SCC(N)CCN", "diamine"),
        ("Fc1ccc(F)cc1", "activated difluoride"),
        ("C=CC=C", "vinyl"),
        ("CN1CCCCCC1=O", "lactam"),
    ],
)
def test_molecules_that_would_branch_or_stop_are_no_blocks(smiles: str, group: str) -> None:
    assert read_block(Molecule(smiles), group) is None


def test_refusals() -> None:
    with pytest.raises(ValueError, match="no polymerisation"):
        Reactions([Molecule("CCCC")])
    with pytest.raises(ValueError, match="no polymer class nylon"):
        Reactions([Molecule("C=C")], weights={"nylon": 1.0})
    with pytest.raises(ValueError, match="expected weights"):
        Reactions([Molecule("C=C")], steps={"jump": 1.0})


def test_same_generator_same_states(everyday: Reactions) -> None:
    first = everyday.move(np.random.default_rng(7), everyday.draw(np.random.default_rng(6), 500))
    again = everyday.move(np.random.default_rng(7), everyday.draw(np.random.default_rng(6), 500))
    assert ids(first[0]) == ids(again[0])
    np.testing.assert_array_equal(first[1], again[1])
