"""Features of the target: standardised predictions and every hidden layer."""

import numpy as np


def test_features_hold_standardised_source_predictions(planted, planted_library, features):
    (source,) = planted_library.sources
    truth = dict(zip(planted.source.keys, planted.source.values, strict=True))
    (task,) = source.tasks
    expected = [(truth[key] - task.centre) / task.scale for key in planted.target.keys]
    assert np.corrcoef(features.predictions[:, 0], expected)[0, 1] > 0.7
    assert [len(layers) for layers in features.layers[0]] == [3, 3, 3, 3]
    assert all(f.shape == (40, w) for f, w in zip(features.layers[0][1], source.networks[1].widths, strict=True))
