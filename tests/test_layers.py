"""Imports go one way: between rooms, between the folders of a room, and never in a circle."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOMS = ("catalogs", "screen", "design", "kakehashi")

# From the ground up: a folder imports from those to its left. "" is the files of the room itself.
FOLDERS = {
    "catalogs": (
        *("", "files", "reading", "formulas", "molecules", "properties", "crystals"),
        *("runs", "pull", "candidates", "models", "cli"),
    ),
    "screen": (
        *("", "descriptors", "cache", "validation", "ranking", "networks", "foundation", "heads"),
        *("transfer", "scoring", "prediction"),
        *("runs", "report", "next", "screening", "models", "evaluation", "studies", "api", "cli"),
    ),
    "design": ("", "chemistry", "likelihood", "proposals", "sampler", "report", "run", "studies", "api", "cli"),
}
LAZY = {"jax", "flax", "optax", "pandas", "rdkit", "pymatgen", "mp_api", "sklearn"}
# Folders whose files are read before a command is known to run: nothing heavy at the top of a file.
LIGHT = ("catalogs", "screen/cli", "screen/runs", "design/cli", "kakehashi")


class Import(NamedTuple):
    """An import found in a file: its line and the module it names."""

    line: int
    module: str


def imported(tree: ast.AST) -> list[Import]:
    """Every import, by statement, `import_module` or a command's import path, those for typing included."""
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [Import(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            imports += [Import(node.lineno, f"{base}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "__import__", "command"):
                imports.append(Import(node.lineno, str(node.args[0].value).partition(":")[0]))
    return imports


def modules(root: Path) -> dict[str, Path]:
    """The files of all rooms by the names they are imported under."""
    paths = [path for room in ROOMS[:3] for path in (root / room).rglob("*.py")]
    names = {".".join(("kakehashi", *path.relative_to(root).with_suffix("").parts)): path for path in paths}
    names |= {f"kakehashi.{path.stem}": path for path in (root / "kakehashi").glob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


def module_of(name: str, known: dict[str, Path]) -> str | None:
    """The module an imported name lies in: itself, or what it is an attribute of."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def edges(root: Path) -> Iterator[tuple[str, int, str]]:
    """Importing module, line, and imported module, for imports among our own."""
    known = modules(root)
    for name, path in known.items():
        for line, wanted in imported(ast.parse(path.read_text())):
            target = module_of(wanted, known)
            if target is not None and target != name:
                yield name, line, target


def room_of(module: str) -> str:
    """The room of a module; the front door is a room of its own."""
    room = module.removeprefix("kakehashi").lstrip(".").partition(".")[0]
    return room if room in ROOMS[:3] else "kakehashi"


def folder_of(module: str, path: Path, root: Path) -> str:
    """The folder of a module inside its room, "" for the room itself."""
    parts = path.relative_to(root / room_of(module)).parts
    return parts[0] if len(parts) > 1 else ""


def upward_imports(root: Path) -> list[str]:
    """Imports of a higher room or folder, as "file:line imports module"."""
    known = modules(root)
    wrong = []
    for name, line, target in edges(root):
        here, there = room_of(name), room_of(target)
        upward = ROOMS.index(there) > ROOMS.index(here)
        if here == there and here != "kakehashi":
            order = FOLDERS[here]
            folders = [folder_of(module, known[module], root) for module in (name, target)]
            upward = order.index(folders[1]) > order.index(folders[0])
        if upward:
            wrong.append(f"{known[name].relative_to(root).as_posix()}:{line} imports {target}")
    return sorted(wrong)


def outside_names(root: Path) -> list[str]:
    """Relative imports, and imports of a room without the package's name."""
    return sorted(
        f"{path.relative_to(root).as_posix()}:{line} imports {wanted}"
        for path in modules(root).values()
        for line, wanted in imported(ast.parse(path.read_text()))
        if wanted.startswith(".") or wanted.split(".")[0] in ROOMS[:3]
    )


def circles(root: Path) -> list[list[str]]:
    """Groups of modules that import each other (Tarjan, 1972); those imported only for typing count."""
    graph: dict[str, set[str]] = {name: set() for name in modules(root)}
    for name, _, target in edges(root):
        graph[name].add(target)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return groups


def heavy_imports(root: Path) -> list[str]:
    """Heavy modules imported outside functions where a command starts."""
    wrong = []
    for path in sorted(path for folder in LIGHT for path in (root / folder).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for line, module in imported(node):
                    if module.split(".")[0] in LAZY:
                        wrong.append(f"{path.relative_to(root).as_posix()}:{line} imports {module}")
    return wrong


def test_imports_go_one_way(root: Path) -> None:
    assert upward_imports(root) == []


def test_every_import_is_by_the_full_name(root: Path) -> None:
    assert outside_names(root) == []


def test_no_circles(root: Path) -> None:
    assert circles(root) == []


def test_every_folder_has_its_place(root: Path) -> None:
    for room, folders in FOLDERS.items():
        there = {
            path.relative_to(root / room).parts[0] for path in (root / room).rglob("*.py") if path.parent != root / room
        }
        assert there == {*folders} - {""}, room


def test_the_picture_shows_every_folder(root: Path) -> None:
    picture = (root / "docs/architecture.svg").read_text(encoding="utf-8")
    shown = re.findall(r'class="n"[^>]*>([a-z]+)<', picture)
    assert sorted(shown) == sorted(folder for folders in FOLDERS.values() for folder in folders if folder)


def test_heavy_imports_wait_for_their_use(root: Path) -> None:
    assert heavy_imports(root) == []


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The source alone, to plant faults in."""
    for room in ROOMS:
        shutil.copytree(
            root / room,
            tmp_path / room,
            ignore=lambda folder, names: [
                name for name in names if name == "__pycache__" or (Path(folder) / name).is_symlink()
            ],
        )
    return tmp_path


def test_planted_violations_are_seen(copy: Path) -> None:
    before = upward_imports(copy), circles(copy)
    (copy / "catalogs/planted.py").write_text("def f():\n    from kakehashi.screen.ranking.rank import rank\n")
    (copy / "screen/planted.py").write_text(
        "import kakehashi.__main__\nimport_module('kakehashi.design.sampler.smc')\n"
    )
    (copy / "screen/heads/planted.py").write_text("from kakehashi.screen.cli import planted\n")
    (copy / "screen/cli/planted.py").write_text(
        "import jax.numpy\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from kakehashi.screen.heads import planted\n"
    )
    (copy / "design/planted.py").write_text("from . import smc\nfrom screen import heads\n")
    assert sorted({*upward_imports(copy)} - {*before[0]}) == [
        "catalogs/planted.py:2 imports kakehashi.screen.ranking.rank",
        "screen/heads/planted.py:1 imports kakehashi.screen.cli.planted",
        "screen/planted.py:1 imports kakehashi.__main__",
        "screen/planted.py:2 imports kakehashi.design.sampler.smc",
    ]
    assert [group for group in circles(copy) if group not in before[1]] == [
        ["kakehashi.screen.cli.planted", "kakehashi.screen.heads.planted"]
    ]
    assert outside_names(copy) == ["design/planted.py:1 imports ..smc", "design/planted.py:2 imports screen.heads"]
    assert heavy_imports(copy) == ["screen/cli/planted.py:1 imports jax.numpy"]
