"""Reactive ends of building blocks, as text on the monomer and in the chain."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kakehashi.catalogs.molecules.monomer_groups import SP3

ALIPHATIC, AROMATIC = 0, 1  # kinds of carbon at a port, or at the end of a linker


class End(NamedTuple):
    """A reactive end on a core atom.

    counted : its groups in `catalogs.molecules.monomer_groups`: any of them is such an end; one without a tail is a
        hydrogen of the core atom
    monomer, residue : text of the end on the monomer and in the chain, read away from the core
    backward : the same two read towards the core
    core : SMARTS that the core atom must match as well, "" for any
    carbon : kinds of carbon that may carry the end (ALIPHATIC, AROMATIC), for linkers between core and end
    grows : True where linkers may be put there
    bare : True where a group stands or falls with the hydrogens of the core atom: nothing is put there
    fused : the ring that the core has in the chain instead of this end: an imide of a cyclic anhydride, or an azole of
        an aromatic amine with a second group beside it; "" for an end that is a branch
    """

    counted: tuple[str, ...]
    monomer: str
    residue: str
    backward: tuple[str, str]
    core: str = ""
    carbon: tuple[int, ...] = (ALIPHATIC, AROMATIC)
    grows: bool = True
    bare: bool = False
    fused: Literal["", "imide", "azole"] = ""


_WITHDRAWING = "[$([CX3](=O)[#6]),$([SX4](=O)(=O)[#6]),$([NX3+](=O)[O-]),$(C#N)]"
_ACTIVATED = f"[$(c1aac({_WITHDRAWING})aa1),$(c1c({_WITHDRAWING})aaaa1)]"
_ONLY_AROMATIC, _ONLY_ALIPHATIC = (AROMATIC,), (ALIPHATIC,)
# Written so that both bonds of the ring lie before what follows; the ring number is that of no block and no linker.
_OXADIAZOLE, _OXADIAZOLE_BACK = "-c%86nnc(o%86)", "c%86nnc(o%86)"


def _fused(counted: str, ring: Literal["imide", "azole"]) -> End:
    return End((counted,), "", "", ("", ""), grows=False, fused=ring)


def _hydrogen(counted: str) -> End:
    return End((counted,), "", "", ("", ""), grows=False, bare=True)


def _halide(counted: str, text: str, core: str = "", carbon: tuple[int, ...] = _ONLY_AROMATIC) -> End:
    return End((counted,), text, "", (text, ""), core, carbon, grows=False)


ENDS: dict[str, End] = {
    "amine": End(("aromatic amine", "aliphatic amine"), "N", "N", ("N", "N")),
    "aromatic amine": End(("aromatic amine",), "N", "N", ("N", "N"), carbon=_ONLY_AROMATIC),
    "acid": End(("carboxylic acid",), "C(=O)O", "C(=O)", ("OC(=O)", "C(=O)")),
    "acid on a core": End(("carboxylic acid",), "C(=O)O", "C(=O)", ("OC(=O)", "C(=O)"), "[!$([CX3](=O)[OX2H1])]"),
    "acid to amide": End(("carboxylic acid",), "C(=O)O", "C(=O)N", ("OC(=O)", "NC(=O)")),
    "acyl chloride": End(("acyl chloride",), "C(=O)Cl", "C(=O)", ("ClC(=O)", "C(=O)")),
    "alcohol": End(("alcohol",), "O", "O", ("O", "O"), carbon=_ONLY_ALIPHATIC),
    "phenol": End(("phenol",), "O", "O", ("O", "O"), carbon=_ONLY_AROMATIC),
    "hydroxyl": End(("alcohol", "phenol"), "O", "O", ("O", "O")),
    "amine to isocyanate": End(("aromatic amine", "aliphatic amine"), "N", "NC(=O)", ("N", "C(=O)N"), f"[{SP3},c]"),
    "isocyanate": End(("isocyanate",), "N=C=O", "NC(=O)", ("O=C=N", "C(=O)N"), f"[{SP3},c]"),
    "fluoride": _halide("aryl fluoride", "F", _ACTIVATED),
    "chloride": _halide("aryl chloride", "Cl", _ACTIVATED),
    "anhydride": _fused("cyclic anhydride", "imide"),
    "o-diamine": _fused("o-diamine", "azole"),
    "o-aminophenol": _fused("o-aminophenol", "azole"),
    "o-aminothiol": _fused("o-aminothiol", "azole"),
    "secondary amine": _hydrogen("secondary amine"),
    "azole CH": _hydrogen("azole alpha CH"),
    "xylene CH": _hydrogen("xylene CH3"),
    "phenol CH": _hydrogen("phenol para CH"),
    "aniline CH": _hydrogen("aniline para CH"),
    "methyl ester": End(("methyl ester",), "C(=O)OC", "C(=O)", ("COC(=O)", "C(=O)")),
    "sulfonyl chloride": End(("sulfonyl chloride",), "S(=O)(=O)Cl", "S(=O)(=O)", ("ClS(=O)(=O)", "S(=O)(=O)")),
    "hydrazide": End(("acid hydrazide",), "C(=O)NN", "C(=O)NN", ("NNC(=O)", "NNC(=O)")),
    "ring-closing hydrazide": End(
        ("acid hydrazide",), "C(=O)NN", _OXADIAZOLE, ("NNC(=O)", _OXADIAZOLE_BACK), carbon=_ONLY_AROMATIC
    ),
    "aldehyde": End(("aldehyde",), "C=O", "C=N", ("O=C", "N=C"), "c", _ONLY_AROMATIC),
    "thiol": End(("thiol",), "S", "S", ("S", "S")),
    "oxidised thiol": End(("thiol",), "S", "S(=O)(=O)", ("S", "S(=O)(=O)"), grows=False),
    "aryl bromide": End(("aryl bromide",), "Br", "", ("Br", ""), "[c;r6]", _ONLY_AROMATIC),
    "Grignard bromide": _halide("aryl bromide", "Br", "[c;r6]"),
    "azolyl bromide": _halide("aryl bromide", "Br", "[c;r5]"),
    "unactivated chloride": _halide("aryl chloride", "Cl"),
    "boronic acid": End(("boronic acid",), "B(O)O", "", ("OB(O)", ""), carbon=_ONLY_AROMATIC),
    "vinyl": End(("vinylarene",), "C=C", "C=C", ("C=C", "C=C"), carbon=_ONLY_AROMATIC),
    "ethynyl": End(("ethynylarene",), "C#C", "C#C", ("C#C", "C#C"), carbon=_ONLY_AROMATIC),
    "alkyl bromide": End(("alkyl bromide",), "Br", "", ("Br", ""), carbon=_ONLY_ALIPHATIC, bare=True),
    "chloromethyl": _halide("benzyl chloride", "CCl")._replace(backward=("ClC", "")),
    "silyl chloride": _halide("silyl chloride", "Cl"),
}
"""Reactive ends by name."""
