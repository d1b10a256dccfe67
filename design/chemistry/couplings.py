"""Polymerisations that join arenes: by metals, by oxidation, by pyrolysis."""

from __future__ import annotations

from kakehashi.design.chemistry.polymerisation import Polymerisation

_ARYL_ARYL = "[c:1]-[c:2]"

COUPLINGS: tuple[Polymerisation, ...] = (
    Polymerisation(
        "polyarylene", ("aryl dibromide",), "Yamamoto coupling of an aryl dibromide", _ARYL_ARYL,
        conditions="bis(cyclooctadiene)nickel(0) and bipyridine",
    ),
    Polymerisation(
        "polyarylene", ("aryl dibromide", "diboronic acid"),
        "Suzuki coupling of an aryl dibromide and a diboronic acid",
        _ARYL_ARYL, conditions="palladium(0) and a base in water and toluene",
    ),
    Polymerisation(
        "polythiophene", ("azolyl dibromide",), "coupling of a dibromide of a five-ring heteroaromatic", _ARYL_ARYL,
        conditions="Grignard exchange, then nickel(II) with a chelating phosphine",
    ),
    Polymerisation(
        "polythiophene", ("azolyl dibromide", "diboronic acid"), "Suzuki coupling of a dibromide of a five-ring"
        " heteroaromatic and a diboronic acid", _ARYL_ARYL, conditions="palladium(0) and a base in water and toluene",
    ),
    Polymerisation(
        "polythiophene", ("azole",), "oxidative coupling of a five-ring heteroaromatic", _ARYL_ARYL,
        conditions="iron(III) chloride, or at an anode",
    ),
    Polymerisation(
        "poly(arylene amine)", ("aromatic diamine", "aryl dibromide"), "amination of an aryl dibromide by a diamine",
        "[NX3H1:1]-[c:2]", conditions="palladium(0), a bulky phosphine and sodium tert-butoxide",
    ),
    Polymerisation(
        "poly(p-xylylene)", ("p-xylene",), "pyrolysis of a p-xylene, or of its cyclic dimer",
        "[CX4H2;$(C-c):1]-[CX4H2;$(C-c):2]", conditions="vapour at 600 °C and more, deposited below 30 °C",
    ),
    Polymerisation(
        "polyaniline", ("aniline",), "oxidative coupling of an aniline", "[NX3H1:1]-[c:2]",
        conditions="ammonium persulfate in acid; reduced form",
    ),
    Polymerisation(
        "poly(arylene vinylene)", ("bis(chloromethyl)arene",), "Gilch polymerisation of a bis(chloromethyl)arene",
        "[c:1]-[CX3H1:2]=[CX3H1]-c", middle="C=C", conditions="excess potassium tert-butoxide",
    ),
    Polymerisation(
        "poly(arylene vinylene)", ("aryl dibromide", "divinylarene"), "Heck coupling of an aryl dibromide and a"
        " divinylarene", "[c:1]-[CX3H1:2]=[CX3H1]", conditions="palladium(II), a phosphine and a tertiary amine",
    ),
    Polymerisation(
        "poly(arylene ethynylene)", ("aryl dibromide", "diethynylarene"), "Sonogashira coupling of an aryl dibromide"
        " and a diethynylarene", "[c:1]-[CX2:2]#[CX2]", conditions="palladium(0), copper(I) and an amine",
    ),
)  # fmt: skip
