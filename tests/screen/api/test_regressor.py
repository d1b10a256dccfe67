"""The estimator keeps scikit-learn's rules where materials allow."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

from kakehashi.catalogs.records import UserError
from kakehashi.screen.api.regressor import TransferRegressor

FORMULAS = ["LiF", "NaCl", "KBr", "MgO", "CaO", "SrO", "ZnS", "GaAs", "InP", "CdTe", "BeO", "BN", "AlN", "GaN", "InN"]
GAPS = np.array([14.2, 8.5, 7.4, 7.8, 7.1, 5.2, 3.7, 1.42, 1.34, 1.5, 10.6, 6.4, 6.0, 3.4, 0.7])
NEEDS_NUMBERS = "its matrix of numbers is refused: materials are text, one column"
# Checks that fit matrices of numbers; what they look at is looked at below with formulas.
EXPECTED = dict.fromkeys(
    (
        "check_fit_score_takes_y", "check_estimators_overwrite_params", "check_dont_overwrite_parameters",
        "check_estimators_fit_returns_self", "check_readonly_memmap_input", "check_positive_only_tag_during_fit",
        "check_estimators_dtypes", "check_pipeline_consistency", "check_estimators_pickle",
        "check_f_contiguous_array_estimator", "check_regressors_train", "check_regressor_data_not_an_array",
        "check_regressors_no_decision_function", "check_regressors_int", "check_methods_sample_order_invariance",
        "check_methods_subset_invariance", "check_fit2d_1sample", "check_fit2d_1feature", "check_dict_unchanged",
        "check_fit_idempotent", "check_fit_check_is_fitted", "check_n_features_in",
    ),
    NEEDS_NUMBERS,
) | {"check_estimator_sparse_array": "of one column it makes an array that scipy has not"}  # fmt: skip


def plain(**words: Any) -> TransferRegressor:
    return TransferRegressor(foundation="none", heads=("ridge",), outer_folds=2, cache=False, **words)


@pytest.fixture(scope="module")
def fitted() -> TransferRegressor:
    return plain().fit(FORMULAS, GAPS)


def test_checks_of_scikit_learn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)  # of checks that are skipped
        results = check_estimator(plain(), expected_failed_checks=EXPECTED, on_fail=None, on_skip=None)
    status = {result["check_name"]: result["status"] for result in results}
    assert [name for name, one in status.items() if one == "failed"] == []
    assert sum(one == "passed" for one in status.values()) >= 15


def test_fitting_leaves_parameters_and_data_alone(fitted: TransferRegressor) -> None:
    formulas, gaps = list(FORMULAS), GAPS.copy()
    before = plain().get_params()
    again = plain().fit(formulas, gaps)
    assert (formulas, gaps.tolist(), again.get_params()) == (FORMULAS, GAPS.tolist(), before)
    np.testing.assert_array_equal(again.predict(FORMULAS), fitted.predict(FORMULAS))
    assert (again.n_features_in_, clone(again).get_params()) == (1, before)
    assert not hasattr(clone(again), "model_")


def test_one_column_in_any_form(fitted: TransferRegressor) -> None:
    expected = fitted.predict(["MgO", "BeO"])
    forms = (
        np.array(["MgO", "BeO"]), np.array([["MgO"], ["BeO"]], dtype=object), [["MgO"], ["BeO"]],
        pd.DataFrame({"material": ["MgO", "BeO"]}), pd.Series(["MgO", "BeO"]),
    )  # fmt: skip
    for form in forms:
        np.testing.assert_array_equal(fitted.predict(form), expected)
    np.testing.assert_array_equal(fitted.predict(["BeO", "MgO"]), expected[::-1])


def test_intervals_hold_the_mean(fitted: TransferRegressor) -> None:
    mean, lower, upper = fitted.predict(FORMULAS, return_interval=True)
    assert (lower < mean).all()
    assert (mean < upper).all()


def test_it_joins_a_pipeline_and_cross_validation() -> None:
    scores = cross_val_score(plain(), np.array(FORMULAS), GAPS, cv=3, scoring="neg_mean_absolute_error")
    assert (np.isfinite(scores) & (scores < 0)).all()
    strip = FunctionTransformer(lambda texts: [text.strip() for text in texts])
    pipeline = Pipeline([("strip", strip), ("model", plain())]).fit([f" {text} " for text in FORMULAS], GAPS)
    np.testing.assert_array_equal(pipeline.predict(FORMULAS), plain().fit(FORMULAS, GAPS).predict(FORMULAS))


def test_a_copy_goes_by_the_saved_form(fitted: TransferRegressor) -> None:
    state = fitted.__getstate__()
    assert {type(data) for data in state["saved_model"].values()} == {bytes}
    assert "model_" not in state
    np.testing.assert_array_equal(copy.deepcopy(fitted).predict(FORMULAS), fitted.predict(FORMULAS))


def test_smiles_are_told_from_formulas() -> None:
    smiles = ["*CC*", "*CC(C)*", "*CC(c1ccccc1)*", "*CC(Cl)*", "*CC(F)*", "*CO*", "*CCO*", "*CC(C#N)*", "*CC(O)*",
              "*CC(C)(C)*"]  # fmt: skip
    fit = plain().fit(smiles, np.arange(10.0))
    assert fit.model_.target.molecules is not None
    assert fit.predict(["*CC(Br)*"]).shape == (1,)


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        ([*FORMULAS[:-1], "Xx"], GAPS, "1 of 15 rows cannot be used: row 15 (Xx): unknown element Xx"),
        ([*FORMULAS[:-1], 3], GAPS, "row 15: expected a formula or SMILES as text, got int '3'"),
        (FORMULAS, GAPS[:-1], "y: expected 15 numbers, got an array of shape (14,)"),
        (FORMULAS, [*GAPS[:-1], np.nan], "y: expected finite numbers, got nan in row 15"),
        (FORMULAS[:5], GAPS[:5], "at least 10 are needed"),
        (np.zeros((15, 2)), GAPS, "expected one column of formulas or SMILES, got an array of shape (15, 2)"),
    ],
)
def test_what_cannot_be_fitted_is_said(X: Any, y: Any, said: str) -> None:
    with pytest.raises(UserError) as raised:
        plain().fit(X, y)
    assert said in str(raised.value)


def test_what_cannot_be_predicted_is_said(fitted: TransferRegressor) -> None:
    with pytest.raises(UserError, match=r"1 of 2 materials cannot be predicted: row 2 \(Xx\): unknown element Xx"):
        fitted.predict(["MgO", "Xx"])
    with pytest.raises(UserError, match="random_state: expected a whole number from 0 on"):
        plain(random_state=-1).fit(FORMULAS, GAPS)
