"""The other side as its best users would write it: batches, folded heads, compiled steps.

Not a script: the benchmarks beside it import it. `today.py` has what tools do as they come.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs import elements as known
from kakehashi.screen.networks.pyramid import NEGATIVE_SLOPE
from kakehashi.screen.networks.source import Source

Array = NDArray[np.float32]
# Rows of a batch that stays in a processor's cache.
ROWS = 1_024


def numpy_descriptors(elements: NDArray[np.integer], amounts: NDArray[np.floating]) -> Array:
    """The 290 descriptors of slots (n, 16), in some twenty lines of NumPy, single precision."""
    table, parts = known.feature_table().astype(np.float32), []
    for start in range(0, len(elements), ROWS):
        present = elements[start : start + ROWS] >= 0
        width = int(present.sum(axis=1).max())
        e, present = elements[start : start + ROWS, :width], present[:, :width]
        n = amounts[start : start + ROWS, :width].astype(np.float32)
        total = n.sum(axis=1, keepdims=True)
        w = (n / total)[:, None, :]
        rows = table[np.where(present, e, e[:, :1])]  # an empty slot repeats the first element, with weight zero
        ave = (w @ rows)[:, 0]
        var = (w @ (rows - ave[:, None, :]) ** 2)[:, 0]
        parts.append(np.hstack([ave, total * ave, var, rows.max(axis=1), rows.min(axis=1)]))
    return np.concatenate(parts)


class FoldedHead(NamedTuple):
    """A network whose ridge head is one vector per layer.

    layers : kernel, bias and vector of each hidden layer; constant : the rest of the prediction
    """

    layers: tuple[tuple[Array, Array, Array], ...]
    constant: float


def fold_heads(source: Source, heads: Sequence[Any]) -> list[FoldedHead]:
    """Networks with scikit-learn's ridge heads on all their layers folded in."""
    folded = []
    for network, scales, head in zip(source.networks, source.unit_scales, heads, strict=True):
        edges = np.cumsum([len(s) for s in scales])[:-1]
        vectors = [v / s for v, s in zip(np.split(head.coef_, edges), scales, strict=True)]
        layers = tuple(
            (layer.kernel, layer.bias, v.astype(np.float32)) for layer, v in zip(network.hidden, vectors, strict=True)
        )
        folded.append(FoldedHead(layers, float(head.intercept_)))
    return folded


def folded_means(folded: Sequence[FoldedHead], x: Array) -> Array:
    """Mean over the networks (n,), batch by batch; x (n, 290) standardised."""
    out = np.zeros(len(x), np.float32)
    for start in range(0, len(x), ROWS):
        batch, sums = x[start : start + ROWS], out[start : start + ROWS]
        for layers, constant in folded:
            h = batch
            for kernel, bias, vector in layers:
                z = h @ kernel
                z += bias
                sums += z @ vector
                h = np.maximum(z, np.float32(NEGATIVE_SLOPE) * z)
            sums += np.float32(constant)
    return out / np.float32(len(folded))


def torch_means(folded: Sequence[FoldedHead], x: Array, *, short: bool) -> Callable[[], Array] | None:
    """`folded_means` in torch, on descriptors made already; None where torch is not installed.

    short : bfloat16 products
    """
    try:
        import torch
    except ImportError:
        return None
    kind = torch.bfloat16 if short else torch.float32
    held = [
        ([tuple(torch.from_numpy(np.array(part)).to(kind) for part in layer) for layer in layers], constant)
        for layers, constant in folded
    ]
    rows = torch.from_numpy(x).to(kind)

    def means() -> Array:
        parts = []
        with torch.inference_mode():
            for batch in rows.split(ROWS):
                sums = torch.zeros(len(batch))
                for layers, constant in held:
                    h = batch
                    for kernel, bias, vector in layers:
                        z = torch.addmm(bias, h, kernel)
                        sums += (z @ vector).float()
                        h = torch.nn.functional.leaky_relu(z, NEGATIVE_SLOPE)
                    sums += constant
                parts.append(sums.numpy() / len(held))
        return np.concatenate(parts)

    return means


def fused_adam(widths: tuple[int, ...], batches: tuple[Array, Array], rate: float) -> Callable[[], float]:
    """Training of one network as one compiled program: a scan of Adam's steps over batches; its last loss.

    batches : inputs (steps, batch, 290) and targets (steps, batch, 1)
    """
    import jax
    import jax.numpy as jnp
    import optax

    from kakehashi.screen.networks.pyramid import Pyramid, initial_params

    network, optimiser = Pyramid(widths, 1), optax.adam(rate)
    params = initial_params(np.random.default_rng(0), widths, batches[0].shape[-1], 1)

    def loss(params: Any, x: Any, y: Any) -> Any:
        return jnp.mean((network.apply({"params": params}, x) - y) ** 2)

    @jax.jit
    def train(params: Any, batches: Any) -> Any:
        def step(state: Any, batch: Any) -> Any:
            params, moments = state
            value, slope = jax.value_and_grad(loss)(params, *batch)
            updates, moments = optimiser.update(slope, moments)
            return (optax.apply_updates(params, updates), moments), value

        return jax.lax.scan(step, (params, optimiser.init(params)), batches)[1][-1]

    held = jax.device_put(batches)
    return lambda: float(train(params, held))


def compiled_forest(forest: Any) -> Callable[[Array], Array] | None:
    """Prediction of a scikit-learn forest compiled to machine code (tl2cgen), one thread; None where not installed."""
    try:
        import tl2cgen
        import treelite
    except ImportError:
        return None
    folder = tempfile.TemporaryDirectory()
    library = f"{folder.name}/forest.so"
    tl2cgen.export_lib(
        treelite.sklearn.import_model(forest), toolchain="gcc", libpath=library, params={"parallel_comp": 4}
    )
    predictor = tl2cgen.Predictor(library, nthread=1)

    def predict(x: Array) -> Array:
        assert folder  # lives as long as the library in it
        return np.asarray(predictor.predict(tl2cgen.DMatrix(x))).reshape(len(x))

    return predict
