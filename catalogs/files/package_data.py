"""Data files inside installed packages, and digests of code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib import metadata, util
from pathlib import Path

from kakehashi.catalogs.records import UserError


def package_file(package: str, name: str) -> Path:
    """Return the path of a data file in a package.

    The package is not imported.

    Raises
    ------
    UserError : the package is not installed, or lacks the file.
    """
    spec = util.find_spec(package)
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    if not folders:
        raise UserError(f"the embedded data need the package {package}; install it: pip install {package}")
    for folder in folders:
        paths = sorted(folder.rglob(name))
        if paths:
            return paths[0]
    raise UserError(
        f"{package} {version(package)} carries no file '{name}', which the embedded data are read from; "
        "install the version in constraints.txt"
    )


def version(package: str) -> str:
    """Return a distribution's version, or "(not installed)"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def code_digest(*modules: str) -> str:
    """Return the sha256 over the source of modules.

    Modules are named in full.
    """
    specs = [util.find_spec(name) for name in modules]
    return digest(Path(spec.origin) for spec in specs if spec is not None and spec.origin is not None)


def digest(paths: Iterable[Path]) -> str:
    """Return the sha256 over the bytes of several files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()
