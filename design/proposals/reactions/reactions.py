"""Default proposal: polymerise real or slightly changed monomers.

A state is a derivation, drawn as follows, so that its probability is a product of known numbers:

- a polymer class, all equally likely unless weighted, then one of its polymerisations, equally likely;
- for each of its slots a block of the required group from the pool, with weight exp(-heavy atoms / 15), a quarter of
  it for one that needs special conditions (`bans`);
- at each end of the block that can be lengthened 0, 1 or 2 linkers, a number k with weight 0.25^k, each uniform
  among those that may stand between the carbon before it and the end (`fragments.LINKERS`);
- 0 to 4 decorations per block, a number k with weight 0.5^k up to the number of sites, on a uniform subset of the
  carbons that have a hydrogen, each uniform among the substituents allowed there, or N for an aromatic CH;
- for two blocks, which way round the second stands, uniformly.

A derivation of blocks that a rule bans has a prior probability and no repeat unit: its likelihood is zero.
Several derivations may give one repeat unit. Valences, ends and opened rings are right by construction: texts are put
together without parsing. Cores are those of the pool; the space holds what linkers and decorations make of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.molecules.monomer_groups import may_polymerise
from kakehashi.design.chemistry.blocks import Assembler, Block, Edits, Links, Molecule, blocks, join_residues
from kakehashi.design.chemistry.fragments import LONGEST
from kakehashi.design.chemistry.groups import GROUPS, counted_groups
from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS, PROPOSED
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.proposals.proposal import take
from kakehashi.design.proposals.reactions.bans import Bans
from kakehashi.design.proposals.reactions.derivations import DECORATIONS, Derivations, copy_states
from kakehashi.design.proposals.reactions.neighbours import Neighbours
from kakehashi.design.proposals.reactions.space import Space
from kakehashi.design.proposals.reactions.steps import Steps

STEPS: dict[str, float] = {
    "all": 0.05, "block": 0.2, "neighbour": 0.3, "decorate": 0.2, "alter": 0.1, "lengthen": 0.1, "relink": 0.05,
}  # fmt: skip


_CACHED_TEXTS = 200_000
_KEY = struct.Struct(f"=i{2 * LONGEST + 2 * DECORATIONS}h")


class Reactions:
    """Polymerisations of a pool of molecules, a `Proposal`.

    polymerisations : those to choose from; one whose groups the pool lacks is left out, and listed in `unavailable`
    weights : relative weight of each polymer class, 1 where not given
    steps : relative weight of each step of `steps.Steps`
    growth : True to lengthen and decorate blocks, False to use them as they are in the pool

    Raises
    ------
    ValueError : no polymerisation is possible with the pool, or a weight names no class or step.

    Examples
    --------
    >>> proposal = Reactions([Molecule("NCCCCCCN"), Molecule("O=C(O)CCCCC(=O)O")], growth=False)
    >>> "polyamide" in [rule.polymer_class for rule in proposal.polymerisations]
    True
    >>> proposal.smiles(proposal.draw(np.random.default_rng(0), 20)).count("*NCCCCCCNC(=O)CCCCC(=O)*") > 0
    True
    """

    def __init__(
        self,
        molecules: Sequence[Molecule],
        polymerisations: Sequence[Polymerisation] = PROPOSED,
        weights: Mapping[str, float] | None = None,
        steps: Mapping[str, float] | None = None,
        *,
        growth: bool = True,
    ) -> None:
        building_blocks = blocks(molecules)
        if not growth:
            building_blocks = [block._replace(sites=(), kinds=(), ports=(-1, -1)) for block in building_blocks]
        groups = {block.group for block in building_blocks}
        possible = [p for p in polymerisations if groups.issuperset(p.slots)]
        self.unavailable = tuple(p for p in polymerisations if p not in possible)
        if not possible:
            raise ValueError("no polymerisation is possible: the pool has no molecule with the functional groups")
        needed = {slot for p in possible for slot in p.slots}
        self.blocks: tuple[Block, ...] = tuple(block for block in building_blocks if block.group in needed)
        self.polymerisations = tuple(possible)
        self._bans = Bans(self.blocks, self.polymerisations)
        shares = _reaction_weights(possible, weights or {})
        self.space = Space(self.blocks, self.polymerisations, shares, self._bans.factors)
        self.steps = Steps(self.space, Neighbours(self.space))
        self._step_names, self._step_shares = _step_shares(STEPS if steps is None else steps)
        self.assembler = Assembler(self.blocks)
        self._residue = lru_cache(_CACHED_TEXTS)(self._read_residue)

    @classmethod
    def embedded(cls, weights: Mapping[str, float] | None = None) -> Reactions:
        """Polymerisations of the registered molecules.

        Those of `catalogs.molecules.monomers`; made in about a minute, once.
        """
        return cls(embedded_pool(), weights=weights)

    def draw(self, rng: np.random.Generator, n: int) -> Derivations:
        """Draw n independent states from the prior."""
        return self.space.draw(rng, n)

    def move(self, rng: np.random.Generator, states: Derivations) -> tuple[Derivations, NDArray[np.float64]]:
        """Take one step per particle, chosen by the steps' weights.

        Returns the states and log ratios (n,).
        """
        new = copy_states(states)
        ratio = np.full(len(states.reaction), -np.inf)
        kind = rng.choice(len(self._step_names), len(ratio), p=self._step_shares)
        for k, name in enumerate(self._step_names):
            rows = np.flatnonzero(kind == k)
            stepped, ratio[rows] = self.steps.by_name[name](rng, take(states, rows))
            for field in Derivations._fields:
                getattr(new, field)[rows] = getattr(stepped, field)
        return new, ratio

    def log_prior(self, states: Derivations) -> NDArray[np.float64]:
        """Log prior probability (n,), normalised over derivations.

        -inf for a state that is no derivation.
        """
        return self.space.log_prior(states)

    def smiles(self, states: Derivations) -> list[str]:
        """Repeat unit of each state, not canonical; "" where a rule bans its blocks (`monomer_rules`).

        It begins at the head of the first block.
        """
        rules, residue = self.polymerisations, self._residue
        units = []
        banned = self._bans.banned(states).tolist()
        for (reaction, turned, (first, second)), ban in zip(_rows(states), banned, strict=True):
            if ban:
                units.append("")
                continue
            rule = rules[reaction]
            residues = [residue(first, 0, False, 0 in rule.bare)]
            if len(rule.slots) == 2:
                residues.append(residue(second, 1, turned, 1 in rule.bare))
            units.append(join_residues(rule, residues))
        return units

    def facts(self) -> dict[str, list[str]]:
        """What states refer to by number, in order: blocks as group and SMILES, and polymerisations."""
        return {
            "blocks": [f"{block.group}: {block.molecule.smiles}" for block in self.blocks],
            "polymerisations": [rule.words for rule in self.polymerisations],
        }

    def _read_residue(self, part: bytes, slot: int, turned: bool, bare: bool) -> tuple[str, str]:
        place, links, edits = _unpacked(part)
        return self.assembler.residue(place, slot, turned, bare, links, edits)

    def provenance(self, states: Derivations) -> list[Provenance]:
        """Synthesis of each state, with canonical SMILES of the (decorated) monomers."""
        records = []
        for reaction, _, parts in _rows(states):
            rule = self.polymerisations[reaction]
            texts = [self.assembler.monomer(*_unpacked(part)) for part in parts[: len(rule.slots)]]
            if rule.partner:
                texts.append(rule.partner)
            records.append(Provenance(rule.polymer_class, tuple(map(_canonical, texts)), rule.words))
        return records


def _rows(states: Derivations) -> Iterator[tuple[int, int, list[bytes]]]:
    """Reaction, turn, and one cache key per slot, of each state.

    A key holds a block with its linkers and decorations.
    """
    n = len(states.reaction)
    block = np.ascontiguousarray(states.block, np.int32)[..., None].view(np.int16)
    numbers = [block, states.links.reshape(n, 2, -1), states.sites, states.edits]
    flat = np.concatenate(numbers, axis=2, dtype=np.int16)
    keys: list[list[bytes]] = flat.view(f"V{2 * flat.shape[2]}")[..., 0].tolist()
    return zip(states.reaction.tolist(), states.turned.tolist(), keys, strict=True)


def _unpacked(key: bytes) -> tuple[int, Links, Edits]:
    """Unpack a key: block, linkers at head and tail, decorations."""
    place, *numbers = _KEY.unpack(key)
    head, tail = numbers[:LONGEST], numbers[LONGEST : 2 * LONGEST]
    sites, edits = numbers[2 * LONGEST : -DECORATIONS], numbers[-DECORATIONS:]
    links = tuple(x for x in head if x >= 0), tuple(x for x in tail if x >= 0)
    return place, links, tuple((s, e) for s, e in zip(sites, edits, strict=True) if s >= 0)


def embedded_pool() -> list[Molecule]:
    """Registered molecules that a block may come from.

    Of `catalogs.molecules.monomers`.

    Raises
    ------
    ValueError : a kind of building block whose molecules are not among them.
    """
    from kakehashi.catalogs.molecules.monomers import monomers

    for name in GROUPS:
        counted_groups(name)
    likely = (molecule for molecule in monomers() if may_polymerise(molecule.groups))
    return [Molecule(molecule.smiles, molecule.name, molecule.cas) for molecule in likely]


def _reaction_weights(rules: Sequence[Polymerisation], weights: Mapping[str, float]) -> list[float]:
    classes = [rule.polymer_class for rule in rules]
    unknown = sorted(set(weights) - {rule.polymer_class for rule in POLYMERISATIONS} - set(classes))
    if unknown:
        raise ValueError(f"no polymer class {', '.join(unknown)}; there are {', '.join(dict.fromkeys(classes))}")
    return [weights.get(name, 1.0) / classes.count(name) for name in classes]


def _step_shares(steps: Mapping[str, float]) -> tuple[list[str], NDArray[np.float64]]:
    if not steps or not steps.keys() <= STEPS.keys() or min(steps.values()) < 0 or not sum(steps.values()):
        raise ValueError(f"expected weights of some of the steps {', '.join(STEPS)}, got {dict(steps)}")
    shares = np.array(list(steps.values()), np.float64)
    return list(steps), shares / shares.sum()


@lru_cache(maxsize=100_000)
def _canonical(smiles: str) -> str:
    from rdkit import Chem

    return str(Chem.MolToSmiles(Chem.MolFromSmiles(smiles)))
