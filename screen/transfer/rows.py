"""Rows of the leaderboard: each model's name and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from kakehashi.screen.transfer.members import Member

# Source of a model without any.
NO_SOURCE = "none"
SELECTED = "selected"
# The head that goes on with a network's own last layers: the hidden one and the output.
FINETUNE = "finetune"
# Place of foundation networks among the sources.
FOUNDATION = -2


class Shuffled(NamedTuple):
    """Inputs of the ridge heads a row's permutation test uses.

    inputs : nothing (the mean), descriptors, one depth of all networks of a source, or the best network and depth
    source : its index, -1 for all, `FOUNDATION` for foundation networks
    depth : last layers, 0 for all
    """

    inputs: Literal["nothing", "descriptors", "networks", "best network"]
    source: int = -1
    depth: int = 0


class Row(NamedTuple):
    """A model of the leaderboard, without its numbers.

    name : in words, unlike all others
    source, networks, depth, head : columns of the leaderboard
    direct : without transfer
    """

    name: str
    source: str
    networks: int
    depth: str
    head: str
    direct: bool
    shuffled: Shuffled


class Origin(NamedTuple):
    """A source of a row.

    place : its index among the sources
    """

    place: int
    name: str
    networks: int


MEAN = Row("mean of the training values", NO_SOURCE, 0, "none", "mean", True, Shuffled("nothing"))
# Name of the row that is deployed, and of the same without sources.
ALONE = "stack with direct models"
CHOSEN, DIRECT = "stack of transferred and direct", "stack of direct models"


def direct_row(head: str) -> Row:
    """A head on the descriptors.

    >>> direct_row("ridge").name
    'direct ridge'
    """
    return Row(f"direct {head}", NO_SOURCE, 0, "descriptors", head, True, Shuffled("descriptors"))


def direct_stack_row(heads: Sequence[str]) -> Row:
    """Stack of all heads on the descriptors."""
    return direct_row(_joined(heads))._replace(name=DIRECT)


def late_row(origin: Origin, head: str, depth: int, best: int) -> Row:
    """A head on the best networks, or their fine-tuning."""
    what = "fine-tuned" if head == FINETUNE else f"{head} on the"
    networks = min(best, origin.networks)
    depth = 2 if head == FINETUNE else depth
    return Row(
        f"{origin.name}: {what} best {best}", origin.name, networks, layers_text(depth), head, False,
        _at(origin, networks, depth),
    )  # fmt: skip


def averaged_row(origin: Origin, head: str, depth: int) -> Row:
    """A head per network on its last layers, averaged."""
    return Row(
        networks_text(origin.name, origin.networks, head, depth), origin.name, origin.networks, layers_text(depth),
        head, False, _at(origin, origin.networks, depth),
    )  # fmt: skip


def single_row(origin: Origin) -> Row:
    """Network, depth and head with the least inner error."""
    return _selected(origin, "best single network")._replace(networks=1)


def selected_row(origin: Origin) -> Row:
    """Depth and head with the least inner error.

    Averaged over all networks.
    """
    return _selected(origin, SELECTED)


def alone_row(origin: Origin, heads: Sequence[str]) -> Row:
    """Stack that one of several sources gives by itself."""
    return _selected(origin, ALONE)._replace(head=_joined(heads))


def is_alone(row: Row) -> bool:
    """True for a row of `alone_row`."""
    return row.name == f"{row.source}: {ALONE}"


def stacked_row(origins: Sequence[Origin], head: str, depth: int) -> Row:
    """A head on the features of several sources together.

    No other row has such a name: those of a source begin with its name and a colon.
    """
    name = f"stacked features of {len(origins)} sources, {layers_text(depth)}, {head}"
    return _together(origins, name, layers_text(depth), head)


def predictions_row(origins: Sequence[Origin], head: str) -> Row:
    """A head on the descriptors with the sources' predictions."""
    return _together(origins, f"descriptors + source predictions {head}", "output", head)


def foundation_row(origin: Origin, member: Member) -> Row:
    """A head on columns of foundation networks.

    >>> foundation_row(Origin(FOUNDATION, "inorganic", 3), Member("gp", ("layer",))).name
    'inorganic: gp on layer'
    """
    return Row(
        f"{origin.name}: {member.text}", origin.name, origin.networks, " + ".join(member.blocks), member.head, False,
        Shuffled("networks", FOUNDATION),
    )  # fmt: skip


def chosen_row(origins: Sequence[Origin], heads: Sequence[str]) -> Row:
    """The whole procedure, its choices included."""
    row = _together(origins, CHOSEN, SELECTED, _joined(heads))
    return row if origins else row._replace(shuffled=Shuffled("descriptors"))


def networks_text(source: str, networks: int, head: str, depth: int) -> str:
    """Describe source, networks, depth and head.

    >>> networks_text("density", 5, "ridge", 1)
    'density: 5 networks, last 1, ridge'
    """
    count = f"{networks} networks" if networks > 1 else "best network"
    return f"{source}: {count}, {layers_text(depth)}, {head}"


def layers_text(depth: int) -> str:
    """Describe a number of last layers; 0 for all."""
    return f"last {depth}" if depth else "all layers"


def _selected(origin: Origin, what: str) -> Row:
    best = Shuffled("best network", origin.place)
    return Row(f"{origin.name}: {what}", origin.name, origin.networks, SELECTED, SELECTED, False, best)


def _together(origins: Sequence[Origin], name: str, depth: str, head: str) -> Row:
    sources = " + ".join(origin.name for origin in origins)
    total = sum(origin.networks for origin in origins)
    return Row(name, sources, total, depth, head, False, Shuffled("best network"))


def _at(origin: Origin, networks: int, depth: int) -> Shuffled:
    return Shuffled("networks" if networks > 1 else "best network", origin.place, depth)


def _joined(heads: Sequence[str]) -> str:
    return " + ".join(dict.fromkeys(heads))
