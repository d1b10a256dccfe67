"""Heads that see blocks of raw descriptors: compiled scoring gives what the fitted stack gives."""

import numpy as np
import pytest

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import Molecules
from kakehashi.screen.networks.source import Library
from kakehashi.screen.scoring.batches import predict_components, predict_descriptors
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import transfer
from kakehashi.screen.transfer.stack import predict_stack

CHOICE = "ecfp4@ring/atom+connectivity@ring/atom+backbone"
UNITS = [f"*N{'C' * k}NC(=O){'C' * m}C(=O)*" for k in range(2, 8) for m in range(1, 6)]
NEW = [f"*O{'C' * k}OC(=O)c1ccc(C(=O)*)cc1" for k in range(2, 9)] + ["*CC(*)c1ccccc1"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("units") / "units.csv"
    rows = [f"{unit},{0.2 + 0.02 * unit.count('C') - 0.1 * np.sin(len(unit))}" for unit in UNITS]
    path.write_text("smiles,tc\n" + "\n".join(rows) + "\n")
    target = load_table(f"{path}:tc")
    return transfer(Library((), CHOICE, 0), target, outer=2, inner=2, families=False)


def test_the_head_joins_the_default_where_environments_are_counted(model):
    assert any("block-gp" in name for name in (*model.stack.names, *model.stack.left_out))
    assert any(entry.head == "block-gp" for entry in model.leaderboard)


def test_compiled_scores_are_the_stacks(model):
    features = compute_features(model.library, Molecules(tuple(NEW), tuple(NEW)))
    expected = predict_stack(model.stack, features, np.arange(len(NEW)))
    found = predict_descriptors(make_scorer(model).device_model, features.raw)
    scale = model.target.y.std()
    np.testing.assert_allclose(found.mean, expected[0], atol=2e-3 * scale)
    np.testing.assert_allclose(found.spread, expected[1], rtol=2e-2, atol=1e-2 * scale)
    parts = predict_components(make_scorer(model).device_model, features.raw)
    np.testing.assert_allclose(parts.weights @ parts.means, found.mean, atol=1e-4 * scale)


def test_scores_do_not_depend_on_the_batch(model):
    features = compute_features(model.library, Molecules(tuple(NEW), tuple(NEW)))
    device = make_scorer(model).device_model
    together = predict_descriptors(device, features.raw)
    for row in (0, len(NEW) - 1):
        alone = predict_descriptors(device, features.raw[row : row + 1])
        assert alone.mean[0] == together.mean[row]
        assert alone.spread[0] == together.spread[row]
