"""A scikit-learn estimator of materials: formulas or SMILES in, a property out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.properties.material_columns import holds_smiles
from kakehashi.catalogs.records import FloatArray, PropertyTable, UserError
from kakehashi.screen.api.fitted import FittedModel, load_model
from kakehashi.screen.api.transfer import pretrain, transfer
from kakehashi.screen.heads.registry import DEFAULT_HEADS
from kakehashi.screen.prediction.materials import read_materials


class TransferRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Transferred model as an estimator of scikit-learn.

    Parameters
    ----------
    sources : properties to pre-train on, names or FILE:COLUMN; their rows of the training materials are left out.
    foundation : as for `kh.transfer`; "none" for none.
    log : fit ln(y).
    heads, outer_folds, networks, descriptors : as for `kh.transfer` and `kh.pretrain`.
    random_state : a whole number; None is 0, so that a fit can be repeated.
    cache : keep networks and models, and reuse them.

    Attributes
    ----------
    model_ : the fitted model
    n_features_in_ : 1, the column of materials

    Examples
    --------
    >>> formulas = ["LiF", "NaCl", "KBr", "MgO", "CaO", "SrO", "ZnS", "GaAs", "InP", "CdTe"]
    >>> gaps = [14.2, 8.5, 7.4, 7.8, 7.1, 5.2, 3.7, 1.42, 1.34, 1.5]
    >>> fit = TransferRegressor(foundation="none", heads=("ridge",), outer_folds=2, cache=False).fit(formulas, gaps)
    >>> fit.predict(["MgO", "BeO"]).shape
    (2,)
    >>> mean, lower, upper = fit.predict(["MgO"], return_interval=True)
    >>> bool(lower[0] < mean[0] < upper[0])
    True
    """

    def __init__(
        self,
        sources: Sequence[str] = (),
        *,
        foundation: str = "",
        log: bool = False,
        heads: Sequence[str] = DEFAULT_HEADS,
        outer_folds: int = 10,
        networks: int | None = None,
        descriptors: str | None = None,
        random_state: int | None = None,
        cache: bool = True,
    ) -> None:
        self.sources = sources
        self.foundation = foundation
        self.log = log
        self.heads = heads
        self.outer_folds = outer_folds
        self.networks = networks
        self.descriptors = descriptors
        self.random_state = random_state
        self.cache = cache

    def fit(self, X: Any, y: Any) -> Self:
        """Fit a model; the estimator.

        X : n formulas or SMILES as a list, an array (n,) or (n, 1), or a frame of one column
        y : (n,) finite values; several of one material count as their median

        Raises
        ------
        UserError : a material that cannot be read, numbers that do not fit, or fewer than 10 materials.
        """
        texts = _texts(X)
        values = _values(y, len(texts))
        seed = _seed(self.random_state)
        table = _table(texts, values, log=self.log)
        library = pretrain(
            list(self.sources), exclude=table, networks=self.networks, seed=seed, descriptors=self.descriptors,
            cache=self.cache, progress=False,
        )  # fmt: skip
        self.model_ = transfer(
            library, table, outer_folds=self.outer_folds, seed=seed, heads=tuple(self.heads),
            foundation=self.foundation, cache=self.cache, progress=False,
        )  # fmt: skip
        self.n_features_in_ = 1
        return self

    def predict(self, X: Any, return_interval: bool = False) -> Any:
        """Predict materials; (n,) values in the unit of y.

        return_interval : return mean, lower and upper end of the 90 % interval, (n,) each

        Raises
        ------
        UserError : a material that cannot be predicted, with the reason.
        """
        check_is_fitted(self, "model_")
        model: FittedModel = self.model_
        table = model.predict(_texts(X), as_arrow=True)
        mean, lower, upper = (np.asarray(table[name].to_numpy(), np.float64) for name in ("mean", "lower", "upper"))
        if len(bad := np.flatnonzero(~np.isfinite(mean))):
            first = table.slice(int(bad[0]), 1).to_pylist()[0]
            what = first.get("formula", first.get("smiles"))
            raise UserError(
                f"{len(bad)} of {len(mean)} materials cannot be predicted: row {bad[0] + 1} ({what}): {first['reason']}"
            )
        return (mean, lower, upper) if return_interval else mean

    def __getstate__(self) -> dict[str, Any]:
        """Parameters and the saved form of the model: text and bytes, no objects of our own."""
        state = dict(super().__getstate__())
        if isinstance(model := state.pop("model_", None), FittedModel):
            with TemporaryDirectory(prefix="kakehashi-") as folder:
                files = {path.name: path.read_bytes() for path in sorted(model.save(Path(folder) / "model").iterdir())}
            state["saved_model"] = files
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read the model back from its saved form."""
        files = state.pop("saved_model", None)
        super().__setstate__(state)
        if files is not None:
            with TemporaryDirectory(prefix="kakehashi-") as folder:
                for name, data in files.items():
                    (Path(folder) / Path(name).name).write_bytes(data)
                self.model_ = load_model(folder)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect: text, one column, no missing values."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = True
        tags.no_validation = True
        return tags


def _texts(X: Any) -> list[str]:
    """Materials of X as text; all must be."""
    if hasattr(X, "tocsr"):
        raise UserError("sparse input is not supported: expected formulas or SMILES, one a row")
    shape = getattr(X, "shape", None)
    if shape is not None and (len(shape) != 1 and (len(shape) != 2 or shape[1] != 1)):
        raise UserError(f"expected one column of formulas or SMILES, got an array of shape {tuple(shape)}")
    if hasattr(X, "columns"):
        X = X[X.columns[0]]
    elif shape is None and isinstance(X, list) and X and all(isinstance(row, list | tuple) for row in X):
        if any(len(row) != 1 for row in X):
            raise UserError(f"expected one column of formulas or SMILES, got rows of {len(X[0])}")
        X = [row[0] for row in X]
    read = read_materials(X)
    for row, reason in enumerate(read.reasons, start=1):
        if reason:
            raise UserError(f"row {row}: {reason}; expected formulas or SMILES, one a row")
    return [str(text) for text in read.texts]


def _values(y: Any, rows: int) -> FloatArray:
    try:
        values = np.asarray(y, np.float64)
    except (TypeError, ValueError):
        raise UserError("y: expected numbers") from None
    if values.ndim == 2 and values.shape[1] == 1:
        values = values.ravel()
    if values.shape != (rows,):
        raise UserError(f"y: expected {rows} numbers, got an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise UserError(f"y: expected finite numbers, got {values[~np.isfinite(values)][0]} in row"
                        f" {int(np.flatnonzero(~np.isfinite(values))[0]) + 1}")  # fmt: skip
    return values


def _seed(random_state: int | None) -> int:
    if random_state is None:
        return 0
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer) or random_state < 0:
        raise UserError(f"random_state: expected a whole number from 0 on, got {random_state!r}")
    return int(random_state)


def _table(texts: list[str], values: FloatArray, *, log: bool) -> PropertyTable:
    """Table of training values; every row must be usable."""
    smiles = holds_smiles("X", texts)
    table = assemble("y", texts, values, log=log, attachments=(0, 2) if smiles else None, guarded=True, where="X")
    if table.rejected:
        row = table.rejected[0]
        raise UserError(
            f"{len(table.rejected)} of {len(texts)} rows cannot be used: row {row.row} ({row.formula}): {row.reason}"
        )
    return table
