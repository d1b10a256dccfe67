"""Merge rows to one value per material.

Rows hold formulas or SMILES and values; every one is accounted for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.properties import impossible
from kakehashi.catalogs.properties.refused import refused_lines
from kakehashi.catalogs.quantities import Quantity
from kakehashi.catalogs.records import Compositions, FloatArray, Molecules, PropertyTable, Rejected, UserError

Integers = NDArray[np.int64]
NO_LOG = "the logarithm needs a value above 0"
NO_INFINITY = "the value is infinite"


def assemble(
    name: str,
    formulas: Sequence[str | None],
    values: FloatArray,
    *,
    ids: Sequence[str] | None = None,
    folds: Integers | None = None,
    log: bool = False,
    minimum: int = 10,
    quantity: str = "",
    unit: str = "",
    source: str = "",
    licence: str = "",
    sha256: str = "",
    notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
    where: str = "",
    attachments: tuple[int, ...] | None = None,
    guarded: bool = False,
    collect: bool = False,
) -> PropertyTable:
    """Merge rows of a property to one value per material.

    Rows that cannot be used are set aside with their reasons; several values of a material become their median.

    `values` holds NaN where missing; `folds` a fold number per row; `where` names the file in errors; where
    `attachments` is given, `formulas` are SMILES with one of these numbers of `*`, merged by their keys, and read in
    processes of their own if `guarded`. To `collect` makes a row with an infinite value a refused one, not an error.

    Raises
    ------
    UserError
        For an infinite value, temperatures without a unit that cannot be in K, a formula spread over several folds,
        values that are all equal, or fewer than `minimum` usable compositions.
    """
    where = where or name
    noun = "formula" if attachments is None else "molecule"
    values = np.asarray(values, dtype=np.float64)
    infinite = np.isinf(values)
    if infinite.any() and not collect:
        row = int(np.flatnonzero(infinite)[0])
        raise UserError(
            f"{where}: row {row + 1} ({formulas[row]}): the value is infinite; correct it or leave it empty"
        )
    present = np.flatnonzero(~np.isnan(values))
    labels = [str(row + 1) for row in range(len(values))] if ids is None else list(ids)
    read = _read([formulas[row] for row in present.tolist()], attachments, guarded)
    reasons = np.array(read.reasons, dtype=object)
    reasons[(reasons == "") & infinite[present]] = NO_INFINITY
    of = Quantity(quantity or name, unit)
    legible = np.flatnonzero(reasons == "")
    mixed = _mixed(values[present[legible]], read.keys[legible], of, name)
    impossible.ask_unit(where, name, of, formulas, np.where(infinite, np.nan, values), mixed)
    reasons = value_reasons(reasons, values[present], of, name, log)
    rejected = tuple(
        Rejected(name, row + 1, labels[row], formulas[row] or "", str(reason), float(values[row]))
        for row, reason in zip(present.tolist(), reasons, strict=True)
        if reason
    )
    good = np.flatnonzero(reasons == "")
    rows = present[good]
    keys = read.keys[good]
    first, group = _groups(keys)
    merged, counts = _medians(values[rows], group, len(first))
    isomers = 0
    if attachments is not None and len(first) < len(rows):
        from kakehashi.catalogs.molecules.stereo import told_apart

        isomers = told_apart(zip(group.tolist(), (str(formulas[row]) for row in rows), strict=True), attachments)
    table = PropertyTable(
        name=name,
        quantity=quantity or name,
        unit=unit,
        ids=tuple(labels[row] for row in rows[first]),
        materials=tuple(str(formulas[row]) for row in rows[first]),
        keys=tuple(keys[first]),
        compositions=read.compositions.take(good[first]),
        molecules=None if attachments is None else Molecules(tuple(read.smiles[good[first]]), tuple(keys[first])),
        values=merged,
        log=log,
        folds=None if folds is None else _one_fold_each(folds[rows], group, first, keys, where),
        source=source,
        licence=licence,
        sha256=sha256,
        rows=len(values),
        missing=len(values) - len(present),
        unmeasured=()
        if attachments is None
        else tuple(formulas[i] or "" for i in np.flatnonzero(np.isnan(values)).tolist()),
        rejected=rejected,
        row_numbers=np.asarray(rows[first] + 1, np.int64),
        warnings=(*warnings, *([f"{name}: {mixed}"] if mixed else ()), *placeholder_note(name, rows, formulas, values)),
        notes=(*notes, *_merge_note(values[rows], group, counts, keys[first], noun, isomers)),
    )
    _check_usable(table, minimum, where)
    return table


def value_reasons(
    reasons: NDArray[np.object_], values: FloatArray, quantity: Quantity, column: str, log: bool
) -> NDArray[np.object_]:
    """Add reasons of impossible values to those of rows.

    reasons : (n,) texts, "" for rows that can be used so far
    """
    reasons = np.where(reasons == "", impossible.refusals(values, quantity, column), reasons)
    if log:
        reasons[(reasons == "") & (values <= 0)] = NO_LOG
    return reasons


def placeholder_note(name: str, rows: Integers, materials: Sequence[str | None], values: FloatArray) -> tuple[str, ...]:
    """Name the rows whose values look like placeholders."""
    suspects = rows[impossible.placeholders(values[rows])].tolist()
    if not suspects:
        return ()
    count = f"{len(suspects):,} values look" if len(suspects) > 1 else "1 value looks"
    return (
        f"{name}: {count} like a placeholder for a missing value, far from all others:"
        f" {impossible.shown_rows(suspects, materials, values)}; it is learned from unless these cells are emptied",
    )


def _mixed(values: FloatArray, keys: NDArray[np.object_], quantity: Quantity, column: str) -> str:
    """Describe duplicates that look like mixed units.

    "" where there are none.
    """
    first, group = _groups(keys)
    counts = np.bincount(group, minlength=len(first))
    low, high = _ranges(values, group, len(first))
    several = np.flatnonzero(counts > 1)
    return impossible.mixed_units(quantity, column, low[several], high[several], keys[first[several]])


class _Read(NamedTuple):
    """Parsed rows, n of them.

    Of a row with a reason only the reason holds.
    """

    keys: NDArray[np.object_]
    smiles: NDArray[np.object_]
    compositions: Compositions
    reasons: Sequence[str]


def _read(texts: Sequence[str | None], attachments: tuple[int, ...] | None, guarded: bool) -> _Read:
    from kakehashi.catalogs.formulas.slots import parse_column, reduced_keys

    if attachments is None:
        parsed = parse_column(texts)
        reasons = np.array(parsed.reasons, dtype=object)
        good = np.flatnonzero(reasons == "")
        keys = np.full(len(reasons), "", dtype=object)
        keys[good] = reduced_keys(parsed.compositions.take(good))
        return _Read(keys, keys, parsed.compositions, reasons.tolist())
    from kakehashi.catalogs.molecules import polymers

    parsed_molecules = polymers.parse_column(texts, attachments, guarded)
    smiles, keys = (np.array(part, dtype=object) for part in parsed_molecules.molecules)
    return _Read(keys, smiles, polymers.atoms(parsed_molecules.molecules), parsed_molecules.reasons.tolist())


def _groups(keys: NDArray[np.object_]) -> tuple[Integers, Integers]:
    """Number the distinct keys.

    Returns the first row of each key, in order of appearance, and the number of each row.
    """
    numbers: dict[str, int] = {}
    group = np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), np.int64, len(keys))
    first = np.unique(group, return_index=True)[1].astype(np.int64)
    return first, group


def _medians(values: FloatArray, group: Integers, groups: int) -> tuple[FloatArray, Integers]:
    """Return the median and the count of each group."""
    ordered = values[np.lexsort((values, group))]
    counts = np.bincount(group, minlength=groups).astype(np.int64)
    start = np.cumsum(counts) - counts
    low, high = ordered[start + (counts - 1) // 2], ordered[start + counts // 2]
    # low + (high - low) / 2 returns a value unchanged where both are the same.
    return low + (high - low) / 2, counts


def _ranges(values: FloatArray, group: Integers, groups: int) -> tuple[FloatArray, FloatArray]:
    """Return the smallest and the largest value of each group."""
    low, high = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(low, group, values)
    np.maximum.at(high, group, values)
    return low, high


def _merge_note(
    values: FloatArray, group: Integers, counts: Integers, keys: NDArray[np.object_], noun: str, isomers: int
) -> tuple[str, ...]:
    """Describe how far the values of one material lie apart.

    isomers : number of materials whose rows are stereoisomers
    """
    several = np.flatnonzero(counts > 1)
    if not len(several):
        return ()
    low, high = _ranges(values, group, len(counts))
    if (values > 0).all():
        worst = several[np.argmax(high[several] / low[several])]
        spread = f"{high[worst] / low[worst]:.3g}x"
    else:
        worst = several[np.argmax(high[several] - low[several])]
        spread = f"{high[worst] - low[worst]:.3g}"
    number = f"{len(several):,} {noun}{'s' if len(several) > 1 else ''}"
    note = f"{number} had several values; merged to their median, largest spread {spread} ({keys[worst]})"
    if isomers:
        note += f"; {isomers:,} of them as stereoisomers (cis and trans, R and S, tacticity), which share one name here"
    return (note,)


def _one_fold_each(
    folds: Integers, group: Integers, first: Integers, keys: NDArray[np.object_], where: str
) -> Integers:
    expected = folds[first]
    torn = np.flatnonzero(folds != expected[group])
    if len(torn):
        row = torn[0]
        raise UserError(
            f"{where}: {keys[row]} is in folds {expected[group[row]]} and {folds[row]}; "
            "all rows of one reduced formula must share a fold"
        )
    return expected


def _check_usable(table: PropertyTable, minimum: int, where: str) -> None:
    if len(table) < minimum:
        merged = table.rows - table.missing - len(table.rejected) - len(table)
        same = f", {merged} of a material that another row has" if merged else ""
        what = "compositions" if table.molecules is None else "molecules"
        reasons = "".join(f"; {line}" for line in refused_lines(table, 3))
        raise UserError(
            f"{where}: {len(table)} usable {what} of {table.rows} rows "
            f"({table.missing} without a value, {len(table.rejected)} rejected{same}); "
            f"at least {minimum} are needed{reasons}"
        )
    if len(table) > 1 and (table.values == table.values[0]).all():
        raise UserError(f"{where}: all {len(table)} values equal {table.values[0]:g}; there is nothing to learn")
