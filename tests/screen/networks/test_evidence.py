"""The errors networks are judged by: of rows they were not fitted to, by the textbook, with predictions that repeat."""

from __future__ import annotations

import numpy as np
import pytest

from kakehashi.screen.networks.evidence import METRICS, errors, recompute
from kakehashi.screen.networks.pretrain import Schedule, split


def test_errors_are_those_of_the_textbook() -> None:
    truth, guess = np.array([1.0, 2.0, 3.0, 6.0]), np.array([1.5, 2.0, 2.0, 8.0])
    found = dict(zip(METRICS, errors(truth, guess), strict=True))
    assert found["mae"] == 3.5 / 4
    assert found["max_ae"] == 2.0
    assert found["mse"] == pytest.approx(5.25 / 4)
    assert found["rmse"] == pytest.approx(np.sqrt(5.25 / 4))
    assert found["r2"] == pytest.approx(1 - 5.25 / 14)
    assert found["pearson"] == pytest.approx(np.corrcoef(truth, guess)[0, 1])
    assert found["spearman"] == pytest.approx(np.corrcoef([1, 2, 3, 4], [1, 2.5, 2.5, 4])[0, 1])
    # Student's t of the correlation with two degrees of freedom has the closed form 1 - r.
    assert found["p_value"] == pytest.approx(1 - found["pearson"])


@pytest.mark.parametrize(
    ("truth", "guess", "unknown"),
    [
        ([], [], set(METRICS)),
        ([1.0], [2.0], {"r2", "pearson", "spearman", "p_value"}),
        ([1.0, 2.0, 4.0], [3.0, 3.0, 3.0], {"pearson", "spearman", "p_value"}),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], {"r2", "pearson", "spearman", "p_value"}),
    ],
)
def test_what_cannot_be_said_is_nan(truth: list[float], guess: list[float], unknown: set[str]) -> None:
    found = dict(zip(METRICS, errors(np.array(truth), np.array(guess)), strict=True))
    assert {name for name, value in found.items() if np.isnan(value)} == unknown


def test_a_split_is_a_partition_of_its_own_for_every_network() -> None:
    schedule = Schedule()
    fitted, held = split(3, 1, 200, schedule)
    assert len(held) == 20
    assert sorted([*fitted, *held]) == list(range(200))
    assert set(split(3, 2, 200, schedule)[1]) != set(held)


def test_the_errors_are_of_rows_no_weight_was_fitted_to(planted_library) -> None:
    (source,) = planted_library.sources
    evidence = source.evidence
    assert evidence.scores.shape == (4, 1, len(METRICS))
    assert evidence.rows.tolist() == [[66]] * 4  # a tenth of 700 - 40
    r2 = [network.validation_r2[0] for network in source.networks]
    assert evidence.scores[:, 0, METRICS.index("r2")] == pytest.approx(r2, abs=1e-4)


def test_kept_predictions_are_computed_again_bit_by_bit(planted_library) -> None:
    (source,) = planted_library.sources
    evidence = source.evidence
    again = recompute(source.networks, source.scaling, evidence.probe, "reduced")
    assert again.tobytes() == evidence.predictions.tobytes()
    kernel = source.networks[2].hidden[1].kernel.copy()
    kernel[0, 0] += 0.01
    layers = source.networks[2].hidden
    bent = source.networks[2]._replace(hidden=(layers[0], layers[1]._replace(kernel=kernel), *layers[2:]))
    other = recompute((*source.networks[:2], bent, source.networks[3]), source.scaling, evidence.probe, "reduced")
    same = [other[:, i].tobytes() == evidence.predictions[:, i].tobytes() for i in range(4)]
    assert same == [True, True, False, True]
