"""The reaction proposal on the embedded pool: sizes, rates, validity; and its overlap with SMiPoly's list where given.

    python benchmarks/reactions.py [FOLDER with smipoly_monomers.parquet and smipoly_virtual_polymers.parquet]

Rates are per second of one core's CPU time.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from rdkit import rdBase

from kakehashi.catalogs.molecules.polymers import attempt
from kakehashi.design.chemistry.blocks import Assembler, Molecule, blocks
from kakehashi.design.chemistry.monomers import classify
from kakehashi.design.chemistry.polymerisations import POLYMERISATIONS
from kakehashi.design.proposals.proposal import choose
from kakehashi.design.proposals.reactions.reactions import Reactions

N = 20_000
CHECKED = 10_000
SAMPLE = 400
CLASSES = ("polyamide", "polyimide", "polyester", "polyurethane", "polyether")
# SMiPoly files poly(aryl ether)s under polyether, polycarbonates under polyester.
ALSO = {"polyether": ("poly(aryl ether)",), "polyester": ("polycarbonate",)}


def embedded() -> None:
    start = time.process_time()
    made = Reactions.embedded()
    print(f"blocks {len(made.blocks)}, read and compiled in {time.process_time() - start:.1f} s")
    print("  " + ", ".join(f"{group} {n}" for group, n in Counter(b.group for b in made.blocks).most_common()))
    space = made.space
    plain = [slots * int(np.prod([space.count[g] for g in groups if g >= 0])) for slots, groups in
             zip(space.slots.tolist(), space.groups, strict=True)]  # fmt: skip
    print(f"derivations {made.space.size():.2g}, {sum(plain):,} of them from unchanged monomers")
    rng = np.random.default_rng(0)
    clock = time.process_time
    times = [clock()]
    states = made.draw(rng, N)
    times.append(clock())
    units = made.smiles(states)
    times.append(clock())
    print("draw {:,.0f}/s, assemble {:,.0f}/s".format(*(N / np.diff(times))))
    spent, impossible = np.zeros(2), []
    for _ in range(10):
        a = clock()
        new, ratio = made.move(rng, states)
        b = clock()
        made.smiles(new)
        spent += b - a, clock() - b
        impossible.append(np.isneginf(ratio).mean())
        states = choose(np.log(rng.random(N)) < ratio, new, states)
    print("along a chain: move {:,.0f}/s, assemble {:,.0f}/s".format(*(10 * N / spent)), end="")
    print(f", {np.mean(impossible):.1%} of the moves not possible")
    for name, step in made.steps.by_name.items():
        print(f"  {name}: {np.isneginf(step(rng, states)[1]).mean():.1%} not possible")
    read = [attempt(unit, 2) for unit in units[:CHECKED]]
    refused = sum(why != "" for _, _, why in read)
    print(f"{refused} of {CHECKED:,} draws are no repeat unit; {len({key for _, key, _ in read}):,} distinct polymers")


def smipoly(folder: Path) -> None:
    """Both ways: units of its list that are classified, and units made of its monomers that are in its list."""
    rows = pq.read_table(folder / "smipoly_monomers.parquet").to_pylist()
    table = pq.read_table(folder / "smipoly_virtual_polymers.parquet").to_pandas()
    found = blocks([Molecule(row["smiles"], row["name"]) for row in rows])
    assembler = Assembler(found)
    members = defaultdict(list)
    for place, block in enumerate(found):
        members[block.group].append(place)
    rng = np.random.default_rng(0)
    for name in CLASSES:
        theirs = table[(table.polymer_class == name) & (table.n_attach == 2)].smiles.tolist()
        keys = {attempt(text, 2)[1] for text in theirs} - {""}
        ours = []
        wanted = (name, *ALSO.get(name, ()))
        for rule in POLYMERISATIONS:
            if rule.polymer_class in wanted:
                ours += [
                    assembler.unit(rule, places, turned, [((), ())] * 2, [()] * 2)
                    for places in np.array(np.meshgrid(*(members[s] for s in rule.slots)))
                    .reshape(len(rule.slots), -1)
                    .T
                    for turned in (False, True)[: len(rule.slots)]
                ]
        mine = {attempt(text, 2)[1] for text in ours}
        chosen = [theirs[i] for i in rng.choice(len(theirs), min(SAMPLE, len(theirs)), replace=False)]
        start = time.process_time()
        known = [
            attempt(text, 2)[2] == "" and any(p.polymer_class in wanted for p in classify(text)) for text in chosen
        ]
        cost = (time.process_time() - start) / len(chosen)
        both = len(mine & keys)
        print(f"{name}: {len(mine):,} of ours, {len(keys):,} of SMiPoly's, {both:,} in both", end="")
        print(f" ({both / len(keys):.1%} of theirs, {both / len(mine):.1%} of ours)", end="")
        print(f"; {np.mean(known):.1%} of {len(chosen)} of theirs traced back, {1e3 * cost:.0f} ms each")


if __name__ == "__main__":
    with rdBase.BlockLogs():
        embedded()
        if len(sys.argv) > 1:
            smipoly(Path(sys.argv[1]))
