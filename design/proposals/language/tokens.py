"""Tokens of repeat units: bonds merged with atoms, rings by relative index.

The tokens are those of the kekulised SMILES read from one `*`.

The leading `*` is implied, so a repeat unit of L tokens begins after it and holds one further `*`. A ring opens
with `&` and closes with `^k`, the k-th most recently opened ring that is still open (iQSPR's tokens; Ikebata et al.,
2017). An atom's hydrogens fill its valence: `Si` is written `[SiH2]` or `[Si]` as its bonds ask. Kekulised, because
closed rings and respected valences then always parse, which strings with aromatic atoms do not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

PAD, END, BEGIN = 0, 1, 2
SPECIAL = ("<pad>", "<end>", "<begin>")
STAR, BRANCH, RETURN, OPEN = "*", "(", ")", "&"
# Rings and branches open at one time. Of 12,790 known homopolymers, 0.6% need more rings and 0.1% more branches.
RINGS = 10
DEPTH = 12
CLOSE = tuple(f"^{k}" for k in range(RINGS))
# Tokens of every vocabulary: enough to complete any string.
ALWAYS = (STAR, "C", BRANCH, RETURN, OPEN, *CLOSE)
ORDERS = {"": 1, "-": 1, "=": 2, "#": 3}

# Valences an atom may have; hydrogens fill up to the next one. Charged atoms are as their isoelectronic neighbours.
VALENCES: dict[str, tuple[int, ...]] = {
    **{"*": (1,), "B": (3,), "C": (4,), "N": (3,), "O": (2,), "F": (1,), "P": (3, 5), "S": (2, 4, 6), "Cl": (1,)},
    **{"Br": (1,), "I": (1,), "Si": (4,), "Ge": (4,), "As": (3, 5), "Se": (2, 4, 6), "Sn": (4,), "Te": (2, 4, 6)},
    **{"B-": (4,), "N+": (4,), "N-": (2,), "O-": (1,), "O+": (3,), "P+": (4,), "S-": (1,), "S+": (3,)},
    **{"Li": (1,), "Na": (1,), "K": (1,)},
}
ORGANIC = ("*", "B", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I")

_PIECE = re.compile(r"\[[^\]]*\]|Br|Cl|%\d\d|->|<-|.")
_BRACKET = re.compile(r"\[([A-Z][a-z]?|\*)(?:(H)(\d*))?([+-]?)\]")
_TOKEN = re.compile(r"([=#]?)([A-Z*][a-z]?[+-]?)")


class Vocabulary(NamedTuple):
    """Texts of tokens; a token's id is its position.

    The first three are padding, end and the implied first `*`.
    """

    tokens: tuple[str, ...]

    @property
    def ids(self) -> dict[str, int]:
        """Ids of the tokens by text."""
        return {token: i for i, token in enumerate(self.tokens)}


class Encoded(NamedTuple):
    """Token strings of a corpus.

    tokens : (m, max_length) int16 ids, each row ended by END, then PAD
    rows : (m,) which corpus entry each row was read from, two rows (one per `*`) or, where these agree, one
    reasons : (n,) object, why an entry is not representable, "" where it is
    """

    tokens: NDArray[np.int16]
    rows: NDArray[np.int64]
    reasons: NDArray[np.object_]


def read(smiles: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tokenise a repeat unit from its first and its second `*`.

    Stereo marks are left out.

    Raises
    ------
    ValueError : not a repeat unit with two single-bonded `*`, or not writable in tokens; says which.

    Examples
    --------
    >>> read("*CC(*)C")
    (('C', 'C', '(', '*', ')', 'C'), ('C', '(', 'C', ')', 'C', '*'))
    """
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise ValueError("not a SMILES that RDKit reads")
    stars = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    if len(stars) != 2:
        raise ValueError(f"expected exactly two *, got {len(stars)}")
    for star in stars:
        if star.GetDegree() != 1 or star.GetBonds()[0].GetBondType() != Chem.BondType.SINGLE:
            raise ValueError("expected each * with one single bond")
        if star.GetNeighbors()[0].GetAtomicNum() == 0:
            raise ValueError("no atom between the two *")
    if len(Chem.GetMolFrags(mol)) > 1:
        raise ValueError("more than one fragment")
    if any(atom.GetIsotope() for atom in mol.GetAtoms()):
        raise ValueError("an isotope")
    Chem.Kekulize(mol, clearAromaticFlags=True)
    first, second = (
        Chem.MolToSmiles(mol, isomericSmiles=False, kekuleSmiles=True, rootedAtAtom=star.GetIdx()) for star in stars
    )
    return split(first), split(second)


def split(smiles: str) -> tuple[str, ...]:
    """Tokenise a kekulised SMILES that begins with `*`.

    Raises
    ------
    ValueError : an atom, a bond or a number of open rings or branches that the tokens cannot say.
    """
    first, *pieces = _PIECE.findall(smiles)
    if first not in ("*", "[*]"):
        raise ValueError(f"expected a SMILES that begins with *, got {smiles!r}")
    out: list[str] = []
    atoms: list[tuple[str, int | None]] = [("*", None)]
    bonds, current, order = [0], 0, ""
    anchors: list[int] = []
    rings: list[str] = []
    closes: list[str] = []
    opens: list[str] = []
    for piece in [*pieces, ""]:
        if piece in ("-", "=", "#"):
            order = piece
        elif piece[:1].isdigit() or piece[:1] == "%":
            if order:
                raise ValueError("a ring closed by a multiple bond")
            (closes if piece in rings else opens).append(piece)
            bonds[current] += 1
        else:
            _settle_rings(out, rings, closes, opens)
            if piece == BRANCH:
                anchors.append(current)
            elif piece == RETURN:
                current = anchors.pop()
            elif piece:
                atoms.append(_atom(piece))
                bonds[current] += ORDERS[order]
                bonds.append(ORDERS[order])
                current = len(bonds) - 1
                piece, order = order.replace("-", "") + atoms[-1][0], ""
            out += [piece] * bool(piece)
            if len(anchors) > DEPTH or len(rings) > RINGS:
                raise ValueError(f"more than {DEPTH} branches or {RINGS} rings open at one time")
    for (symbol, hydrogens), bonded in zip(atoms, bonds, strict=True):
        if bonded > VALENCES[symbol][-1]:
            raise ValueError(f"{symbol} with {bonded} bonds")
        if hydrogens not in (None, _fill(symbol, bonded)):
            raise ValueError(f"{symbol} with {bonded} bonds and {hydrogens} hydrogens")
    return tuple(out)


def write(tokens: Iterable[str]) -> str:
    """Write a token string (without END) as kekulised SMILES.

    Examples
    --------
    >>> write(["C", "&", "C", "C", "^0", "*"])
    '*C1CC1*'
    """
    parts, bonds, symbols, places = ["*"], [0], ["*"], [0]
    anchors: list[int] = []
    rings: list[tuple[str, int]] = []
    free = [f"%{n}" if n > 9 else str(n) for n in range(RINGS, 0, -1)]
    current = 0
    for token in tokens:
        if token == BRANCH:
            anchors.append(current)
            parts.append(token)
        elif token == RETURN:
            current = anchors.pop()
            parts.append(token)
        elif token == OPEN:
            rings.insert(0, (free.pop(), current))
            bonds[current] += 1
            parts.append(rings[0][0])
        elif token[0] == "^":
            label, _ = rings.pop(int(token[1:]))
            bonds[current] += 1
            parts.append(label)
            free.append(label)
        else:
            order, symbol = atom(token)
            bonds[current] += order
            current = len(bonds)
            bonds.append(order)
            symbols.append(symbol)
            places.append(len(parts))
            parts.append(token)
    for symbol, bonded, place in zip(symbols, bonds, places, strict=True):
        if symbol not in ORGANIC:
            count = _fill(symbol, bonded)
            element, charge = symbol.rstrip("+-"), symbol[len(symbol.rstrip("+-")) :]
            hydrogens = "" if count == 0 else "H" if count == 1 else f"H{count}"
            parts[place] = parts[place].replace(symbol, f"[{element}{hydrogens}{charge}]")
    return "".join(parts)


def atom(token: str) -> tuple[int, str]:
    """Bond order and kind of atom of an atom token."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError(f"expected an atom token, got {token!r}")
    return ORDERS[match[1]], match[2]


def learn(corpus: Iterable[Sequence[str]]) -> Vocabulary:
    """Learn a vocabulary: all tokens of a corpus, most frequent first.

    Those of `ALWAYS` are included.
    """
    counts = Counter(token for string in corpus for token in string)
    rest = sorted(set(counts) | set(ALWAYS), key=lambda token: (-counts[token], token))
    return Vocabulary((*SPECIAL, *rest))


def encode(smiles: Sequence[str], max_length: int, vocabulary: Vocabulary | None = None) -> tuple[Vocabulary, Encoded]:
    """Encode repeat units as token ids, read both ways.

    vocabulary : learned from the corpus where it is None

    Rows longer than `max_length` tokens (END included) are left out with a reason, as is what `read` refuses.
    """
    reasons = np.full(len(smiles), "", object)
    strings: list[tuple[int, tuple[str, ...]]] = []
    for i, text in enumerate(smiles):
        try:
            both = read(text)
        except ValueError as problem:
            reasons[i] = str(problem)
            continue
        if max(map(len, both)) >= max_length:
            reasons[i] = f"longer than {max_length} tokens"
            continue
        strings += [(i, string) for string in dict.fromkeys(both)]
    vocabulary = vocabulary or learn(string for _, string in strings)
    ids = vocabulary.ids
    for i, string in strings:
        unknown = [token for token in string if token not in ids]
        if unknown:
            reasons[i] = f"token {unknown[0]!r} is not in the vocabulary"
    strings = [(i, string) for i, string in strings if not reasons[i]]
    tokens = np.full((len(strings), max_length), PAD, np.int16)
    for row, (_, string) in zip(tokens, strings, strict=True):
        row[: len(string) + 1] = [*(ids[token] for token in string), END]
    return vocabulary, Encoded(tokens, np.array([i for i, _ in strings], np.int64), reasons)


def decode(tokens: NDArray[np.int16], vocabulary: Vocabulary) -> list[str]:
    """Decode rows of token ids to SMILES.

    "" for a row without END.
    """
    out = []
    for row in tokens.tolist():
        stop = row.index(END) if END in row else -1
        out.append(write([vocabulary.tokens[i] for i in row[:stop]]) if stop >= 0 else "")
    return out


def _settle_rings(out: list[str], rings: list[str], closes: list[str], opens: list[str]) -> None:
    """Write the ring tokens of the atom before.

    Closings first, the most recent ring first, so that they are unique.
    """
    for label in sorted(closes, key=rings.index):
        out.append(f"^{rings.index(label)}")
        rings.remove(label)
    for label in opens:
        rings.insert(0, label)
        out.append(OPEN)
    closes.clear()
    opens.clear()


def _atom(piece: str) -> tuple[str, int | None]:
    """Kind and hydrogens of a SMILES atom, None where hydrogens are implied."""
    if piece in ORGANIC:
        return piece, None
    match = _BRACKET.fullmatch(piece)
    kind = match[1] + match[4] if match else ""
    if match is None or kind not in VALENCES:
        raise ValueError(f"no token for {piece}")
    return kind, (int(match[3] or 1) if match[2] else 0)


def _fill(symbol: str, bonded: int) -> int:
    """Number of hydrogens that fill an atom with `bonded` bonds."""
    return next(valence for valence in VALENCES[symbol] if valence >= bonded) - bonded
