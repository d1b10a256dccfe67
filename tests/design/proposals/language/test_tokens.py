"""Repeat units to tokens and back."""

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from rdkit import Chem

from kakehashi.design.proposals.language import tokens
from kakehashi.design.proposals.language.tokens import END, PAD, SPECIAL, VALENCES, Vocabulary

UNITS = [
    "*CC*", "*OCC*", "*CC(*)c1ccccc1", "*c1ccc(*)cc1", "*Oc1ccc(cc1)C(C)(C)c1ccc(cc1)OC(*)=O", "*[Si](C)(C)O*",
    "*NCCCCCCNC(=O)CCCCC(*)=O", "*c1ccc2c(c1)C(=O)N(*)C2=O", "*C=Cc1ccc([N+](=O)[O-])cc1*", "*N=P(*)(OC)OC",
    "*C1CC2CC1C1C2CC(*)C1", "*CC(*)C#N", "*[SiH2]CC[SiH](C)*", "*c1cc2c3c(cccc3c1)C=C2*", "*CC(*)C(=O)O[Na]",
]  # fmt: skip


def flat(smiles: str) -> str:
    mol = Chem.MolFromSmiles(smiles)
    Chem.RemoveStereochemistry(mol)
    return Chem.CanonSmiles(Chem.MolToSmiles(mol))


@pytest.mark.parametrize("unit", UNITS)
def test_both_ways_to_read_a_unit_lead_back_to_it(unit: str) -> None:
    for string in tokens.read(unit):
        assert flat(tokens.write(string)) == flat(unit)
        assert tokens.split(tokens.write(string)) == string


def test_tokens_of_known_units() -> None:
    assert tokens.read("*OCC*") == (("O", "C", "C", "*"), ("C", "C", "O", "*"))
    first, _ = tokens.read("*c1ccc(*)cc1")
    assert first == ("C", "&", "=C", "C", "=C", "(", "*", ")", "C", "=C", "^0")


def test_rings_close_by_how_recently_they_were_opened() -> None:
    assert tokens.split("*C12CC1CC2*") == ("C", "&", "&", "C", "C", "^1", "C", "C", "^0", "*")
    assert tokens.write(("C", "&", "&", "C", "C", "^1", "C", "C", "^0", "*")) == "*C12CC1CC2*"


def test_hydrogens_of_bracket_atoms_follow_from_their_bonds() -> None:
    assert tokens.write(("Si", "(", "C", ")", "N+", "C", "*")) == "*[SiH](C)[NH2+]C*"


def test_stereo_marks_are_left_out() -> None:
    assert tokens.read("*C[C@H](C)*") == tokens.read("*CC(C)*")
    assert tokens.read("*C/C=C/C*") == tokens.read("*CC=CC*")


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("*CC", "exactly two"),
        ("*C(*)C*", "exactly two"),
        ("*C=*", "one single bond"),
        ("C*C*", "one single bond"),
        ("**", "no atom between"),
        ("*C*.C", "fragment"),
        ("*CC([2H])*", "isotope"),
        ("*C(C", "RDKit"),
        ("*[Fe]C*", "no token for"),
        ("*[C]C*", "hydrogens"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_reason(smiles: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        tokens.read(smiles)


def test_too_many_open_branches_or_rings_are_refused() -> None:
    assert len(tokens.split("*" + "C(" * 12 + "C" + ")C" * 12 + "*")) == 50
    with pytest.raises(ValueError, match="12 branches or 10 rings"):
        tokens.split("*" + "C(" * 13 + "C" + ")C" * 13 + "*")
    labels = [*"123456789", "%10", "%11"]
    with pytest.raises(ValueError, match="12 branches or 10 rings"):
        tokens.split("*" + "".join(f"C{i}" for i in labels) + "C" + "".join(f"C{i}" for i in labels) + "*")


def test_valences_are_those_rdkit_fills() -> None:
    """Any kind of atom with any number of bonds parses, without radicals."""
    for symbol, valences in VALENCES.items():
        for bonded in range(1, valences[-1] + 1):
            arms = ("(", "C", ")") * max(0, bonded - 2)
            string = (symbol, *arms, *(("C", "*") if bonded > 1 else ())) if symbol != "*" else ("C", "*")
            smiles = tokens.write(string)
            mol = Chem.MolFromSmiles(smiles)
            assert mol is not None, smiles
            assert all(atom.GetNumRadicalElectrons() == 0 for atom in mol.GetAtoms()), smiles


def test_encode_keeps_order_reasons_and_ends() -> None:
    vocabulary, encoded = tokens.encode(["*CC*", "junk(", "*OCC*", "*" + "C" * 40 + "*"], 12)
    assert vocabulary.tokens[:3] == SPECIAL
    assert encoded.rows.tolist() == [0, 2, 2]
    assert [bool(reason) for reason in encoded.reasons] == [False, True, False, True]
    assert "longer than 12" in encoded.reasons[3]
    assert ((encoded.tokens == END).sum(axis=1) == 1).all()
    assert tokens.decode(encoded.tokens, vocabulary) == ["*CC*", "*OCC*", "*CCO*"]
    assert tokens.decode(np.full((1, 4), PAD, np.int16), vocabulary) == [""]


def test_a_token_outside_a_given_vocabulary_is_a_reason() -> None:
    vocabulary = tokens.learn([])
    _, encoded = tokens.encode(["*CC*", "*OCC*"], 12, vocabulary)
    assert encoded.reasons.tolist() == ["", "token 'O' is not in the vocabulary"]
    assert isinstance(vocabulary, Vocabulary)


@pytest.mark.parametrize(("name", "share", "step"), [("radonpy_pi1070", 0.98, 3), ("polyinfo_smiles_pid", 0.96, 15)])
def test_known_polymers_round_trip(name: str, share: float, step: int, shared_data: Path) -> None:
    smiles = parquet.read_table(shared_data / "organic" / f"{name}.parquet")["smiles"].to_pylist()[::step]
    vocabulary, encoded = tokens.encode(smiles, 128)
    assert (encoded.reasons == "").mean() > share - 0.01
    for text, row in zip(tokens.decode(encoded.tokens, vocabulary), encoded.rows, strict=True):
        assert flat(text) == flat(smiles[row])
