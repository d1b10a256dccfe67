"""Configurations of runs: defaults, then a TOML file, then flags; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from kakehashi.catalogs.files.home import share
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.files.toml_text import read_toml
from kakehashi.catalogs.flag import Declared, collect_flags, read_values
from kakehashi.catalogs.records import UserError
from kakehashi.screen.runs.presets import preset_values

Config = TypeVar("Config")


def no_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave defaults to the dataclass."""
    return {}


def resolve(
    kind: type[Config],
    flags: Mapping[str, Any],
    file: str | None,
    *,
    check: Callable[[Config], None],
    defaults: Callable[[Mapping[str, Any]], Mapping[str, Any]] = no_defaults,
) -> Config:
    """Merge defaults, a preset, the TOML file and the flags into a configuration.

    flags : None is not given
    kind : a dataclass of flags (`kakehashi.catalogs.flag`); its fields are the keys of the file
    check : raises UserError for settings no run can be done with
    defaults : those that depend on file and flags

    Raises
    ------
    UserError : unreadable TOML, unknown key (with the nearest known one), wrong type, or what `check` refuses.
    """
    values = {**(from_toml(Path(file), kind) if file else {}), **read_values(kind, flags)}
    values = {**preset_values(kind, values), **values}
    make: Callable[..., Config] = kind
    config = make(**{**defaults(values), **values})
    check(config)
    return config


def as_dict(config: Any) -> dict[str, Any]:
    """Convert a configuration to plain JSON values.

    >>> from kakehashi.screen.runs.flags import TableFlags
    >>> as_dict(TableFlags(unit=("tg=K",)))
    {'material': None, 'unit': ['tg=K']}
    """
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}


def deciding(kind: type[Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Select the settings that results depend on from a configuration as plain values.

    kind : its dataclass of flags; a setting it does not know decides, an optional one where it is not the default
    """
    known = collect_flags(kind)

    def decides(name: str, value: Any) -> bool:
        if name not in known:
            return True
        unset = known[name].flag.optional and (not value or value == known[name].value)
        return known[name].flag.decides and not unset

    return {name: value for name, value in config.items() if decides(name, value)}


def from_toml(path: Path, kind: type[Any]) -> dict[str, Any]:
    """Read a TOML file whose keys are flags; `-` and `_` are the same.

    Raises
    ------
    UserError : unreadable, not TOML, an unknown or repeated key, or a value of another type.
    """
    path = path_of(path)
    read = read_toml(path, "--config")
    known = collect_flags(kind)
    values: dict[str, Any] = {}
    for written, value in read.items():
        key = written.replace("-", "_")
        if key == "shared_home":
            if not isinstance(value, bool):
                raise UserError(f"--config {path}: {written}: expected true or false, got {value!r}")
            if value:
                share()
            continue
        if key in values:
            raise UserError(f"--config {path}: {written!r} is given twice, with - and with _")
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known keys: {', '.join(known)}"
            raise UserError(f"--config {path}: unknown key {written!r}{hint}")
        values[key] = _check_type(path, written, value, known[key])
    return read_values(kind, values)


def _check_type(path: Path, key: str, value: Any, flag: Declared) -> Any:
    """Check a TOML value against the type of its flag."""
    wanted, number = flag.kind_in_words, isinstance(value, int | float) and not isinstance(value, bool)
    if flag.many:
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return texts
    elif wanted == "float" and number:
        return float(value)
    elif (
        (wanted == "int" and number and isinstance(value, int))
        or (wanted == "bool" and isinstance(value, bool))
        or (wanted == "text" and isinstance(value, str))
    ):
        return value
    raise UserError(f"--config {path}: {key}: expected {wanted}, got {value!r}")
