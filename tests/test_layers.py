"""Imports go one way: catalogs <- screen <- design <- kakehashi, and never in a circle, inside functions too."""

import ast
import shutil
from collections.abc import Collection
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


def modules(root: Path) -> dict[str, Path]:
    """File of every module by its dotted name; a package by its own name."""
    found = {}
    for layer in LAYERS:
        for path in sources(root, layer):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def targets(tree: ast.AST, known: Collection[str]) -> set[str]:
    """Modules among the known ones that a file imports: for its types, inside functions, or by name."""
    found = {module for _, module in imported(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    # "from kakehashi.screen.ranking import rank" needs screen.rank; "from kakehashi.screen.ranking.rank import rank" needs no screen.rank.rank.
    return found & set(known)


def circles(root: Path) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others: imports for types count."""
    known = modules(root)
    graph = {name: targets(ast.parse(path.read_text()), known) - {name} for name, path in known.items()}
    reached = {name: _reached(graph, name) for name in graph}
    groups = {tuple(sorted(b for b in reached[a] if a in reached[b])) for a in graph}
    return sorted(list(group) for group in groups if group)


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    """Modules at the end of a way of imports from `start`; itself where it is in a circle."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - seen
        seen |= new
        ahead += new
    return seen


def test_no_modules_import_each_other(root: Path) -> None:
    assert circles(root) == []


def test_imports_go_one_way(root: Path) -> None:
    assert upward_imports(root) == []


def test_heavy_imports_wait_for_their_use(root: Path) -> None:
    assert heavy_imports(root) == []


def test_planted_violations_are_seen(root: Path, tmp_path: Path) -> None:
    for layer in LAYERS[:3]:
        shutil.copytree(root / layer, tmp_path / layer, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "kakehashi.py", tmp_path)
    (tmp_path / "catalogs" / "planted.py").write_text("def f():\n    from screen.rank import rank\n")
    (tmp_path / "screen" / "planted.py").write_text("import kakehashi\nimport_module('kakehashi.design.sampler.smc')\n")
    (tmp_path / "design" / "planted.py").write_text("from . import smc\nfrom screen import heads\n")
    (tmp_path / "design" / "commands.py").write_text("import jax.numpy\n")
    assert upward_imports(tmp_path) == [
        "catalogs/planted.py:2 imports screen.rank",
        "screen/planted.py:1 imports kakehashi",
        "screen/planted.py:2 imports design.smc",
        "design/planted.py:1 imports .",
    ]
    assert heavy_imports(tmp_path) == ["design/cli/design.py:1 imports jax.numpy"]


def test_a_planted_circle_is_seen(root: Path, tmp_path: Path) -> None:
    for layer in LAYERS[:3]:
        shutil.copytree(root / layer, tmp_path / layer, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "kakehashi.py", tmp_path)
    (tmp_path / "screen" / "one.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import screen.two\n"
    )
    (tmp_path / "screen" / "two.py").write_text("def f():\n    from kakehashi.screen import three\n")
    (tmp_path / "screen" / "three.py").write_text("import_module('kakehashi.screen.one')\n")
    assert circles(tmp_path) == [["kakehashi.screen.one", "kakehashi.screen.three", "kakehashi.screen.two"]]
