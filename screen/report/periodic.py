"""Draw a periodic table of the best candidates' elements against those in training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from markupsafe import Markup

from kakehashi.catalogs.numbers import number
from kakehashi.screen.report.svg import drawing, tag
from kakehashi.screen.report.text import elements, percent

_LAYOUT = (
    "H . . . . . . . . . . . . . . . . He",
    "Li Be . . . . . . . . . . B C N O F Ne",
    "Na Mg . . . . . . . . . . Al Si P S Cl Ar",
    "K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr",
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe",
    "Cs Ba . Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn",
    "Fr Ra . . . . . . . . . . . . . . . .",
    ". . . La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
    ". . . Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr",
)
CELL = 54


def count_elements(formulas: Iterable[str]) -> Counter[str]:
    """Number of formulas that hold each element.

    Other texts count for nothing.

    >>> count_elements(["MgO", "CaO"])["O"]
    2
    """
    return Counter(symbol for formula in formulas for symbol in elements(formula))


def periodic_table(candidates: Counter[str], total: int, training: Counter[str]) -> Markup:
    """Periodic table shaded by share of candidates.

    Elements new to training are ringed.
    """
    most = max(candidates.values(), default=0) or 1
    parts: list[str] = []
    for r, line in enumerate(_LAYOUT):
        for c, symbol in enumerate(line.split()):
            if symbol == ".":
                continue
            x, y = c * CELL + 2, r * CELL + (14 if r > 6 else 2)
            count = candidates[symbol]
            shade = 0 if not count else min(5, 1 + int(4.999 * count / most))
            unseen = bool(training) and count > 0 and not training[symbol]
            text = f"{symbol}\n{number(count)} of the {number(total)} ranked first ({percent(count, total)})"
            if training:
                seen = training[symbol]
                text += f"\nin {number(seen)} training materials" if seen else "\nnever seen in training"
            kind = f"cell shade-{shade}" + (" unseen" if unseen else "")
            middle = x + CELL / 2 - 2
            group = [
                tag("title", text),
                tag("rect", x=x, y=y, width=CELL - 4, height=CELL - 4, rx=5),
                tag("text", symbol, class_="symbol", x=middle, y=y + 24, text_anchor="middle"),
            ]
            if count:
                share = percent(count, total)
                group.append(tag("text", share, class_="share", x=middle, y=y + 41, text_anchor="middle"))
            parts.append(tag("g", *group, class_=kind))
    return drawing(
        18 * CELL, 9 * CELL + 14, "Periodic table: elements among the best ranked candidates", *parts,
        class_="chart periodic",
    )  # fmt: skip
