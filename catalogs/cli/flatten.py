"""Commands whose flags are those of dataclasses: one parameter of the parser for each field."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, is_dataclass
from functools import cache, wraps
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from cyclopts import Group, Parameter, Token

from kakehashi.catalogs.flag import HEADINGS, Declared, build, declared

# Flags that were given, by name: `flags: Annotated[Given, ScreenConfig]`.
Given = Mapping[str, Any]
Result = TypeVar("Result")


class _Taken(NamedTuple):
    """A dataclass of flags that a command takes, built or, with `raw`, as what was given."""

    record: type[Any]
    raw: bool


def flattened(command: Callable[..., Result]) -> Callable[..., Result]:
    """Replace parameters that are dataclasses of flags by their flags.

    A parameter annotated with a dataclass receives a record; one annotated `Annotated[Given, dataclass]` the flags
    that were given alone, to be merged with a file.
    """
    hints = get_type_hints(command, include_extras=True)
    own: list[inspect.Parameter] = []
    taken: dict[str, _Taken] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if (record := _taken(hints[name])) is None:
            own.append(parameter.replace(annotation=hints[name]))
        else:
            taken[name] = record
    flags = {name: flag for record, _ in taken.values() for name, flag in declared(record).items()}
    keywords = [
        inspect.Parameter(
            flag.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if flag.value is MISSING else None,
            annotation=annotation(flag),
        )
        for flag in flags.values()
    ]

    @wraps(command)
    def run(*words: Any, **values: Any) -> Result:
        for name, (record, raw) in taken.items():
            given = {flag: values.pop(flag) for flag in declared(record) if flag in values}
            given = {flag: value for flag, value in given.items() if value is not None}
            values[name] = given if raw else build(record, given)
        return command(*words, **values)

    parameters = [*own, *keywords]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect.signature
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.flags = flags  # type: ignore[attr-defined]  # their declarations, by name
    return run


def annotation(flag: Declared) -> Any:
    """Annotate a parameter for the parser: the type of its words, help and heading."""
    kind, how = flag.kind, dict[str, Any]()
    if flag.many:
        kind = str if flag.flag.commas else list[str]
        how = {} if flag.flag.commas else {"consume_multiple": False, "negative": ""}
    elif kind is bool:
        how = {"negative": ""}  # `--log` without a twin `--no-log`
    elif kind is int:
        how = {"converter": whole}
    kind = kind if flag.value is MISSING else kind | None
    return Annotated[kind, *flag.extra, Parameter(help=flag.text, group=_group(flag.flag.group), **how)]


def whole(kind: type, tokens: Sequence[Token]) -> int:
    """Read a whole number; the parser's own reading would round 1.5 to 2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, got {tokens[0].value!r}") from None


@cache
def _group(heading: str) -> Group:
    return Group(heading, sort_key=HEADINGS.index(heading))


def _taken(hint: Any) -> _Taken | None:
    if get_origin(hint) is Annotated:
        records = [item for item in get_args(hint)[1:] if isinstance(item, type) and is_dataclass(item)]
        return _Taken(records[0], raw=True) if records else None
    return _Taken(hint, raw=False) if isinstance(hint, type) and is_dataclass(hint) else None
