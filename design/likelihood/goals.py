"""Goals: windows of properties, as written by users and on the fitted scale."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.properties.column_units import bare_name, is_logarithm
from kakehashi.catalogs.quantities import convert
from kakehashi.catalogs.records import UserError

EXAMPLES = "thermal_conductivity>0.35, tg >= 470 K, 400<tg<600 K or maximise tg"
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf(?:inity)?)(?![a-z]))\s*(.*)", re.I)
_EXTREME = re.compile(r"(max|min)imi[sz]e\s+(\S.*)", re.I)
_OPERATOR = re.compile(r"([<>=!]+|≤|≥)")
_UPWARD = {"<": True, "<=": True, "≤": True, ">": False, ">=": False, "≥": False}


class Property(NamedTuple):
    """A property that a model predicts.

    unit : of its values, "" as given; log : whether the model fits ln(value)
    known : smallest and largest known value, which `minimise` and `maximise` are to pass; None where there are none
    """

    name: str
    unit: str = ""
    log: bool = False
    known: tuple[float, float] | None = None


class Goal(NamedTuple):
    """Window of a property, lower < property < upper, in its unit.

    Infinite where an end is open.
    """

    property: str
    lower: float = -math.inf
    upper: float = math.inf

    def better(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        """How good values (n,) are, larger is better: up, down, or by the distance to a window with two ends."""
        if self.lower == -math.inf:
            return -value
        if self.upper == math.inf:
            return value
        return -np.maximum(np.maximum(self.lower - value, value - self.upper), 0.0)

    def __str__(self) -> str:
        if self.lower == -math.inf:
            return f"{self.property}<{self.upper:g}"
        if self.upper == math.inf:
            return f"{self.property}>{self.lower:g}"
        return f"{self.lower:g}<{self.property}<{self.upper:g}"


def parse_goals(texts: Iterable[str], properties: Sequence[Property]) -> tuple[Goal, ...]:
    """Parse goal expressions; one text may hold several, separated by commas.

    A unit after the last number holds for the whole expression and is converted to the property's; without one the
    numbers are in the property's unit. Windows of one property are intersected. `<` and `<=` mean the same: the
    predicted values are continuous.

    `maximise NAME` asks for more than the largest known value, `minimise NAME` for less than the smallest.

    Raises
    ------
    UserError
        If an expression cannot be read, names no property at hand, mixes units, or no value can meet it.

    Examples
    --------
    >>> goals = parse_goals(["tg >= 200 degC, thermal_conductivity > 0.35"], [
    ...     Property("thermal_conductivity", "W/(m K)"), Property("tg", "K")])
    >>> [str(goal) for goal in goals]
    ['tg>473.15', 'thermal_conductivity>0.35']
    """
    windows: dict[str, Goal] = {}
    for text in texts:
        for part in text.split(","):
            goal = _parse(part.strip(), text, properties)
            old = windows.get(goal.property, Goal(goal.property))
            both = Goal(goal.property, max(old.lower, goal.lower), min(old.upper, goal.upper))
            if not both.lower < both.upper:
                raise UserError(f"goals {old} and {goal} contradict each other: no value meets both; drop one")
            windows[goal.property] = both
    if not windows:
        raise UserError(f"expected at least one goal like {EXAMPLES}, got none")
    return tuple(windows.values())


def on_fitted_scale(goal: Goal, log: bool) -> Goal:
    """Convert a window to the fitted scale: of ln(value) if `log`.

    Values whose logarithm is fitted are positive: a lower bound of zero or less is no bound, and an upper one raises
    UserError.

    Examples
    --------
    >>> on_fitted_scale(Goal("tg", lower=1.0), log=True)
    Goal(property='tg', lower=0.0, upper=inf)
    """
    if not log:
        return goal
    if goal.upper <= 0:
        raise UserError(
            f"goal {goal}: {goal.property} is fitted as its logarithm and is always positive; give an upper bound"
            " above 0"
        )
    lower = math.log(goal.lower) if goal.lower > 0 else -math.inf
    return Goal(goal.property, lower, math.log(goal.upper))


def _parse(part: str, text: str, properties: Sequence[Property]) -> Goal:
    where = f"goal {part!r}" + ("" if part == text.strip() else f" of {text!r}")
    if extreme := _EXTREME.fullmatch(part):
        prop = _named(extreme[2], properties, where)
        if prop.known is None:
            raise UserError(f"{where}: no known value of {prop.name} to pass; give a bound such as {prop.name}>1")
        smallest, largest = prop.known
        return Goal(prop.name, upper=smallest) if extreme[1].lower() == "min" else Goal(prop.name, lower=largest)
    pieces = [piece.strip() for piece in _OPERATOR.split(part)]
    operators, terms = pieces[1::2], pieces[0::2]
    if not operators or len(operators) > 2 or not all(terms):
        raise UserError(f"{where}: expected an expression like {EXAMPLES}")
    for operator in operators:
        if operator not in _UPWARD:
            raise UserError(f"{where}: {operator!r} is no bound; use <, <=, > or >= (a window is 400<tg<600 K)")
    upward = [_UPWARD[operator] for operator in operators]
    if len(terms) == 3:
        name, numbers = terms[1], [terms[0], terms[2]]
        if upward[0] != upward[1]:
            raise UserError(f"{where}: the two signs point in different directions; write 400<tg<600 K")
    else:
        named_first = any(terms[0] == prop.name for prop in properties) or not _NUMBER.fullmatch(terms[0])
        name, numbers = (terms[0], [terms[1]]) if named_first else (terms[1], [terms[0]])
        if named_first:
            upward = [not upward[0]]
    prop = _named(name, properties, where)
    values = _bounds(numbers, prop, where)
    if len(values) == 2:
        lower, upper = values if upward[0] else values[::-1]
        if not lower < upper:
            raise UserError(f"{where}: no value lies above {lower:g} and below {upper:g}; give the smaller bound first")
        return Goal(prop.name, lower, upper)
    # With one sign, `upward` now says whether the number is the lower bound.
    return Goal(prop.name, lower=values[0]) if upward[0] else Goal(prop.name, upper=values[0])


def _named(name: str, properties: Sequence[Property], where: str) -> Property:
    # Tg for a column `Tg (°C)`, and the other way round.
    bare = [prop for prop in properties if name in (prop.name, bare_name(prop.name)) or bare_name(name) == prop.name]
    match = next((prop for prop in properties if prop.name == name), bare[0] if len(bare) == 1 else None)
    if match is None:
        names = [prop.name for prop in properties]
        folded = {other.lower(): other for other in names}
        near = [folded[other] for other in get_close_matches(name.lower(), folded, n=1)]
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"{where}: no property {name!r} among {', '.join(names)}{hint}")
    return match


def _bounds(numbers: list[str], prop: Property, where: str) -> list[float]:
    """Numbers of an expression in the property's unit."""
    values, units = [], []
    for number in numbers:
        match = _NUMBER.fullmatch(number)
        if not match:
            raise UserError(f"{where}: expected a number with or without a unit, got {number!r}")
        value = float(match[1])
        if not math.isfinite(value):
            raise UserError(f"{where}: expected a finite number, got {match[1]!r}; leave an end out to keep it open")
        values.append(value)
        units.append(match[2].strip())
    if len(set(units) - {""}) > 1:
        raise UserError(f"{where}: units {units[0]} and {units[1]} are mixed; give both bounds in one")
    if len(units) == 2 and units[0] and not units[1]:
        raise UserError(f"{where}: only the first bound has a unit; write the unit after the second, for both")
    if not units[-1]:
        return values
    if not prop.unit and not is_logarithm(prop.name):
        stated = shlex.quote(f"{prop.name}={units[-1]}")
        raise UserError(
            f"{where}: {prop.name} has no unit to convert {units[-1]} to: say which its column has, such as --unit"
            f" {stated}, or give the numbers without a unit"
        )
    try:
        return [float(value) for value in convert(np.array(values), units[-1], prop.unit)]
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
