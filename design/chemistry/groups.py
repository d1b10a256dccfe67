"""Kinds of building blocks: their reactive ends, or the bond or ring that is opened.

The SMARTS of ends and of what is opened are those of `catalogs.molecules.monomer_groups`; `cutting` cuts a molecule
there.
"""

from __future__ import annotations

from typing import NamedTuple

from kakehashi.catalogs.molecules.monomer_groups import GROUPS as COUNTED
from kakehashi.catalogs.molecules.monomer_groups import SP3
from kakehashi.design.chemistry.reactive_groups import REACTIVE
from kakehashi.design.chemistry.smarts import mapped

ALIPHATIC, AROMATIC = 0, 1  # kinds of carbon at a port, or at the end of a linker


class End(NamedTuple):
    """A reactive end on a core carbon.

    counted : its groups in `catalogs.molecules.monomer_groups`: any of them is such an end
    monomer, residue : text of the end on the monomer and in the chain, read away from the core
    backward : the same two read towards the core
    core : SMARTS that the core carbon must match as well, "" for any
    carbon : kinds of carbon that may carry the end (ALIPHATIC, AROMATIC), for linkers between core and end
    grows : True where linkers may be put there
    """

    counted: tuple[str, ...]
    monomer: str
    residue: str
    backward: tuple[str, str]
    core: str = ""
    carbon: tuple[int, ...] = (ALIPHATIC, AROMATIC)
    grows: bool = True


_WITHDRAWING = "[$([CX3](=O)[#6]),$([SX4](=O)(=O)[#6]),$([NX3+](=O)[O-]),$(C#N)]"
_ACTIVATED = f"[$(c1aac({_WITHDRAWING})aa1),$(c1c({_WITHDRAWING})aaaa1)]"

ENDS: dict[str, End] = {
    "amine": End(("aromatic amine", "aliphatic amine"), "N", "N", ("N", "N")),
    "acid": End(("carboxylic acid",), "C(=O)O", "C(=O)", ("OC(=O)", "C(=O)")),
    "acyl chloride": End(("acyl chloride",), "C(=O)Cl", "C(=O)", ("ClC(=O)", "C(=O)")),
    "alcohol": End(("alcohol",), "O", "O", ("O", "O"), carbon=(ALIPHATIC,)),
    "phenol": End(("phenol",), "O", "O", ("O", "O"), carbon=(AROMATIC,)),
    "hydroxyl": End(("alcohol", "phenol"), "O", "O", ("O", "O")),
    "isocyanate": End(("isocyanate",), "N=C=O", "NC(=O)", ("O=C=N", "C(=O)N"), f"[{SP3},c]"),
    "fluoride": End(("aryl fluoride",), "F", "", ("F", ""), _ACTIVATED, (AROMATIC,), grows=False),
    "chloride": End(("aryl chloride",), "Cl", "", ("Cl", ""), _ACTIVATED, (AROMATIC,), grows=False),
}

_RADICAL_STOP = (
    "thiol", "isocyanate", "acyl halide", "azide or diazo", "alkyne", "silyl halide or hydride", "imine", "aldehyde",
    "hydrazine or hydroxylamine", "sulfonyl halide or acid", "epoxide or aziridine",
)  # fmt: skip


class Group(NamedTuple):
    """A kind of building block.

    ends : the ends at its two ports, for a step-growth block; empty for one that is opened
    opened : of the others, the group in `catalogs.molecules.monomer_groups` that is opened; one without a tail (an
        atom mapped 2) is opened at its head alone, and two of it make a block
    head, tail : SMARTS that these atoms must match as well, "" for any
    allowed : the members of `REACTIVE` that it may carry: its own
    """

    name: str
    ends: tuple[str, ...] = ()
    opened: str = ""
    head: str = ""
    tail: str = ""
    allowed: tuple[str, ...] = ()


_ACRYLIC = ("$(C[CX3](=O)[O,N])", "$(CC#N)")
_STYRENIC = "$(C-c)"
_RADICAL = tuple(name for name in REACTIVE if name not in _RADICAL_STOP)
_VINYL = f"[{';'.join(f'!{text}' for text in (_STYRENIC, *_ACRYLIC))}]"
GROUPS: dict[str, Group] = {
    group.name: group
    for group in (
        Group("diamine", ("amine", "amine"), allowed=("amine",)),
        Group("diacid", ("acid", "acid"), allowed=("acid",)),
        Group("diacyl chloride", ("acyl chloride", "acyl chloride"), allowed=("acyl halide",)),
        Group("diol", ("alcohol", "alcohol"), allowed=("hydroxyl",)),
        Group("bisphenol", ("phenol", "phenol"), allowed=("hydroxyl",)),
        Group("diisocyanate", ("isocyanate", "isocyanate"), allowed=("isocyanate",)),
        Group("activated difluoride", ("fluoride", "fluoride")),
        Group("activated dichloride", ("chloride", "chloride")),
        Group("amino acid", ("amine", "acid"), allowed=("amine", "acid")),
        Group("hydroxy acid", ("hydroxyl", "acid"), allowed=("hydroxyl", "acid")),
        Group("dianhydride", opened="cyclic anhydride", allowed=("anhydride",)),
        Group("lactam", opened="lactam"),
        Group("lactone", opened="lactone"),
        Group("epoxide", opened="epoxide", head="[CH2]", allowed=("epoxide or aziridine",)),
        Group("acrylic", opened="terminal alkene", tail=f"[{','.join(_ACRYLIC)}]", allowed=_RADICAL),
        Group("styrenic", opened="terminal alkene", tail=f"[{_STYRENIC}]", allowed=_RADICAL),
        Group("vinyl", opened="terminal alkene", tail=_VINYL, allowed=_RADICAL),
    )
}


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
    # A group without a tail is needed twice; one with a tail opens alone, and must be counted as one that does.
    alone = bool(group.opened) and not unknown and 2 in mapped(COUNTED[group.opened].smarts)
    if not counted or unknown or (alone and any(COUNTED[c].role != "opened" for c in counted)):
        what = f"no line for {unknown[0]!r}" if unknown else f"{' and '.join(counted) or 'nothing'} to find it by"
        raise ValueError(
            f"building block {name!r}: catalogs.monomer_groups has {what}; expected a counted group of it there"
            + (", with the role 'opened'" if alone else "")
        )
    for text in counted:
        if 1 not in mapped(COUNTED[text].smarts):
            raise ValueError(
                f"building block {name!r}: {text} has no atom mapped 1 in catalogs.monomer_groups to cut at"
            )
    return counted
