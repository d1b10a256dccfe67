"""Lines on a target before a run, for terminals and Python."""

from __future__ import annotations

from kakehashi.screen.screening.inspection import DECADES, Conflict, Inspection, Overlap

# Conflicts and lone elements that are named.
NAMED = 3
_LONE = 6


def inspection_text(found: Inspection) -> str:
    """Describe a target in about ten lines."""
    noun = "molecules or repeat units" if found.smiles else "compositions"
    counts = f"{found.rows:,} rows read: {found.materials:,} {noun}, {found.merged:,} merged with another row"
    lines = [
        f"{found.name}: {counts}, {found.missing:,} without a value, {found.refused_rows:,} refused",
        *(f"refused: {line}" for line in found.refused),
        *_conflicts(found.conflicts),
        f"unit: {found.unit or 'none found; state it with --unit COLUMN=UNIT'} ({found.quantity})",
        _range(found),
    ]
    if found.lone:
        named = ", ".join(f"{element} ({material})" for element, material in found.lone[:_LONE])
        more = f" and {len(found.lone) - _LONE} more" if len(found.lone) > _LONE else ""
        lines.append(f"elements of one material only: {named}{more}; is each a formula as you meant it?")
    lines += [f"source {_shared(source, found.materials)}" for source in found.sources]
    if found.catalog is not None:
        lines.append(f"catalogue {_shared(found.catalog, found.materials)}")
    if found.cost:
        minutes = sum(found.cost["seconds"].values()) / 60
        lines.append(
            f"a screening would take about {minutes:,.1f} min and {found.cost['memory_mb'] / 1000:,.1f} GB of memory,"
            f" {found.cost['disk_mb']:,.0f} MB of disk (rough; kept networks cost nothing)"
        )
    lines += [f"note: {note}" for note in found.notes]
    return "\n".join(lines)


def _range(found: Inspection) -> str:
    text = f"values: {found.low:.4g} to {found.high:.4g} {found.unit}".rstrip()
    if found.decades >= DECADES:  # NaN where some value is not positive
        scale = "fitted as ln(value)" if found.log else "use --log"
        return f"{text}; spans {found.decades:.1f} decades: {scale}"
    return f"{text}; fitted as ln(value)" if found.log else text


def _conflicts(conflicts: tuple[Conflict, ...]) -> list[str]:
    if not conflicts:
        return []
    apart = sorted(conflicts, key=lambda conflict: min(conflict.values) - max(conflict.values))
    named = "; ".join(
        f"{conflict.material} ({', '.join(f'row {row}: {value:.4g}' for row, value in _pairs(conflict)[:_LONE])})"
        for conflict in apart[:NAMED]
    )
    more = f"; and {len(apart) - NAMED} more" if len(apart) > NAMED else ""
    return [f"different values of one composition, the median counts: {named}{more}"]


def _pairs(conflict: Conflict) -> list[tuple[int, float]]:
    """Rows of a conflict with their values."""
    return list(zip(conflict.rows, conflict.values, strict=True))


def _shared(overlap: Overlap, materials: int) -> str:
    rows = f"{overlap.name}: {overlap.rows:,} rows"
    return rows if overlap.shared is None else f"{rows}, has {overlap.shared:,} of your {materials:,} materials"
