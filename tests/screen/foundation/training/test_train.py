"""How rows are drawn and values weighted."""

import numpy as np
import pytest

from kakehashi.screen.foundation.training.train import (
    CHUNK,
    FoundationCourse,
    _chances,
    _weights,
    chunks,
    rounded,
    train_network,
)

KNOWN = np.zeros((1000, 3), bool)
KNOWN[:, 0] = True
KNOWN[:100, 1] = True
KNOWN[50:60, 2] = True


def test_half_of_the_draws_go_by_inverse_task_size():
    chances = _chances(KNOWN, 0.5)
    assert chances.sum() == pytest.approx(1)
    # A third of that half goes to each task, spread over its rows.
    assert chances[55] == pytest.approx(0.5 / 1000 + 0.5 / 3 * (1 / 1000 + 1 / 100 + 1 / 10))
    assert chances[999] == pytest.approx(0.5 / 1000 + 0.5 / 3 / 1000)
    np.testing.assert_allclose(_chances(KNOWN, 0.0), 1 / 1000)


def test_every_task_counts_the_same():
    chances = _chances(KNOWN, 0.5)
    weights = _weights(KNOWN, chances, 64)
    np.testing.assert_allclose(64 * (chances[:, None] * KNOWN).sum(axis=0) * weights, 1 / 3, rtol=1e-6)
    assert _weights(np.c_[KNOWN, np.zeros(1000, bool)], chances, 64)[3] == 0


def test_length_follows_from_all_formulas():
    course = FoundationCourse(epochs=10, batch=100)
    assert chunks(50_000, course) * CHUNK * 100 == 10 * 50_000
    assert chunks(3, course) == 1


@pytest.mark.fault
def test_rows_without_values_are_refused():
    x, y = np.zeros((4, 5), np.float32), np.full((4, 2), np.nan, np.float32)
    y[:3, 0] = 1
    for rows in (np.array([], np.int64), np.array([0, 3])):
        with pytest.raises(ValueError, match="expected rows with values"):
            train_network((0,), x, y, rows, FoundationCourse())


def test_half_precision_costs_little(planted_data, planted_foundation):
    from kakehashi.screen.foundation.forward import predictions
    from kakehashi.screen.foundation.inputs import inputs_of

    foundation = planted_foundation.foundation
    x = inputs_of(foundation.scaling, planted_data.compositions)
    rows = np.arange(len(x))
    course = FoundationCourse(widths=(64, 32), epochs=20, batch=64)
    network = train_network((1,), x, planted_data.y, rows, course)
    off = np.abs(predictions([network], x) - predictions([rounded(network)], x))
    assert 0 < off.max() < 1e-2
