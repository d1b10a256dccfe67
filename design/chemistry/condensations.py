"""Polymerisations that make amides, imides, esters, urethanes, azoles and their like."""

from __future__ import annotations

from kakehashi.design.chemistry.polymerisation import Polymerisation

_AMIDE = "[NX3H1:1]-[CX3:2](=O)[#6]"
_ALKYL_AMIDE = "[NX3H0:1]-[CX3:2](=O)[#6]"
_SULFONAMIDE = "[NX3H1:1]-[SX4:2](=O)(=O)[#6]"
_IMIDE = "[#6;!$([#6]=O):1]-[#7X3:2](~[#6]=O)~[#6]=O"  # pyromellitimide counts as aromatic
_AMIDE_OR_IMIDE = "[#6;!$([#6]=O):1]-[#7X3;$([#7](~[#6]=O)~[#6]=O),$([NH]C=O):2]"
_ESTER = "[OX2:1]-[CX3:2](=O)[#6]"
_URETHANE = "[OX2:1]-[CX3:2](=O)[NX3H1]"
_UREA = "[NX3H1:1]-[CX3:2](=O)[NX3H1]"
_ALKYL_UREA = "[NX3H0:1]-[CX3:2](=O)[NX3H1]"
_THIOURETHANE = "[SX2:1]-[CX3:2](=O)[NX3H1]"
_THIOESTER = "[SX2:1]-[CX3:2](=O)[#6]"
_CARBONATE = "[OX2:1]-[CX3:2](=O)[OX2]"
_AZOLE = "[#6:1]-[c;$(c1nc2aaaac2[n,o,s]1):2]"
_AZOLE_ACID = "[c;$(c1nc2aaaac2[n,o,s]1):1]-[#6:2]"
_OXADIAZOLE = "[#6:1]-[c;$(c1nnc([#6])o1):2]"
_HYDRAZIDE = "[NX3H1;$([NX3][NX3H1]C=O):1]-[CX3:2](=O)[#6]"
_IMINE = "[#6;!$([#6]=N):1]-[NX2:2]=[CX3H1]"
_NMP = "in N-methylpyrrolidone"

CONDENSATIONS: tuple[Polymerisation, ...] = (
    Polymerisation(
        "polyamide", ("diamine", "diacid"), "polycondensation of a diamine and a dicarboxylic acid", _AMIDE,
        conditions="melt of the salt at 220-280 °C where aliphatic; triphenyl phosphite and pyridine, or through the"
        " diacyl chloride, where aromatic",
        source="Yamazaki & Higashi, Advances in Polymer Science 38",
    ),
    Polymerisation(
        "polyamide", ("diamine", "diacyl chloride"), "polycondensation of a diamine and a diacyl chloride", _AMIDE,
        conditions="interface, or solution in an amide solvent at 0 °C with an acid acceptor",
    ),
    Polymerisation(
        "polyamide", ("amino acid",), "polycondensation of an amino acid", _AMIDE, conditions="melt under nitrogen",
    ),
    Polymerisation(
        "polyamide", ("lactam",), "ring-opening polymerisation of a lactam", _AMIDE,
        conditions="water at 250 °C, or a strong base with an activator",
    ),
    Polymerisation(
        "N-alkyl polyamide", ("secondary diamine", "diacyl chloride"),
        "polycondensation of a secondary diamine and a diacyl chloride", _ALKYL_AMIDE,
        conditions="interface or solution, with an acid acceptor",
    ),
    Polymerisation(
        "N-alkyl polyamide", ("secondary amino acid",), "polycondensation of a secondary amino acid", _ALKYL_AMIDE,
        conditions="melt, or activation as the acid chloride",
    ),
    Polymerisation(
        "polysulfonamide", ("diamine", "disulfonyl chloride"),
        "polycondensation of a diamine and a disulfonyl chloride", _SULFONAMIDE,
        conditions="interface, with an acid acceptor",
    ),
    Polymerisation(
        "polyimide", ("diamine", "dianhydride"), "polycondensation of a diamine and a dianhydride", _IMIDE, bare=(0,),
        conditions=f"poly(amic acid) {_NMP}, then heat to 300 °C or acetic anhydride",
    ),
    Polymerisation(
        "polyimide", ("hydroxy diamine", "dianhydride"), "polycondensation of a hydroxydiamine and a dianhydride",
        _IMIDE, bare=(0,), conditions=f"poly(amic acid) {_NMP}, then water removed with a solvent at 180 °C",
    ),
    Polymerisation(
        "poly(amide imide)", ("diamine", "anhydride acid"),
        "polycondensation of a diamine and an anhydride with an acid group", _AMIDE_OR_IMIDE, bare=(0,),
        conditions=f"through the acid chloride {_NMP}, then heat",
    ),
    Polymerisation(
        "polyester", ("diol", "diacid"), "polycondensation of a diol and a dicarboxylic acid", _ESTER,
        conditions="melt under vacuum, metal catalyst",
    ),
    Polymerisation(
        "polyester", ("diol", "dimethyl ester"), "transesterification of a diol and a dimethyl ester", _ESTER,
        conditions="melt, methanol distilled off, then vacuum; metal catalyst",
    ),
    Polymerisation(
        "polyester", ("bisphenol", "diacyl chloride"), "polycondensation of a bisphenol and a diacyl chloride", _ESTER,
        conditions="interface with a phase-transfer catalyst, or solution with an amine",
    ),
    Polymerisation(
        "polyester", ("bisphenol", "diacid"), "polycondensation of a bisphenol and a dicarboxylic acid", _ESTER,
        conditions="melt acidolysis of the bisphenol's diacetate",
    ),
    Polymerisation(
        "polyester", ("diol", "diacyl chloride"), "polycondensation of a diol and a diacyl chloride", _ESTER,
        conditions="solution with a tertiary amine",
    ),
    Polymerisation(
        "polyester", ("hydroxy acid",), "polycondensation of a hydroxy acid", _ESTER,
        conditions="melt under vacuum; of a phenol's acetate where aromatic",
    ),
    Polymerisation(
        "polyester", ("lactone",), "ring-opening polymerisation of a lactone", _ESTER,
        conditions="tin(II) octoate and an alcohol, melt",
    ),
    Polymerisation(
        "polythioester", ("dithiol", "diacyl chloride"), "polycondensation of a dithiol and a diacyl chloride",
        _THIOESTER, conditions="solution or interface, with an acid acceptor",
    ),
    Polymerisation(
        "polysulfonate", ("bisphenol", "disulfonyl chloride"), "polycondensation of a bisphenol and a disulfonyl"
        " chloride", "[OX2:1]-[SX4:2](=O)(=O)[#6]", conditions="interface with a phase-transfer catalyst",
    ),
    Polymerisation(
        "polysulfonate", ("phenol sulfonyl chloride",), "self-condensation of a hydroxyarenesulfonyl chloride",
        "[OX2:1]-[SX4:2](=O)(=O)[#6]", conditions="interface with a phase-transfer catalyst",
    ),
    Polymerisation(
        "polyanhydride", ("diacid",), "melt condensation of a dicarboxylic acid with acetic anhydride",
        "[CX3:1](=O)-[OX2:2]-[CX3]=O", middle="O", partner="CC(=O)OC(C)=O", conditions="mixed anhydride, then vacuum",
        proposed=False,
    ),
    Polymerisation(
        "polyurethane", ("diol", "diisocyanate"), "polyaddition of a diol and a diisocyanate", _URETHANE,
        conditions="melt or solution, tin or amine catalyst",
    ),
    Polymerisation(
        "polyurethane", ("bisphenol", "diisocyanate"), "polyaddition of a bisphenol and a diisocyanate", _URETHANE,
        conditions="solution with a tertiary amine; reverses on heating",
    ),
    Polymerisation(
        "polyurethane", ("amino alcohol",), "self-condensation of an amino alcohol through its phenyl carbamate",
        "[OX2:1]-[CX3:2](=O)[NX3H1]", partner="O=C(Oc1ccccc1)Oc1ccccc1", conditions="melt under vacuum, tin catalyst",
    ),
    Polymerisation(
        "polythiourethane", ("dithiol", "diisocyanate"), "polyaddition of a dithiol and a diisocyanate",
        _THIOURETHANE, conditions="solution with a tertiary amine",
    ),
    Polymerisation(
        "polyurea", ("diamine", "diisocyanate"), "polyaddition of a diamine and a diisocyanate", _UREA,
        conditions="solution at room temperature, without catalyst",
    ),
    Polymerisation(
        "polyurea", ("secondary diamine", "diisocyanate"), "polyaddition of a secondary diamine and a diisocyanate",
        _ALKYL_UREA, conditions="solution at room temperature, without catalyst",
    ),
    Polymerisation(
        "polycarbonate", ("bisphenol",), "polycondensation of a bisphenol and phosgene", _CARBONATE,
        middle="C(=O)", partner="O=C(Cl)Cl", conditions="interface with a tertiary amine; or melt with diphenyl"
        " carbonate",
    ),
    Polymerisation(
        "polycarbonate", ("diol",), "polycondensation of a diol and diphenyl carbonate", _CARBONATE,
        middle="C(=O)", partner="O=C(Oc1ccccc1)Oc1ccccc1", conditions="melt under vacuum, basic catalyst",
    ),
    Polymerisation(
        "polythiocarbonate", ("dithiol",), "polycondensation of a dithiol and phosgene",
        "[SX2:1]-[CX3:2](=O)[SX2]", middle="C(=O)", partner="O=C(Cl)Cl", conditions="interface with a tertiary amine",
    ),
    Polymerisation(
        "polyhydrazide", ("dihydrazide", "diacyl chloride"), "polycondensation of a dihydrazide and a diacyl chloride",
        _HYDRAZIDE, conditions=f"solution {_NMP} with lithium chloride, below 20 °C",
    ),
    Polymerisation(
        "polyoxadiazole", ("diacid with a core",), "polycondensation of a dicarboxylic acid and hydrazine",
        _OXADIAZOLE, bare=(0,), middle="-c%86nnc(o%86)-", partner="NN",
        conditions="hydrazine sulfate in polyphosphoric acid or oleum, with loss of water",
    ),
    Polymerisation(
        "polyoxadiazole", ("aromatic dihydrazide", "diacid with a core"),
        "cyclodehydration of a dihydrazide and a dicarboxylic acid",
        "[c;$(c1nnc([#6])o1):1]-[#6:2]", bare=(1,), conditions="polyphosphoric acid, 140-180 °C",
    ),
    Polymerisation(
        "polybenzimidazole", ("diacid with a core", "tetraamine"),
        "polycondensation of a dicarboxylic acid and a tetraamine",
        _AZOLE, bare=(0,), conditions="melt of the diphenyl ester to 400 °C, or polyphosphoric acid",
        source="Vogel & Marvel, 1961, Journal of Polymer Science 50, 511",
    ),
    Polymerisation(
        "polybenzimidazole", ("diamino acid",), "polycondensation of an o-diamino acid", _AZOLE_ACID, bare=(0,),
        conditions="polyphosphoric acid, 200 °C",
    ),
    Polymerisation(
        "polybenzoxazole", ("diacid with a core", "bis(aminophenol)"), "polycondensation of a dicarboxylic acid and a"
        " bis(o-aminophenol)", _AZOLE, bare=(0,), conditions="polyphosphoric acid to 200 °C, or a precursor amide, then"
        " heat",
    ),
    Polymerisation(
        "polybenzoxazole", ("aminophenol acid",), "polycondensation of an o-aminophenol acid", _AZOLE_ACID, bare=(0,),
        conditions="polyphosphoric acid, 200 °C",
    ),
    Polymerisation(
        "polybenzothiazole", ("diacid with a core", "bis(aminothiol)"), "polycondensation of a dicarboxylic acid and a"
        " bis(o-aminothiol)", _AZOLE, bare=(0,), conditions="polyphosphoric acid to 200 °C, from the hydrochloride",
    ),
    Polymerisation(
        "polybenzothiazole", ("aminothiol acid",), "polycondensation of an o-aminothiol acid", _AZOLE_ACID, bare=(0,),
        conditions="polyphosphoric acid, 200 °C",
    ),
    Polymerisation(
        "polyazomethine", ("diamine", "dialdehyde"), "polycondensation of a diamine and a dialdehyde", _IMINE,
        bare=(0,), conditions="solution with an acid catalyst, water removed",
    ),
)  # fmt: skip
