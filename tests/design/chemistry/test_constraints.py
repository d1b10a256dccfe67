"""Constraints on repeat units and monomers, capped SA score, novelty."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.constraints import Constraints, Limits, read_fragments, sa_score
from kakehashi.design.chemistry.stability import LEFT_OVER, UNSTABLE, reactive, suspect, unstable

HOLDS = {
    "peroxide": "*COOC*",
    "chain of three nitrogens": "*CN(C)N(C)N(C)C*",
    "aliphatic azo": "*CN=NC*",
    "nitrogen-halogen bond": "*CN(Cl)C*",
    "oxygen-halogen bond": "*CC(OCl)C*",
    "sulfur-halogen bond": "*CC(SCl)C*",
    "nitroso or nitrite": "*CC(N=O)C*",
    "disulfide": "*CSSC*",
    "sulfenate": "*CSOC*",
    "hemiacetal or alpha-halohydrin": "*CC(O)(OC)C*",
    "enol": "*CC(O)=CC*",
    "ketene or allene": "*CC=C=CC*",
    "alpha-halo ether or amine": "*CC(Cl)OC*",
    "thioaldehyde or thioketone": "*CC(=S)C*",
    "small ring with a double bond": "*CC1=CC1*",
    "three-ring with a heteroatom beside a double bond": "*CC(*)C1OC1=C",
    "cyclobutadiene": "*CC(*)C1=CC=C1",
    "bicyclobutane": "*CC(*)C12CC1C2",
    "carbamic or carbonic acid": "*CC(*)NC(=O)O",
}
LEFT = {
    "amine": "*CC(*)CN",
    "hydrazine or hydroxylamine": "*CC(*)N(C)NC",
    "imine": "*CC(*)C=N",
    "acyl halide": "*CC(*)C(=O)Cl",
    "anhydride": "*C1C(*)C(=O)OC1=O",
    "isocyanate": "*CC(*)N=C=O",
    "thiol": "*CC(*)S",
    "sulfonyl halide or acid": "*CC(*)S(=O)(=O)F",
    "phosphorus acid or chloride": "*CC(*)P(=O)(O)C",
    "aldehyde": "*C=O",
    "epoxide or aziridine": "*CC(*)C1CO1",
    "silyl halide or hydride": "*CC(*)[SiH](C)C",
    "boronic acid": "*CC(*)B(C)C",
    "azide or diazo": "*CC(*)N=[N+]=[N-]",
}
FINE = (
    "*CC*",
    "*NCCCCCCNC(=O)CCCCC(=O)*",
    "*c1ccc(N=Nc2ccc(OC(=O)*)cc2)cc1",
    "*CC(*)C(=O)OCCO",
    "*CC(*)c1ccc([N+](=O)[O-])cc1",
    "*CC(F)(F)O*",
    "*N1C(=O)c2cc3c(cc2C1=O)C(=O)N(*)C3=O",
    "*Oc1ccc(C(C)(C)c2ccc(OC(=O)*)cc2)cc1",
    "*CC(*)OC(C)=O",
    "*NNC(=O)c1ccc(C(*)=O)cc1",
    "*CC(*)OC(=O)OC",
    "*C1CCC1*",
)


def test_each_pattern_finds_its_bond_and_spares_real_polymers() -> None:
    assert HOLDS.keys() == UNSTABLE.keys()
    check = Constraints()
    for name, unit in HOLDS.items():
        assert name in check.reasons(unit), name
    assert {unit: check.reasons(unit) for unit in FINE if check.reasons(unit)} == {}
    np.testing.assert_array_equal(check([*FINE, *HOLDS.values()]), [0.0] * len(FINE) + [-np.inf] * len(HOLDS))


def test_whatever_is_ruled_out_was_suspect() -> None:
    """A unit that is not suspect is not looked at again; only the aldehyde's end is seen with its cap alone."""
    assert LEFT.keys() == set(LEFT_OVER)
    for name, unit in LEFT.items():
        capped = unit.replace("*C=O", "*CC(*)C=O")
        assert name in reactive(Chem.MolFromSmiles(capped)), name
    units = [*HOLDS.values(), *LEFT.values(), *FINE]
    mols = [Chem.MolFromSmiles(unit) for unit in units]
    assert [unit for unit, mol in zip(units, mols, strict=True)
            if (unstable(mol) or reactive(mol)) and not suspect(mol)] == []  # fmt: skip
    assert sum(map(suspect, mols[-len(FINE) :])) <= 3  # or nothing is gained


def test_left_over_groups_and_size() -> None:
    check = Constraints(Limits(heavy_atoms=10))
    assert "amine" in check.reasons("*CC(*)CN")
    assert "aldehyde" in check.reasons("*CC(*)C=O")
    assert check.reasons("*CCCCCCCCCCC*") == ["11 heavy atoms, more than 10"]
    assert Constraints(Limits(reactive=False)).reasons("*CC(*)CN") == []
    assert "ketene or allene" in check.reasons("*CC(*)C=C=O")
    assert "hydrazine or hydroxylamine" in Constraints().reasons("*CC(*)C(=O)NN")
    assert check.reasons("CCO") == ["not a repeat unit"]


def test_ends_do_not_count_as_exotic_atoms() -> None:
    """Polystyrene's unit is scored as the hydrocarbon it is, and the limit uses that score."""
    unit = "*CC(*)c1ccccc1"
    score = sa_score(Chem.MolFromSmiles(unit))
    assert score == pytest.approx(sa_score(Chem.MolFromSmiles("CCC(C)c1ccccc1")), abs=1e-9)
    assert 1 <= score < 3
    assert Constraints(Limits(sa_score=score + 0.1))([unit])[0] == 0
    assert Constraints(Limits(sa_score=score - 0.1)).reasons(unit) == [f"SA score {score:.1f}, above {score - 0.1:g}"]


def test_fragments_weigh_but_do_not_exclude(tmp_path: Path) -> None:
    path = tmp_path / "fragments.csv"
    path.write_text("smiles\n*C(=O)c1ccc(*)cc1\n")
    check = Constraints(fragments=read_fragments(path), bonus=3.0)
    np.testing.assert_array_equal(check(["*OC(=O)c1ccc(*)cc1", "*CCO*"]), [0.0, -3.0])
    with pytest.raises(UserError, match="fragment"):
        Constraints(fragments=["c1ccc("])
    pq.write_table(pa.table({"text": ["C"]}), tmp_path / "other.parquet")
    with pytest.raises(UserError, match="column 'smiles'"):
        read_fragments(tmp_path / "other.parquet")
    with pytest.raises(UserError, match="does not exist"):
        read_fragments(tmp_path / "none.csv")
    path.write_text("smiles,name\n*C*,a\n,b\n")
    with pytest.raises(UserError, match="row 2"):
        read_fragments(path)


def test_fragments_of_a_spreadsheet(tmp_path: Path) -> None:
    file = tmp_path / "fragments.csv"
    file.write_text("Repeat Unit;n\n*CC*;0,5\n*CC(*)C;1,5\n")
    assert len(read_fragments(file)) == 2
    assert read_fragments(file, "Repeat Unit") == ("*CC*", "*CC(*)C")


def test_published_fragments_are_read() -> None:
    path = Path(__file__).parents[3].parent / "shared/data/organic/wu2019_lc_fragments.parquet"
    if not path.is_file():
        pytest.skip("no shared data beside the repository")
    fragments = read_fragments(path)
    check = Constraints(fragments=fragments)
    assert len(fragments) == 24
    assert check(["*NC(=O)c1ccc(*)cc1", "*CC*"]).tolist() == [0.0, -2.0]


def test_limits_of_composition_and_structure() -> None:
    nylon = "*NCCCCCC(*)=O"
    assert Constraints(Limits(mass=113.0)).reasons(nylon) == ["113.2 g/mol, more than 113"]
    assert Constraints(Limits(mass=113.2)).reasons(nylon) == []
    assert Constraints(Limits(elements=("C", "H", "O"))).reasons(nylon) == ["other elements: N"]
    assert Constraints(Limits(elements=("C", "F"))).reasons("*C(F)(F)C(*)(F)F") == []
    assert Constraints(Limits(elements=("C", "F"))).reasons("*CC(*)(F)F") == ["other elements: H"]
    assert Constraints(Limits(charge_free=True)).reasons("*CC(*)c1ccc([N+](=O)[O-])cc1") == []
    assert Constraints(Limits(charge_free=True)).reasons("*C[N+](C)(C)CC(=O)[N-]C*") == ["charged atoms"]


@pytest.mark.parametrize("unit", ["*NCCCCCC(*)=O", "*CCCC(=O)NCC*", "*C(=O)NCCCCC*"])
def test_substructures_are_found_wherever_the_chain_is_cut(unit: str) -> None:
    assert Constraints(Limits(contains=("C(=O)[NX3H1]C",))).reasons(unit) == []
    assert Constraints(Limits(without=("[NX3H1][CX3]=O",))).reasons(unit) == ["holds [NX3H1][CX3]=O"]
    assert Constraints(Limits(contains=("c",))).reasons(unit) == ["no c"]


def test_a_pattern_may_span_units_and_ends_are_no_atoms() -> None:
    assert Constraints(Limits(contains=("CCCCCCCCCCCC",))).reasons("*CC*") == []
    assert Constraints(Limits(without=("[!#6]",))).reasons("*CC*") == []
    assert Constraints(Limits(contains=("C[!#6]",))).reasons("*CC*") == ["no C[!#6]"]
