"""Constraints on repeat units and monomers, capped SA score, novelty."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from catalogs.records import UserError
from design.constraints import UNSTABLE, Constraints, Known, Limits, polymerisability, read_fragments, sa_score

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
)


def test_each_pattern_finds_its_bond_and_spares_real_polymers() -> None:
    assert HOLDS.keys() == UNSTABLE.keys()
    check = Constraints()
    for name, unit in HOLDS.items():
        assert name in check.reasons(unit), name
    assert {unit: check.reasons(unit) for unit in FINE if check.reasons(unit)} == {}
    np.testing.assert_array_equal(check([*FINE, *HOLDS.values()]), [0.0] * len(FINE) + [-np.inf] * len(HOLDS))


def test_left_over_groups_and_size() -> None:
    check = Constraints(Limits(heavy_atoms=10))
    assert "amine" in check.reasons("*CC(*)CN")
    assert "aldehyde" in check.reasons("*CC(*)C=O")
    assert check.reasons("*CCCCCCCCCCC*") == ["11 heavy atoms, more than 10"]
    assert Constraints(Limits(reactive=False)).reasons("*CC(*)CN") == []
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


def test_published_fragments_are_read() -> None:
    path = Path(__file__).parents[2].parent / "shared/data/organic/wu2019_lc_fragments.parquet"
    if not path.is_file():
        pytest.skip("no shared data beside the repository")
    fragments = read_fragments(path)
    check = Constraints(fragments=fragments)
    assert len(fragments) == 24
    assert check(["*NC(=O)c1ccc(*)cc1", "*CC*"]).tolist() == [0.0, -2.0]


def test_competing_groups_are_named() -> None:
    assert polymerisability(["NCCN", "O=C(O)CC(=O)O"], ["diamine", "diacid"]) == []
    (third,) = polymerisability(["NCCNCCN"], ["diamine"])
    assert "secondary amine" in third
    (lone,) = polymerisability(["NCCC"], ["diamine"])
    assert "not the ends" in lone
    with pytest.raises(ValueError, match="no group"):
        polymerisability(["NCCN"], ["triamine"])


def test_novelty() -> None:
    known = Known(["*CC(*)c1ccccc1", "*CC*"])
    np.testing.assert_array_equal(known.is_new(["*CC*", "*CC(*)C"]), [False, True])
    names, similarity = known.nearest(["*CC(*)c1ccccc1", "*CC(*)c1ccc(C)cc1"])
    assert names == ["*CC(*)c1ccccc1"] * 2
    assert similarity[0] == 1.0
    assert 0.3 < similarity[1] < 1.0
    assert Known([]).nearest(["*CC*"])[0] == [""]
