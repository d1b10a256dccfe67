"""The best network is chosen without the fold it predicts."""

import numpy as np
import pytest

from kakehashi.screen.studies.fits import choose_network


def test_the_best_network_is_chosen_without_the_fold_it_predicts() -> None:
    y, folds = np.zeros(6), np.array([0, 0, 1, 1, 2, 2])
    # the first is perfect on fold 0 alone, the second good everywhere else
    predictions = np.array([[0, 0, 9, 9, 9, 9], [30, 30, 1, 1, 1, 1], [4, 4, 4, 4, 4, 4.0]])
    found = choose_network(predictions, y, folds)
    assert found.network == 2
    assert found.mae.tolist() == [6.0, pytest.approx(64 / 6), 4.0]
    assert found.hindsight.tolist() == [4.0] * 6
    assert found.unseen.tolist() == [30, 30, 4, 4, 4, 4]
