"""Read the tables of a run for its report: the record and leading rows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kakehashi.catalogs.reading.parquet_files import batch_rows, in_pieces
from kakehashi.catalogs.records import UserError
from kakehashi.screen.runs.record_file import RECORD, load_record


class Row(dict[str, Any]):
    """Record that returns None for an absent entry.

    The report shows a dash or leaves the line out.
    """

    def __missing__(self, key: str) -> None:
        return None


MAX_ROWS = 1000
# Rows of these reserved for the best candidates inside or at the edge of the domain, wherever they rank: far from the
# target's compounds the top of a ranking is all extrapolation.
ROWS_IN_DOMAIN = 400
MAX_POINTS = 1000
MAX_EXTRA_COLUMNS = 16
MAX_TEXT = 240
MAX_REASONS = 40
EMBEDDED_BYTES = 600_000


@dataclass(frozen=True, slots=True)
class Table:
    """Leading rows of a Parquet table; `total` counts all of them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int

    def records(self) -> list[Row]:
        """Rows as mappings.

        Of columns with the same name the first counts.
        """
        return [Row(zip(reversed(self.columns), reversed(row), strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class RunData:
    """Data of a report; None for an absent table."""

    run: Row
    ranking: Table | None
    leaderboard: Table | None
    predictions: Table | None
    quarantined: list[Row]
    rejected: list[Row]
    files: tuple[str, ...]


FILES = {
    "ranking.parquet": "every ranked candidate with all its columns",
    "ranking.csv": "the same ranking as text",
    "scores": "predictions for every candidate scored",
    "leaderboard.parquet": "every model compared in cross-validation",
    "predictions.parquet": "out-of-fold predictions of the recommended model",
    "quarantine.parquet": "catalogue rows that could not be scored, with the reason",
    "quarantine.csv": "the same rows as text",
    "quarantine_training.parquet": "target and source rows that could not be used",
    "quarantine_training.csv": "the same rows as text",
    "run.json": "configuration, versions, hashes and timings of the run",
}


def read_run(directory: Path) -> RunData:
    """Data of the run in a directory.

    Raises
    ------
    UserError
        Code 2 where there is no run.json, 6 where a file is there but cannot be read.
    """
    run = Row(load_record(directory / RECORD))
    counted = mappings(run, "quarantine_reasons")
    return RunData(
        run=run,
        ranking=_best(directory / "ranking.parquet"),
        leaderboard=first_rows(directory / "leaderboard.parquet", 400),
        predictions=spaced_rows(directory / "predictions.parquet", MAX_POINTS),
        quarantined=counted or count_reasons(directory / "quarantine.parquet", ("reason",)),
        rejected=count_reasons(directory / "quarantine_training.parquet", ("table", "reason")),
        files=tuple(name for name in FILES if (directory / name).exists()),
    )


def mapping(record: Mapping[str, Any], key: str) -> Row:
    """Mapping at `record[key]`, empty where there is none."""
    value = record.get(key)
    return Row(value) if isinstance(value, Mapping) else Row()


def mappings(record: Mapping[str, Any], key: str) -> list[Row]:
    """Mappings in the list at `record[key]`, empty where there is none."""
    value = record.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [Row(item) for item in value if isinstance(item, Mapping)]


def texts(record: Row, key: str) -> list[str]:
    """Texts in the list at `record[key]`.

    A single text is a list of one.
    """
    value = record.get(key)
    return [str(item) for item in value] if isinstance(value, list) else [str(value)] if value else []


def real(value: Any) -> float | None:
    """Finite float, or None.

    >>> real(2), real(float("nan")), real("2")
    (2.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def script_json(value: Any) -> str:
    """JSON that is safe inside a script element.

    Without <, >, & and line separators.

    >>> "<" in script_json({"formula": "</script>"})
    False
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def plain(value: Any) -> Any:
    """Table cell as JSON.

    Six significant digits, long texts cut, NaN and infinities as text.
    """
    if value is None or isinstance(value, bool | int):
        # browsers round integers beyond 2**53
        return str(value) if isinstance(value, int) and abs(value) > 2**53 else value
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _corrupt(path: Path, error: Exception) -> UserError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(f"{path} cannot be read ({first}): restore the file or repeat the run", 6)


def _rows(table: pa.Table | pa.RecordBatch) -> tuple[tuple[Any, ...], ...]:
    columns = [column.to_pylist() for column in table.columns]
    return tuple(zip(*columns, strict=True)) if columns else ()


def first_rows(path: Path, limit: int) -> Table | None:
    """First `limit` rows of a Parquet file; None without a file."""
    if not path.exists():
        return None
    try:
        with in_pieces(path) as file:
            batch = next(file.iter_batches(batch_size=limit), None)
            names = tuple(file.schema_arrow.names)
            return Table(names, () if batch is None else _rows(batch), file.metadata.num_rows)
    except (OSError, pa.ArrowException) as error:
        raise _corrupt(path, error) from None


def _best(path: Path) -> Table | None:
    """First rows of a ranking, then the best in domain.

    At most `MAX_ROWS` in all.
    """
    if not path.exists():
        return None
    try:
        with in_pieces(path) as file:
            names, total = tuple(file.schema_arrow.names), file.metadata.num_rows
            if names.count("domain") != 1 or total <= MAX_ROWS:
                return first_rows(path, MAX_ROWS)
            first = MAX_ROWS - ROWS_IN_DOMAIN
            near: list[int] = []
            start = 0
            for batch in file.iter_batches(columns=["domain"], use_threads=False):
                near += [start + i for i, where in enumerate(batch.column(0).to_pylist()) if where in ("in", "edge")]
                start += batch.num_rows
                if len(near) >= MAX_ROWS:
                    break
            wanted = [*range(first), *[i for i in near if i >= first][:ROWS_IN_DOMAIN]]
            start, pieces = 0, list[tuple[Any, ...]]()
            for batch in file.iter_batches(batch_size=batch_rows(file), use_threads=False):
                inside = [i - start for i in wanted if start <= i < start + batch.num_rows]
                pieces += _rows(batch.take(pa.array(inside, pa.int64())))
                start += batch.num_rows
                if start > wanted[-1]:
                    break
            return Table(names, tuple(pieces), total)
    except (OSError, pa.ArrowException) as error:
        raise _corrupt(path, error) from None


def spaced_rows(path: Path, limit: int) -> Table | None:
    """At most `limit` rows, evenly spaced through a Parquet file."""
    if not path.exists():
        return None
    try:
        with in_pieces(path) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise _corrupt(path, error) from None
    total = table.num_rows
    if total > limit:
        table = table.take(pa.array([k * total // limit for k in range(limit)]))
    return Table(tuple(table.column_names), _rows(table), total)


def count_reasons(path: Path, keys: tuple[str, ...]) -> list[Row]:
    """Rows per distinct `keys`, most frequent first.

    Each with its first formula.
    """
    if not path.exists():
        return []
    counts: dict[tuple[str, ...], int] = {}
    examples: dict[tuple[str, ...], str] = {}
    try:
        with in_pieces(path) as file:
            names = file.schema_arrow.names
            wanted = [name for name in (*keys, "formula") if names.count(name) == 1]
            for batch in file.iter_batches(columns=wanted):
                columns = {
                    name: pc.fill_null(pc.cast(batch.column(name), pa.string()), "").to_pylist() for name in wanted
                }
                blank = [""] * batch.num_rows
                formulas = columns.get("formula", blank)
                groups = zip(*(columns.get(key, blank) for key in keys), strict=True)
                for group, formula in zip(groups, formulas, strict=True):
                    counts[group] = counts.get(group, 0) + 1
                    examples.setdefault(group, formula)
    except (OSError, pa.ArrowException) as error:
        raise _corrupt(path, error) from None
    order = sorted(counts, key=lambda group: (-counts[group], group))
    return [
        Row({**dict(zip(keys, group, strict=True)), "count": counts[group], "example": examples[group]})
        for group in order
    ]
