"""Routes: share of known polymers that have one, ten named polymers, and bans and cautions of prior draws.

    python benchmarks/routes.py [UNITS]

UNITS : units of RadonPy's and PoLyInfo's table, drawn at random; all without it (about ten minutes of one core)
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from rdkit import rdBase

from kakehashi.catalogs.molecules.registered import find_registered
from kakehashi.design.chemistry.monomer_rules import cautions
from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.polymerisations import conditions_of
from kakehashi.design.chemistry.routes import best_first
from kakehashi.design.proposals.reactions.reactions import Reactions

FOLDER = Path(__file__).parents[2] / "shared/data/organic"
TABLES = ("radonpy_pi1070", "polyinfo_smiles_pid")
DRAWS = 20_000
# Name: unit, and what industry does.
NAMED = {
    "nylon 6": ("*NCCCCCC(*)=O", "caprolactam, hydrolytic ring opening"),
    "nylon 66": ("*NCCCCCCNC(=O)CCCCC(*)=O", "hexamethylenediamine and adipic acid, melt of the salt"),
    "PET": ("*OCCOC(=O)c1ccc(C(*)=O)cc1", "ethylene glycol and terephthalic acid, melt"),
    "Kevlar": ("*Nc1ccc(NC(=O)c2ccc(C(*)=O)cc2)cc1", "p-phenylenediamine and terephthaloyl chloride, solution"),
    "Kapton": ("*c1ccc(Oc2ccc(N3C(=O)c4cc5c(cc4C3=O)C(=O)N(*)C5=O)cc2)cc1",
               "4,4'-oxydianiline and pyromellitic dianhydride, through the amic acid"),
    "PBI": ("*c1cccc(-c2nc3cc(-c4ccc5nc(*)[nH]c5c4)ccc3[nH]2)c1",
            "3,3'-diaminobenzidine and diphenyl isophthalate, melt"),
    "PEEK": ("*Oc1ccc(Oc2ccc(C(=O)c3ccc(*)cc3)cc2)cc1", "hydroquinone and 4,4'-difluorobenzophenone"),
    "PPS": ("*Sc1ccc(*)cc1", "1,4-dichlorobenzene and sodium sulfide"),
    "PPO": ("*Oc1c(C)cc(*)cc1C", "2,6-xylenol and oxygen, copper amine catalyst"),
    "PDMS": ("*O[Si](C)(C)*", "dichlorodimethylsilane and water, through cyclic siloxanes"),
}  # fmt: skip


def main(units: int | None) -> None:
    print("| table | units | with a route | without caution | read as | ms per unit |\n|---|---|---|---|---|---|")
    for name in TABLES:
        path = FOLDER / f"{name}.parquet"
        if not path.is_file():
            print(f"{path} is absent: nothing to count")
            continue
        texts = [text for text in dict.fromkeys(pq.read_table(path, columns=["smiles"])["smiles"].to_pylist()) if text]
        if units is not None and units < len(texts):
            texts = random.Random(0).sample(texts, units)
        count(name, texts)
    named()
    draws()


def named() -> None:
    print("\n| polymer | route | run as | industry |\n|---|---|---|---|")
    for name, (unit, industry) in NAMED.items():
        first = best_first(classify(unit), lambda smiles: find_registered(smiles) is not None)[0]
        monomers = " + ".join(f"`{smiles}`" for smiles in first.monomers)
        print(f"| {name} | {monomers} | {first.reaction}: {conditions_of(first.reaction)} | {industry} |")
    print()


def count(name: str, texts: list[str]) -> None:
    found = clear = unread = 0
    classes: Counter[str] = Counter()
    start = time.process_time()
    for text in texts:
        try:
            routes = classify(text)
        except ValueError:
            unread += 1
            continue
        found += bool(routes)
        clear += any(not cautions(route) for route in routes)
        classes.update({route.polymer_class for route in routes})
    read = len(texts) - unread
    cost = 1e3 * (time.process_time() - start) / len(texts)
    print(f"| {name} | {read:,} | {found / read:.1%} | {clear / read:.1%} | {unread} no repeat unit | {cost:.0f} |")
    print("  " + ", ".join(f"{polymer_class} {n}" for polymer_class, n in classes.most_common()))


def draws() -> None:
    """Share of prior draws that a rule bans, and that need special conditions."""
    made = Reactions.embedded()
    states = made.draw(np.random.default_rng(0), DRAWS)
    units = made.smiles(states)
    kept = [origin for unit, origin in zip(units, made.provenance(states), strict=True) if unit]
    some = kept[:2000]
    print(f"{1 - len(kept) / DRAWS:.1%} of {DRAWS:,} prior draws are banned;", end="")
    print(f" {np.mean([bool(cautions(origin)) for origin in some]):.1%} of {len(some):,} others carry a caution")


if __name__ == "__main__":
    with rdBase.BlockLogs():
        main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
