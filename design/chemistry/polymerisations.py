"""Table of the polymerisations that a repeat unit can come from.

Each takes one or two building blocks (`groups.GROUPS`); a new one is a line of `POLYMERISATIONS`. In a chain of two
unsymmetrical blocks every block may stand either way round; a repeat unit of one block each is then one of the two
regular chains, not the random one.
"""

from __future__ import annotations

from typing import NamedTuple


class Polymerisation(NamedTuple):
    """A polymerisation of one or two building blocks.

    slots : the group of each block
    words : the reaction in words
    link : SMARTS of the bond formed, atoms mapped 1 (first slot's residue, or the head) and 2; "" for chain growth
    bare : slots whose residue has no ends, their atoms being in the other residue
    middle, partner : text of a fixed second residue, and SMILES of its monomer
    """

    polymer_class: str
    slots: tuple[str, ...]
    words: str
    link: str = ""
    bare: tuple[int, ...] = ()
    middle: str = ""
    partner: str = ""


_Rule = Polymerisation
_AMIDE = "[NX3H1:1]-[CX3:2](=O)[#6]"
_IMIDE = "[#6;!$([#6]=O):1]-[#7X3:2](~[#6]=O)~[#6]=O"  # pyromellitimide counts as aromatic
_ESTER = "[OX2:1]-[CX3:2](=O)[#6]"
_URETHANE = "[OX2:1]-[CX3:2](=O)[NX3H1]"
_UREA = "[NX3H1:1]-[CX3:2](=O)[NX3H1]"
_CARBONATE = "[OX2:1]-[CX3:2](=O)[OX2]"
_ARYL_ETHER = "[OX2:1]-[c:2]"

POLYMERISATIONS: tuple[Polymerisation, ...] = (
    _Rule("polyamide", ("diamine", "diacid"), "polycondensation of a diamine and a dicarboxylic acid", _AMIDE),
    _Rule("polyamide", ("diamine", "diacyl chloride"), "polycondensation of a diamine and a diacyl chloride", _AMIDE),
    _Rule("polyamide", ("amino acid",), "polycondensation of an amino acid", _AMIDE),
    _Rule("polyamide", ("lactam",), "ring-opening polymerisation of a lactam", _AMIDE),
    _Rule(
        "polyimide", ("diamine", "dianhydride"), "polycondensation of a diamine and a dianhydride", _IMIDE, bare=(0,),
    ),
    _Rule("polyester", ("diol", "diacid"), "polycondensation of a diol and a dicarboxylic acid", _ESTER),
    _Rule("polyester", ("bisphenol", "diacid"), "polycondensation of a bisphenol and a dicarboxylic acid", _ESTER),
    _Rule(
        "polyester", ("bisphenol", "diacyl chloride"), "polycondensation of a bisphenol and a diacyl chloride", _ESTER,
    ),
    _Rule("polyester", ("hydroxy acid",), "polycondensation of a hydroxy acid", _ESTER),
    _Rule("polyester", ("lactone",), "ring-opening polymerisation of a lactone", _ESTER),
    _Rule("polyurethane", ("diol", "diisocyanate"), "polyaddition of a diol and a diisocyanate", _URETHANE),
    _Rule("polyurethane", ("bisphenol", "diisocyanate"), "polyaddition of a bisphenol and a diisocyanate", _URETHANE),
    _Rule("polyurea", ("diamine", "diisocyanate"), "polyaddition of a diamine and a diisocyanate", _UREA),
    _Rule(
        "polycarbonate", ("bisphenol",), "polycondensation of a bisphenol and phosgene", _CARBONATE,
        middle="C(=O)", partner="O=C(Cl)Cl",
    ),
    _Rule(
        "polycarbonate", ("diol",), "polycondensation of a diol and diphenyl carbonate", _CARBONATE,
        middle="C(=O)", partner="O=C(Oc1ccccc1)Oc1ccccc1",
    ),
    _Rule("polyether", ("epoxide",), "ring-opening polymerisation of an epoxide", "[OX2:1]-[CX4H2:2]"),
    _Rule(
        "poly(aryl ether)", ("bisphenol", "activated difluoride"),
        "aromatic substitution of an activated difluoride by a bisphenol", _ARYL_ETHER,
    ),
    _Rule(
        "poly(aryl ether)", ("bisphenol", "activated dichloride"),
        "aromatic substitution of an activated dichloride by a bisphenol", _ARYL_ETHER,
    ),
    _Rule("acrylic polymer", ("acrylic",), "chain polymerisation of an acrylic monomer"),
    _Rule("styrenic polymer", ("styrenic",), "chain polymerisation of a styrenic monomer"),
    _Rule("vinyl polymer", ("vinyl",), "chain polymerisation of a vinyl monomer"),
)  # fmt: skip
