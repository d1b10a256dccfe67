"""Packed arguments: nothing is lost on the way, and programs predict the same with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from distributed.protocol import deserialize, serialize

from kakehashi.screen.scoring import device_model
from kakehashi.screen.scoring.packed import Packed, pack, unpack
from kakehashi.screen.scoring.partitions import make_scorer

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model


class Pair(NamedTuple):
    """A record, as layers are."""

    kernel: np.ndarray
    bias: np.ndarray | None


TREE = {
    "whole": np.arange(5, dtype=np.int32),
    "layers": (Pair(np.arange(6, dtype=np.float32).reshape(2, 3), None), Pair(np.float32(7), np.ones(0, np.float32))),
    "short": [np.arange(4, dtype=np.float32).astype(jnp.bfloat16)],
    "none": None,
}


def same(one: object, other: object) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(np.asarray(a, np.float64), np.asarray(b, np.float64))


def test_a_tree_comes_back_as_it_was() -> None:
    packed = pack(TREE)
    assert len(jax.tree.leaves(packed)) == 3
    same(unpack(packed), TREE)
    same(jax.jit(unpack)(jax.device_put(packed)), TREE)
    assert unpack(TREE) is TREE


def test_it_travels_to_other_processes() -> None:
    host = jax.device_get(jax.device_put(pack(TREE)))
    same(unpack(deserialize(*serialize(host))), TREE)


@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_a_packed_model_predicts_the_same(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch, precision: device_model.Precision
) -> None:
    import pyarrow as pa

    rows = pa.table({"id": ["a", "b", "c"], "formula": ["MgO", "PbTe", "Li3AlN2"]})
    expected = make_scorer(tiny_model, precision=precision)(rows).scores
    monkeypatch.setattr(device_model, "platform", lambda: "gpu")
    packed = make_scorer(tiny_model, precision=precision)
    parts = packed.device_model.arrays["groups"]
    assert parts
    assert all(isinstance(part, Packed) for part in parts)
    assert max(len(jax.tree.leaves(part)) for part in parts) <= 3
    for scorer in (packed, packed.on_host().on_device()):
        found = scorer(rows).scores
        assert found["formula"].equals(expected["formula"])
        for name in ("mean", "lower", "upper", "spread", "distance"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)
