"""Models as named arrays, and hashes of their content.

Everything comes back bit by bit, with its type and its memory order (products of matrices in another order may
round differently). Rows of zeros, of which the first layer of a network that sees a part of its inputs is full, are
left out.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Name of the array that holds the nesting, as JSON bytes.
STRUCTURE = "structure"
# Matrices with fewer rows, or fewer of them zero, are kept whole.
SPARSE_ROWS, SPARSE_SHARE = 256, 0.25
# Upper limit of an array: a file that claims more is damaged, and would fill the memory.
MOST_ROWS = 2**20

Arrays = dict[str, NDArray[Any]]


def pack(value: Any) -> Arrays:
    """Pack nested records into named arrays.

    value : named tuples, tuples, lists, dicts, sets, arrays, numbers, texts and None

    Raises
    ------
    TypeError : something else in it.
    """
    arrays: Arrays = {}
    text = json.dumps(_outline(value, "value", arrays), sort_keys=True, ensure_ascii=False, allow_nan=False)
    return {**arrays, STRUCTURE: np.frombuffer(text.encode(), np.uint8)}


def unpack(arrays: Mapping[str, NDArray[Any]], records: Mapping[str, type]) -> Any:
    """Unpack a packed value.

    records : the named tuples it may hold, by name

    Raises
    ------
    ValueError, KeyError, TypeError : arrays that were not packed, or records whose fields have changed.
    """
    return _value(json.loads(arrays[STRUCTURE].tobytes()), arrays, records)


def content_hash(value: Any) -> str:
    """Sha256 of a value: types, names, shapes and bytes.

    >>> content_hash({"a": 1}) == content_hash({"a": 1.0})
    False
    """
    total = hashlib.sha256()
    for name, array in sorted(pack(value).items()):
        whole = np.asarray(array, order="C")
        total.update(f"{name} {whole.dtype.str} {whole.shape}\n".encode())
        total.update(whole.reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def _outline(value: Any, path: str, arrays: Arrays) -> Any:
    """Outline of a value as JSON; arrays go under their paths."""
    if value is None or isinstance(value, bool | int | str):
        return value
    # np.float64 is a float: NumPy's own come first.
    if isinstance(value, np.ndarray | np.generic):
        return _kept(value, path, arrays)
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        fields = {name: _outline(v, f"{path}.{name}", arrays) for name, v in value._asdict().items()}
        return {"record": type(value).__name__, "fields": fields}
    if isinstance(value, tuple | list):
        return {
            "tuple" if isinstance(value, tuple) else "list": [
                _outline(v, f"{path}.{i}", arrays) for i, v in enumerate(value)
            ]
        }
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _outline(v, f"{path}.{key}", arrays) for key, v in value.items()}}
    if isinstance(value, frozenset):
        none: Arrays = {}
        members = sorted((_outline(v, path, none) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
        if not none:
            return {"set": members}
    raise TypeError(f"{path}: a {type(value).__name__} cannot be packed")


def _kept(value: NDArray[Any] | np.generic, path: str, arrays: Arrays) -> dict[str, str]:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{path}: an array of {array.dtype} cannot be packed")
    if path in arrays or path == STRUCTURE:
        raise TypeError(f"{path}: two arrays of this name")
    if isinstance(value, np.generic):
        arrays[path] = array
        return {"scalar": path}
    transposed = array.flags.f_contiguous and not array.flags.c_contiguous
    if array.ndim == 2 and len(array) >= SPARSE_ROWS and not transposed:
        # By their bits: -0.0 is no zero here.
        bits = array.view(np.uint8) if array.flags.c_contiguous else np.ascontiguousarray(array).view(np.uint8)
        rows = np.flatnonzero(bits.any(axis=1))
        places = f"{path} rows"
        if len(rows) <= (1 - SPARSE_SHARE) * len(array) <= MOST_ROWS and places not in arrays:
            arrays[path], arrays[places] = array[rows], np.array([len(array), *rows], np.int64)
            return {"rows": path}
    arrays[path] = array.T if transposed else array
    return {"transposed" if transposed else "array": path}


def _filled(array: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    if not 0 <= int(places[0]) <= MOST_ROWS:
        raise ValueError(f"a matrix of {int(places[0])} rows")
    whole = np.zeros((int(places[0]), array.shape[1]), array.dtype)
    whole[places[1:]] = array
    return whole


def _value(outline: Any, arrays: Mapping[str, NDArray[Any]], records: Mapping[str, type]) -> Any:
    if not isinstance(outline, dict):
        return outline
    match outline:
        case {"record": str(name), "fields": dict(fields)}:
            return records[name](**{key: _value(v, arrays, records) for key, v in fields.items()})
        case {"tuple": list(members)}:
            return tuple(_value(v, arrays, records) for v in members)
        case {"list": list(members)}:
            return [_value(v, arrays, records) for v in members]
        case {"set": list(members)}:
            return frozenset(_value(v, arrays, records) for v in members)
        case {"dict": dict(members)}:
            return {key: _value(v, arrays, records) for key, v in members.items()}
        case {"float": str(text)}:
            return float(text)
        case {"scalar": str(path)}:
            return arrays[path][()]
        case {"rows": str(path)}:
            return _filled(arrays[path], arrays[f"{path} rows"])
        case {"transposed": str(path)}:
            return arrays[path].T
        case {"array": str(path)}:
            return arrays[path]
    raise ValueError(f"cannot read {str(outline)[:80]}")
