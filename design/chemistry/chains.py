"""Polymerisations of double and triple bonds."""

from __future__ import annotations

from kakehashi.design.chemistry.polymerisation import Polymerisation

CHAINS: tuple[Polymerisation, ...] = (
    Polymerisation(
        "acrylic polymer", ("acrylic",), "chain polymerisation of an acrylic monomer", conditions="radical",
    ),
    Polymerisation(
        "styrenic polymer", ("styrenic",), "chain polymerisation of a styrenic monomer",
        conditions="radical, or anionic",
    ),
    Polymerisation(
        "vinyl polymer", ("vinyl",), "chain polymerisation of a vinyl monomer",
        conditions="radical for esters, halides and amides; cationic for ethers and isobutylenes; coordination for"
        " olefins",
    ),
    Polymerisation(
        "fluoropolymer", ("fluoroalkene",), "chain polymerisation of a fluoroalkene",
        conditions="radical in water under pressure",
    ),
    Polymerisation(
        "vinylene polymer", ("1,2-disubstituted alkene",), "chain polymerisation of a 1,2-disubstituted alkene",
        conditions="radical for maleimides and fumarates; cationic for indenes and propenyl ethers",
    ),
    Polymerisation(
        "polydiene", ("diene",), "1,4-polymerisation of a diene", "[CX4:1]-[CX4:2]",
        conditions="coordination catalyst, or lithium alkyl in a hydrocarbon",
    ),
    Polymerisation(
        "polydiene", ("diene, one bond",), "1,2-polymerisation of a diene",
        conditions="lithium alkyl with a chelating ether",
    ),
    Polymerisation(
        "hydrogenated polydiene", ("diene to hydrogenate",), "1,4-polymerisation of a diene, then hydrogenation",
        "[CX4:1]-[CX4:2]", conditions="coordination catalyst; then hydrogen on nickel or palladium", proposed=False,
    ),
    Polymerisation(
        "polyacetylene", ("acetylene",), "chain polymerisation of an acetylene",
        conditions="Ziegler-Natta, rhodium(I), or tungsten and molybdenum chlorides",
    ),
    Polymerisation(
        "polyalkenamer", ("strained olefin",), "ring-opening metathesis of a strained cycloalkene",
        "[CX3:1]-[CX4:2]", conditions="ruthenium or molybdenum carbene",
    ),
)  # fmt: skip
