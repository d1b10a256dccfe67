"""`kh.learn_together`: networks that learn a target with its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from kakehashi.catalogs.records import Compositions, FloatArray, PropertyTable, UserError
from kakehashi.screen.api.models import read_materials
from kakehashi.screen.device import choose
from kakehashi.screen.device_names import Device
from kakehashi.screen.networks.joint.model import JointModel, Recipe, learn_sources, learn_target, out_of_fold
from kakehashi.screen.networks.source import tell_apart
from kakehashi.screen.screening.tables import as_entry, check_units, load_sources, load_target, specs_of
from kakehashi.screen.transfer.problem import MIN_COMPOUNDS, outer_folds
from kakehashi.screen.validation.folds import Folds


class JointlyLearned(NamedTuple):
    """Networks that learned a target with its sources, and their errors.

    held_out : (n,) predictions of the target's rows, each from networks that knew nothing of its formula but what
        they make of others; in the target's unit
    folds : (n,) fold numbers behind them
    mae : their mean absolute error in the target's unit
    """

    target: PropertyTable
    model: JointModel
    held_out: FloatArray
    folds: Folds
    mae: float

    def __repr__(self) -> str:
        target = self.target
        return (
            f"Networks that learned {target.quantity} of {target.name} with their sources: {len(target):,} known"
            f" values\n  mean absolute error, held out: {self.mae:.4g} {target.unit}".rstrip()
        )

    def predict(self, formulas: Sequence[str]) -> FloatArray:
        """Predict formulas: (n,) means over the networks, in the target's unit.

        Raises
        ------
        UserError : a formula that cannot be read, with the reason.
        """
        compositions = cast(Compositions, read_materials(formulas, "reduced"))
        return _in_unit(self.target, self.model.predict(compositions))


def learn_together(
    target: Any,
    sources: Sequence[Any],
    *,
    unit: Mapping[str, str] | None = None,
    networks: int = 2,
    folds: int = 5,
    seed: int = 0,
    device: Device = "auto",
) -> JointlyLearned:
    """Train networks on a target and its sources at once.

    Measured by cross-validation. For targets of some hundred compositions and more, where the heads of `transfer` fall
    behind; it takes minutes to hours (folds + 1 trainings) and gives no intervals. Where a fold is held out, so are its
    formulas in every source.

    Parameters
    ----------
    target, sources : tables, names, FILE:COLUMN, paths or data frames; no source trains on the target alone.
    unit : of value columns whose names do not say it, by column or FILE:COLUMN.
    networks : averaged.
    folds : of the cross-validation, unless the target has folds of its own.
    device : as for `pretrain`.

    Raises
    ------
    UserError : as `load`; tables of molecules or structures; fewer than 10 compositions, or values that do not vary.

    Examples
    --------
    >>> import kakehashi as kh
    >>> formulas = ["LiF", "NaCl", "KBr", "MgO", "CaO", "SrO", "ZnS", "GaAs", "InP", "CdTe"]
    >>> gaps = {"formula": formulas, "gap_ev": [14.2, 8.5, 7.4, 7.8, 7.1, 5.2, 3.7, 1.42, 1.34, 1.5]}
    >>> learned = kh.learn_together(gaps, [], networks=1, folds=2)
    >>> learned.predict(["GaN", "AlN"]).shape
    (2,)
    """
    choose(device)
    given, entries = as_entry(target), [as_entry(source) for source in sources]
    table = load_target(given, unit)
    if len(table) < MIN_COMPOUNDS or not np.ptp(table.y) > 0:
        raise UserError(f"{table.name}: expected at least {MIN_COMPOUNDS} compositions of different values")
    if networks < 1 or folds < 2:
        raise UserError(f"expected at least 1 network and 2 folds, got {networks} and {folds}")
    tables = load_sources(entries, unit, attachments=(2,))
    check_units(unit, [given, *entries], [table, *tables])
    tables = tell_apart(tables, specs_of(entries), taken=table.name)
    recipe = Recipe(networks, seed)
    outer = outer_folds(table, folds, seed)
    first = learn_sources(tables, recipe, exclude=table.keys) if tables else None
    held_out = _in_unit(table, out_of_fold(table, tables, recipe, outer, first=first))
    model = learn_target(table, tables, recipe, first=first)
    return JointlyLearned(table, model, held_out, outer, float(np.mean(np.abs(held_out - table.values))))


def _in_unit(target: PropertyTable, fitted: FloatArray) -> FloatArray:
    return np.exp(fitted) if target.log else fitted
