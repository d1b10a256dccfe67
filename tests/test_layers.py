"""Imports go one way: catalogs <- screen <- design <- kakehashi, inside functions too."""

import ast
import shutil
from pathlib import Path

LAYERS = ("catalogs", "screen", "design", "kakehashi")
LAZY = {"jax", "flax", "optax", "pandas", "rdkit", "pymatgen", "mp_api", "sklearn"}


def imported(tree: ast.AST) -> list[tuple[int, str]]:
    """Line and module of every import, by statement, `import_module` or a command's import path."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.lineno, node.module or "." * node.level))
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__", "command"):
                found.append((node.lineno, str(node.args[0].value).partition(":")[0]))
    return found


def sources(root: Path, layer: str) -> list[Path]:
    return sorted((root / layer).rglob("*.py")) or [root / f"{layer}.py"]


def upward_imports(root: Path) -> list[str]:
    """Every import of a higher layer, and every relative import, as "file:line imports module"."""
    wrong = []
    for height, layer in enumerate(LAYERS):
        for path in sources(root, layer):
            for line, module in imported(ast.parse(path.read_text())):
                if module.split(".")[0] in LAYERS[height + 1 :] or module.startswith("."):
                    wrong.append(f"{path.relative_to(root).as_posix()}:{line} imports {module}")
    return wrong


def heavy_imports(root: Path) -> list[str]:
    """Heavy modules that `catalogs` or a commands module imports outside functions."""
    wrong = []
    commands = [*root.rglob("*commands.py"), *root.rglob("flags.py"), *root.rglob("runner.py"), root / "kakehashi.py"]
    paths = {path for path in [*sources(root, "catalogs"), *commands] if not {".venv", "build"} & {*path.parts}}
    for path in sorted(paths):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for line, module in imported(node):
                    if module.split(".")[0] in LAZY:
                        wrong.append(f"{path.relative_to(root).as_posix()}:{line} imports {module}")
    return wrong


def test_imports_go_one_way(root: Path) -> None:
    assert upward_imports(root) == []


def test_heavy_imports_wait_for_their_use(root: Path) -> None:
    assert heavy_imports(root) == []


def test_planted_violations_are_seen(root: Path, tmp_path: Path) -> None:
    for layer in LAYERS[:3]:
        shutil.copytree(root / layer, tmp_path / layer, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "kakehashi.py", tmp_path)
    (tmp_path / "catalogs" / "planted.py").write_text("def f():\n    from screen.rank import rank\n")
    (tmp_path / "screen" / "planted.py").write_text("import kakehashi\nimport_module('design.smc')\n")
    (tmp_path / "design" / "planted.py").write_text("from . import smc\nfrom screen import heads\n")
    (tmp_path / "design" / "commands.py").write_text("import jax.numpy\n")
    assert upward_imports(tmp_path) == [
        "catalogs/planted.py:2 imports screen.rank",
        "screen/planted.py:1 imports kakehashi",
        "screen/planted.py:2 imports design.smc",
        "design/planted.py:1 imports .",
    ]
    assert heavy_imports(tmp_path) == ["design/commands.py:1 imports jax.numpy"]
