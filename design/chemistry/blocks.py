"""Building blocks: molecules recognised by functional group, and the SMILES made of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from kakehashi.catalogs.molecules.monomer_groups import GROUPS as COUNTED
from kakehashi.design.chemistry.cutting import cut
from kakehashi.design.chemistry.ends import ALIPHATIC, AROMATIC, ENDS
from kakehashi.design.chemistry.fragments import ACTIVATED, ALKYL, ARYL, AZA, LONGEST, branch, linker_text  # fmt: skip
from kakehashi.design.chemistry.groups import GROUPS, counted_groups
from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.chemistry.smarts import NITRO, pattern
from kakehashi.design.chemistry.stability import unstable
from kakehashi.design.chemistry.templates import SPAN, Template, fill, template

MAX_HEAVY_ATOMS = 40
_OTHER = "[!#6;!#1;!#5;!#7;!#8;!#9;!#17;!#35;!#16;!#14]"  # elements that no block may hold
_CACHED_TEXTS = 200_000

Links = tuple[tuple[int, ...], tuple[int, ...]]
Edits = tuple[tuple[int, int], ...]


class Molecule(NamedTuple):
    """A molecule of a pool.

    name, cas : "" where unknown
    """

    smiles: str
    name: str = ""
    cas: str = ""


class Block(NamedTuple):
    """A molecule read as a building block of one group.

    sites : index of each editable carbon in the molecule; kinds : ARYL, ALKYL or ACTIVATED, (sites,)
    ports : what the carbon at each port is (ALIPHATIC, AROMATIC), -1 where no linker may be put
    heavy : heavy atoms of the molecule
    """

    molecule: Molecule
    group: str
    core: Any
    sites: tuple[int, ...]
    kinds: tuple[int, ...]
    ports: tuple[int, int]
    heavy: int


def read_block(molecule: Molecule, group: str) -> Block | None:
    """Read a molecule as a block of a group; None if it is none.

    Whatever its size and elements.
    """
    from rdkit import Chem

    mol = Chem.MolFromSmiles(molecule.smiles)
    return None if mol is None else _block(molecule, mol, group)


def blocks(molecules: Sequence[Molecule]) -> list[Block]:
    """Building blocks of the stable molecules, each once, sorted by group.

    Examples
    --------
    >>> [(block.group, block.molecule.smiles) for block in blocks([Molecule("OCCO"), Molecule("NCC(=O)O")])]
    [('diol', 'OCCO'), ('amino acid', 'NCC(=O)O')]
    """
    distinct: dict[tuple[str, str], Block] = {}
    wanted = {name: counted_groups(name) for name in GROUPS}
    for molecule in molecules:
        mol = parse_molecule(molecule.smiles)
        if mol is None:
            continue
        held = {name for name, group in COUNTED.items() if mol.HasSubstructMatch(pattern(group.smarts))}
        possible = (group for group, counted in wanted.items() if held.intersection(counted))
        readings = [reading for group in possible if (reading := _block(molecule, mol, group)) is not None]
        if readings and not unstable(mol):
            for block in readings:
                distinct.setdefault((block.group, block.molecule.smiles), block)
    order = {group: place for place, group in enumerate(GROUPS)}
    return sorted(distinct.values(), key=lambda readings: order[readings.group])


def parse_molecule(smiles: str) -> Any:
    """Parse a molecule, without stereochemistry, if blocks may be made of it.

    None where it is not a single neutral molecule (nitro groups apart) of at most `MAX_HEAVY_ATOMS` atoms of C, H, B,
    N, O, halogens but iodine, S and Si.
    """
    from rdkit import Chem

    mol = Chem.MolFromSmiles(smiles)
    if mol is None or not 1 < mol.GetNumHeavyAtoms() <= MAX_HEAVY_ATOMS or "." in smiles:
        return None
    text = Chem.MolToSmiles(mol, isomericSmiles=False)
    mol = mol if text == smiles else Chem.MolFromSmiles(text)
    if mol is None or mol.HasSubstructMatch(pattern(_OTHER)) or mol.GetAtomsMatchingQuery(_radical()):
        return None
    charged = len(mol.GetSubstructMatches(pattern("[!+0]"))) if "[" in text else 0
    return mol if charged == 2 * len(mol.GetSubstructMatches(pattern(NITRO))) else None


class Assembler:
    """Write the SMILES of residues and monomers of blocks."""

    def __init__(self, pool: Sequence[Block]) -> None:
        self._pool = pool
        self._form = lru_cache(maxsize=None)(self._make_form)
        self.monomer = lru_cache(maxsize=_CACHED_TEXTS)(self._monomer)

    def unit(
        self, rule: Polymerisation, places: Sequence[int], turned: bool, links: Sequence[Links], edits: Sequence[Edits]
    ) -> str:
        """Write the repeat unit of one or two blocks.

        places, links, edits : one per slot; the text begins at the head of the first block
        turned : the second block begins at its tail
        """
        slots = range(len(rule.slots))
        return join_residues(rule, [
            self.residue(places[s], s, turned and s == 1, s in rule.bare, links[s], edits[s]) for s in slots
        ])  # fmt: skip

    def residue(self, index: int, slot: int, turned: bool, bare: bool, links: Links, edits: Edits) -> tuple[str, str]:
        """Write a residue as the text before and after the next residue.

        slot : 0 or 1, which ring numbers to use; turned : begin at the tail; bare : leave the ends out
        links : linkers at head and tail, from the core outward; edits : (site, edit)
        """
        ends = GROUPS[self._pool[index].group].ends
        caps = [("", "")] * 2 if bare or not ends else [(ENDS[end].backward[1], ENDS[end].residue) for end in ends]
        return self._text(index, slot, turned, caps, links, edits)

    def _monomer(self, index: int, links: Links, edits: Edits) -> str:
        """Write the monomer's SMILES, not canonical."""
        group = GROUPS[self._pool[index].group]
        ends = group.ends
        if not ends or group.whole:
            before, after = fill(self._form(index, 0, -1), *_written(edits))
            return before + after
        caps = [(ENDS[end].backward[0], ENDS[end].monomer) for end in ends]
        return "".join(self._text(index, 0, False, caps, links, edits))

    def _text(
        self, index: int, slot: int, turned: bool, caps: list[tuple[str, str]], links: Links, edits: Edits
    ) -> tuple[str, str]:
        first, last = (1, 0) if turned else (0, 1)
        before, after = fill(self._form(index, slot, first), *_written(edits))
        for k, linker in enumerate(links[first]):
            opening, closing = linker_text(linker, 4 * slot + k, True)
            before, after = opening + before, after + closing
        for k, linker in enumerate(links[last]):
            opening, closing = linker_text(linker, 4 * slot + LONGEST + k, False)
            before, after = before + opening, closing + after
        return caps[first][0] + before + caps[last][1], after

    def _make_form(self, index: int, slot: int, port: int) -> Template:
        block = self._pool[index]
        form = (
            template(_whole(block), block.sites)
            if port < 0
            else template(block.core, block.sites, root=port + 1, first=1 + SPAN * slot)
        )
        if form is None:
            raise ValueError(f"{block.molecule.smiles} cannot be written as a template")
        return form


def join_residues(rule: Polymerisation, residues: Sequence[tuple[str, str]]) -> str:
    """Join one or two residues to a repeat unit.

    residues : of each, the text before and after what follows it in the chain
    """
    before, after = residues[0]
    inner, closing = residues[1] if len(residues) == 2 else (rule.middle, "")
    return f"*{before}{inner}*{closing}{after}"


def _written(edits: Edits) -> tuple[dict[int, str], dict[int, str]]:
    return {s: branch(e) for s, e in edits if e != AZA}, {s: "n" for s, e in edits if e == AZA}


def _whole(block: Block) -> Any:
    from rdkit import Chem

    mol = Chem.MolFromSmiles(block.molecule.smiles)
    for atom in mol.GetAtoms():
        atom.SetIntProp("atom", atom.GetIdx())
    return mol


def _block(molecule: Molecule, mol: Any, group: str) -> Block | None:
    from rdkit import Chem

    cores = cut(mol, group)
    if cores is None:
        return None
    atoms = {atom.GetIntProp("atom") for atom in cores.core.GetAtoms() if atom.HasProp("atom")}
    sites, kinds = [], []
    for atom in mol.GetAtoms():
        kind = _kind(atom, cores.port_atoms)
        if kind >= 0 and atom.GetIdx() in atoms and atom.GetIdx() not in cores.bare_atoms:
            sites.append(atom.GetIdx())
            kinds.append(kind)
    ring = (AROMATIC if i >= 0 and mol.GetAtomWithIdx(i).GetIsAromatic() else ALIPHATIC for i in cores.port_atoms)
    carbons = [-1 if i < 0 else carbon for i, carbon in zip(cores.port_atoms, ring, strict=True)]
    text = Chem.MolToSmiles(mol)
    block = Block(
        Molecule(text, molecule.name, molecule.cas), group, cores.core, tuple(sites), tuple(kinds),
        (carbons[0], carbons[1]), mol.GetNumHeavyAtoms(),
    )  # fmt: skip
    forms = [template(cores.core, block.sites, root=root) for root in (1, 2)]
    return block if None not in forms else None


def _kind(atom: Any, ports: tuple[int, int]) -> int:
    from rdkit import Chem

    if atom.GetSymbol() != "C" or not atom.GetTotalNumHs() or atom.GetFormalCharge():
        return -1
    if atom.GetIsAromatic():
        return ARYL
    if atom.GetHybridization() != Chem.HybridizationType.SP3 or atom.IsInRingSize(3):
        return -1
    beside = atom.GetIdx() in ports or any(near.GetSymbol() != "C" for near in atom.GetNeighbors())
    return ACTIVATED if beside else ALKYL


@cache
def _radical() -> Any:
    from rdkit.Chem import rdqueries

    return rdqueries.NumRadicalElectronsGreaterQueryAtom(0)
