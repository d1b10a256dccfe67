"""A folder of ordinary CIFs as a catalogue, read in workers with limits, against pymatgen's reader in this process.

The files are rock salt, blende, fluorite, perovskite and spinel with other elements, with symmetry (as databases write
them) and without (as pymatgen does), 2 to 56 atoms in the cell. Both sides give the same formulas. Seconds are those of
the clock and of the processor, the workers' start included, which a few files show; 10,000 files are extrapolated.

    python benchmarks/read_structures.py [--files 640] [--rounds 3] [--workers 1]
"""

from __future__ import annotations

import argparse
import itertools
import re
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pymatgen.core import Lattice, Structure

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.crystals import structures
from kakehashi.catalogs.files import guarded

PROTOTYPES = (
    ("F m -3 m", 225, ("Mg", "O"), ((0, 0, 0), (0.5, 0.5, 0.5)), 4.2),
    ("F -4 3 m", 216, ("Zn", "S"), ((0, 0, 0), (0.25, 0.25, 0.25)), 5.4),
    ("F m -3 m", 225, ("Ca", "F"), ((0, 0, 0), (0.25, 0.25, 0.25)), 5.5),
    ("P m -3 m", 221, ("Sr", "Ti", "O"), ((0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)), 3.9),
    ("F d -3 m", 227, ("Mg", "Al", "O"), ((0.125,) * 3, (0.5,) * 3, (0.264,) * 3), 8.1),
)
CATIONS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Al", "Ga", "In", "Sc", "Y", "Ti", "Zr", "Fe", "Ni")
FEW = 128  # a multiple of 16 for each of up to 8 workers
ANIONS = ("O", "S", "Se", "Te", "F", "Cl", "Br", "I", "N", "P")


class Spent(NamedTuple):
    """Seconds of the clock and of the processor (children included), and what was computed."""

    clock: float
    processor: float
    value: Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=3, help="both sides in turn; the best of each counts")
    parser.add_argument("--workers", type=int, default=None, help="worker processes; default: one per processor")
    options = parser.parse_args()
    if options.workers:
        guarded.available = lambda: options.workers
    structures.TASK = structures.TASK._replace(share=structures.TASK.chunk)  # every worker starts for a few files too
    with tempfile.TemporaryDirectory() as name:
        folder, few = Path(name) / "all", Path(name) / "few"
        write(folder, options.files)
        write(few, FEW)
        one_by_one(few)  # the reader's own tables are loaded once
        sides: dict[str, Callable[[], Any]] = {
            "in this process": lambda: one_by_one(folder),
            "in workers": lambda: in_workers(folder),
            f"{FEW} files in workers": lambda: in_workers(few),
        }
        rounds = [{side: spent(compute) for side, compute in sides.items()} for _ in range(options.rounds)]
    first = rounds[0]
    if first["in this process"].value != first["in workers"].value:
        raise SystemExit("the two sides do not read the same formulas")
    best = {side: [min(each[side][k] for each in rounds) for k in (0, 1)] for side in sides}
    for side, (clock, processor) in best.items():
        print(f"{side:20s} {clock:7.2f} s, {processor:7.2f} s of processor")
    for k, kind in enumerate(("clock", "processor")):
        old, new, start = (best[side][k] for side in sides)
        each = (new - start) / (options.files - FEW)
        whole = start + each * (10_000 - FEW)
        print(f"10,000 files, {kind}: {whole / (old / options.files * 10_000):.2f} times as long in workers")


def write(folder: Path, count: int) -> None:
    """Write `count` CIFs, half of them with symmetry."""
    folder.mkdir()
    templates = []
    for _, number, kinds, places, length in PROTOTYPES:
        crystal = Structure.from_spacegroup(number, Lattice.cubic(length), list(kinds), [list(p) for p in places])
        templates += [(kinds, crystal.to(fmt="cif")), (kinds, crystal.to(fmt="cif", symprec=0.01))]
    elements = itertools.cycle(itertools.product(CATIONS, ANIONS, reversed(CATIONS)))
    for i, (metal, anion, other) in zip(range(count), elements, strict=False):
        kinds, text = templates[i % len(templates)]
        other = other if other != metal else "Mn"
        names = dict(zip(kinds, (metal, anion) if len(kinds) == 2 else (metal, other, anion), strict=True))
        pattern = re.compile(rf"\b({'|'.join(kinds)})(?=\d*\b)")
        lines = [line if "space_group" in line else pattern.sub(lambda m, to=names: to[m[1]], line)  # type: ignore[misc]
                 for line in text.splitlines()]  # fmt: skip
        (folder / f"s{i:05d}.cif").write_text("\n".join(lines) + "\n")


def one_by_one(folder: Path) -> list[str]:
    """Formulas by pymatgen's reader, one file after the other."""
    formulas = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted(folder.glob("*.cif")):
            found = Structure.from_str(path.read_text(encoding="utf-8"), fmt="cif")
            formulas.append(found.composition.element_composition.formula)
    return formulas


def in_workers(folder: Path) -> list[str]:
    """Formulas of the folder as a catalogue."""
    catalog = open_catalog(str(folder))
    return [formula for batch in catalog.batches(4096) for formula in batch["formula"].to_pylist()]


def spent(compute: Callable[[], Any]) -> Spent:
    """Seconds that something takes."""
    before, clock = _processor(), time.perf_counter()
    value = compute()
    return Spent(time.perf_counter() - clock, _processor() - before, value)


def _processor() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


if __name__ == "__main__":
    main()
