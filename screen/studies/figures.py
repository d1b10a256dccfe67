"""SVG figures with matplotlib, the same bytes each time.

On a bare canvas, in colours a dark page can replace.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The report's palette: by name, on a light and on a dark page. No two light ones may be equal.
COLOURS = {
    "paper": ("#ffffff", "#11161c"), "ink": ("#18202b", "#e6ebf1"), "soft": ("#56616f", "#9caaba"),
    "grid": ("#e9edf1", "#222b36"), "accent": ("#0b6b74", "#56c4cc"), "warm": ("#b94a12", "#f2935c"),
    "violet": ("#6a4fb3", "#b09bf0"), "amber": ("#9a6a00", "#e3b341"),
}  # fmt: skip
PAPER, INK, SOFT, GRID, ACCENT, WARM, VIOLET, AMBER = (light for light, _ in COLOURS.values())
# Readable on either page.
SEQUENTIAL = "viridis"

_STYLE: Any = {
    # Ids of clip paths and markers, which would be random otherwise.
    "svg.hashsalt": "kakehashi", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 9,
    "axes.edgecolor": SOFT, "axes.labelcolor": INK, "axes.titlecolor": INK, "text.color": INK, "xtick.color": SOFT,
    "ytick.color": SOFT, "axes.grid": True, "grid.color": GRID, "grid.linewidth": 0.8, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.titlelocation": "left",
    "legend.frameon": False, "legend.fontsize": 8, "axes.facecolor": "none", "figure.facecolor": "none",
    "savefig.facecolor": "none", "image.cmap": SEQUENTIAL, "axes.unicode_minus": True, "image.interpolation": "none",
}  # fmt: skip


def draw_svg(width: float, height: float, paint: Callable[[Figure], None]) -> str:
    """Draw a figure as SVG text; the same calls give the same text.

    width, height : inches
    paint : fills the figure
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        sink = io.StringIO()
        figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    return text[text.index("<svg") :]


def theme_svg(svg: str) -> str:
    """Make a drawing follow the colours of its page, light or dark."""
    for name, (light, _) in COLOURS.items():
        svg = svg.replace(f": {light}", f": var(--{name})")
    rules = [":root{" + "".join(f"--{name}:{pair[page]};" for name, pair in COLOURS.items()) + "}" for page in (0, 1)]
    style = f"{rules[0]}@media (prefers-color-scheme: dark){{{rules[1]}}}"
    head, mark, tail = svg.partition('<style type="text/css">')
    return f"{head}{mark}{style}{tail}"
