"""Networks of XenonPy from plain arrays: no torch, no pickle.

A file holds the state dict of a `SequentialLinear` under the names torch gives it, and two numbers the state dict
lacks. Where XenonPy runs, it is written by

    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    numpy.savez("network.npz", eps=1e-5, negative_slope=0.01, **arrays)

    layer_K.linear.weight                (n_out, n_in), K = 0, 1, ...
    layer_K.linear.bias                  (n_out,)
    layer_K.normalizer.weight, .bias, .running_mean, .running_var    (n_out,), all or none of a layer
    layer_K.normalizer.num_batches_tracked                           not used
    output.weight, output.bias           (n_tasks, n_last), (n_tasks,)
    eps                                  of the batch normalisations: torch's default is 1e-5, XenonPy's models of 2019
                                         have 0.1
    negative_slope                       of the LeakyReLU

`__` may stand for the dots. A layer computes linear, dropout (nothing in evaluation), normalisation, LeakyReLU, in
this order. Inputs and outputs are scaled as they were in training, which such a file does not describe.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.records import UserError
from kakehashi.screen.networks.pyramid import NEGATIVE_SLOPE, Layer, Network

_STATISTICS = ("weight", "bias", "running_mean", "running_var")
_LAYER = re.compile(r"layer_(0|[1-9]\d*)\.(linear|normalizer)\.\w+")

FloatArray = NDArray[np.float64]


def load_network(path: str | Path) -> Network:
    """Read a network from an npz file.

    UserError tells what is wrong with it.
    """
    try:
        arrays = _read(path_of(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: not an npz file of plain arrays: {error}") from None
    try:
        eps, slope = (_number(arrays, name) for name in ("eps", "negative_slope"))
        weights = {name: array for name, array in arrays.items() if name not in ("eps", "negative_slope")}
        return network_from_arrays(weights, eps, slope)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def network_from_arrays(
    arrays: Mapping[str, NDArray[Any]], eps: float, negative_slope: float = NEGATIVE_SLOPE
) -> Network:
    """Build a network from a state dict of XenonPy.

    It carries no validation score.

    Kernels are transposed; each batch normalisation becomes a scale and a shift, worked out in float64.

    Raises
    ------
    UserError : a key that is missing or unknown, a wrong shape or type, a value that is not finite, another slope.
    """
    if np.float32(negative_slope) != np.float32(NEGATIVE_SLOPE):
        raise UserError(f"expected LeakyReLU with negative_slope {NEGATIVE_SLOPE}, got {negative_slope}")
    if not (np.isfinite(eps) and eps > 0):
        raise UserError(f"expected a positive eps of the batch normalisation, got {eps}")
    state = _dotted(arrays)
    numbers = sorted({int(match[1]) for name in state if (match := _LAYER.fullmatch(name))})
    if numbers != list(range(len(numbers))) or not numbers:
        raise UserError(f"expected layer_0, layer_1, ... without a gap, got numbers {numbers or 'none'}")
    hidden: list[Layer] = []
    width: int | None = None
    for k in numbers:
        kernel, bias = _linear(state, f"layer_{k}.linear", width)
        width = len(bias)
        hidden.append(
            Layer(_single(kernel), _single(bias), *_normalisation(state, f"layer_{k}.normalizer", width, eps))
        )
    kernel, bias = _linear(state, "output", width)
    if state:
        raise UserError(f"unknown arrays: {', '.join(sorted(state))}; expected the state dict of a SequentialLinear")
    return Network(tuple(hidden), Layer(_single(kernel), _single(bias)), np.full(len(bias), np.nan), 0)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    with path.open("rb") as stream:  # np.load itself leaves a damaged file open
        file = np.load(stream, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        with file:
            return {name: file[name] for name in file.files}


def _dotted(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays by their torch names."""
    dotted: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        key = name.replace("__", ".")
        if key in dotted:
            raise UserError(f"{key} is given twice, with . and with __")
        dotted[key] = np.asarray(array)
    return dotted


def _linear(state: dict[str, NDArray[Any]], name: str, n_in: int | None) -> tuple[FloatArray, FloatArray]:
    """Kernel (n_in, n_out) and bias of a linear layer.

    Taken out of `given`; any number of inputs for None.
    """
    weight = _take(state, f"{name}.weight")
    if weight.ndim != 2 or 0 in weight.shape or (n_in is not None and weight.shape[1] != n_in):
        wanted = "(n_out, n_in)" if n_in is None else f"(n_out, {n_in})"
        raise UserError(f"{name}.weight: expected shape {wanted}, got {weight.shape}")
    return weight.T, _take(state, f"{name}.bias", len(weight))


def _normalisation(
    state: dict[str, NDArray[Any]], name: str, width: int, eps: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | tuple[None, None]:
    """Scale and shift of a batch normalisation, or None.

    In evaluation mode.
    """
    if not any(key.startswith(f"{name}.") for key in state):
        return None, None
    weight, bias, mean, variance = (_take(state, f"{name}.{part}", width) for part in _STATISTICS)
    state.pop(f"{name}.num_batches_tracked", None)
    if variance.min() < 0:
        raise UserError(f"{name}.running_var: expected no negative value, got {variance.min():g}")
    scale = weight / np.sqrt(variance + eps)
    return _single(scale), _single(bias - mean * scale)


def _take(state: dict[str, NDArray[Any]], name: str, length: int | None = None) -> FloatArray:
    """Take an array out of `given`, checked, in float64.

    length : of a vector; None for any shape
    """
    if name not in state:
        raise UserError(f"{name} is missing")
    array = state.pop(name)
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"{name}: expected floating-point numbers, got {array.dtype}")
    if length is not None and array.shape != (length,):
        raise UserError(f"{name}: expected shape ({length},), got {array.shape}")
    if not np.isfinite(array).all():
        raise UserError(f"{name}: {int((~np.isfinite(array)).sum())} of {array.size} values are not finite")
    return array.astype(np.float64)


def _number(arrays: Mapping[str, NDArray[Any]], name: str) -> float:
    if name not in arrays:
        raise UserError(f"{name} is missing: a state dict does not hold it, so the file must")
    array = arrays[name]
    if array.shape != () or array.dtype.kind not in "fiu":
        raise UserError(f"{name}: expected one number, got {array.dtype} of shape {array.shape}")
    return float(array)


def _single(array: FloatArray) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(single).all():
        raise UserError("a folded weight is beyond the range of float32")
    return single
