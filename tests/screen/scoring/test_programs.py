"""Programs in other precisions: how far means move, and that nothing of a row depends on its batch there either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.formulas.slots import parse_column, reduce
from kakehashi.catalogs.properties.transport import mp_formulas
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.descriptors.composition import compute
from kakehashi.screen.descriptors.scaling import standardise
from kakehashi.screen.networks.features import unit_scales
from kakehashi.screen.networks.pyramid import Network, activations, initial_params, trim_params
from kakehashi.screen.scoring.batches import predict_compositions
from kakehashi.screen.scoring.device_model import DeviceModel, prepare_model
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.plan import Plan, fit_plan
from kakehashi.screen.transfer.stack import Stack

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model

NETWORKS, ROWS, TOP = 8, 2_048, 500
# Relative rounding of a bfloat16 number.
ROUNDING = 2**-9


@pytest.fixture(scope="module")
def model(tiny_model: Model) -> Model:
    """Ridge heads on eight networks of random weights, each on all its hidden layers, averaged."""
    rng, target = np.random.default_rng(0), tiny_model.target
    (source,) = tiny_model.library.sources
    x = np.asarray(standardise(source.scaling, compute(target.compositions)), np.float32)
    networks = []
    for _ in range(NETWORKS):
        widths = (128, 96, 64)
        hidden, output = trim_params(initial_params(rng, widths, x.shape[1], 1), widths)
        networks.append(Network(hidden, output, np.ones(1), 1))
    scales = tuple(unit_scales(activations(network.hidden, x)[0]) for network in networks)
    source = source._replace(networks=tuple(networks), unit_scales=scales)
    library = tiny_model.library._replace(sources=(source,))
    plan = Plan("frozen", "ridge", 0, 0, tuple(range(NETWORKS)))
    member = fit_plan(plan, compute_features(library, target.compositions), target.y, np.arange(len(target.y)))
    return tiny_model._replace(library=library, stack=Stack(("ridge",), (member,), np.ones(1), 0.0))


@pytest.fixture(scope="module")
def real() -> Compositions:
    """Compositions of the Materials Project."""
    texts = mp_formulas()["formula"]
    return reduce(parse_column(texts.take(np.linspace(0, len(texts) - 1, ROWS).astype(int))).compositions)


@pytest.fixture(scope="module")
def fast(model: Model) -> DeviceModel:
    return prepare_model(model, "fast")


def best(mean: np.ndarray) -> set[int]:
    return set(np.argsort(-mean, kind="stable")[:TOP].tolist())


def test_fast_means_are_close_and_the_best_the_same(model: Model, fast: DeviceModel, real: Compositions) -> None:
    exact, found = (predict_compositions(device_model, real) for device_model in (prepare_model(model), fast))
    apart = np.abs(found.mean - exact.mean) / model.target.y.std()
    assert 0 < apart.mean() < ROUNDING
    assert apart.max() < 10 * ROUNDING
    order = np.sort(exact.mean)[::-1]
    for row in best(exact.mean) ^ best(found.mean):  # rows at the end of the list may swap, within the difference
        assert abs(exact.mean[row] - order[TOP - 1]) < 2 * apart.max() * model.target.y.std()
    assert len(best(exact.mean) & best(found.mean)) > 0.98 * TOP
    np.testing.assert_array_equal(found.distance, exact.distance)
    np.testing.assert_array_equal(found.nearest, exact.nearest)


def test_fast_rows_depend_on_nothing_else_in_their_batch(fast: DeviceModel, real: Compositions) -> None:
    rows = np.random.default_rng(0).permutation(1_500)
    pool = predict_compositions(fast, Compositions(real.elements[:1_500], real.amounts[:1_500]))
    turned = predict_compositions(fast, Compositions(real.elements[rows], real.amounts[rows]))
    for column, other in zip(pool, turned, strict=True):
        np.testing.assert_array_equal(column[rows], other)


def test_fast_kernels_take_half_the_memory_and_nothing_else_is_short(fast: DeviceModel, model: Model) -> None:
    kinds = {leaf.dtype for leaf in jax.tree.leaves(fast.arrays)}
    assert kinds == {np.dtype(jnp.bfloat16), np.dtype(np.float32)}
    kernels = [layer.kernel for g in fast.arrays["groups"] for n in g["networks"] for layer in n["hidden"]]
    assert {kernel.dtype for kernel in kernels} == {np.dtype(jnp.bfloat16)}
    assert sum(leaf.dtype == jnp.bfloat16 for leaf in jax.tree.leaves(fast.arrays)) == len(kernels)
    exact = jax.tree.leaves(prepare_model(model).arrays)
    assert not any(leaf.dtype == jnp.bfloat16 for leaf in exact)


def test_scores_of_another_precision_have_another_key(tiny_model: Model) -> None:
    exact, fast = make_scorer(tiny_model), make_scorer(tiny_model, precision="fast")
    assert exact.sha256 == make_scorer(tiny_model, precision="exact").sha256 != fast.sha256
    rows = pa.table({"id": ["a", "b"], "formula": ["MgO", "PbTe"]})
    sent = fast.on_host()
    assert {type(leaf) for leaf in jax.tree.leaves(sent.device_model.arrays)} <= {np.ndarray, np.float32}
    assert sent.on_device()(rows).scores.equals(fast(rows).scores)
    assert not fast(rows).scores["mean"].equals(exact(rows).scores["mean"])
