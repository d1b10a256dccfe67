"""Monomers that take a reactive path other than the chain: ring-closing pairs, and bonds that do not polymerise.

Each rule is a line with SMARTS of whole monomers and a reason. `BAN` where no chain of use forms; `CAUTION` where one
forms under special conditions only, which the reason names.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple

from kakehashi.design.chemistry.polymerisation import Polymerisation
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.chemistry.smarts import pattern

BAN: Literal["ban"] = "ban"
CAUTION: Literal["caution"] = "caution"


class MonomerRule(NamedTuple):
    """Monomers that do something else than a polymerisation asks of them.

    slots : groups of the polymerisation's blocks that it speaks of (`groups.GROUPS`), each with a SMARTS that the
        block's monomer matches; all of them must
    classes : polymer classes that it speaks of, () for all
    source : publication that tells of it, seen in abstract or excerpt; "" where it is general knowledge
    """

    slots: tuple[tuple[str, str], ...]
    reason: str
    verdict: Literal["ban", "caution"] = BAN
    classes: tuple[str, ...] = ()
    source: str = ""


_O_DIAMINE = "[NX3H2]c:c[NX3H2]"
_PERI_DIAMINE = "[NX3H2]c1cccc2cccc([NX3H2])c12"
_ACID = "[$([CX3](=O)[OX2H1,Cl])]"
_O_DIACID = f"{_ACID}-[#6;a,$([CX3]=[CX3])]!=,@[#6;a,$([CX3]=[CX3])]-{_ACID}"
# A C=C outside rings: SMILES are read without stereochemistry, and of its two isomers one closes.
_ENE_DIACID = f"{_ACID}-[CX3]=;!@[CX3]-{_ACID}"
_VICINAL_DIACID = "[$([CX3](=O)[OX2H1,Cl])][CX4][CX4][$([CX3](=O)[OX2H1,Cl])]"
_PROPIOLIC = "[CX2;$(C[CX3](=O)[OX2])]#[CX2;!$(C[CX3]=O)]"
_MALONIC = "[OX2H1]C(=O)[CX4]C(=O)[OX2H1]"
# A hydroxyl, or a carbonate that it made: a second hydroxyl bites back into either.
_CARBONATED = "[OX2;H1,$(O[CX3](=O)[OX2])]"
_GLYCOL = f"[OX2H1][CX4][CX4]{_CARBONATED}"
_PROPANEDIOL = f"[OX2H1][CX4][CX4][CX4]{_CARBONATED}"
_CATECHOL = "[OX2H1]c:c[OX2H1]"
_BIPHENOL = f"[OX2H1]c:c-c:c{_CARBONATED}"
_DIACIDS = ("diacid", "diacyl chloride")
_AMINES = ("diamine", "hydroxy diamine")
_IMIDE_CAP = "the two acids close to a cyclic imide, which ends the chain"
_AZOLE_CAP = "the neighbouring amines close to a benzimidazole or a pyrrone"

RULES: tuple[MonomerRule, ...] = (
    *(
        MonomerRule(((amine, smarts),), reason, BAN, classes)
        for amine in _AMINES
        for smarts, reason in (
            (_O_DIAMINE, _AZOLE_CAP),
            (_PERI_DIAMINE, "the peri amines close to a perimidine"),
        )
        for classes in (("polyamide", "polyimide", "poly(amide imide)", "polyazomethine"),)
    ),
    MonomerRule((("diamine", _O_DIAMINE),), "the neighbouring amines close to a cyclic urea", CAUTION, ("polyurea",)),
    *(MonomerRule(((acid, _O_DIACID),), _IMIDE_CAP, BAN, ("polyamide", "N-alkyl polyamide")) for acid in _DIACIDS),
    *(
        MonomerRule(
            ((acid, _VICINAL_DIACID),), f"{_IMIDE_CAP} in the melt: interface or solution alone", CAUTION,
            ("polyamide",),
        )
        for acid in _DIACIDS
    ),
    *(
        MonomerRule(((acid, _ENE_DIACID),), f"of the cis isomer {_IMIDE_CAP}: the trans isomer alone", CAUTION,
                    ("polyamide", "N-alkyl polyamide"))
        for acid in _DIACIDS
    ),
    MonomerRule((("diacid with a core", _ENE_DIACID),), "of the cis isomer the two acids close to a ring with the same"
                " partner: the trans isomer alone", CAUTION),
    MonomerRule((("diacyl chloride", _ENE_DIACID),), "of the cis isomer the two acids close to a cyclic hydrazide: the"
                " trans isomer alone", CAUTION, ("polyhydrazide",)),
    MonomerRule((("diacid with a core", _O_DIACID),), "the two acids close to a fused ring with the same partner"),
    MonomerRule((("diacyl chloride", _O_DIACID),), "the two acids close to a cyclic hydrazide", BAN,
                ("polyhydrazide",)),
    MonomerRule((("diacid", _MALONIC),), "a malonic acid loses carbon dioxide above 135 °C", CAUTION),
    MonomerRule((("diol", _GLYCOL),), "a 1,2-diol closes to a five-ring carbonate", BAN, ("polycarbonate",)),
    MonomerRule(
        (("diol", _PROPANEDIOL),), "a 1,3-diol closes to a six-ring carbonate, which is polymerised by ring opening",
        CAUTION, ("polycarbonate",),
    ),
    MonomerRule((("bisphenol", f"[OX2H1]c:c{_CARBONATED}"),), "a catechol closes to a cyclic carbonate", BAN,
                ("polycarbonate",)),
    MonomerRule(
        (("bisphenol", _BIPHENOL),), "a 2,2'-biphenol closes to a seven-ring carbonate", CAUTION, ("polycarbonate",)
    ),
    *(
        MonomerRule((("bisphenol", _CATECHOL), (halide, smarts)), "two ortho pairs close to a dioxin ring")
        for halide, smarts in (
            ("activated difluoride", "Fc:cF"), ("activated dichloride", "Clc:cCl"), ("aryl dibromide", "Brc:cBr"),
            ("alkyl dibromide", "Br[CX4][CX4]Br"),
        )
    ),
    *(
        MonomerRule((("alkyl dibromide", "Br[CX4;!H0][CX4;!H0]Br"), (other, "[OX2H1]")),
                    "a vicinal dibromide eliminates hydrogen bromide with alkoxides", CAUTION)
        for other in ("diol", "bisphenol")
    ),
    MonomerRule((("diol", "[OX2H1][CX4][CX4][CX4][CX4][OX2H1]"),), "a 1,4-diol closes to a tetrahydrofuran with acid or"
                " after one etherification", CAUTION, ("polyether",)),
    *(
        MonomerRule((("aryl dibromide", "Brc:cBr"),), "neighbouring bromides couple to rings and stop the chain",
                    CAUTION, (name,))
        for name in ("polyarylene", "poly(arylene vinylene)", "poly(arylene ethynylene)")
    ),
    MonomerRule((("lactone", "O=C1O[CX4][CX4][CX4]1"),), "a five-ring lactone has little strain: with special catalysts"
                " in the cold alone", CAUTION, (), "Hong & Chen, 2016, Nature Chemistry 8, 42"),
    MonomerRule((("lactam", "O=C1N[CX4][CX4][CX4]1"),), "a five-ring lactam has little strain: anionic, below 60 °C",
                CAUTION),
    MonomerRule((("lactam", "O=C1N[CX4][CX4][CX4][CX4]1"),), "a six-ring lactam has little strain: anionic, with weeks"
                " of time", CAUTION),
    MonomerRule((("lactone", "[#8]1[#6](=O)cc[#6,#8]1"),), "a five-ring lactone fused to an arene does not open"),
    MonomerRule((("hydroxy acid", "[OX2H1][CX4][CX4][CX4][CX3](=O)[OX2H1]"),), "a 4-hydroxy acid closes to its"
                " lactone"),
    MonomerRule((("hydroxy acid", "[OX2H1][CX4][CX4;!H0][CX3](=O)[OX2H1]"),), "a 3-hydroxy acid loses water on heating",
                CAUTION),
    MonomerRule((("amino acid", "[NX3H2]c:c[NX3H1]C=O"),), _AZOLE_CAP),
    MonomerRule((("amino acid", "[NX3H1][CX3](=O)[$(c:c[CX3](=O)[OX2H1])]"),), _IMIDE_CAP),
    MonomerRule((("amino acid", "[NX3H2][CX4][CX4][CX4][CX3](=O)[OX2H1]"),), "a 4-amino acid closes to its lactam"),
    MonomerRule((("amino acid", "[NX3H2][CX4][CX4][CX4][CX4][CX3](=O)[OX2H1]"),), "a 5-amino acid closes to its lactam",
                CAUTION),
    *(
        MonomerRule(((group, smarts),), "a 2-amino acid closes to a diketopiperazine: through its N-carboxyanhydride",
                    CAUTION)
        for group, smarts in (
            ("amino acid", "[NX3H2][CX4][CX3](=O)[OX2H1]"),
            ("secondary amino acid", "[NX3H1][CX4][CX3](=O)[OX2H1]"),
        )
    ),
    MonomerRule((("cyclic ether", "[$([CX4;r5;!H2]@[OX2;r5]),$([CX4;r5;!H2]@[CX4;r5]@[OX2;r5])]"),),
                "a substituted tetrahydrofuran has no strain to open"),
    MonomerRule((("styrenic", "[CH2]=[CX3](c)c"),), "a 1,1-diarylethylene adds to a chain once, not to itself"),
    MonomerRule((("styrenic", "[CH2]=[CX3](c)[CX4;!$([CH3])]"),), "an alpha-alkylstyrene with more than methyl has a"
                " ceiling temperature below use"),
    *(
        MonomerRule(((group, "[CH2]=[CX3][CX4;!H0][O,N,S,F,Cl,Br]"),), "an allyl monomer stops its own chains by"
                    " transfer: oligomers", CAUTION, (), "Polymer Journal 41, 26, 2009")
        for group in ("vinyl", "olefin")
    ),
    *(
        MonomerRule(((group, "[CH2]=[CX3]([CX4;!$([CH3])])[CX4]"),), "a 1,1-dialkylethylene larger than isobutylene"
                    " gives oligomers", CAUTION)
        for group in ("vinyl", "olefin")
    ),
    MonomerRule((("1,2-disubstituted alkene", "c[CX3;H1;!R]=[CX3;H1;!R]c"),), "a stilbene does not homopolymerise"),
    MonomerRule((("1,2-disubstituted alkene", "c[CX3;H1;!R]=[CX3;H1;!R][CX3]=O"),), "a cinnamate does not"
                " homopolymerise"),
    MonomerRule((("1,2-disubstituted alkene", "O=C1OC(=O)C=C1"),), "maleic anhydride gives oligomers alone", CAUTION),
    MonomerRule((("strained olefin", "[CX3;r5]=[CX3;r5;!$(*~[R2])]"),), "a cyclopentene opens below room temperature"
                " alone", CAUTION),
    MonomerRule((("acetylene", _PROPIOLIC),), "a propiolic acid or ester polymerises with few catalysts, such"
                " as those of rhodium", CAUTION),
    MonomerRule((("acetylene", f"[CX2]#[CX2;!H1;!$(C[CX4,c,Si]);!$({_PROPIOLIC})]"),),
                "an acetylene with this substituent is not known"
                " to polymerise", CAUTION),
)  # fmt: skip


_BY_WORDS = {rule.words: rule for rule in POLYMERISATIONS}


class Finding(NamedTuple):
    """What a rule says of a route."""

    verdict: Literal["ban", "caution"]
    reason: str


@cache
def rules_of(rule: Polymerisation) -> tuple[tuple[MonomerRule, tuple[int, ...]], ...]:
    """Rules that speak of a polymerisation, and the place among its monomers of each of their slots."""
    return tuple(
        (said, tuple(rule.slots.index(group) for group, _ in said.slots))
        for said in RULES
        if all(group in rule.slots for group, _ in said.slots)
        and (not said.classes or rule.polymer_class in said.classes)
    )


def judge(route: Provenance) -> list[Finding]:
    """What the rules say of a route's monomers; nothing of a route of no polymerisation.

    Examples
    --------
    >>> words = "chain polymerisation of a styrenic monomer"
    >>> [said.verdict for said in judge(Provenance("styrenic polymer", ("C=C(c1ccccc1)c1ccccc1",), words))]
    ['ban']
    """
    rule = _BY_WORDS.get(route.reaction)
    return [] if rule is None else [
        Finding(said.verdict, said.reason)
        for said, places in rules_of(rule)
        if all(matches(route.monomers[place], smarts) for place, (_, smarts) in zip(places, said.slots, strict=True))
    ]  # fmt: skip


@lru_cache(maxsize=100_000)
def matches(smiles: str, smarts: str) -> bool:
    """Test a monomer's SMILES against a SMARTS."""
    return bool(_molecule(smiles).HasSubstructMatch(pattern(smarts)))


@lru_cache(maxsize=10_000)
def _molecule(smiles: str) -> Any:
    from rdkit import Chem

    return Chem.MolFromSmiles(smiles)


def banned(route: Provenance) -> bool:
    """Test whether a rule bans a route."""
    return any(said.verdict == BAN for said in judge(route))


def cautions(route: Provenance) -> tuple[str, ...]:
    """Reasons for which a route needs special conditions."""
    return tuple(said.reason for said in judge(route) if said.verdict == CAUTION)
