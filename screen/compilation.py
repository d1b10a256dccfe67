"""Compiled programs kept between runs, so that a later process loads what an earlier one compiled.

jax keeps them (its persistent compilation cache), under a key of program, options and its own version. Machine code
of another processor may crash or round differently, and jax only warns of it. So every kind of processor and every
version has a folder of its own below `cache_folder()`, which nobody else may write to: what lies there is run.

jax's lock lets several processes share a folder. What cannot be read or kept is compiled again.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from kakehashi.catalogs.files.home import PRIVATE, SharedFolder, cache_folder_or_none, cache_path
from kakehashi.catalogs.files.locks import Timeout, take
from kakehashi.catalogs.records import UserError

FOLDER = "compiled"
# Largest size of a folder (bytes); what was used least recently goes first.
LARGEST = 256 * 2**20
# Programs that compile faster (s) are not worth a file.
LEAST_SECONDS = 0.05
# Names that jax gives its files: an entry, when it was last used, and the lock.
ENTRY, USED, LOCK = "-cache", "-atime", ".lockfile"
# The loader takes settings of the code generator (prefer-no-gather) for missing features of the processor, and
# says on two lines a program that it may crash. That is an error to its log; this level leaves what ends the process.
LOG_LEVEL = "3"
# What jax chooses, where the user did not.
USUAL_LEVEL = "1"
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_FOLDER = "JAX_COMPILATION_CACHE_DIR"
_ENABLED = "JAX_ENABLE_COMPILATION_CACHE"
_CPUINFO = Path("/proc/cpuinfo")


class KeptPrograms(NamedTuple):
    """Folder of compiled programs of this machine and these versions.

    folder : None where nothing is kept, and `why`
    programs, size : number of programs, and bytes
    """

    folder: Path | None
    why: str = ""
    programs: int = 0
    size: int = 0


def keep_programs() -> None:
    """Keep what is compiled from now on, and load what was kept.

    A folder that the user gave to jax, or `JAX_ENABLE_COMPILATION_CACHE=0`, holds; one that a process of ours chose
    and handed on, maybe to a machine with another processor, is chosen again. Imports nothing. In a folder that others
    may write to nothing is kept or loaded (`kakehashi doctor` says so).
    """
    settings: dict[str, str | float] = {
        "jax_compilation_cache_max_size": LARGEST,
        "jax_persistent_cache_min_compile_time_secs": LEAST_SECONDS,
    }
    if _chosen_by_user():
        return
    folder = _prepared()
    if folder is None:
        _forget_inherited()
        return
    settings["jax_compilation_cache_dir"] = str(folder)
    for name, value in settings.items():
        os.environ[name.upper()] = str(value)  # for processes that this one starts, too
    quiet = os.environ.get(_LEVEL, USUAL_LEVEL) == USUAL_LEVEL
    if quiet:
        os.environ[_LEVEL] = LOG_LEVEL
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")
    if "jax" in sys.modules:
        import jax

        for name, value in settings.items():
            jax.config.update(name, value)  # type: ignore[no-untyped-call]
        if quiet:  # the level of the loader's log outlives this pair of updates, that of Python's logs does not
            before = jax.config.jax_logging_level  # type: ignore[attr-defined]
            for level in ("CRITICAL", before):
                jax.config.update("jax_logging_level", level)  # type: ignore[no-untyped-call]


def _forget_inherited() -> None:
    """Keep nothing in a folder that a process of ours handed on."""
    if not _folder_of_jax():
        return
    os.environ.pop(_FOLDER, None)
    if "jax" in sys.modules:
        import jax

        jax.config.update("jax_compilation_cache_dir", None)  # type: ignore[no-untyped-call]


def kept_programs() -> KeptPrograms:
    """Count the programs that are kept for this machine.

    Raises
    ------
    SharedFolder : others may write to the folder.
    """
    if _is_off():
        return KeptPrograms(None, f"{_ENABLED}={os.environ[_ENABLED]}")
    if given := _given():
        folder = Path(given)
    else:
        own = cache_folder_or_none(FOLDER, machine_key())
        if own is None:
            return KeptPrograms(None, "the cache folder cannot be created")
        folder = own
    sizes = []
    for path in folder.glob(f"*{ENTRY}"):
        with suppress(OSError):  # another process may remove it
            sizes.append(path.stat().st_size)
    return KeptPrograms(folder, "", len(sizes), sum(sizes))


def machine_key() -> str:
    """Name of the folder: hash of versions, processor and its features.

    >>> machine_key() == machine_key(), len(machine_key())
    (True, 16)
    """
    facts = [version("jax"), version("jaxlib"), platform.system(), platform.machine(), *_processor()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _processor() -> list[str]:
    """Model and features of the processor.

    Without them, the name of the machine: another one may have another processor.
    """
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    # Of the first processor; x86 says "flags", ARM "Features".
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        found.setdefault(name.strip().lower(), value.strip())
    features = found.get("flags") or found.get("features")
    if not features:
        return [platform.processor(), platform.node()]
    names = ("vendor_id", "cpu family", "model", "model name", "cpu implementer", "cpu part")
    return [*(found.get(name, "") for name in names), *sorted(features.split())]


def _is_off() -> bool:
    return os.environ.get(_ENABLED, "").strip().lower() in ("0", "false", "no", "off")


def _given() -> str:
    """Folder that the user had jax keep programs in, "" for none."""
    folder = _folder_of_jax()
    return "" if folder and _is_ours(Path(folder)) else folder


def _folder_of_jax() -> str:
    """Folder that jax keeps programs in already, "" for none."""
    if "jax" in sys.modules:
        import jax

        return str(jax.config.jax_compilation_cache_dir or "")  # type: ignore[attr-defined]
    return os.environ.get(_FOLDER, "")


def _is_ours(folder: Path) -> bool:
    """True for a folder that a process of ours chose, maybe on a machine with another processor."""
    return folder.absolute().parent == (cache_path() / FOLDER).absolute()


def _chosen_by_user() -> bool:
    return _is_off() or bool(_given())


def _prepared() -> Path | None:
    """Folder of this machine, without remains of killed processes; None where it cannot be used."""
    try:
        folder = cache_folder_or_none(FOLDER, machine_key())
    except SharedFolder:
        return None
    if folder is None:
        return None
    try:
        folder.parent.mkdir(mode=PRIVATE, exist_ok=True)
        folder.mkdir(mode=PRIVATE, exist_ok=True)
        with take(folder / LOCK):
            _remove_unfinished(folder)
    except Timeout:  # a process that is at work there
        return folder
    except (OSError, UserError):  # read-only, or without locks
        return None
    return folder


def _remove_unfinished(folder: Path) -> None:
    """Remove entries that a killed process left unfinished: jax notes their use after writing them."""
    used = {path.name.removesuffix(USED) for path in folder.glob(f"*{USED}")}
    for path in folder.glob(f"*{ENTRY}"):
        if path.name.removesuffix(ENTRY) not in used:
            path.unlink(missing_ok=True)
