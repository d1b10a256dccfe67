"""What the comparisons share: real formulas, the tools of today as their users call them, and how a ratio is printed.

Not a script: the benchmarks beside it import it.
"""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kakehashi.catalogs import elements
from kakehashi.catalogs.properties import transport as embedded_transport
from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.descriptors.scaling import CLAMP
from kakehashi.screen.networks.pretrain import Schedule
from kakehashi.screen.networks.pyramid import NEGATIVE_SLOPE
from kakehashi.screen.networks.source import Library, Settings, Source, pretrain_source
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import Model, transfer
from kakehashi.screen.transfer.plan import Fitted, Plan, fit_plan
from kakehashi.screen.transfer.stack import Stack

Featurizer = Callable[[pd.DataFrame, list[str], list[float]], NDArray[Any]]


def mp_formulas(count: int | None = None) -> list[str]:
    """Distinct reduced Materials Project formulas, all 34,630 that come with matminer or `count` of them, evenly."""
    texts: list[str] = embedded_transport.mp_formulas()["formula"].to_pylist()
    if count is None or count >= len(texts):
        return texts
    return [texts[i] for i in np.linspace(0, len(texts) - 1, count).astype(int)]


def pymatgen_compositions(texts: Sequence[str]) -> list[Any]:
    """One pymatgen Composition after the other."""
    from pymatgen.core import Composition

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [Composition(text) for text in texts]


def element_frame() -> pd.DataFrame:
    """The element table as XenonPy keeps it: a pandas frame by symbol (float64 throughout, its fastest form)."""
    return pd.DataFrame(elements.feature_table(), index=list(elements.SYMBOLS), columns=list(elements.FEATURES))


def _average(table: pd.DataFrame, symbols: list[str], amounts: list[float]) -> NDArray[Any]:
    rows = table.loc[symbols, :].values
    return (amounts / np.sum(amounts)).dot(rows)


def _sum(table: pd.DataFrame, symbols: list[str], amounts: list[float]) -> NDArray[Any]:
    rows = table.loc[symbols, :].values
    return np.array(amounts).dot(rows)


def _variance(table: pd.DataFrame, symbols: list[str], amounts: list[float]) -> NDArray[Any]:
    rows = table.loc[symbols, :].values
    weights = amounts / np.sum(amounts)
    return weights.dot((rows - weights.dot(rows)) ** 2)


def _maximum(table: pd.DataFrame, symbols: list[str], amounts: list[float]) -> NDArray[Any]:
    return table.loc[symbols, :].max().values


def _minimum(table: pd.DataFrame, symbols: list[str], amounts: list[float]) -> NDArray[Any]:
    return table.loc[symbols, :].min().values


FEATURIZERS: dict[str, Featurizer] = {
    "ave": _average,
    "sum": _sum,
    "var": _variance,
    "max": _maximum,
    "min": _minimum,
}


def xenonpy_descriptors(compositions: Sequence[Any], table: pd.DataFrame | None = None) -> pd.DataFrame:
    """The 290 descriptors as XenonPy 0.6.7's `Compositions(n_jobs=1)` goes about them.

    One featurizer after the other, each with a Python loop over the compositions: dictionary, lists, a `.loc` of the
    element frame, a handful of NumPy or pandas calls; then a frame per featurizer, all joined. Left out: its classes
    and exception wrapper, and its default of all processors, which is slower.
    """
    table = element_frame() if table is None else table
    frames = []
    for block, featurizer in FEATURIZERS.items():
        rows = []
        for composition in compositions:
            symbols, amounts = [], []
            for symbol, amount in composition.as_dict().items():
                symbols.append(symbol)
                amounts.append(amount)
            rows.append(featurizer(table, symbols, amounts))
        frames.append(pd.DataFrame(rows, columns=[f"{block}:{name}" for name in table]))
    return pd.concat(frames, axis=1)


def standard_inputs(source: Source, descriptors: pd.DataFrame) -> NDArray[np.float32]:
    """Descriptors as the networks of a source want them."""
    x = (descriptors.values - source.scaling.mean) / source.scaling.scale
    return np.clip(x, -CLAMP, CLAMP).astype(np.float32)


def numpy_features(source: Source, i: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frozen features of network i, all hidden layers side by side, each unit in units of its spread."""
    found = []
    for layer, scales in zip(source.networks[i].hidden, source.unit_scales[i], strict=True):
        z = x @ layer.kernel + layer.bias
        found.append(z / scales)
        x = np.where(z >= 0, z, np.float32(NEGATIVE_SLOPE) * z)
    return np.hstack(found)


class Ratio(NamedTuple):
    """One comparison: what, with what, both as printed, how many times faster, what was aimed at (0: nothing).

    processor : the same ratio in processor time, 0 where it was not measured
    """

    what: str
    ours: str
    theirs: str
    times: float
    goal: float = 0.0
    processor: float = 0.0


class Cost(NamedTuple):
    """Seconds on the wall and of the processor, all threads together."""

    wall: float
    processor: float

    def times(self, other: Cost) -> tuple[float, float]:
        """How many times `other` costs as much, on the wall and of the processor."""
        return other.wall / self.wall, other.processor / self.processor


def cost(work: Callable[[], object], repeats: int = 3) -> Cost:
    """Least wall and processor time of `repeats` runs, garbage collected before each."""
    least = Cost(float("inf"), float("inf"))
    for _ in range(repeats):
        gc.collect()
        wall, processor = time.perf_counter(), time.process_time()
        work()
        spent = Cost(time.perf_counter() - wall, time.process_time() - processor)
        least = Cost(*map(min, least, spent))
    return least


def both(work: Callable[[], object], repeats: int = 3) -> Cost:
    """Least wall time as it comes, and least processor time with one BLAS thread: idle ones spin, and would count."""
    with threadpool_limits(1, "blas"):
        processor = cost(work, repeats).processor
    return Cost(cost(work, repeats).wall, processor)


def best(work: Callable[[], object], repeats: int = 3) -> float:
    """Seconds of the fastest of `repeats` runs, garbage collected before each."""
    return cost(work, repeats).wall


def profile(title: str, parts: dict[str, float]) -> None:
    """Where the seconds go, largest first."""
    total = sum(parts.values())
    print(f"{title}: {total:.1f} s")
    for name, seconds in sorted(parts.items(), key=lambda item: -item[1]):
        print(f"  {seconds:9.2f} s  {seconds / total:4.0%}  {name}")


def conclude(*ratios: Ratio) -> None:
    """Print a `figure:` line (a row of the README's table) and a `ratio:` line for every comparison."""
    for ratio in ratios:
        goal = f"{ratio.goal:g}x" if ratio.goal else "–"
        print(f"figure: {ratio.what} | {ratio.ours} | {ratio.theirs} | {_both(ratio)} | {goal}")
    for ratio in ratios:
        goal = f" (goal {ratio.goal:g}x{'' if ratio.times >= ratio.goal else ', MISSED'})" if ratio.goal else ""
        print(f"ratio: {_both(ratio)}{goal}  {ratio.what}")


def _both(ratio: Ratio) -> str:
    return _times(ratio.times) + (f" ({_times(ratio.processor)} in processor time)" if ratio.processor else "")


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 20 else f"{ratio:.1f}x"


def networks_of(table: PropertyTable, count: int) -> Source:
    """`count` networks of the default shapes, trained for a few epochs: enough to time them."""
    return pretrain_source([table], Settings(count, schedule=Schedule(max_epochs=5)))


def linear_model(source: Source, target: PropertyTable) -> tuple[Model, Fitted]:
    """A model whose only member is a ridge head on all layers of every network, averaged; and that member."""
    library = Library((source,), "reduced", 0)
    measured = transfer(library, target, outer=2, inner=2, heads=["ridge"])
    plan = Plan("frozen", "ridge", 0, 0, tuple(range(len(source.networks))))
    member = fit_plan(plan, compute_features(library, target.compositions), target.y, np.arange(len(target.y)))
    return measured._replace(stack=Stack(("ridge",), (member,), np.ones(1), 0.0)), member


def torch_features(source: Source) -> Callable[[Source, int, NDArray[np.float32]], NDArray[np.float32]] | None:
    """`numpy_features` with torch modules of the same weights, built once; None where torch is not installed."""
    try:
        import torch
    except ImportError:
        return None
    modules = []
    for network in source.networks:
        layers = []
        for layer in network.hidden:
            linear = torch.nn.Linear(*layer.kernel.shape)
            linear.weight.data = torch.from_numpy(np.ascontiguousarray(layer.kernel.T))
            linear.bias.data = torch.from_numpy(np.array(layer.bias))
            layers.append(linear)
        modules.append(layers)

    def features(source: Source, i: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
        found, h = [], torch.from_numpy(x)
        with torch.no_grad():
            for linear, scales in zip(modules[i], source.unit_scales[i], strict=True):
                z = linear(h)
                found.append(z.numpy() / scales)
                h = torch.nn.functional.leaky_relu(z, NEGATIVE_SLOPE)
        return np.hstack(found)

    return features
