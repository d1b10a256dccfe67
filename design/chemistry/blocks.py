"""Building blocks: molecules of a pool, recognised by functional group, with the text of everything made from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from kakehashi.design.chemistry.cutting import cut
from kakehashi.design.chemistry.fragments import ACTIVATED, ALKYL, ARYL, AZA, LONGEST, branch, linker_text  # fmt: skip
from kakehashi.design.chemistry.groups import ALIPHATIC, AROMATIC, ENDS, GROUPS
from kakehashi.design.chemistry.polymerisations import Polymerisation
from kakehashi.design.chemistry.smarts import pattern
from kakehashi.design.chemistry.stability import unstable
from kakehashi.design.chemistry.templates import SPAN, Template, fill, template

MAX_HEAVY_ATOMS = 40
_OTHER = "[!#6;!#1;!#7;!#8;!#9;!#17;!#35;!#16;!#14]"  # elements we do not build with
_NITRO = "[NX3+](=O)[O-]"
_CACHED_TEXTS = 200_000

Links = tuple[tuple[int, ...], tuple[int, ...]]
Edits = tuple[tuple[int, int], ...]


class Molecule(NamedTuple):
    """A molecule a block may come from; name and cas are empty where unknown."""

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


def block_of(molecule: Molecule, group: str) -> Block | None:
    """The molecule as a block of a group, whatever its size and elements; None where it is none."""
    from rdkit import Chem

    mol = Chem.MolFromSmiles(molecule.smiles)
    return None if mol is None else _block(molecule, mol, group)


def blocks(molecules: Sequence[Molecule]) -> list[Block]:
    """Every block that the stable ones of the molecules are, by group in the order of `GROUPS`; each once."""
    found: dict[tuple[str, str], Block] = {}
    for molecule in molecules:
        mol = parsed(molecule.smiles)
        if mol is None:
            continue
        made = [read for group in GROUPS if (read := _block(molecule, mol, group)) is not None]
        if made and not unstable(mol):
            for one in made:
                found.setdefault((one.group, one.molecule.smiles), one)
    order = {group: place for place, group in enumerate(GROUPS)}
    return sorted(found.values(), key=lambda made: order[made.group])


def parsed(smiles: str) -> Any:
    """The molecule without stereochemistry; None where it is no single neutral one of the elements we build with."""
    from rdkit import Chem

    mol = Chem.MolFromSmiles(smiles)
    if mol is None or not 1 < mol.GetNumHeavyAtoms() <= MAX_HEAVY_ATOMS or "." in smiles:
        return None
    text = Chem.MolToSmiles(mol, isomericSmiles=False)
    mol = mol if text == smiles else Chem.MolFromSmiles(text)
    if mol is None or mol.HasSubstructMatch(pattern(_OTHER)) or mol.GetAtomsMatchingQuery(_radical()):
        return None
    charged = len(mol.GetSubstructMatches(pattern("[!+0]"))) if "[" in text else 0
    return mol if charged == 2 * len(mol.GetSubstructMatches(pattern(_NITRO))) else None


class Assembler:
    """Texts of residues and monomers of a list of blocks."""

    def __init__(self, pool: Sequence[Block]) -> None:
        self._pool = pool
        self._form = lru_cache(maxsize=None)(self._make_form)
        self.monomer = lru_cache(maxsize=_CACHED_TEXTS)(self._monomer)

    def unit(
        self, rule: Polymerisation, places: Sequence[int], turned: bool, links: Sequence[Links], edits: Sequence[Edits]
    ) -> str:
        """The repeat unit that a polymerisation makes of one or two blocks, given per slot; head of the first first.

        turned : the second block begins at its tail
        """
        slots = range(len(rule.slots))
        return chained(rule, [
            self.residue(places[s], s, turned and s == 1, s in rule.bare, links[s], edits[s]) for s in slots
        ])  # fmt: skip

    def residue(self, index: int, slot: int, turned: bool, bare: bool, links: Links, edits: Edits) -> tuple[str, str]:
        """Text of the residue before and after what follows it in the chain.

        slot : 0 or 1, which ring numbers to use; turned : begin at the tail; bare : leave the ends out
        links : linkers at head and tail, from the core outward; edits : (site, edit)
        """
        ends = GROUPS[self._pool[index].group].ends
        caps = [("", "")] * 2 if bare or not ends else [(ENDS[end].backward[1], ENDS[end].residue) for end in ends]
        return self._text(index, slot, turned, caps, links, edits)

    def _monomer(self, index: int, links: Links, edits: Edits) -> str:
        """SMILES of the monomer, not canonical."""
        ends = GROUPS[self._pool[index].group].ends
        if not ends:
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
        made = self._pool[index]
        form = (
            template(_whole(made), made.sites)
            if port < 0
            else template(made.core, made.sites, root=port + 1, first=1 + SPAN * slot)
        )
        if form is None:
            raise ValueError(f"{made.molecule.smiles} cannot be written as a template")
        return form


def chained(rule: Polymerisation, residues: Sequence[tuple[str, str]]) -> str:
    """The repeat unit of one or two residues, each the text before and after what follows it in the chain."""
    before, after = residues[0]
    inner, closing = residues[1] if len(residues) == 2 else (rule.middle, "")
    return f"*{before}{inner}*{closing}{after}"


def _written(edits: Edits) -> tuple[dict[int, str], dict[int, str]]:
    return {s: branch(e) for s, e in edits if e != AZA}, {s: "n" for s, e in edits if e == AZA}


def _whole(made: Block) -> Any:
    from rdkit import Chem

    mol = Chem.MolFromSmiles(made.molecule.smiles)
    for atom in mol.GetAtoms():
        atom.SetIntProp("atom", atom.GetIdx())
    return mol


def _block(molecule: Molecule, mol: Any, group: str) -> Block | None:
    from rdkit import Chem

    found = cut(mol, group)
    if found is None:
        return None
    kept = {atom.GetIntProp("atom") for atom in found.core.GetAtoms() if atom.HasProp("atom")}
    sites, kinds = [], []
    for atom in mol.GetAtoms():
        kind = _kind(atom, found.port_atoms)
        if kind >= 0 and atom.GetIdx() in kept:
            sites.append(atom.GetIdx())
            kinds.append(kind)
    ring = (AROMATIC if i >= 0 and mol.GetAtomWithIdx(i).GetIsAromatic() else ALIPHATIC for i in found.port_atoms)
    carbons = [-1 if i < 0 else carbon for i, carbon in zip(found.port_atoms, ring, strict=True)]
    text = Chem.MolToSmiles(mol)
    made = Block(
        Molecule(text, molecule.name, molecule.cas), group, found.core, tuple(sites), tuple(kinds),
        (carbons[0], carbons[1]), mol.GetNumHeavyAtoms(),
    )  # fmt: skip
    forms = [template(found.core, made.sites, root=root) for root in (1, 2)]
    return made if None not in forms else None


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
