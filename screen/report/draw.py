"""Draw structures as inline SVG, coloured by the style sheet of the page.

A page may forbid styles inside a drawing, and colours follow its theme.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from kakehashi.catalogs.molecules.polymers import read
from kakehashi.screen.report.svg import tag

BOND = 23.0  # pixels
PADDING = 4.0
LAYOUTS = 8  # most layouts tried for a repeat unit with rings in its chain
_SVG = "{http://www.w3.org/2000/svg}"
# Look of lines where there is no style sheet, as in a notebook.
_PLAIN: dict[str, str | float] = {"fill": "none", "stroke": "currentColor", "stroke_width": 1.4}
# Heteroatoms with a colour of their own in the style sheet.
_COLOURED = {"N", "O", "F", "Cl", "Br", "I", "S", "P", "Si"}


class _Drawn(NamedTuple):
    """Drawing in pixels: strokes, labels, open bonds (star, neighbour), and extent."""

    strokes: list[str]
    labels: list[Markup]
    ends: list[tuple[complex, complex]]
    points: list[complex]


@lru_cache(512)
def draw_structure(smiles: str) -> Markup | None:
    """Drawing of a molecule, or of a repeat unit in brackets.

    None for a SMILES that cannot be read or drawn.
    """
    try:
        mol = read(smiles, (0, 2))
        drawn = _drawn(mol)
    except (ValueError, RuntimeError):
        return None
    parts = [tag("path", class_="bonds", d=" ".join(drawn.strokes), **_PLAIN)] if drawn.strokes else []
    points = list(drawn.points)
    if drawn.ends:
        brackets, corners = _brackets(drawn.ends, [_points(stroke) for stroke in drawn.strokes])
        parts.append(tag("path", class_="brackets", d=" ".join(brackets), **_PLAIN))
        outside = corners[-1]
        parts.append(tag("text", "n", class_="many", x=outside.real + 3, y=outside.imag + 4))
        points += [*corners, outside + complex(13, 7)]
    parts += drawn.labels
    left, right = min(p.real for p in points) - PADDING, max(p.real for p in points) + PADDING
    top, bottom = min(p.imag for p in points) - PADDING, max(p.imag for p in points) + PADDING
    title = f"Structure of {smiles}"
    return tag(
        "svg", tag("title", title), *parts, class_="structure", role="img", aria_label=title,
        width=round(right - left), height=round(bottom - top),
        viewBox=f"{left:.1f} {top:.1f} {right - left:.1f} {bottom - top:.1f}",
    )  # fmt: skip


def _drawn(mol: Any) -> _Drawn:
    from rdkit import Chem, rdBase
    from rdkit.Chem.Draw import rdMolDraw2D

    with rdBase.BlockLogs():
        shown = Chem.RWMol(mol)
        ends = [atom.GetIdx() for atom in mol.GetAtoms() if not atom.GetAtomicNum()]
        neighbours = [mol.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in ends]
        for end in ends:
            shown.GetAtomWithIdx(end).SetAtomicNum(6)  # carbon: the end of a line, without a label
        _lay_out(shown, ends)
        drawer = rdMolDraw2D.MolDraw2DSVG(-1, -1, -1, -1, True)
        options: Any = drawer.drawOptions()
        options.useBWAtomPalette()
        options.fixedBondLength = BOND
        options.minFontSize, options.bondLineWidth = 11, 1.4
        drawer.DrawMolecule(shown.GetMol())
        drawer.FinishDrawing()
        # the drawer may add atoms (hydrogens that show a configuration) after those of the molecule
        at = [drawer.GetDrawCoords(i) for i in range(mol.GetNumAtoms())]
    points = [complex(p.x, p.y) for p in at]
    strokes, labels = _read(drawer.GetDrawingText(), [atom.GetSymbol() for atom in mol.GetAtoms()])
    label_corners = [corner for _, corners in labels for corner in corners]
    return _Drawn(
        strokes, [label[0] for label in labels],
        [(points[e], points[n]) for e, n in zip(ends, neighbours, strict=True)], points + label_corners,
    )  # fmt: skip


def _lay_out(mol: Any, ends: list[int]) -> None:
    """Set coordinates, with a straight chain for repeat units.

    From left to right.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDepictor
    from rdkit.Geometry import Point2D

    mol.UpdatePropertyCache(False)
    if len(ends) != 2:
        rdDepictor.Compute2DCoords(mol, canonOrient=True)
        return
    Chem.FastFindRings(mol)
    chain = list(Chem.GetShortestPath(mol, *ends))
    bent = any(mol.GetBondBetweenAtoms(i, j).IsInRing() for i, j in pairwise(chain))
    zigzag = {} if bent else {i: Point2D(1.3 * k, 0.75 * (k % 2)) for k, i in enumerate(chain)}
    rdDepictor.Compute2DCoords(mol, coordMap=zigzag)
    best, worth, fine = _turned(mol.GetConformer().GetPositions(), chain)
    for seed in range(1, LAYOUTS + 1 if bent else 1):
        if fine:
            break
        rdDepictor.Compute2DCoords(mol, nFlipsPerSample=3, nSample=1, sampleSeed=seed, permuteDeg4Nodes=True)
        other, value, fine = _turned(mol.GetConformer().GetPositions(), chain)
        if value > worth:
            best, worth = other, value
    mol.GetConformer().SetPositions(best)


def _turned(at: NDArray[np.float64], chain: list[int]) -> tuple[NDArray[np.float64], float, bool]:
    """Positions (n, 3) with a level chain, and their merit.

    Also True if the merit is good enough.

    Good is a long chain whose open bonds are not upright, with nothing beyond them and no atom on another.
    """
    first, last = chain[0], chain[-1]
    dx, dy = at[last, :2] - at[first, :2]
    length = math.hypot(dx, dy) or 1.0
    turn = np.array([[dx, -dy, 0.0], [dy, dx, 0.0], [0.0, 0.0, length]]) / length
    at = (at - at[first]) @ turn
    beyond = max(0.0, -at[:, 0].min()) + max(0.0, at[:, 0].max() - length)
    apart = ((at[:, None] - at) ** 2).sum(axis=2) + np.eye(len(at))
    clashes = int((apart < 0.3).sum()) // 2
    level = min(at[chain[1], 0], length - at[chain[-2], 0], 1.2)
    fine = not clashes and beyond < 0.3 and level > 0.7 and length > len(chain) - 1  # bonds are 1.5 long
    return at, length - 2.0 * beyond + 2.0 * level - 10.0 * clashes, fine


def _read(svg: str, symbols: list[str]) -> tuple[list[str], list[tuple[Markup, list[complex]]]]:
    """Line paths and labels in RDKit's drawing.

    A label comes with two of its corners.
    """
    strokes, labels = [], []
    for item in ElementTree.fromstring(svg):
        style = item.get("style", "")
        if item.tag == f"{_SVG}path" and "fill:none" in style:
            strokes.append(item.get("d", "").strip())
        elif item.tag == f"{_SVG}text":
            atom = int(item.get("class", "atom-0").split()[0].removeprefix("atom-"))
            symbol = symbols[atom] if atom < len(symbols) else ""
            x, y = float(item.get("x", 0)), float(item.get("y", 0))
            size = style.partition("font-size:")[2].partition("px")[0]
            colour = f"atom {symbol}" if symbol in _COLOURED else "atom"
            label = tag("text", item.text or "", class_=colour, x=x, y=y, font_size=size)
            labels.append((label, [complex(x, y), complex(x + 0.8 * float(size), y - 0.8 * float(size))]))
    return strokes, labels


def _points(stroke: str) -> list[complex]:
    """Corners of a path."""
    numbers = [float(text) for text in re.findall(r"-?\d+\.?\d*", stroke)]
    return [complex(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]


def _brackets(ends: list[tuple[complex, complex]], lines: list[list[complex]]) -> tuple[list[str], list[complex]]:
    """Square brackets across the chain's last bonds.

    Their paths, and their corners.

    lines : all bonds; brackets are only as high as other bonds leave room for
    """
    paths, corners = [], []
    heights = [p.imag for end in ends for p in end]
    # near the end of the bond: the neighbour may have a label
    crossings = [star + 0.38 * (neighbour - star) for star, neighbour in ends]
    others = [line for line in lines if all(abs(p - star) > 1.0 for p in line for star, _ in ends)]
    for margin in (0.6, 0.45, 0.3, 0.15):
        top, bottom = min(heights) - margin * BOND, max(heights) + margin * BOND
        if not any(_crosses(line, p.real, top - 2.0, bottom + 2.0) for line in others for p in crossings):
            break
    for (star, neighbour), crossing in zip(ends, crossings, strict=True):
        inward = (neighbour - star) / abs(neighbour - star)
        if abs(inward.real) > 0.4 and bottom - top < 3.2 * BOND:
            tick = complex(math.copysign(0.24 * BOND, inward.real), 0)
            high, low = complex(crossing.real, top), complex(crossing.real, bottom)
        else:  # an upright bond
            tick, across = 0.24 * BOND * inward, 0.8 * BOND * inward * 1j
            high, low = sorted((crossing - across, crossing + across), key=lambda p: p.imag)
        spots = [high + tick, high, low, low + tick]
        paths.append("M " + " L ".join(f"{p.real:.1f},{p.imag:.1f}" for p in spots))
        corners += [high + tick, high, low]
    return paths, corners


def _crosses(line: list[complex], x: float, top: float, bottom: float) -> bool:
    """True if a bond meets an upright line."""
    (a, b) = sorted((line[0], line[-1]), key=lambda p: p.real)
    if not a.real < x < b.real:
        return False
    return top < a.imag + (b.imag - a.imag) * (x - a.real) / (b.real - a.real) < bottom
