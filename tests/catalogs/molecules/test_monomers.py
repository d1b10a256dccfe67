import pytest
from rdkit import Chem

from kakehashi.catalogs.molecules import monomers
from kakehashi.catalogs.molecules.monomer_groups import GROUPS
from kakehashi.catalogs.molecules.monomers import POOLS, pool
from kakehashi.catalogs.records import UserError


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The pool made of the 1,815 commonest molecules only."""
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    monkeypatch.setattr(monomers, "_IDENTIFIERS", monomers._IDENTIFIERS[:1])
    monomers.table.cache_clear()
    yield tmp_path
    monomers.table.cache_clear()


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("Nc1ccc(N)cc1", {"aromatic amine": 2}),
        ("NCc1ccc(N)cc1", {"aromatic amine": 1, "aliphatic amine": 1}),
        ("CC(N)=O", {}),
        ("C1CNCCN1", {"secondary amine": 2}),
        ("O=C(O)c1ccc(C(=O)O)cc1", {"carboxylic acid": 2}),
        ("COC(=O)C", {}),
        ("O=C(Cl)CCC(=O)Cl", {"acyl chloride": 2}),
        ("OCCO", {"alcohol": 2}),
        ("CC(O)O", {}),  # a hydrate falls apart
        ("CC(C)(c1ccc(O)cc1)c1ccc(O)cc1", {"phenol": 2}),
        ("O=C=NCCCCCCN=C=O", {"isocyanate": 2}),
        ("O=C1OC(=O)c2cc3c(cc21)C(=O)OC3=O", {"cyclic anhydride": 2}),
        ("CC(=O)OC(C)=O", {}),
        ("CC1CO1", {"epoxide": 1}),
        ("C=CC(=O)OC", {"terminal alkene": 1, "acrylic": 1}),
        ("C=CC#N", {"terminal alkene": 1, "acrylic": 1}),
        ("C=Cc1ccccc1", {"terminal alkene": 1, "styrenic": 1}),
        ("O=C1CCCCCN1", {"lactam": 1}),
        ("CC(=O)NC", {}),
        ("O=C1CCCCCO1", {"lactone": 1}),
        ("O=C1OCCO1", {"cyclic carbonate": 1}),
        ("O=C(Cl)Cl", {"carbonyl source": 1}),
        ("O=C(Oc1ccccc1)Oc1ccccc1", {"carbonyl source": 1}),
        ("C[Si](C)(Cl)Cl", {"silyl chloride": 2}),
        ("O=C(c1ccc(F)cc1)c1ccc(F)cc1", {"aryl fluoride": 2}),
    ],
)
def test_groups_are_counted(smiles, expected):
    mol = Chem.MolFromSmiles(smiles)
    counts = {
        name: len(mol.GetSubstructMatches(Chem.MolFromSmarts(group.smarts)))
        for name, group in GROUPS.items()
        if group.tells
    }
    assert {name: count for name, count in counts.items() if count} == expected


def test_pool_holds_what_everyone_polymerises(small):
    by_name = {
        "aromatic diamine": "Nc1ccc(-c2ccc(N)cc2)cc1",
        "aliphatic diamine": "NCCN",
        "diacid": "O=C(O)CCCCC(=O)O",
        "diol": "OCCO",
        "bisphenol": "CC(C)(c1ccc(O)cc1)c1ccc(O)cc1",
        "vinyl": "C=CCl",
        "acrylic": "C=C(C)C(=O)OC",
        "styrenic": "C=Cc1ccccc1",
        "lactam": "O=C1CCCCCN1",
        "epoxide": "CC1CO1",
    }
    for kind, smiles in by_name.items():
        found = pool(kind)
        assert smiles in [monomer.smiles for monomer in found], kind
        for monomer in found:
            assert {k: n for k, n in monomer.groups.items() if GROUPS[k].tells and not k.startswith("aryl")} == POOLS[
                kind
            ]
            assert monomer.cas.count("-") == 2
            assert monomer.name
    with pytest.raises(UserError, match="unknown kind of monomer 'diamine'"):
        pool("diamine")


def test_every_molecule_is_in_the_pool_or_counted(small):
    lines = monomers.package_file("chemicals", monomers._IDENTIFIERS[0]).read_text(encoding="utf-8").splitlines()
    assert len(monomers.monomers()) + sum(monomers.left_out().values()) == len(lines)
    for monomer in monomers.monomers():
        mol = Chem.MolFromSmiles(monomer.smiles)
        assert 2 <= mol.GetNumHeavyAtoms() <= monomers.MAX_HEAVY_ATOMS
        assert Chem.MolToSmiles(mol) == monomer.smiles
        assert {atom.GetSymbol() for atom in mol.GetAtoms()} <= monomers.ELEMENTS


def test_structures_at_odd_with_their_mass_are_left_out():
    nitro = Chem.MolFromSmarts("[NX3+](=O)[O-]")
    assert monomers._molecule("OCCO", 62.068, nitro)[1] == ""
    assert monomers._molecule("OCCO", 76.09, nitro)[1] == "structure contradicted by the molar mass"
    assert monomers._molecule("[O-][N+](=O)c1ccccc1", 123.11, nitro)[1] == ""
    assert monomers._molecule("C[N+](C)(C)CC(=O)[O-]", 117.15, nitro)[1] == "charges other than of nitro groups"
    assert monomers._molecule("CI", 141.94, nitro)[1] == "other elements"


def test_the_cache_is_read_and_a_broken_one_made_again(small, monkeypatch):
    first = monomers.table()
    files = list((small / "monomers").glob("*.parquet"))
    assert len(files) == 1
    monomers.table.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(monomers, "_build", lambda: pytest.fail("not read from the cache"))
        assert monomers.table().equals(first)
        assert sum(monomers.left_out().values()) > 0
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    monomers.table.cache_clear()
    assert monomers.table().equals(first)
    assert files[0].read_bytes() == whole


@pytest.mark.slow
def test_the_whole_pool(monkeypatch, tmp_path):
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    monomers.table.cache_clear()
    try:
        sizes = {kind: len(pool(kind)) for kind in POOLS}
    finally:
        monomers.table.cache_clear()
    assert sizes["aromatic diamine"] > 250
    assert sizes["diacid"] > 250
    assert sizes["bisphenol"] > 400
    assert min(sizes.values()) > 15
