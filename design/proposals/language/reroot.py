"""Re-root a repeat unit: read its tokens from the other `*`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from kakehashi.design.proposals.language.tokens import BRANCH, OPEN, RETURN, STAR, atom

_TEXT = {1: "", 2: "=", 3: "#"}


class _Tree(NamedTuple):
    """Atoms in the order written, the first `*` as atom 0.

    orders : of each atom's bond to its parent; children : in order; rings : the other ends of its ring bonds
    """

    symbols: list[str]
    orders: list[int]
    parents: list[int]
    children: list[list[int]]
    rings: list[list[int]]


def reroot(tokens: Sequence[str]) -> list[str]:
    """Re-root a token string (without END) at its second `*`.

    On the chain between the two `*`, each atom's predecessor and successor change places; all other neighbours keep
    their order. The map is its own inverse but for the order of rings opened or closed on one atom, which is made
    unique.

    Examples
    --------
    >>> reroot(["C", "O", "*"])
    ['O', 'C', '*']
    """
    tree = _read(tokens)
    path = [tree.symbols.index(STAR, 1)]
    while path[-1]:
        path.append(tree.parents[path[-1]])
    turned = list(tree.orders)
    for before, node in pairwise(path):
        turned[node] = tree.orders[before]
    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        children = tree.children[node]
        children[children.index(before)] = after
    tree.children[path[0]].append(path[1])
    tree.children[0].clear()
    return _write(tree._replace(orders=turned), path[0])


def _read(tokens: Sequence[str]) -> _Tree:
    tree = _Tree([STAR], [1], [0], [[]], [[]])
    current = 0
    anchors: list[int] = []
    opened: list[int] = []
    for token in tokens:
        if token == BRANCH:
            anchors.append(current)
        elif token == RETURN:
            current = anchors.pop()
        elif token == OPEN:
            opened.insert(0, current)
        elif token[0] == "^":
            other = opened.pop(int(token[1:]))
            tree.rings[current].append(other)
            tree.rings[other].append(current)
        else:
            order, symbol = atom(token)
            tree.children[current].append(len(tree.symbols))
            tree.symbols.append(symbol)
            tree.orders.append(order)
            tree.parents.append(current)
            tree.children.append([])
            tree.rings.append([])
            current = len(tree.symbols) - 1
    return tree


def _write(tree: _Tree, root: int) -> list[str]:
    """Write the tokens after the root.

    An atom closes recent rings first, and opens first the ring to be closed last.
    """
    place: dict[int, int] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        place[node] = len(place)
        stack += reversed(tree.children[node])
    out: list[str] = []
    opened: list[tuple[int, int]] = []

    def chain(node: int) -> None:
        while True:
            if node != root:
                out.append(_TEXT[tree.orders[node]] + tree.symbols[node])
            partners = sorted(tree.rings[node], key=place.__getitem__, reverse=True)
            closing = [(p, node) for p in partners if place[p] < place[node]]
            for ring in sorted(closing, key=opened.index):
                out.append(f"^{opened.index(ring)}")
                opened.remove(ring)
            for partner in partners:
                if place[partner] > place[node]:
                    out.append(OPEN)
                    opened.insert(0, (node, partner))
            *branches, last = tree.children[node] or [-1]
            for branch in branches:
                out.append(BRANCH)
                chain(branch)
                out.append(RETURN)
            if last < 0:
                return
            node = last

    chain(root)
    return out
