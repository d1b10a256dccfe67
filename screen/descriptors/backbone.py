"""Numbers of a repeat unit's backbone: what heat meets on its way from one end of the unit to the other.

A *path atom* lies on a shortest way between the two ends; where ways are equally long, as past a para-phenylene,
the atoms of one level share its weight. The *backbone* is the path with the ring systems that hold two path atoms or
more. What is neither is a *side chain*; an *arm* is a connected piece of it. The ends count as bonded to each other, so
that all numbers are those of an endless chain: they are equal for every frame, for both directions, and for a unit
that is written twice. Molecules that have not two ends have no backbone, and zeros.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log, log1p
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

Mol = Any

NAMES = (
    # Shares of the path's atoms.
    "ring",  # atoms in rings
    "aromatic",  # aromatic atoms
    "unsaturated",  # atoms with a double, triple or aromatic bond
    "saturated_carbon",  # carbon atoms without one
    "methylene",  # CH2 outside rings
    "chalcogen",  # O or S outside rings
    "nitrogen",  # N outside rings
    "quaternary",  # saturated carbon atoms outside rings, without hydrogen
    # Shares of the path's bonds, that between two units included.
    "rotatable",  # single bonds outside rings, but those of C(=O)-N and those beside a triple bond
    "double",  # double bonds outside rings
    "triple",  # triple bonds
    "conjugated",  # bonds between two unsaturated atoms
    # Of the path.
    "methylene_run",  # longest run of CH2, at most RUN, over RUN
    "mirrored",  # 1 where the chain reads the same in both directions, else 0
    # Per path atom.
    "arms",  # side chains
    "para",  # six-membered rings that are passed from one corner to the opposite one
    "meta",  # six-membered rings that are passed to the next corner but one
    "ortho",  # six-membered rings that are passed to the next corner
    "five_rings",  # five-membered rings that are passed
    "fused",  # backbone atoms in two rings or more
    "mass",  # ln of the mass of all atoms, in u
    "backbone_mass",  # ln of the mass of the backbone with its hydrogens, in u
    # Per heavy atom.
    "amide",  # NH next to one C=O
    "imide",  # N next to two C=O
    "carbonyl",  # C=O
    "ester",  # O outside rings, bonded to two atoms, next to C=O
    "nh",  # N with hydrogen
    "oh",  # O with hydrogen
    # Of the side chains.
    "side_atoms",  # share of the heavy atoms
    "side_mass",  # share of the mass
    "largest_arm",  # ln(1 + heavy atoms of the largest arm)
    "side_methylene",  # ln(1 + CH2 in side chains per path atom)
    # Of all atoms.
    "halogen_mass",  # share of the mass that is F, Cl, Br or I
    "mean_mass",  # ln of the mean atomic mass, in u
    "hydrogen",  # share of the atoms that are hydrogen
)
"""Columns, in their order."""

RUN = 12
"""Longest run of CH2 that is told from longer ones."""

_SINGLE, _DOUBLE, _TRIPLE, _AROMATIC = 1.0, 2.0, 3.0, 1.5
_HALOGENS = frozenset((9, 17, 35, 53))
_MASSES = tuple(Chem.GetPeriodicTable().GetAtomicWeight(number) for number in range(119))
_METHYLENE = 4


class _Graph(NamedTuple):
    """Atoms and bonds of a unit without its `*`; its ends are not neighbours here.

    first, last : atoms at the ends; atoms : all numbers but those of the `*`
    number, hydrogens : of every atom; near : neighbours and bond orders of every atom
    rings : atoms of every ring; inside : by atom, rings that hold it
    carbonyl, triple : by atom, whether it is the carbon of C=O, has a triple bond
    """

    first: int
    last: int
    atoms: list[int]
    number: list[int]
    hydrogens: list[int]
    near: list[list[tuple[int, float]]]
    rings: tuple[tuple[int, ...], ...]
    inside: list[int]
    carbonyl: list[bool]
    triple: list[bool]


class _Path(NamedTuple):
    """Path of a unit.

    level : by path atom; atoms : by level
    backbone : atoms of the path and of the ring systems on it; kinds : of the path's atoms
    """

    level: dict[int, int]
    atoms: list[list[int]]
    backbone: set[int]
    kinds: dict[int, tuple[bool, ...]]


def backbone_numbers(mol: Mol) -> NDArray[np.float64]:
    """Numbers of a repeat unit's backbone, in the order of `NAMES`; zeros of a molecule without two joined ends."""
    graph = _graph(mol)
    path = None if graph is None else _path(graph)
    if graph is None or path is None:
        return np.zeros(len(NAMES))
    return np.array([*_along(graph, path), *_passages(graph, path), *_groups(graph), *_rest(graph, path)])


def _graph(mol: Mol) -> _Graph | None:
    # Faster than RDKit's own iterator of atoms.
    members = [mol.GetAtomWithIdx(i) for i in range(mol.GetNumAtoms())]
    number = [atom.GetAtomicNum() for atom in members]
    hydrogens = [atom.GetTotalNumHs() for atom in members]
    if number.count(0) != 2:
        return None
    near: list[list[tuple[int, float]]] = [[] for _ in number]
    orders = Chem.GetAdjacencyMatrix(mol, useBO=True)
    starts, ends = np.nonzero(orders)
    for a, b, order in zip(starts.tolist(), ends.tolist(), orders[starts, ends].tolist(), strict=True):
        near[a].append((b, order))
    stars = [i for i, z in enumerate(number) if not z]
    if any(len(near[star]) != 1 or not number[near[star][0][0]] for star in stars):
        return None
    first, last = (near[star][0][0] for star in stars)
    for star, end in zip(stars, (first, last), strict=True):
        near[end] = [pair for pair in near[end] if pair[0] != star]
        near[star] = []
    rings = mol.GetRingInfo().AtomRings()
    inside = [0] * len(number)
    for ring in rings:
        for i in ring:
            inside[i] += 1
    carbonyl, triple = [False] * len(number), [False] * len(number)
    for i, pairs in enumerate(near):
        for j, order in pairs:
            carbonyl[i] |= order == _DOUBLE and number[j] == 8 and number[i] == 6
            triple[i] |= order == _TRIPLE
    atoms = [i for i, z in enumerate(number) if z]
    return _Graph(first, last, atoms, number, hydrogens, near, rings, inside, carbonyl, triple)


def _path(graph: _Graph) -> _Path | None:
    steps = {graph.first: 0}
    front = [graph.first]
    while graph.last not in steps:
        reached = []
        for i in front:
            for j, _ in graph.near[i]:
                if j not in steps:
                    steps[j] = steps[i] + 1
                    reached.append(j)
        if not reached:
            return None
        front = reached
    atoms = [[graph.last]]
    for depth in range(steps[graph.last] - 1, -1, -1):
        atoms.append(sorted({j for i in atoms[-1] for j, _ in graph.near[i] if steps.get(j) == depth}))
    atoms.reverse()
    level = {i: depth for depth, members in enumerate(atoms) for i in members}
    backbone = set(level)
    for system in _ring_systems(graph.rings):
        if len(system & level.keys()) > 1:
            backbone |= system
    return _Path(level, atoms, backbone, {i: _kinds(graph, i) for i in level})


def _ring_systems(rings: tuple[tuple[int, ...], ...]) -> list[set[int]]:
    """Rings joined where they share an atom."""
    systems: list[set[int]] = []
    for ring in rings:
        joined = set(ring)
        apart = []
        for system in systems:
            if joined.isdisjoint(system):
                apart.append(system)
            else:
                joined |= system
        systems = [*apart, joined]
    return systems


def _kinds(graph: _Graph, i: int) -> tuple[bool, ...]:
    """What an atom is: the first eight of `NAMES`."""
    z, ring = graph.number[i], graph.inside[i] > 0
    orders = [order for _, order in graph.near[i]]
    saturated = orders.count(_SINGLE) == len(orders)
    carbon = saturated and z == 6
    open_chain = carbon and not ring
    return (
        ring,
        _AROMATIC in orders,
        not saturated,
        carbon,
        open_chain and graph.hydrogens[i] == 2,
        z in (8, 16) and not ring,
        z == 7 and not ring,
        open_chain and graph.hydrogens[i] == 0,
    )


def _along(graph: _Graph, path: _Path) -> list[float]:
    """Shares of the path's atoms and bonds, its longest run of CH2, and whether it is mirrored."""
    kinds, length = path.kinds, len(path.atoms)
    shares, bonds = [0.0] * 8, [0.0] * 4
    methylene, words = [], []
    for depth, members in enumerate(path.atoms):
        weight = 1 / (len(members) * length)
        for i in members:
            for k, told in enumerate(kinds[i]):
                shares[k] += weight * told
        methylene.append(all(kinds[i][_METHYLENE] for i in members))
        words.append(sorted((graph.number[i], graph.hydrogens[i], graph.inside[i]) for i in members))
        steps = [(i, j, order) for i in members for j, order in graph.near[i] if path.level.get(j) == depth + 1] or [
            (graph.last, graph.first, 0.0)
        ]
        for i, j, order in steps:
            for k, told in enumerate(_bond_kinds(graph, i, j, order, kinds)):
                bonds[k] += told / (len(steps) * length)
    return [*shares, *bonds, _longest_run(methylene) / RUN, float(_is_mirrored(words))]


def _bond_kinds(
    graph: _Graph, i: int, j: int, order: float, kinds: dict[int, tuple[bool, ...]]
) -> tuple[bool, bool, bool, bool]:
    """Whether a bond of the path is rotatable, double, triple, conjugated.

    order : 0 for the bond between two units, which is single
    """
    ring = bool(order and graph.inside[i] and graph.inside[j]) and any(i in r and j in r for r in graph.rings)
    stiff = (
        graph.triple[i] or graph.triple[j]
        or (graph.number[i] == 7 and graph.carbonyl[j]) or (graph.number[j] == 7 and graph.carbonyl[i])
    )  # fmt: skip
    return (
        order <= _SINGLE and not ring and not stiff,
        order == _DOUBLE and not ring,
        order == _TRIPLE,
        kinds[i][2] and kinds[j][2],
    )


def _longest_run(flags: list[bool]) -> int:
    """Longest run in an endless repetition, at most `RUN`.

    >>> _longest_run([True, False, True]), _longest_run([True])
    (2, 12)
    """
    if all(flags):
        return RUN
    longest = current = 0
    for flag in (*flags, *flags):
        current = current + 1 if flag else 0
        longest = max(longest, current)
    return min(longest, RUN)


def _is_mirrored(words: list[Any]) -> bool:
    """Whether an endless repetition reads the same in both directions.

    >>> _is_mirrored(list("aab")), _is_mirrored(list("abc"))
    (True, False)
    """
    n, back = len(words), words[::-1]
    return any(words[k:] + words[:k] == back for k in range(n))


def _passages(graph: _Graph, path: _Path) -> list[float]:
    """Numbers per path atom."""
    length = len(path.atoms)
    para = meta = ortho = five = 0
    for ring in graph.rings:
        levels = [path.level[i] for i in ring if i in path.level]
        span = max(levels) - min(levels) if levels else 0
        if len(ring) == 6:
            para += span == 3
            meta += span == 2
            ortho += span == 1
        five += len(ring) == 5 and span > 0
    arms = sum(j not in path.backbone for i in path.backbone for j, _ in graph.near[i])
    fused = sum(graph.inside[i] > 1 for i in path.backbone)
    counts = [arms, para, meta, ortho, five, fused]
    masses = [_mass(graph, graph.atoms), _mass(graph, path.backbone)]
    return [*(count / length for count in counts), *(log(mass / length) for mass in masses)]


def _mass(graph: _Graph, atoms: Iterable[int]) -> float:
    """Mass of atoms with their hydrogens, in u."""
    return sum(_MASSES[graph.number[i]] + graph.hydrogens[i] * _MASSES[1] for i in atoms)


def _groups(graph: _Graph) -> list[float]:
    """Groups per heavy atom, across the ends of the unit too."""
    amide = imide = ester = amine = hydroxyl = heavy = 0
    for i in graph.atoms:
        z = graph.number[i]
        heavy += z > 1
        if z not in (7, 8):
            continue
        near = [j for j, _ in graph.near[i]]
        near += [graph.last] * (i == graph.first) + [graph.first] * (i == graph.last)
        acyl = sum(graph.carbonyl[j] for j in near)
        hydrogen = graph.hydrogens[i] > 0
        if z == 7:
            amide += acyl == 1 and hydrogen
            imide += acyl > 1
            amine += hydrogen
        else:
            ester += len(near) == 2 and acyl > 0 and not graph.inside[i]
            hydroxyl += hydrogen
    return [count / heavy for count in (amide, imide, sum(graph.carbonyl), ester, amine, hydroxyl)]


def _rest(graph: _Graph, path: _Path) -> list[float]:
    """Numbers of the side chains and of all atoms."""
    heavy = [i for i in graph.atoms if graph.number[i] > 1]
    side = [i for i in heavy if i not in path.backbone]
    hydrogens = sum(graph.hydrogens[i] for i in graph.atoms) + len(graph.atoms) - len(heavy)
    mass = _mass(graph, graph.atoms)
    methylene = sum(_kinds(graph, i)[_METHYLENE] for i in side)
    halogens = sum(_MASSES[graph.number[i]] for i in heavy if graph.number[i] in _HALOGENS)
    atoms = len(heavy) + hydrogens
    return [
        len(side) / len(heavy),
        _mass(graph, side) / mass,
        log1p(_largest_arm(graph, side)),
        log1p(methylene / len(path.atoms)),
        halogens / mass,
        log(mass / atoms),
        hydrogens / atoms,
    ]


def _largest_arm(graph: _Graph, side: list[int]) -> int:
    left, largest = set(side), 0
    while left:
        front = [left.pop()]
        size = 0
        while front:
            i = front.pop()
            size += 1
            for j, _ in graph.near[i]:
                if j in left:
                    left.remove(j)
                    front.append(j)
        largest = max(largest, size)
    return largest
