"""A user's script passes a strict type checker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """\
import kakehashi as kh

target = kh.load("ltc", log=True)
library = kh.pretrain(["melting_temperature"], exclude=target)
model = kh.transfer(library, target)
model.save("model", overwrite=True)
loaded = kh.load_model("model")
print(kh.__version__, kh.rank(model, ["MgO"]), loaded.predict(["MgO"]), kh.catalogs.list())
loop = kh.campaign(target, ["MgO"], out="loop")
print(loop.tell({"MgO": 50.0}).ask(2).num_rows, kh.next("runs/kappa"), kh.check("ltc"))
fit = kh.TransferRegressor(foundation="none").fit(["MgO"], [1.0])
"""
WRONG = "import kakehashi as kh\n\nkh.load_model(3)\nkh.rank(kh.load('ltc'), ['MgO'])\n"


def problems(text: str, folder: Path, root: Path) -> list[str]:
    """Lines of mypy on a script, that of the summary left out."""
    (folder / "script.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(root / "pyproject.toml"), "script.py"],
        cwd=folder, capture_output=True, text=True, timeout=500, check=False,
        env={**os.environ, "MYPYPATH": str(root), "MYPY_CACHE_DIR": str(root / ".mypy_cache")},
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if line.startswith("script.py:")]


def test_a_script_is_typed(tmp_path: Path, root: Path) -> None:
    assert problems(SCRIPT, tmp_path, root) == []
    wrong = problems(WRONG, tmp_path, root)
    assert [line.split(":")[1] for line in wrong] == ["3", "4"]
