"""Choosing among ever more networks of noise gains nothing."""

import numpy as np
import pytest

from kakehashi.screen.studies.polymer.figures import choosing


def test_choosing_among_noise_only_looks_better() -> None:
    rng = np.random.default_rng(1)
    cv, test = rng.normal(1.0, 0.1, (40, 64)), rng.normal(1.0, 0.1, (40, 64))
    looks, holds = choosing(cv, test)
    assert looks[0] == pytest.approx(cv.mean(), abs=0.02)
    assert np.all(np.diff(looks) <= 1e-12)
    assert looks[-1] == pytest.approx(cv.min(axis=1).mean())
    assert holds[-1] == pytest.approx(test[np.arange(40), cv.argmin(axis=1)].mean())
    assert abs(holds[-1] - holds[0]) < 0.05
