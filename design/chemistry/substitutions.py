"""Polymerisations that make ethers, sulfides, sulfones, siloxanes and silanes."""

from __future__ import annotations

from kakehashi.design.chemistry.polymerisation import Polymerisation

_ARYL_ETHER = "[OX2:1]-[c:2]"
_ETHER = "[OX2:1]-[CX4H2:2]"
_THIOETHER = "[SX2:1]-[CX4H2:2]"
_ARYL_THIOETHER = "[SX2:1]-[c:2]"
_SULFONE = "[SX4:1](=O)(=O)-[CX4H2:2]"
_SILOXANE = "[SiX4:1]-[OX2:2]-[SiX4]"
_NMP = "in N-methylpyrrolidone"

SUBSTITUTIONS: tuple[Polymerisation, ...] = (
    Polymerisation(
        "polyether", ("epoxide",), "ring-opening polymerisation of an epoxide", _ETHER,
        conditions="alkoxide, or a double metal cyanide",
    ),
    Polymerisation(
        "polyether", ("cyclic ether",), "ring-opening polymerisation of a cyclic ether", _ETHER,
        conditions="cationic: triflic or fluorosulfuric acid, boron trifluoride; below the ceiling temperature",
    ),
    Polymerisation(
        "polyether", ("bisphenol", "alkyl dibromide"), "etherification of a bisphenol and an alkyl dibromide", _ETHER,
        conditions="aqueous sodium hydroxide with a phase-transfer catalyst, or potassium carbonate in an amide"
        " solvent",
    ),
    Polymerisation(
        "polyether", ("diol", "alkyl dibromide"), "etherification of a diol and an alkyl dibromide", _ETHER,
        conditions="concentrated alkali with a phase-transfer catalyst; elimination competes",
    ),
    Polymerisation(
        "polyether", ("bisphenol",), "polycondensation of a bisphenol and epichlorohydrin",
        "[OX2:1]-[CX4H2:2][CX4H1]([OX2H1])[CX4H2]-[OX2]", middle="CC(O)C", partner="ClCC1CO1",
        conditions="aqueous alkali and a cosolvent; phenoxy resin",
    ),
    Polymerisation(
        "poly(aryl ether)", ("bisphenol", "activated difluoride"),
        "aromatic substitution of an activated difluoride by a bisphenol", _ARYL_ETHER,
        conditions="potassium carbonate in a dipolar aprotic solvent, 160-320 °C",
    ),
    Polymerisation(
        "poly(aryl ether)", ("bisphenol", "activated dichloride"),
        "aromatic substitution of an activated dichloride by a bisphenol", _ARYL_ETHER,
        conditions="alkali bisphenolate in dimethyl sulfoxide or sulfolane, 160 °C and more",
    ),
    Polymerisation(
        "poly(aryl ether)", ("bisphenol", "aryl dibromide"), "Ullmann coupling of a bisphenol and an aryl dibromide",
        _ARYL_ETHER, conditions="copper(I) and a base in a high-boiling solvent",
    ),
    Polymerisation(
        "poly(phenylene oxide)", ("2,6-substituted phenol",), "oxidative coupling of a 2,6-substituted phenol",
        _ARYL_ETHER, conditions="oxygen, copper(I) and an amine, room temperature",
        source="Hay, Blanchard, Endres & Eustance, 1959, Journal of the American Chemical Society 81, 6335",
    ),
    Polymerisation(
        "polysulfide", ("aryl dichloride",), "substitution of an aryl dichloride by sodium sulfide",
        "[c:1]-[SX2:2]-[c]", middle="S", partner="[Na+].[Na+].[S-2]", conditions=f"{_NMP}, 200-280 °C, pressure",
        source="US patent 3354129, 1967; Jones & Hill, 1975, Advances in Chemistry 140, 174",
    ),
    Polymerisation(
        "polysulfone", ("aryl dichloride to oxidise",), "substitution of an aryl dichloride by sodium sulfide, then"
        " oxidation",
        "[c:1]-[SX4:2](=O)(=O)-[c]", middle="S(=O)(=O)", partner="[Na+].[Na+].[S-2]", conditions=f"{_NMP}, 200-280 °C,"
        " pressure; then a peracid",
    ),
    Polymerisation(
        "polydisulfide", ("dithiol",), "oxidative coupling of a dithiol", "[SX2:1]-[SX2:2]", conditions="air or"
        " hydrogen peroxide", proposed=False,
    ),
    Polymerisation(
        "polysulfide", ("dithiol", "activated difluoride"), "aromatic substitution of an activated difluoride by a"
        " dithiol", _ARYL_THIOETHER, conditions="potassium carbonate in a dipolar aprotic solvent",
    ),
    Polymerisation(
        "polysulfide", ("dithiol", "activated dichloride"), "aromatic substitution of an activated dichloride by a"
        " dithiol", _ARYL_THIOETHER, conditions="potassium carbonate in a dipolar aprotic solvent",
    ),
    Polymerisation(
        "polysulfide", ("dithiol", "alkyl dibromide"), "thioetherification of a dithiol and an alkyl dibromide",
        _THIOETHER, conditions="alkali, phase-transfer catalyst",
    ),
    Polymerisation(
        "polysulfide", ("thiirane",), "ring-opening polymerisation of a thiirane", _THIOETHER,
        conditions="anionic: thiolate or amine",
    ),
    Polymerisation(
        "polysulfone", ("dithiol to oxidise", "alkyl dibromide to oxidise"), "thioetherification of a dithiol and an"
        " alkyl dibromide, then oxidation", _SULFONE, conditions="alkali; then a peracid or hydrogen peroxide",
    ),
    Polymerisation(
        "polysulfone", ("olefin",), "alternating copolymerisation of an alkene and sulfur dioxide",
        "[CX4:1]-[SX4:2](=O)(=O)-[CX4]", middle="S(=O)(=O)", partner="O=S=O", conditions="radical, below the ceiling"
        " temperature",
    ),
    Polymerisation(
        "polyketone", ("olefin",), "alternating copolymerisation of an alkene and carbon monoxide",
        "[CX4:1]-[CX3:2](=O)-[CX4]", middle="C(=O)", partner="[C-]#[O+]", conditions="palladium(II) with a chelating"
        " phosphine, pressure",
    ),
    Polymerisation(
        "polysiloxane", ("dichlorosilane",), "hydrolysis and condensation of a dichlorosilane", _SILOXANE,
        middle="O", partner="O", conditions="to cyclic siloxanes, then ring-opening with acid or base",
    ),
    Polymerisation(
        "polysilarylene", ("Grignard dibromide", "dichlorosilane"), "Grignard coupling of an aryl dibromide and a"
        " dichlorosilane", "[c:1]-[SiX4:2]", conditions="magnesium or butyllithium in an ether",
    ),
    Polymerisation(
        "poly(N-acylethylenimine)", ("2-oxazoline",), "ring-opening polymerisation of a 2-oxazoline",
        "[CX4H2:1]-[NX3H0:2]C=O", conditions="cationic: methyl tosylate in acetonitrile, 80 °C",
    ),
    Polymerisation(
        "polysilane", ("dichlorosilane",), "Wurtz coupling of a dichlorosilane", "[SiX4:1]-[SiX4:2]",
        conditions="sodium in boiling toluene",
    ),
)  # fmt: skip
