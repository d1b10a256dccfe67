"""Nothing that runs code from a file: no pickle, none of its relatives, no decoder that imports what a text names."""

import ast
from pathlib import Path

import pytest

MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal", "jsonpickle", "monty"}
LOADERS = {
    "joblib": {"load", "dump"},
    "torch": {"load", "save"},
    "pandas": {"read_pickle"},
    "pd": {"read_pickle"},
}
# `from_dict` and `from_file` of pymatgen decode with monty, which imports the `@module` of a text.
METHODS = {"to_pickle", "read_pickle", "loadfn", "process_decoded", "from_dict", "from_file"}
DECODED = {"json", "yaml", "yml"}


def unsafe(source: str) -> list[int]:
    """Lines of `source` that read or write pickles, or decode what a text names."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                bad = any(alias.name.split(".")[0] in MODULES for alias in names)
            case ast.ImportFrom(module=module, names=names):
                top = (module or "").split(".")[0]
                bad = top in MODULES or any(alias.name in LOADERS.get(top, ()) for alias in names)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                bad = name in METHODS or name in LOADERS.get(owner, ()) or owner in MODULES
            case ast.Attribute(attr=name):
                bad = name in METHODS
            case ast.Call(func=ast.Attribute(attr="from_str"), keywords=keywords):
                values = [keyword.value for keyword in keywords if keyword.arg == "fmt"]
                bad = any(isinstance(value, ast.Constant) and value.value in DECODED for value in values)
            case ast.keyword(arg="allow_pickle", value=value):
                bad = not (isinstance(value, ast.Constant) and value.value is False)
            case ast.Call(func=ast.Name(id="import_module" | "__import__"), args=[ast.Constant(value=str(name)), *_]):
                bad = name.split(".")[0] in MODULES
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
                bad = name.split(".")[0] in MODULES
            case _:
                bad = False
        if bad:
            lines.append(getattr(node, "lineno", 0))
    return sorted(set(lines))


def test_no_pickle_in_the_packages(root: Path) -> None:
    paths = list((root / "kakehashi").glob("*.py"))
    for folder in ("catalogs", "screen", "design", "benchmarks"):
        paths += (root / folder).rglob("*.py")
    assert len(paths) > 10
    found = {path.relative_to(root).as_posix(): unsafe(path.read_text()) for path in paths}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    import shelve",
        "from marshal import loads",
        "import importlib; importlib.import_module('cloudpickle')",
        "__import__('dill')",
        "import joblib; joblib.load('x')",
        "from joblib import dump",
        "import torch; torch.load('x')",
        "import numpy as np; np.load('x', allow_pickle=True)",
        "import numpy as np; np.load('x', allow_pickle=flag)",
        "frame.to_pickle('x')",
        "from monty.json import MontyDecoder",
        "import monty.serialization",
        "Structure.from_dict(found)",
        "Structure.from_str(text, fmt='json')",
        "Structure.from_file('x.json')",
    ],
)
def test_planted_pickles_are_seen(source: str) -> None:
    assert unsafe(source)


def test_safe_code_passes() -> None:
    assert unsafe("import numpy as np, joblib\nnp.load('x', allow_pickle=False)\njoblib.cpu_count()\n") == []
    assert unsafe("Structure.from_str(text, fmt='cif').to(fmt='json')") == []
