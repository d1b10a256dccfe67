"""Flags of commands, declared once, as annotated fields of dataclasses.

The parser, `--help`, keys of TOML files and records of runs follow from them.

    @dataclass(frozen=True, kw_only=True)
    class SeedFlags:
        seed: Annotated[int, Flag("One seed for everything random.", COMPUTING)] = 0

A command takes a dataclass that inherits such groups. It may restate a field to change its default, or annotate it with
`Here` to change the default's wording; the declaration stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from inspect import get_annotations
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

# Headings of `--help`, in their order there.
USUAL = "Usual flags"
TARGET = "Target"
NETWORKS = "Sources and networks"
MODELS = "Models and cross-validation"
CANDIDATES = "Candidates and ranking"
DESIGN = "Repeat units and sampler"
COMPUTING = "Computing"
OUTPUT = "Output"
HEADINGS = (USUAL, TARGET, NETWORKS, MODELS, CANDIDATES, DESIGN, COMPUTING, OUTPUT)

Record = TypeVar("Record")


class Flag(NamedTuple):
    """Declaration of a flag.

    help : sentences for `--help`; the default is added to them
    group : its heading, of `HEADINGS`
    default : the default in words, if the value does not tell; "" for none
    commas : whether it is one text of words with commas or blanks between them, rather than repeated
    decides : whether the results of a run depend on it
    optional : whether it decides nothing unless it is set, to another value than the default
    also : other spellings of its name
    """

    help: str
    group: str = OUTPUT
    default: str | None = None
    commas: bool = False
    decides: bool = True
    optional: bool = False
    also: tuple[str, ...] = ()


class Here(NamedTuple):
    """Addition of one command to the help of a flag: a note, the default in words."""

    note: str = ""
    default: str | None = None


class Declared(NamedTuple):
    """A flag of a dataclass.

    kind : type of its values, None left out
    value : the default, `MISSING` if there is none
    owner : the class that declares it
    extra : other metadata of the annotation, for the parser
    """

    name: str
    kind: Any
    value: Any
    flag: Flag
    here: Here
    owner: type[Any]
    extra: tuple[Any, ...]

    @property
    def many(self) -> bool:
        """True for several texts."""
        return get_origin(self.kind) is tuple

    @property
    def kind_in_words(self) -> str:
        """Type of its values for messages, such as "list of texts"."""
        if self.many:
            return "list of texts"
        return "text" if self.kind is str or get_origin(self.kind) is Literal else str(self.kind.__name__)

    @property
    def text(self) -> str:
        """Help, with the note of the command and the default."""
        stated = self.here.default if self.here.default is not None else self.flag.default
        default = _in_words(self.value) if stated is None else stated
        return " ".join(
            part for part in (self.flag.help, self.here.note, f"Default: {default}." if default else "") if part
        )


def collect_flags(record: type[Any]) -> Mapping[str, Declared]:
    """Collect the flags of a dataclass by name, in the order of its fields.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class SeedFlags:
    ...     seed: Annotated[int, Flag("One seed for everything random.")] = 0
    >>> @dataclass
    ... class DrawFlags(SeedFlags):
    ...     seed: int = 7
    >>> collect_flags(DrawFlags)["seed"].text
    'One seed for everything random. Default: 7.'

    Raises
    ------
    TypeError : a field that no class declares as a flag.
    """
    key: Any = record  # classes are hashable, which the type of `cache` does not know
    return _collect_flags(key)


def build(record: type[Record], values: Mapping[str, Any]) -> Record:
    """Build a record from values of some flags; the others have their defaults."""
    make: Callable[..., Record] = record
    return make(**read_values(record, values))


def read_values(record: type[Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Convert lists to tuples and texts of words to words; leave None out."""
    known = collect_flags(record)
    values = {name: value for name, value in raw.items() if value is not None}
    for name, flag in known.items():
        if name in values and flag.many:
            texts = [values[name]] if isinstance(values[name], str) else values[name]
            values[name] = split_words(texts) if flag.flag.commas else tuple(texts)
    return values


def split_words(texts: Iterable[str]) -> tuple[str, ...]:
    """Split texts at commas and blanks.

    >>> split_words(["Pb, Cd", "Hg Tl"])
    ('Pb', 'Cd', 'Hg', 'Tl')
    """
    return tuple(word for text in texts for word in text.replace(",", " ").split())


@cache
def _collect_flags(record: Any) -> Mapping[str, Declared]:
    hints = get_type_hints(record)
    return {field.name: _declared(record, field.name, hints[field.name], field.default) for field in fields(record)}


def _declared(record: type[Any], name: str, hint: Any, value: Any) -> Declared:
    here = Here()
    for owner in record.__mro__:
        if name not in get_annotations(owner):
            continue
        annotation = get_type_hints(owner, include_extras=True)[name]
        metadata = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
        here = next((item for item in metadata if isinstance(item, Here)), here)
        for item in metadata:
            if isinstance(item, Flag):
                extra = tuple(other for other in metadata if not isinstance(other, Flag | Here))
                return Declared(name, _without_none(hint), value, item, here, owner, extra)
    raise TypeError(f"{record.__name__}.{name}: no class declares it with a Flag")


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (kind for kind in get_args(hint) if kind is not NoneType)
    return hint


def _in_words(value: Any) -> str:
    """Words for a default, "" for one that goes without saying."""
    if value is MISSING or value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(value) if isinstance(value, tuple) else str(value)
