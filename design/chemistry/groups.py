"""Kinds of building blocks: their reactive ends (`ends`), or the bond or ring that is opened.

The SMARTS of ends and of what is opened are those of `catalogs.molecules.monomer_groups`; `cutting` cuts a molecule
there.
"""

from __future__ import annotations

from typing import NamedTuple

from kakehashi.catalogs.molecules.monomer_groups import GROUPS as COUNTED
from kakehashi.design.chemistry.ends import ENDS
from kakehashi.design.chemistry.reactive_groups import REACTIVE
from kakehashi.design.chemistry.smarts import NITRO, mapped

_RADICAL_STOP = (
    "thiol", "isocyanate", "acyl halide", "azide or diazo", "alkyne", "silyl halide or hydride", "imine", "aldehyde",
    "hydrazine or hydroxylamine", "sulfonyl halide or acid", "epoxide or aziridine",
)  # fmt: skip


# Orders of the bonds between head and tail, in the monomer and in the chain.
RING: tuple[tuple[int, int], ...] = ((1, 0),)
ALKENE: tuple[tuple[int, int], ...] = ((2, 1),)
ALKYNE: tuple[tuple[int, int], ...] = ((3, 2),)
DIENE: tuple[tuple[int, int], ...] = ((2, 1), (1, 2), (2, 1))
HYDROGENATED: tuple[tuple[int, int], ...] = ((2, 1), (1, 1), (2, 1))
OXAZOLINE: tuple[tuple[int, int], ...] = ((1, 0), (1, 2), (2, 1))

# What a block of some groups must not carry though it does not react with the ends: it stops the catalyst or reagent.
POISONS: dict[str, str] = {
    "nitro": NITRO,
    "carbonyl": "[CX3]=[OX1]",
    "nitrile": "[CX2]#[NX1]",
    "aryl bromide": "c[Br,I]",
    "sulfide": "[#6][SX2;!a][#6]",
    "alkyl halide": "[CX4;!$(C(F)F)][Cl,Br,I]",
    "alkene": "[#6;!a]=[#6;!a]",
}


class Group(NamedTuple):
    """A kind of building block.

    ends : the ends at its two ports; empty for one that is opened
    opened : of the others, the group in `catalogs.molecules.monomer_groups` that is opened
    bonds : orders of the bonds from its head to its tail, in the monomer and in the chain
    head, tail : SMARTS that these atoms must match as well, "" for any
    allowed : the members of `REACTIVE` that it may carry: its own
    reactive : most matches of those
    poisons : the members of `POISONS` that it must not carry; requires : SMARTS that it must have, "" for none
    either : True where one of two bonds may be opened: beside a double bond or an oxygen, or of a diene
    plain : True where a substituent on the ring that is opened, or anywhere between the ends, would undo the group
    alkenes : C=C bonds that it has, those of `bonds`; None for any number
    """

    name: str
    ends: tuple[str, ...] = ()
    opened: str = ""
    bonds: tuple[tuple[int, int], ...] = RING
    head: str = ""
    tail: str = ""
    allowed: tuple[str, ...] = ()
    reactive: int = 2
    poisons: tuple[str, ...] = ()
    either: bool = False
    plain: bool = False
    alkenes: int | None = None
    requires: str = ""

    @property
    def whole(self) -> bool:
        """True where an end is a hydrogen or becomes a ring of the core: linkers cannot stand there."""
        return any(not ENDS[end].monomer for end in self.ends)


_ACRYLIC = ("$(C[CX3](=O)[O,N])", "$(CC#N)")
_STYRENIC = "$(C-c)"
_RADICAL = tuple(name for name in REACTIVE if name not in _RADICAL_STOP)
_VINYL = f"[{';'.join(f'!{text}' for text in (_STYRENIC, *_ACRYLIC))}]"
_SECONDARY = ("secondary amine", "cyclic amine")
_GRIGNARD = ("nitro", "carbonyl", "nitrile")
_COUPLING = ("nitro", "alkene")
# Substituents of an alkene that carbon monoxide or sulfur dioxide alternates with: alkyl, or one aryl.
_ALKYL_OR_ARYL = "[!$(C-[!$([CX4]);!c]);!$(C(-c)-[#6])]"
_METATHESIS = ("sulfide", "nitrile")
_OXIDISED = ("sulfide", "alkene")
_DICHLORIDE = ("nitro", "aryl bromide")
GROUPS: dict[str, Group] = {
    group.name: group
    for group in (
        Group("diamine", ("amine", "amine"), allowed=("amine",)),
        Group("hydroxy diamine", ("aromatic amine",) * 2, allowed=("amine", "hydroxyl"), reactive=4,
              requires="c[OX2H1]"),
        Group("aromatic diamine", ("aromatic amine", "aromatic amine"), allowed=("amine",), poisons=("aryl bromide",)),
        Group("diacid", ("acid", "acid"), allowed=("acid",)),
        Group("diacid with a core", ("acid on a core", "acid on a core"), allowed=("acid",)),
        Group("diacyl chloride", ("acyl chloride", "acyl chloride"), allowed=("acyl halide",)),
        Group("diol", ("alcohol", "alcohol"), allowed=("hydroxyl",)),
        Group("bisphenol", ("phenol", "phenol"), allowed=("hydroxyl",)),
        Group("diisocyanate", ("isocyanate", "isocyanate"), allowed=("isocyanate",)),
        Group("activated difluoride", ("fluoride", "fluoride")),
        Group("activated dichloride", ("chloride", "chloride")),
        Group("amino acid", ("amine", "acid"), allowed=("amine", "acid")),
        Group("amino alcohol", ("alcohol", "amine to isocyanate"), allowed=("amine", "hydroxyl")),
        Group("phenol sulfonyl chloride", ("phenol", "sulfonyl chloride"), reactive=3,
              allowed=("hydroxyl", "sulfonyl halide or acid")),
        Group("hydroxy acid", ("hydroxyl", "acid"), allowed=("hydroxyl", "acid")),
        Group("dianhydride", ("anhydride", "anhydride"), allowed=("anhydride",)),
        Group("anhydride acid", ("anhydride", "acid to amide"), allowed=("anhydride", "acid")),
        Group("secondary diamine", ("secondary amine", "secondary amine"), allowed=_SECONDARY, reactive=4),
        Group("secondary amino acid", ("secondary amine", "acid"), allowed=(*_SECONDARY, "acid"), reactive=3),
        Group("dimethyl ester", ("methyl ester", "methyl ester")),
        Group("disulfonyl chloride", ("sulfonyl chloride",) * 2, allowed=("sulfonyl halide or acid",), reactive=4),
        Group("tetraamine", ("o-diamine", "o-diamine"), allowed=("amine",), reactive=4,
              requires="[NX3H2].[NX3H2].[NX3H2].[NX3H2]"),  # no amine of two pairs
        Group("diamino acid", ("o-diamine", "acid on a core"), allowed=("amine", "acid"), reactive=3),
        Group("bis(aminophenol)", ("o-aminophenol",) * 2, allowed=("amine", "hydroxyl"), reactive=4),
        Group("aminophenol acid", ("o-aminophenol", "acid on a core"), allowed=("amine", "hydroxyl", "acid"),
              reactive=3),
        Group("bis(aminothiol)", ("o-aminothiol",) * 2, allowed=("amine", "thiol"), reactive=4),
        Group("aminothiol acid", ("o-aminothiol", "acid on a core"), allowed=("amine", "thiol", "acid"), reactive=3),
        Group("dihydrazide", ("hydrazide", "hydrazide"), allowed=("hydrazine or hydroxylamine",)),
        Group("aromatic dihydrazide", ("ring-closing hydrazide",) * 2, allowed=("hydrazine or hydroxylamine",)),
        Group("dialdehyde", ("aldehyde", "aldehyde"), allowed=("aldehyde",)),
        Group("dithiol", ("thiol", "thiol"), allowed=("thiol",)),
        Group("dithiol to oxidise", ("oxidised thiol",) * 2, allowed=("thiol",), poisons=_OXIDISED),
        Group("aryl dibromide", ("aryl bromide", "aryl bromide"), poisons=_COUPLING),
        Group("Grignard dibromide", ("Grignard bromide",) * 2, poisons=(*_COUPLING, "carbonyl", "nitrile")),
        Group("azolyl dibromide", ("azolyl bromide", "azolyl bromide"), poisons=_GRIGNARD),
        Group("aryl dichloride", ("unactivated chloride",) * 2, poisons=_DICHLORIDE),
        Group("aryl dichloride to oxidise", ("unactivated chloride",) * 2, poisons=(*_DICHLORIDE, *_OXIDISED)),
        Group("diboronic acid", ("boronic acid",) * 2, allowed=("boronic acid", "hydroxyl"), reactive=6,
              poisons=("aryl bromide",)),
        Group("divinylarene", ("vinyl", "vinyl"), poisons=("aryl bromide",)),
        Group("diethynylarene", ("ethynyl", "ethynyl"), allowed=("alkyne",), poisons=("aryl bromide",)),
        Group("alkyl dibromide", ("alkyl bromide", "alkyl bromide"), allowed=("alkyl halide",)),
        Group("alkyl dibromide to oxidise", ("alkyl bromide",) * 2, allowed=("alkyl halide",), poisons=_OXIDISED),
        Group("bis(chloromethyl)arene", ("chloromethyl",) * 2, allowed=("alkyl halide",), poisons=("carbonyl",)),
        Group("dichlorosilane", ("silyl chloride", "silyl chloride"), allowed=("silyl halide or hydride",)),
        Group("azole", ("azole CH", "azole CH"), poisons=("nitro", "carbonyl", "aryl bromide")),
        Group("2,6-substituted phenol", ("phenol", "phenol CH"), allowed=("hydroxyl",), reactive=1,
              poisons=("nitro", "sulfide")),
        Group("aniline", ("amine", "aniline CH"), allowed=("amine",), reactive=1, poisons=("nitro", "sulfide")),
        Group("p-xylene", ("xylene CH", "xylene CH"), poisons=("aryl bromide", "nitro"), plain=True),
        Group("lactam", opened="lactam"),
        Group("lactone", opened="lactone"),
        Group("epoxide", opened="epoxide", head="[CH2]", allowed=("epoxide or aziridine", "alkyl halide")),
        Group("thiirane", opened="thiirane", head="[CH2]", allowed=("epoxide or aziridine",)),
        Group("cyclic ether", opened="cyclic ether", either=True, plain=True),
        Group("acrylic", opened="terminal alkene", bonds=ALKENE, alkenes=1, tail=f"[{','.join(_ACRYLIC)}]",
              allowed=_RADICAL),
        Group("styrenic", opened="terminal alkene", bonds=ALKENE, alkenes=1, tail=f"[{_STYRENIC}]", allowed=_RADICAL),
        Group("vinyl", opened="terminal alkene", bonds=ALKENE, alkenes=1, tail=_VINYL, allowed=_RADICAL),
        Group("olefin", opened="terminal alkene", bonds=ALKENE, alkenes=1, tail=_ALKYL_OR_ARYL, allowed=_RADICAL),
        Group("fluoroalkene", opened="fluoroalkene", bonds=ALKENE, alkenes=1, allowed=_RADICAL),
        Group("1,2-disubstituted alkene", opened="1,2-disubstituted alkene", bonds=ALKENE, alkenes=1, allowed=_RADICAL),
        Group("diene", opened="diene", bonds=DIENE, alkenes=2, allowed=_RADICAL),
        Group("diene, one bond", opened="diene, one bond", bonds=ALKENE, either=True, alkenes=2, allowed=_RADICAL),
        Group("diene to hydrogenate", opened="diene", bonds=HYDROGENATED, alkenes=2, allowed=_RADICAL),
        Group("2-oxazoline", opened="2-oxazoline", bonds=OXAZOLINE),
        Group("acetylene", opened="acetylene", bonds=ALKYNE, allowed=("alkyne",), poisons=_METATHESIS),
        Group("strained olefin", opened="ring alkene", either=True, alkenes=1, poisons=_METATHESIS),
    )
}  # fmt: skip


def counted_groups(name: str) -> tuple[str, ...]:
    """Counted groups that find the molecules of a kind of block.

    Raises
    ------
    ValueError : a kind whose molecules no pool could hold: no group of the table finds them.

    Examples
    --------
    >>> counted_groups("amino acid")
    ('aromatic amine', 'aliphatic amine', 'carboxylic acid')
    """
    group = GROUPS[name]
    counted = tuple(dict.fromkeys(c for end in group.ends for c in ENDS[end].counted))
    if not counted and group.opened:
        counted = (group.opened,)
    unknown = [c for c in counted if c not in COUNTED]
    # What opens does so alone, and must be counted as one that does.
    if not counted or unknown or (group.opened and any(COUNTED[c].role != "opened" for c in counted)):
        what = f"no line for {unknown[0]!r}" if unknown else f"{' and '.join(counted) or 'nothing'} to find it by"
        raise ValueError(
            f"building block {name!r}: catalogs.monomer_groups has {what}; expected a counted group of it there"
            + (", with the role 'opened'" if group.opened and not unknown else "")
        )
    for text in counted:
        if not mapped(COUNTED[text].smarts).keys() >= ({1, 2} if group.opened else {1}):
            raise ValueError(
                f"building block {name!r}: {text} has no atom mapped 1 in catalogs.monomer_groups to cut at"
            )
    return counted
