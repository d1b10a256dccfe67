"""Run the comparisons and print the README's table of figures from their `figure:` lines.

    python benchmarks/table.py [SCRIPT ...]

Without arguments: the short ones that `make bench` runs. On a quiet machine only.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SHORT = ("descriptors_today", "score_today", "forests_pipeline", "forests", "pretrain_today")
MARK = "figure: "


def main() -> None:
    scripts = [Path(name) for name in sys.argv[1:]] or [HERE / f"{name}.py" for name in SHORT]
    rows = []
    for script in scripts:
        print(f"== {script}", file=sys.stderr)
        done = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=True)
        print(done.stdout, file=sys.stderr, end="")
        lines = [line.removeprefix(MARK) for line in done.stdout.splitlines() if line.startswith(MARK)]
        rows += [f"| {line} | {script.name} |" for line in lines]
    print("| what | Kakehashi | today | ratio | goal | script |\n|---|---|---|---|---|---|", *rows, sep="\n")


if __name__ == "__main__":
    main()
