"""A transferred model made ready for its device: which programs score with it, and the arrays they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from kakehashi.screen.descriptors.composition import element_tables
from kakehashi.screen.descriptors.scaling import Scaling
from kakehashi.screen.heads.head import Affine, Params
from kakehashi.screen.heads.registry import HEADS
from kakehashi.screen.networks.pyramid import Network
from kakehashi.screen.scoring import sparse
from kakehashi.screen.scoring.padded import STEP, make_views, pad_layers, select_inputs
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.plan import Fitted, Plan

# Networks per program. In one program for all of them the compiler runs first layers first and last layers last, and
# every layer has left the processor's cache before the next one reads it.
GROUP = 10
# Two matrices are one, but for a factor, up to this share of their largest number.
SAME = 1e-9


class NetworkGroup(NamedTuple):
    """Networks of one source that run in one program.

    networks : their numbers; by network, heads : members of the stack that have a head on it; shown : depths at which
    its features go into heads on several sources
    """

    source: int
    networks: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    shown: tuple[tuple[int, ...], ...]


class DeviceModel(NamedTuple):
    """A model made ready for its device: what is compiled (all but `arrays`, hashable), and what is passed in.

    blocks : by member, the products with descriptors its head takes (several heads may share them); -1 for none
    sparse : whether products with descriptors are sums over what is not zero
    """

    plans: tuple[Plan, ...]
    groups: tuple[NetworkGroup, ...]
    blocks: tuple[int, ...]
    sparse: bool
    arrays: dict[str, Any]


def prepare_model(model: Model) -> DeviceModel:
    """Collect the parameters the stack needs, single precision, on the default device; unused networks stay behind."""
    plans = tuple(member.plan for member in model.stack.members)
    groups = _groups(model, plans)
    few = sparse.worthwhile(model.reference, model.training) and _by_products(model, groups)
    # One BLAS thread: the last bits must not depend on the number of cores.
    # Weights that are no numbers give scores that are none, and those rows go to quarantine.
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        parts = [_group(model, group, plans, few) for group in groups]
        blocks, numbers, members = _on_descriptors(model.stack.members)
        if few:
            blocks = [sparse.fold(block) for block in blocks]
    arrays = {
        "groups": parts,
        "tables": element_tables(),
        "blocks": blocks,
        "members": members,
        "weights": model.stack.weights,
        "reference": model.reference,
        "training": sparse.neighbours(model.reference, model.training) if few else model.training,
        "unit": np.float32(model.unit),
    }
    return DeviceModel(plans, groups, numbers, few, jax.tree.map(_on_device, arrays))


def _groups(model: Model, plans: tuple[Plan, ...]) -> tuple[NetworkGroup, ...]:
    """The networks the stack needs, `GROUP` at a time."""
    predicting = any(plan.kind == "predictions" for plan in plans)
    groups = []
    for s, source in enumerate(model.library.sources):
        numbers = range(len(source.networks))
        heads = [tuple(m for m, plan in enumerate(plans) if plan.source == s and i in plan.networks) for i in numbers]
        # Depths of the features that heads on several sources look at.
        shown = [
            tuple(sorted({plan.depth for plan in plans if plan.kind == "stacked" and i in plan.networks}))
            for i in numbers
        ]
        asked = [i for i in numbers if heads[i] or shown[i] or predicting]
        for start in range(0, len(asked), GROUP):
            chosen = asked[start : start + GROUP]
            groups.append(
                NetworkGroup(s, tuple(chosen), tuple(heads[i] for i in chosen), tuple(shown[i] for i in chosen))
            )
    return tuple(groups)


def _by_products(model: Model, groups: Sequence[NetworkGroup]) -> bool:
    """Whether nothing looks at descriptors but through products: no other head, no head on what enters a network."""
    networks = [model.library.sources[group.source].networks[i] for group in groups for i in group.networks]
    return all(len(network.hidden) > 1 for network in networks) and all(
        HEADS[member.plan.head].affine is not None
        for member in model.stack.members
        if member.plan.kind in ("direct", "predictions")
    )


def _group(model: Model, group: NetworkGroup, plans: tuple[Plan, ...], few: bool) -> dict[str, Any]:
    """A group's networks, padded, with their heads and, for predictions, their outputs."""
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
                "constant": None if inputs is None or not few else sparse.constant(source.scaling, inputs, padded[0]),
                "hidden": padded,
                "unit_scales": scales,
                "heads": [_head(network, scales, model.stack.members[m], i) for m in members],
                "output": (np.pad(kernel, ((0, -len(kernel) % STEP), (0, 0))), network.output.bias)
                if predicting
                else None,
            }
        )
    return {"scaling": source.scaling, "networks": parts}


def _head(network: Network, scales: Sequence[Any], member: Fitted, i: int) -> Any:
    """Parameters of a member's head on network i; an affine one on frozen features takes in scales and biases."""
    plan = member.plan
    params, affine = member.params[plan.networks.index(i)], HEADS[plan.head].affine
    if plan.kind != "frozen" or affine is None:
        return params
    centre, matrix, rest = affine.split(params)
    return make_views(network.hidden, scales, plan.depth, centre, matrix), _ready(affine, rest)


def _ready(affine: Affine, rest: Params) -> Params:
    return rest if affine.ready is None else affine.ready(rest)


def _on_descriptors(members: Sequence[Fitted]) -> tuple[list[dict[str, Any]], tuple[int, ...], list[Any]]:
    """Blocks of products with descriptors, by member the number of its block (or -1), and what else its head needs.

    Gaussian processes on the same rows look at the same products, the one that sees predictions too at a few more.
    Heads on single networks are with their networks: None here.
    """
    blocks: list[dict[str, Any]] = []
    numbers: list[int] = []
    rests: list[dict[str, Any] | None] = []
    for plan, params, scaling in members:
        affine = HEADS[plan.head].affine
        number = -1
        rest: dict[str, Any] | None = None
        if plan.kind == "stacked" or (plan.kind in ("direct", "predictions") and affine is None):
            rest = {"params": list(params), "scaling": scaling}
        elif plan.kind in ("direct", "predictions") and affine is not None and scaling is not None:
            (single,) = params
            centre, matrix, own = affine.split(single)
            width = len(scaling.mean)
            block = {"scaling": scaling, "centre": centre[:width], "matrix": np.ascontiguousarray(matrix[:width])}
            number, factor = _place(blocks, block)
            rest = {
                "factor": factor, "rest": _ready(affine, own), "centre": centre[width:], "matrix": matrix[width:]
            }  # fmt: skip
        numbers.append(number)
        rests.append(rest)
    return blocks, tuple(numbers), rests


def _place(blocks: list[dict[str, Any]], block: dict[str, Any]) -> tuple[int, float]:
    """Number of the block that has the same products but for a factor, and the factor; the block itself if new."""
    for number, known in enumerate(blocks):
        if known["matrix"].shape != block["matrix"].shape or not _equal(known["scaling"], block["scaling"]):
            continue
        size = float(np.sum(known["matrix"] ** 2))
        factor = float(np.sum(known["matrix"] * block["matrix"])) / size if size else 1.0
        pairs = (known["centre"], block["centre"]), (factor * known["matrix"], block["matrix"])
        if all(np.abs(one - other).max() <= SAME * np.abs(other).max() for one, other in pairs):
            return number, factor
    blocks.append(block)
    return len(blocks) - 1, 1.0


def _equal(one: Scaling, other: Scaling) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _on_device(array: Any) -> jax.Array:
    """Integers (node numbers, feature numbers) stay integers; everything else is single precision."""
    return jnp.asarray(array, jnp.int32 if np.issubdtype(np.asarray(array).dtype, np.integer) else jnp.float32)
