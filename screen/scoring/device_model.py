"""Prepare a transferred model for its device: programs to compile and their arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from kakehashi.screen.descriptors.registry import DEFAULT, DESCRIPTORS, read_choice
from kakehashi.screen.descriptors.scaling import Scaling
from kakehashi.screen.device import platform
from kakehashi.screen.device_names import EXACT, Precision
from kakehashi.screen.heads.head import Affine, Params
from kakehashi.screen.heads.registry import HEADS
from kakehashi.screen.networks.precision import round_kernel
from kakehashi.screen.networks.pyramid import Layer, Network
from kakehashi.screen.scoring import sparse
from kakehashi.screen.scoring.foundation import foundation_arrays, split_scaling
from kakehashi.screen.scoring.packed import pack
from kakehashi.screen.scoring.padded import STEP, make_views, pad_layers, select_inputs
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.plan import SCALED, Fitted, Plan

# Networks per program. In a single program the compiler runs all first layers before all last layers, so that each
# layer's output has left the processor's cache before the next layer reads it.
GROUP = 10
# Relative tolerance for two matrices that are equal up to a factor.
SAME = 1e-9


class NetworkGroup(NamedTuple):
    """Networks of one source that run in one program.

    networks : their numbers
    heads : by network, members of the stack that have a head on it
    shown : by network, depths whose features enter heads on several sources
    """

    source: int
    networks: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    shown: tuple[tuple[int, ...], ...]


class DeviceModel(NamedTuple):
    """Model ready for its device: static parts (hashable) and `arrays`.

    blocks : by member, the number of the descriptor products its head takes (heads may share them); -1 for none
    sparse : whether descriptor products are sums over entries that are not zero
    descriptor : of compositions, by name; molecules come described
    precision : of the products of networks
    """

    plans: tuple[Plan, ...]
    groups: tuple[NetworkGroup, ...]
    blocks: tuple[int, ...]
    sparse: bool
    arrays: dict[str, Any]
    descriptor: str = DEFAULT
    precision: Precision = EXACT


def prepare_model(model: Model, precision: Precision = EXACT) -> DeviceModel:
    """Prepare a model for the default device.

    Networks that no member uses are left out.

    precision : of the products of networks; all else is in single precision
    """
    plans = tuple(member.plan for member in model.stack.members)
    groups = _group_networks(model, plans)
    few = sparse.is_worthwhile(model.reference, model.training) and _needs_products_only(model, groups)
    # One BLAS thread: the last bits must not depend on the number of cores.
    # NaN weights give NaN scores, and their rows go to quarantine.
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        parts = [_group_arrays(model, group, plans, few, precision) for group in groups]
        blocks, numbers, members = _descriptor_blocks(model.stack.members, len(model.reference.mean))
        if few:
            blocks = [sparse.fold_block(block) for block in blocks]
    choice = read_choice(model.library.convention)
    descriptor = DEFAULT if choice is None else choice.name
    arrays = {
        "groups": parts,
        "tables": DESCRIPTORS[descriptor].tables(),
        "blocks": blocks,
        "members": members,
        "weights": model.stack.weights,
        "reference": model.reference,
        "training": sparse.prepare_neighbours(model.reference, model.training) if few else model.training,
        "unit": np.float32(model.unit),
        "foundation": _foundation(model, plans, precision),
    }
    arrays = jax.tree.map(_put_on_device, arrays)
    if platform() != "cpu":  # on a CPU programs, and bits, stay those of separate arrays
        arrays["groups"] = [jax.device_put(pack(part)) for part in arrays["groups"]]
    return DeviceModel(plans, groups, numbers, few, arrays, descriptor, precision)


def _foundation(model: Model, plans: tuple[Plan, ...], precision: Precision) -> dict[str, Any] | None:
    """Arrays of foundation networks; None where no member needs them."""
    if model.knowledge is None or not any(plan.kind == "foundation" for plan in plans):
        return None
    return foundation_arrays(model.knowledge.foundation, precision)


def _group_networks(model: Model, plans: tuple[Plan, ...]) -> tuple[NetworkGroup, ...]:
    """Groups of at most `GROUP` networks that the stack needs."""
    predicting = any(plan.kind == "predictions" for plan in plans)
    groups = []
    for s, source in enumerate(model.library.sources):
        numbers = range(len(source.networks))
        heads = [tuple(m for m, plan in enumerate(plans) if plan.source == s and i in plan.networks) for i in numbers]
        # Depths whose features enter heads on several sources.
        shown = [
            tuple(sorted({plan.depth for plan in plans if plan.kind == "stacked" and i in plan.networks}))
            for i in numbers
        ]
        needed = [i for i in numbers if heads[i] or shown[i] or predicting]
        for start in range(0, len(needed), GROUP):
            group = needed[start : start + GROUP]
            groups.append(
                NetworkGroup(
                    s,
                    tuple(group),
                    tuple(heads[i] for i in group),
                    tuple(shown[i] for i in group),
                )
            )
    return tuple(groups)


def _needs_products_only(model: Model, groups: Sequence[NetworkGroup]) -> bool:
    """True if descriptors enter through products alone.

    No head but affine ones and those that prepare them on the host, and no head on the inputs of a network.
    """
    networks = [model.library.sources[group.source].networks[i] for group in groups for i in group.networks]
    if any(member.plan.kind == "foundation" for member in model.stack.members):
        return False
    return all(len(network.hidden) > 1 for network in networks) and all(
        HEADS[member.plan.head].affine is not None or HEADS[member.plan.head].blocked is not None
        for member in model.stack.members
        if member.plan.kind in ("direct", "predictions")
    )


def _group_arrays(
    model: Model, group: NetworkGroup, plans: tuple[Plan, ...], few: bool, precision: Precision
) -> dict[str, Any]:
    """Padded networks of a group, with heads and outputs.

    Outputs are there where predictions are needed.
    """
    source = model.library.sources[group.source]
    predicting = any(plan.kind == "predictions" for plan in plans)
    parts = []
    for i, members in zip(group.networks, group.heads, strict=True):
        network, scales = source.networks[i], source.unit_scales[i]
        kernel = network.output.kernel
        inputs, hidden = select_inputs(network.hidden, always=few)
        padded = pad_layers(hidden)
        parts.append(
            {
                "inputs": inputs,
                "constant": None
                if inputs is None or not few
                else sparse.zero_products(source.scaling, inputs, padded[0]),
                "hidden": _round_layers(padded, precision, few),
                "unit_scales": scales,
                "heads": [_head_parameters(network, scales, model.stack.members[m], i) for m in members],
                "output": (np.pad(kernel, ((0, -len(kernel) % STEP), (0, 0))), network.output.bias)
                if predicting
                else None,
            }
        )
    return {"scaling": source.scaling, "networks": parts}


def _round_layers(hidden: tuple[Layer, ...], precision: Precision, few: bool) -> tuple[Layer, ...]:
    """Layers with kernels of a precision; a first layer of sparse inputs stays, as the host computes it."""
    exact = hidden[: int(few)]
    short = (layer._replace(kernel=round_kernel(precision, layer.kernel)) for layer in hidden[len(exact) :])
    return (*exact, *short)


def _head_parameters(network: Network, scales: Sequence[Any], member: Fitted, i: int) -> Any:
    """Parameters of a member's head on network i.

    An affine head on frozen features takes in scales and biases.
    """
    plan = member.plan
    params, affine = member.params[plan.networks.index(i)], HEADS[plan.head].affine
    if plan.kind != "frozen" or affine is None:
        return params
    centre, matrix, rest = affine.split(params)
    return make_views(network.hidden, scales, plan.depth, centre, matrix), _ready_rest(affine, rest)


def _ready_rest(affine: Affine, rest: Params) -> Params:
    return rest if affine.ready is None else affine.ready(rest)


def _descriptor_blocks(
    members: Sequence[Fitted], described: int
) -> tuple[list[dict[str, Any]], tuple[int, ...], list[Any]]:
    """Blocks of descriptor products, and the heads on them.

    described : width of the descriptors

    Returns the blocks, by member the number of its block (or -1), and by member the rest of its head. Gaussian
    processes on the same rows share products; one that sees predictions takes a few more. None for heads on single
    networks, which are with their networks.
    """
    blocks: list[dict[str, Any]] = []
    numbers: list[int] = []
    rests: list[dict[str, Any] | None] = []
    for plan, params, scaling in members:
        affine = HEADS[plan.head].affine
        number = -1
        rest: dict[str, Any] | None = None
        if plan.kind == "stacked" or (plan.kind in SCALED and affine is None):
            rest = {"params": list(params), "scaling": scaling}
        elif plan.kind in SCALED and affine is not None and scaling is not None:
            (single,) = params
            centre, matrix, rest_params = affine.split(single)
            if plan.kind == "foundation":
                rest = _foundation_head(
                    plan, described, scaling, centre, matrix, _ready_rest(affine, rest_params), blocks
                )
                numbers.append(rest.pop("number"))
                rests.append(rest)
                continue
            width = len(scaling.mean)
            block = {"scaling": scaling, "centre": centre[:width], "matrix": np.ascontiguousarray(matrix[:width])}
            number, factor = _place_block(blocks, block)
            rest = {
                "factor": factor,
                "rest": _ready_rest(affine, rest_params),
                "centre": centre[width:],
                "matrix": matrix[width:],
            }
        numbers.append(number)
        rests.append(rest)
    return blocks, tuple(numbers), rests


def _foundation_head(
    plan: Plan, described: int, scaling: Scaling, centre: Any, matrix: Any, ready: Params, blocks: list[dict[str, Any]]
) -> dict[str, Any]:
    """Parts of an affine head on blocks; `number` is that of its descriptor products, -1 without descriptors."""
    width = described if "descriptors" in plan.blocks else 0
    first, columns = split_scaling(scaling, width)
    number, factor = -1, 1.0
    if width:
        block = {"scaling": first, "centre": centre[:width], "matrix": np.ascontiguousarray(matrix[:width])}
        number, factor = _place_block(blocks, block)
    return {
        "number": number, "factor": factor, "rest": ready, "centre": centre[width:], "matrix": matrix[width:],
        "columns": columns,
    }  # fmt: skip


def _place_block(blocks: list[dict[str, Any]], block: dict[str, Any]) -> tuple[int, float]:
    """Find or add a block; its number and a factor.

    Blocks with the same products up to a factor are one.
    """
    for number, present in enumerate(blocks):
        if present["matrix"].shape != block["matrix"].shape or not _is_equal(present["scaling"], block["scaling"]):
            continue
        size = float(np.sum(present["matrix"] ** 2))
        factor = float(np.sum(present["matrix"] * block["matrix"])) / size if size else 1.0
        pairs = (present["centre"], block["centre"]), (factor * present["matrix"], block["matrix"])
        if all(np.abs(first - second).max() <= SAME * np.abs(second).max() for first, second in pairs):
            return number, factor
    blocks.append(block)
    return len(blocks) - 1, 1.0


def _is_equal(first: Scaling, second: Scaling) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def _put_on_device(array: Any) -> jax.Array:
    """Array on the device.

    Integers become int32, everything else single precision, but for kernels that are shorter already.
    """
    kind = np.asarray(array).dtype
    if kind == jnp.bfloat16:
        return jnp.asarray(array)
    return jnp.asarray(array, jnp.int32 if np.issubdtype(kind, np.integer) else jnp.float32)
