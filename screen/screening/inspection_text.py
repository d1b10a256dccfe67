"""Lines on a target before a run, for terminals and Python."""

from __future__ import annotations

from kakehashi.catalogs.memory import available_bytes
from kakehashi.catalogs.numbers import interval, number
from kakehashi.screen.screening.inspection import DECADES, Conflict, Inspection, Overlap

# Conflicts that are named, with their rows, and lone elements; sources and reasons with a line each.
NAMED, _ROWS = 3, 6
_LONE = 5
_LINES = 3


def inspection_text(found: Inspection) -> str:
    """Describe a target in about ten lines."""
    noun = "molecules or repeat units" if found.smiles else "compositions"
    counts = f"{found.rows:,} rows read: {found.materials:,} {noun}, {found.merged:,} merged with another row"
    lines = [
        f"{found.name}: {counts}, {found.missing:,} without a value, {found.refused_rows:,} refused",
        *_few([f"refused: {line}" for line in found.refused], "reasons"),
        *_conflicts(found.conflicts),
        f"unit: {found.unit or 'none found; state it with --unit COLUMN=UNIT'} ({found.quantity})",
        _range(found),
    ]
    if found.lone:
        named = ", ".join(f"{element} ({material})" for element, material in found.lone[:_LONE])
        more = f" and {len(found.lone) - _LONE} more" if len(found.lone) > _LONE else ""
        lines.append(f"elements of one material only: {named}{more}; is each as you meant it?")
    lines += _few([f"source {_shared(source, found.materials)}" for source in found.sources], "sources")
    if found.catalog is not None:
        lines.append(f"catalogue {_shared(found.catalog, found.materials)}")
    if found.cost:
        disk = f", {found.cost['disk_mb']:,.0f} MB of disk" if found.cost["disk_mb"] else ""
        lines.append(
            f"a run would take about {duration(sum(found.cost['seconds'].values()))} and"
            f" {found.cost['memory_mb'] / 1000:,.1f} GB of memory{disk} (rough)"
        )
        free = available_bytes()
        if free is not None and found.cost["memory_mb"] * 1e6 > free:
            lines.append(f"a run would be refused: {free / 1e9:,.1f} GB of memory are free")
    lines += _few([f"note: {note}" for note in found.notes], "notes")
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Write a rough time.

    >>> duration(44), duration(400), duration(9000)
    ('40 s', '7 min', '2.5 h')
    """
    if seconds < 95:
        return f"{max(10, round(seconds, -1)):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _few(lines: list[str], noun: str) -> list[str]:
    """The first lines, and how many more there are."""
    more = [f"and {len(lines) - _LINES} more {noun}; --json lists all"] if len(lines) > _LINES else []
    return [*lines[:_LINES], *more]


def _range(found: Inspection) -> str:
    text = f"values: {interval(found.low, found.high, 4)} {found.unit}".rstrip()
    if found.decades >= DECADES:  # NaN where some value is not positive
        scale = "fitted as ln(value)" if found.log else "use --log"
        return f"{text}; spans {found.decades:.1f} decades: {scale}"
    return f"{text}; fitted as ln(value)" if found.log else text


def _conflicts(conflicts: tuple[Conflict, ...]) -> list[str]:
    if not conflicts:
        return []
    apart = sorted(conflicts, key=lambda conflict: min(conflict.values) - max(conflict.values))
    named = "; ".join(
        f"{conflict.material} ({', '.join(f'row {row}: {number(value)}' for row, value in _pairs(conflict)[:_ROWS])})"
        for conflict in apart[:NAMED]
    )
    more = f"; and {len(apart) - NAMED} more" if len(apart) > NAMED else ""
    return [f"different values of one material, the median counts: {named}{more}"]


def _pairs(conflict: Conflict) -> list[tuple[int, float]]:
    """Rows of a conflict with their values."""
    return list(zip(conflict.rows, conflict.values, strict=True))


def _shared(overlap: Overlap, materials: int) -> str:
    rows = f"{overlap.name}: {overlap.rows:,} rows"
    return rows if overlap.shared is None else f"{rows}, has {overlap.shared:,} of your {materials:,} materials"
