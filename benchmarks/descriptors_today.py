"""From formula texts to 290 descriptors: ours against NumPy, XenonPy's loop per composition and matminer's Magpie.

    python benchmarks/descriptors_today.py [--rows 2000] [--xenonpy PYTHON]

The best users write some twenty lines of NumPy (`peers.py`), on the slots that our reader makes of all formulas; ours
is timed from there, too. All other sides start from the same texts, Materials Project formulas, in one process: ours
(column reader and jitted program) on all 34,630, the others on `--rows` of them, spread evenly, on one processor (both
are slower with more).
XenonPy 0.6.7 needs Python 3.9 and packages of its time and cannot be installed beside ours, so `today.py` goes
about its 290 descriptors the way XenonPy's source does, statement by statement, without its classes; the script
checks the numbers against real XenonPy's golden values. With `--xenonpy`, an interpreter that has XenonPy, the real
one is timed as well, on the same formulas in a process of its own. matminer computes 132 other features.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from peers import numpy_descriptors
from today import (
    Ratio,
    best,
    both,
    conclude,
    element_frame,
    mp_formulas,
    profile,
    pymatgen_compositions,
    xenonpy_descriptors,
)

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.screen.descriptors.composition import compute

GOLDEN = Path(__file__).parents[1] / "tests/golden/xenonpy_golden_290.csv"
GOAL = 500
# Run by another interpreter: formulas and element table come in on stdin, the seconds go out.
REAL = """
import contextlib, json, os, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from pymatgen.core import Composition
from xenonpy.datatools.preset import Preset
from xenonpy.descriptor import Compositions
given = json.load(sys.stdin)
table = pd.DataFrame(given["table"], index=given["symbols"], columns=given["features"])
Preset.elements_completed = property(lambda self: table)
with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
    start = time.perf_counter()
    found = Compositions(n_jobs=1).fit_transform([Composition(text) for text in given["formulas"]])
    seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "sums": found.sum(axis=1).tolist()}))
"""


def ours(texts: list[str]) -> np.ndarray:
    parsed = parse_column(pa.array(texts))
    return compute(parsed.compositions, "reduced")


def golden() -> float:
    """Largest relative difference of the loop from real XenonPy's values."""
    with GOLDEN.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    expected = np.array([[float(cell) for cell in row[1:]] for row in rows])
    found = xenonpy_descriptors(pymatgen_compositions([row[0] for row in rows]))
    if list(found) != header[1:]:
        raise SystemExit("the columns are not XenonPy's")
    difference = np.abs(found.values - expected) / np.maximum(np.abs(expected), 1)
    return float(difference.max())


def real_xenonpy(python: str, texts: list[str], values: np.ndarray) -> float:
    """Rows per second of the real one; says how far its values are from the loop's."""
    frame = element_frame()
    given = {
        "formulas": texts,
        "table": frame.values.tolist(),
        "symbols": list(frame.index),
        "features": list(frame),
    }
    command = [python, "-I", "-W", "ignore", "-c", REAL]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    difference = np.max(np.abs(np.array(found["sums"]) / values.sum(axis=1) - 1))
    print(f"real XenonPy's row sums differ from the loop's by at most {difference:.0e} of themselves")
    return len(texts) / found["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000, help="formulas for the slow sides")
    parser.add_argument("--xenonpy", metavar="PYTHON", help="an interpreter that has XenonPy 0.6.7")
    given = parser.parse_args()
    texts, sample = mp_formulas(), mp_formulas(given.rows)
    print(f"the loop differs from real XenonPy's golden values by at most {golden():.0e}")

    ours(texts)  # compiles
    fast = len(texts) / best(lambda: ours(texts), 5)
    parsed = parse_column(pa.array(texts)).compositions
    reading = best(lambda: parse_column(pa.array(texts)), 3)
    computing = best(lambda: compute(parsed, "reduced"), 3)
    profile(f"ours, {len(texts):,} rows", {"texts to element slots": reading, "slots to descriptors": computing})

    lines = both(lambda: numpy_descriptors(*parsed))
    slots = both(lambda: compute(parsed, "cell"))  # amounts as they are, on both sides
    difference = np.abs(numpy_descriptors(*parsed) - compute(parsed, "cell")).max(axis=0)
    scale = np.abs(compute(parsed, "cell")).max(axis=0)
    print(f"NumPy's differ from ours by at most {np.max(difference / scale):.0e} of the largest value")
    table = element_frame()
    loop = len(sample) / best(lambda: xenonpy_descriptors(pymatgen_compositions(sample), table), 2)
    theirs = xenonpy_descriptors(pymatgen_compositions(sample), table).values
    difference = np.abs(ours(sample) - theirs) / np.maximum(np.abs(theirs), 1e-3 * np.abs(theirs).max(axis=0) + 1e-9)
    print(f"ours (float32) differs from the loop (float64) by at most {np.nanmax(difference):.0e} of a value")
    real = real_xenonpy(given.xenonpy, sample, theirs) if given.xenonpy else None

    from matminer.featurizers.composition import ElementProperty

    magpie = ElementProperty.from_preset("magpie", impute_nan=True)
    part = sample[:: max(1, len(sample) // 500)]
    magpie.featurize(pymatgen_compositions(part[:1])[0])  # reads its tables
    start = time.perf_counter()
    for composition in pymatgen_compositions(part):
        magpie.featurize(composition)
    preset = len(part) / (time.perf_counter() - start)
    rate = f"{fast:,.0f} rows/s"
    wall, processor = slots.times(lines)
    rates = f"{len(texts) / slots.wall:,.0f} rows/s", f"{len(texts) / lines.wall:,.0f} rows/s"
    conclude(
        Ratio("290 descriptors from slots, twenty lines of NumPy", *rates, wall, processor=processor),
        *([Ratio("290 descriptors from text, real XenonPy", rate, f"{real:,.0f} rows/s", fast / real)] if real else []),
        Ratio("290 descriptors from text, XenonPy's loop", rate, f"{loop:,.0f} rows/s", fast / loop, GOAL),
        Ratio("290 descriptors from text, matminer's Magpie (132)", rate, f"{preset:,.0f} rows/s", fast / preset),
    )


if __name__ == "__main__":
    main()
