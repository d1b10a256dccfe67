"""Run the parts that speak to real components: `python -m tests.real [PART ...]`, one line of outcome each.

A part is a file of this folder with `run(work) -> list[str]`: it fails by raising, `Unavailable` says what is missing
here, and the lines it returns sum up what was seen.
"""

from __future__ import annotations

import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.real.parts import Unavailable

FOLDER = Path(__file__).parent


def parts() -> dict[str, str]:
    """Modules of the parts by name: the files here that have a function `run`."""
    files = sorted(path for path in FOLDER.glob("*.py") if "\ndef run(" in path.read_text(encoding="utf-8"))
    return {path.stem: f"tests.real.{path.stem}" for path in files}


def outcome(name: str, module: str) -> tuple[str, list[str], bool]:
    """One line on a part, the lines it returned, and whether it failed."""
    start = time.monotonic()
    try:
        with TemporaryDirectory(prefix=f"kakehashi-{name}-") as folder:
            lines = import_module(module).run(Path(folder))
    except Unavailable as reason:
        return f"{name}: unavailable: {reason}", [], False
    except Exception as error:
        traceback.print_exc()
        return f"{name}: FAILED: {type(error).__name__}: {' '.join(str(error).split())}", [], True
    return f"{name}: ok ({time.monotonic() - start:.0f} s)", lines, False


def main(names: list[str]) -> int:
    """Run the parts of these names, all if there are none; 1 if one of them failed, 2 if one is unknown."""
    known = parts()
    if unknown := [name for name in names if name not in known]:
        print(f"no part {', '.join(unknown)}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
    failed = []
    for name in names or known:
        line, lines, bad = outcome(name, known[name])
        print(line, *(f"  {text}" for text in lines), sep="\n", flush=True)
        failed += [name] if bad else []
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
