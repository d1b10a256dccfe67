"""Packing of models: everything comes back bit by bit with its type, and the hash sees everything."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from kakehashi.screen.cache.packing import STRUCTURE, content_hash, pack, unpack


class Leaf(NamedTuple):
    values: np.ndarray
    name: str
    gain: float = 1.0


class Tree(NamedTuple):
    leaves: tuple[Leaf, ...]
    rest: Any


TREE = Tree(
    (Leaf(np.arange(6, dtype=np.float32).reshape(2, 3), "κ"), Leaf(np.empty((0, 3)), "", float("inf"))),
    {
        "noise": np.float64(0.1),
        "turned": np.arange(6.0).reshape(2, 3).T,
        "zero": np.array(1.5),
        "helps": None,
        "flags": [True, 3, -0.0, float("-inf"), 0.1 + 0.2],
        "classes": frozenset({(1.0, 1.0), (2.0, 3.0)}),
        "elements": np.array([True, False]),
        "nested": {"a.b": (), "epochs": np.int64(3)},
    },
)
RECORDS = {"Leaf": Leaf, "Tree": Tree}


def described(value: Any) -> Any:
    """Types, memory orders and bytes of everything in a value."""
    if isinstance(value, np.ndarray | np.generic):
        order = (value.flags.c_contiguous, value.flags.f_contiguous)
        return type(value), value.dtype, value.shape, order, value.tobytes("A")
    if isinstance(value, dict):
        return {key: described(v) for key, v in value.items()}
    if isinstance(value, tuple | list):
        return type(value), [described(v) for v in value]
    return type(value), repr(value) if isinstance(value, float) else value


def test_a_nested_value_comes_back_as_it_was() -> None:
    assert described(unpack(pack(TREE), RECORDS)) == described(TREE)


def test_the_hash_sees_values_types_names_and_shapes() -> None:
    x = np.zeros((2, 3))
    different = [
        x, x.T.copy(), x.astype(np.float32), x - 0.0 * np.ones(3) * -1 + np.nextafter(0, 1), {"x": x}, {"y": x}, [x],
        (x,), Leaf(x, ""), Leaf(x, "a"), 0, 0.0, -0.0, False, None, "", "0", float("nan"), [1, [2]], [[1], 2],
        frozenset(), np.float64(0), np.array(0.0),
    ]  # fmt: skip
    assert len({content_hash(value) for value in different}) == len(different)
    assert content_hash({"a": 1, "b": x}) == content_hash({"b": x.copy(), "a": 1})
    assert content_hash(frozenset({(1.0, 2.0), (3.0,)})) == content_hash(frozenset({(3.0,), (1.0, 2.0)}))


@pytest.mark.parametrize(
    "value", [object(), {1: 2}, np.array(["a"]), np.array([1j]), frozenset({np.float64(1)}), {"a": {"b": 1 + 0j}}]
)
def test_what_cannot_be_packed_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be packed"):
        pack(value)


def test_rows_of_zeros_are_left_out_and_come_back() -> None:
    seen = np.zeros((600, 7), np.float32)
    seen[[3, 99, 599]] = np.random.default_rng(0).normal(size=(3, 7))
    signed = np.zeros((600, 2))
    signed[::2] = -0.0
    for matrix, kept in ((seen, 3), (np.zeros((300, 2), np.float32), 0), (signed, 300), (seen[1::2], 3)):
        arrays = pack({"kernel": matrix})
        assert arrays["value.kernel"].shape == (kept, matrix.shape[1])
        again = unpack(arrays, {})["kernel"]
        assert (again.dtype, again.shape, again.tobytes()) == (matrix.dtype, matrix.shape, matrix.tobytes())
    dense = np.ones((600, 2))
    assert list(pack([dense])) == ["value.0", STRUCTURE]
    assert content_hash(seen) != content_hash(np.vstack([seen, np.zeros((1, 7), np.float32)]))


@pytest.mark.parametrize("rows", [10**12, -1])
def test_rows_that_would_fill_the_memory_are_refused(rows: int) -> None:
    arrays = pack(np.zeros((600, 2)))
    arrays["value rows"] = np.array([rows])
    with pytest.raises(ValueError, match="a matrix of"):
        unpack(arrays, {})


def test_paths_that_clash_are_refused() -> None:
    with pytest.raises(TypeError, match="two arrays of this name"):
        pack({"a.b": np.zeros(1), "a": {"b": np.ones(1)}})


def test_records_whose_fields_changed_are_refused() -> None:
    class Changed(NamedTuple):
        values: np.ndarray
        label: str

    packed = pack(TREE)
    with pytest.raises(TypeError, match="unexpected keyword"):
        unpack(packed, {**RECORDS, "Leaf": Changed})
    with pytest.raises(KeyError):
        unpack(packed, {"Tree": Tree})
    with pytest.raises(KeyError):
        unpack({name: array for name, array in packed.items() if name != "value.leaves.0.values"}, RECORDS)
    with pytest.raises(ValueError, match="cannot read"):
        unpack({STRUCTURE: np.frombuffer(b'{"pickle": "x"}', np.uint8)}, RECORDS)
