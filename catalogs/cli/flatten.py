"""A decorator that gives a command the flags of dataclasses, one parameter for each field."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, is_dataclass
from functools import cache, wraps
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from cyclopts import Group, Parameter, Token

from kakehashi.catalogs.flag import HEADINGS, Declared, build, collect_flags

# Values of the flags on the command line, by name: `flags: Annotated[FlagValues, ScreenConfig]`.
FlagValues = Mapping[str, Any]
Result = TypeVar("Result")


def whole(kind: type, tokens: Sequence[Token]) -> int:
    """Read a whole number; the parser's own reading would round 1.5 to 2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, got {tokens[0].value!r}") from None


# Types of parameters of one command: a flag that may be repeated, a whole number, a switch without a `--no-` twin.
Many = Annotated[list[str] | None, Parameter(consume_multiple=False, negative="")]
Whole = Annotated[int, Parameter(converter=whole)]
Switch = Annotated[bool, Parameter(negative="", show_default=False)]


class _Group(NamedTuple):
    """Dataclass of flags of a command, passed as a record or, with `raw`, as values."""

    record: type[Any]
    raw: bool


def flatten_flags(command: Callable[..., Result]) -> Callable[..., Result]:
    """Replace parameters that are dataclasses of flags by their flags.

    A parameter annotated with a dataclass receives a record, one annotated
    `Annotated[FlagValues, dataclass]` only the values on the command line, to be merged with a file.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, _Group] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if (group := _group_of(hints[name])) is None:
            parameters.append(parameter.replace(annotation=hints[name]))
        else:
            groups[name] = group
    flags = {name: flag for record, _ in groups.values() for name, flag in collect_flags(record).items()}
    keywords = [
        inspect.Parameter(
            flag.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if flag.value is MISSING else None,
            annotation=annotate(flag),
        )
        for flag in flags.values()
    ]

    @wraps(command)
    def run(*words: Any, **values: Any) -> Result:
        for name, (record, raw) in groups.items():
            taken = {flag: values.pop(flag) for flag in collect_flags(record) if flag in values}
            taken = {flag: value for flag, value in taken.items() if value is not None}
            values[name] = taken if raw else build(record, taken)
        return command(*words, **values)

    parameters += keywords
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect.signature
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.flags = flags  # type: ignore[attr-defined]  # their declarations, by name
    return run


def annotate(flag: Declared) -> Any:
    """Annotate a parameter for the parser: the type of its words, help and heading."""
    kind, how = flag.kind, dict[str, Any]()
    if flag.many:
        kind = str if flag.flag.commas else list[str]
        how = {} if flag.flag.commas else {"consume_multiple": False, "negative": ""}
    elif kind is bool:
        how = {"negative": ""}  # `--log` without a twin `--no-log`
    elif kind is int:
        how = {"converter": whole}
    if flag.flag.also:
        how["name"] = [f"--{name.replace('_', '-')}" for name in (flag.name, *flag.flag.also)]
    kind = kind if flag.value is MISSING else kind | None
    return Annotated[kind, *flag.extra, Parameter(help=flag.text, group=_heading(flag.flag.group), **how)]


@cache
def _heading(heading: str) -> Group:
    return Group(heading, sort_key=HEADINGS.index(heading))


def _group_of(hint: Any) -> _Group | None:
    if get_origin(hint) is Annotated:
        records = [item for item in get_args(hint)[1:] if isinstance(item, type) and is_dataclass(item)]
        return _Group(records[0], raw=True) if records else None
    return _Group(hint, raw=False) if isinstance(hint, type) and is_dataclass(hint) else None
