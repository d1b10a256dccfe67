"""Networks of XenonPy from npz: its predictions and features, and every way a file can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.networks.features import ALL, frozen_features
from kakehashi.screen.networks.pyramid import Network, activations, outputs
from kakehashi.screen.networks.xenonpy import load_network, network_from_arrays

Arrays = dict[str, np.ndarray]


@pytest.fixture
def state(xenonpy: tuple[Network, Arrays]) -> Arrays:
    """The state dict of the golden network under torch's names."""
    named = {key.replace("__", "."): value for key, value in xenonpy[1].items()}
    return {key: value for key, value in named.items() if key.startswith(("layer_", "output."))}


def save(path: Path, arrays: Arrays, **more: object) -> Path:
    np.savez(path, **arrays, **more)  # type: ignore[arg-type]
    return path


def test_a_file_predicts_what_xenonpy_predicted(xenonpy: tuple[Network, Arrays], state: Arrays, tmp_path: Path) -> None:
    network = load_network(save(tmp_path / "network.npz", state, eps=1e-5, negative_slope=0.01))
    stored = xenonpy[1]
    assert network.widths == (165, 101, 80, 44)
    _, after = activations(network.hidden, stored["X"])
    np.testing.assert_allclose(outputs(network, after[-1]), stored["pred"], rtol=1e-5, atol=1e-5)
    features = np.concatenate(frozen_features(network.hidden, stored["X"], ALL), axis=1)
    np.testing.assert_allclose(features, stored["frozen_all"], rtol=1e-5, atol=1e-5)
    assert {layer.kernel.dtype for layer in network.hidden} == {np.dtype(np.float32)}


def test_another_eps_is_another_network(xenonpy: tuple[Network, Arrays], state: Arrays) -> None:
    stored = xenonpy[1]
    old = network_from_arrays(state, eps=0.1)
    _, after = activations(old.hidden, stored["X"])
    assert np.abs(outputs(old, after[-1]) - stored["pred"]).max() > 0.1


def test_a_layer_without_normalisation_has_none(state: Arrays) -> None:
    bare = {key: value for key, value in state.items() if not key.startswith("layer_1.normalizer")}
    network = network_from_arrays(bare, eps=1e-5)
    assert network.hidden[1].scale is None
    assert network.hidden[2].scale is not None


def without(key: str) -> Callable[[Arrays], Arrays]:
    return lambda state: {name: value for name, value in state.items() if name != key}


def changed(key: str, change: Callable[[np.ndarray], object]) -> Callable[[Arrays], Arrays]:
    return lambda state: {**state, key: np.asarray(change(state[key].copy()))}


def spoiled(value: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: np.where(np.arange(array.size).reshape(array.shape) == 3, np.float32(value), array)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (without("layer_2.linear.bias"), "layer_2.linear.bias is missing"),
        (without("layer_0.normalizer.running_var"), "layer_0.normalizer.running_var is missing"),
        (without("output.weight"), "output.weight is missing"),
        (
            lambda state: {k: v for k, v in state.items() if "layer_1" not in k},
            r"without a gap, got numbers \[0, 2, 3\]",
        ),
        (lambda state: {"output.weight": state["output.weight"]}, "got numbers none"),
        (changed("layer_1.linear.weight", np.transpose), r"layer_1.linear.weight: expected shape \(n_out, 165\)"),
        (changed("layer_1.linear.weight", np.ravel), "expected shape"),
        (
            changed("layer_1.linear.bias", lambda a: a[:-1]),
            r"layer_1.linear.bias: expected shape \(101,\), got \(100,\)",
        ),
        (changed("layer_1.normalizer.bias", lambda a: a[:1]), r"expected shape \(101,\), got \(1,\)"),
        (changed("output.bias", lambda a: a[0]), r"output.bias: expected shape \(1,\), got \(\)"),
        (changed("layer_0.linear.weight", spoiled(np.nan)), "layer_0.linear.weight: 1 of 47850 values are not finite"),
        (changed("layer_0.normalizer.bias", spoiled(np.inf)), "layer_0.normalizer.bias: 1 of 165"),
        (changed("layer_0.normalizer.running_var", spoiled(-1)), "expected no negative value, got -1"),
        (changed("output.weight", lambda a: a.astype(np.int64)), "expected floating-point numbers, got int64"),
        (changed("layer_0.linear.bias", lambda a: a.astype(np.float64) * 1e300), "beyond the range of float32"),
        (lambda state: {**state, "X": np.zeros(3)}, "unknown arrays: X"),
        (lambda state: {**state, "layer_0.extra.weight": np.zeros(3)}, "unknown arrays: layer_0.extra.weight"),
        (lambda state: {**state, "output__bias": state["output.bias"]}, "output.bias is given twice"),
    ],
)
def test_faults_are_named(state: Arrays, tmp_path: Path, fault: Callable[[Arrays], Arrays], said: str) -> None:
    wrong = fault(state)
    with pytest.raises(UserError, match=said):
        network_from_arrays(wrong, eps=1e-5)
    path = save(tmp_path / "network.npz", wrong, eps=1e-5, negative_slope=0.01)
    with pytest.raises(UserError, match=f"network.npz: .*{said}"):
        load_network(path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"negative_slope": 0.01}, "eps is missing"),
        ({"eps": 1e-5}, "negative_slope is missing"),
        ({"eps": 1e-5, "negative_slope": 0.0}, "expected LeakyReLU with negative_slope 0.01, got 0.0"),
        ({"eps": 0.0, "negative_slope": 0.01}, "positive eps"),
        ({"eps": np.nan, "negative_slope": 0.01}, "positive eps"),
        ({"eps": [1e-5, 1e-5], "negative_slope": 0.01}, r"eps: expected one number, got float64 of shape \(2,\)"),
        ({"eps": "small", "negative_slope": 0.01}, "eps: expected one number"),
    ],
)
def test_what_the_state_dict_lacks_must_be_there(
    state: Arrays, tmp_path: Path, more: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        load_network(save(tmp_path / "network.npz", state, **more))


def test_a_slope_in_single_precision_is_the_same_slope(state: Arrays, tmp_path: Path) -> None:
    load_network(save(tmp_path / "network.npz", state, eps=1e-5, negative_slope=np.float32(0.01)))


def test_files_that_are_no_plain_npz(state: Arrays, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent.npz: cannot be read: No such file"):
        load_network(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("layer_0")
    with pytest.raises(UserError, match="not an npz file"):
        load_network(tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(UserError, match="not an npz file of plain arrays: it holds a single array"):
        load_network(tmp_path / "one.npy")
    save(tmp_path / "object.npz", {**state, "output.bias": np.array([print], dtype=object)})
    with pytest.raises(UserError, match=r"not an npz file of plain arrays: Object arrays"):
        load_network(tmp_path / "object.npz")
    whole = save(tmp_path / "whole.npz", state, eps=1e-5, negative_slope=0.01).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not an npz file"):
        load_network(tmp_path / "cut.npz")
    middle = len(whole) // 2
    (tmp_path / "bent.npz").write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(UserError, match="not an npz file"):
        load_network(tmp_path / "bent.npz")
