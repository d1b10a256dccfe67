"""Which of several sources are worth keeping: the stack that each gives alone with direct models, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from kakehashi.catalogs.numbers import number
from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.transfer.rows import DIRECT, Row, is_alone
from kakehashi.screen.transfer.verdict import decide
from kakehashi.screen.validation.statistics import paired_test

if TYPE_CHECKING:
    from kakehashi.screen.transfer.leaderboard import Entry
    from kakehashi.screen.validation.folds import Split


# Sources without gain that are named; leaderboard and report have all.
NAMED = 5
TOGETHER = (
    "All sources together gain nothing: the whole procedure errs {chosen} with them on held-out compounds, {own}"
    " without."
)


class Worth(NamedTuple):
    """A source, or foundation networks, alone beside direct models.

    mae : held-out error of that stack, fitted scale
    difference, p_value : error of the stack of direct models minus this one's, and its two-sided p value
    keep : whether it lowers the error; sure : whether by more than chance would (`verdict.decide`)
    """

    source: str
    mae: float
    difference: float
    p_value: float
    keep: bool
    sure: bool


def weigh_sources(
    rows: Mapping[str, Row], board: Sequence[Entry], errors: Mapping[str, FloatArray], splits: Sequence[Split]
) -> tuple[Worth, ...]:
    """Compare every source alone with no source, best first; nothing with a single one.

    rows, errors : by name of a row; errors (n,) absolute, NaN where no split holds a compound
    """
    found = []
    for entry in board:
        if not is_alone(rows[entry.name]):
            continue
        test = paired_test(errors[DIRECT] - errors[entry.name], splits)
        keep = test.difference > 0
        found.append(
            Worth(rows[entry.name].source, entry.mae, test.difference, test.p_value, keep, keep and bool(decide(test)))
        )
    return tuple(sorted(found, key=lambda worth: worth.mae))


def advise_on(found: Sequence[Worth], advice: str, *, better: bool, chosen: float, own: float) -> str:
    """Advice of a verdict, and which sources are worth keeping.

    better : whether all sources together err less than none; chosen, own : errors with all of them, and with none

    >>> one = [Worth("density", 0.4, 0.1, 0.01, True, True)]
    >>> advise_on(one, "Leave transfer out.", better=False, chosen=0.6, own=0.5).partition(" Worth")[0]
    'All sources together gain nothing: the whole procedure errs 0.6 with them on held-out compounds, 0.5 without.'
    """
    if any(worth.sure for worth in found) and not better:
        advice = TOGETHER.format(chosen=number(chosen, 3), own=number(own, 3))
    return " ".join(text for text in (advice, worth_text(found, own)) if text)


def worth_text(found: Sequence[Worth], without: float) -> str:
    """Name the sources worth keeping, "" with none compared.

    without : error of the stack of direct models

    >>> worth_text([Worth("density", 0.4, 0.1, 0.01, True, True), Worth("gap", 0.6, -0.1, 0.2, False, False)], 0.5)
    'Worth keeping, each alone beside direct models (which err 0.5): density (0.4). No gain from gap (0.6). Picked with hindsight: evaluate those kept together.'
    """  # noqa: E501
    if not found:
        return ""
    kept = [f"{w.source} ({number(w.mae, 3)}{'' if w.sure else ', perhaps by chance'})" for w in found if w.keep]
    others = [f"{w.source} ({number(w.mae, 3)})" for w in found if not w.keep]
    named = ", ".join(others[:NAMED]) + (f" and {len(others) - NAMED} more" if len(others) > NAMED else "")
    of = f"each alone beside direct models (which err {number(without, 3)})"
    if not kept:
        return f"No source is worth keeping, {of}: {named}."
    rest = f" No gain from {named}." if others else ""
    hint = " Picked with hindsight: evaluate those kept together." if others else ""
    return f"Worth keeping, {of}: {', '.join(kept)}.{rest}{hint}"
