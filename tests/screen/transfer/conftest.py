"""Features of the planted target, shared by the tests of transfer."""

import pytest

from kakehashi.screen.transfer.features import compute_features


@pytest.fixture(scope="module")
def features(planted, planted_library):
    return compute_features(planted_library, planted.target.compositions)
