"""The candidates to make next, as the first screen of a report and the end of the terminal show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kakehashi.catalogs.numbers import number
from kakehashi.screen.report.data import Row, mapping, mappings, real, texts

# The report and the terminal show the first of the batch.
SHOWN = 5
_SHORT = 12
_PLACES = {"in": "in the domain", "edge": "at the edge of the domain", "out": "outside the domain"}


class Candidate(NamedTuple):
    """A candidate in words; numbers have three digits, in the target's unit.

    chance : of beating the best known value or the threshold, in percent
    why : one clause; place : of the domain, in words; reason : of that place, "" for none
    nearest, nearest_value : the nearest measured compound and its value, "" if not known
    clipped : ends that were cut at the bounds, "" for none
    """

    rank: int
    formula: str
    id: str
    value: str
    interval: str
    chance: str
    why: str
    domain: str
    place: str
    reason: str
    nearest: str
    nearest_value: str
    clipped: str


class Lead(NamedTuple):
    """First screen of a screening: candidates, and what they are measured by.

    goal, bar : what a chance is a chance of, in full and in short
    left_out : counts of candidates that are not proposed, in words
    notes : sentences, such as why there is no candidate; more : candidates of the batch beyond these
    """

    candidates: tuple[Candidate, ...]
    goal: str
    bar: str
    unit: str
    level: str
    left_out: str
    notes: tuple[str, ...]
    more: int


def read_lead(record: Mapping[str, Any]) -> Lead | None:
    """First screen of a record (run.json); None for a run that chose no batch."""
    chosen = mapping(record, "next")
    if not chosen:
        return None
    unit = str(mapping(record, "target").get("unit") or "")
    rows = mappings(chosen, "batch")
    counts = mapping(chosen, "counts")
    left = [f"{number(int(n))} {words}" for words, value in counts.items() if words != "scored" and (n := real(value))]
    return Lead(
        candidates=tuple(_candidate(row, k) for k, row in enumerate(rows[:SHOWN], 1)),
        goal=_goal(mapping(chosen, "goal"), chosen.get("minimise") is True, unit),
        bar=_bar(mapping(chosen, "goal"), chosen.get("minimise") is True),
        unit=unit,
        level=f"{real(chosen.get('level')) or 0.9:.0%}",
        left_out="; ".join(left),
        notes=tuple(texts(chosen, "notes")),
        more=max(len(rows) - SHOWN, 0),
    )


def lead_lines(record: Mapping[str, Any]) -> list[str]:
    """Lines at the end of the terminal: a heading, one line per candidate, the sentence of trust.

    [] for a run that chose no batch.
    """
    lead = read_lead(record)
    if lead is None:
        return []
    trust = mapping(record, "trust").get("text")
    said = [str(trust)] if trust else []
    if not lead.candidates:
        return ["Nothing to make next: " + "; ".join(lead.notes), *said]
    quantity = str(mapping(record, "target").get("quantity") or "value").replace("_", " ")
    heading = f"Make these next: {quantity}{f' in {lead.unit}' if lead.unit else ''} ({lead.level} interval), chance to"
    widths = [
        max(len(getattr(one, name)) for one in lead.candidates) for name in ("formula", "value", "interval", "chance")
    ]
    return [f"{heading} {lead.goal}", *(_line(one, widths) for one in lead.candidates), *said]


def _line(one: Candidate, widths: list[int]) -> str:
    cut = " (cut at the bounds)" if one.clipped else ""
    nearest = f"; nearest measured {one.nearest}{f', {one.nearest_value}' if one.nearest_value else ''}"
    formula, value, interval = (
        f"{one.formula:<{widths[0]}}", f"{one.value:>{widths[1]}}", f"{f'({one.interval})':<{widths[2] + 2}}",
    )  # fmt: skip
    return f"{one.rank}  {formula}  {value} {interval}{cut}  {one.chance:>{widths[3]}}  {one.why}{nearest}; {one.place}"


def _candidate(row: Row, place: int) -> Candidate:
    domain = str(row.get("domain") or "")
    chance = real(row.get("chance"))
    return Candidate(
        rank=place,
        formula=_text(row, "formula"),
        id=_text(row, "id"),
        value=number(real(row.get("mean")), 3),
        interval=f"{number(real(row.get('lower')), 3)} to {number(real(row.get('upper')), 3)}",
        chance=number(None) if chance is None else _percent(chance),
        why=_text(row, "why"),
        domain=domain,
        place=_PLACES.get(domain, "domain not known"),
        reason=_text(row, "domain_reason"),
        nearest=_text(row, "nearest"),
        nearest_value="" if (value := real(row.get("nearest_value"))) is None else number(value, 3),
        clipped=_text(row, "clipped"),
    )


def _goal(goal: Row, minimise: bool, unit: str) -> str:
    value = f"{number(real(goal.get('value')), 3)} {unit}".strip()
    if goal.get("formula"):
        return f"beat the best known, {goal['formula']} with {value}"
    return f"lie {'below' if minimise else 'above'} {value}"


def _bar(goal: Row, minimise: bool) -> str:
    name = str(goal.get("formula") or "")
    if name:
        return f"chance to beat {name}" if len(name) <= _SHORT else "chance to beat the best known"
    return f"chance {'below' if minimise else 'above'} {number(real(goal.get('value')), 3)}"


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _percent(chance: float) -> str:
    return "<1%" if chance < 0.01 else ">99%" if chance > 0.99 else f"{100 * chance:.0f}%"
