"""Report refused rows of a table, with reasons."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kakehashi.catalogs.properties.impossible import SHOWN, named_rows
from kakehashi.catalogs.records import PropertyTable, Rejected, UserError


def refused_lines(table: PropertyTable, most: int = 6) -> list[str]:
    """Describe the commonest `most` reasons, each with its first rows."""
    grouped: dict[str, list[Rejected]] = {}
    for row in table.rejected:
        grouped.setdefault(row.reason, []).append(row)
    ordered = sorted(grouped.items(), key=lambda pair: -len(pair[1]))
    lines = [
        f"{table.name}: {len(rows):,} of {table.rows:,} rows refused: {reason}: {_first(rows)}"
        for reason, rows in ordered[:most]
    ]
    if rest := ordered[most:]:
        count = sum(len(rows) for _, rows in rest)
        reasons = f"{len(rest):,} other reasons" if len(rest) > 1 else "another reason"
        lines.append(f"{table.name}: {count:,} more row{'s' if count > 1 else ''} refused for {reasons}")
    return lines


def check_rejected(table: PropertyTable, limit: float | None, where: str) -> PropertyTable:
    """Return the table; UserError where too many rows are refused.

    limit : largest share of the rows with a value, None for any
    """
    measured = table.rows - table.missing
    if limit is None or not table.rejected or len(table.rejected) <= limit * measured:
        return table
    share = len(table.rejected) / measured
    raise UserError(
        f"{where}: {len(table.rejected):,} of {measured:,} rows with a value are refused, more than --max-rejected"
        f" {limit:g} allows; {'; '.join(refused_lines(table))}; correct them, or go on without them:"
        f" --max-rejected {math.ceil(share * 100) / 100:g}"
    )


def check_share(limit: float) -> float:
    """Return a share; UserError unless from 0 to 1."""
    if not 0 <= limit <= 1:
        raise UserError(f"--max-rejected: expected a share from 0 to 1, got {limit:g}")
    return limit


def _first(rows: Sequence[Rejected]) -> str:
    """Name the first rows: `row 4 (AlP, -9999) and 2 more`."""
    return named_rows([(row.row, row.formula, row.value) for row in rows[:SHOWN]], len(rows))
