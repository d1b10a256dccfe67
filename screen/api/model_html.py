"""A model in a cell of a notebook: a sentence and a small parity plot."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.report.svg import tag
from kakehashi.screen.report.text import with_unit, words
from kakehashi.screen.screening.record import held_out_trust
from kakehashi.screen.transfer.fit import Model

# Pixels of the plot, and of the frame around its points.
SIZE, EDGE = 200, 24
# Points drawn at most.
MOST = 400


def model_html(model: Model) -> str:
    """HTML of a model: what it predicts, how far to trust it, whether transfer helps, and held-out parity."""
    target = model.target
    trust = held_out_trust(model).get("text", "")
    title = with_unit(words(target.quantity), target.unit)
    lines = [tag("b", f"Model of {title}, {len(target):,} known values"), tag("br"), str(trust)]
    lines += [tag("br"), str(model.verdict.text)]
    lines += [part for text in model.warnings[:3] for part in (tag("br"), f"Warning: {text}")]
    text = tag("div", *lines, style="max-width:36em")
    box = tag("div", parity_picture(model), text, style="display:flex;gap:1em;align-items:center")
    return str(box).replace("<br></br>", "<br>")


def parity_picture(model: Model) -> Markup:
    """Small picture of held-out predictions against known values, on the fitted scale."""
    known, predicted = model.target.y, model.out_of_fold.mean
    chosen = np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST)).astype(np.int64))
    every = np.concatenate([known, predicted])
    low, high = float(every.min()), float(every.max())
    names = model.target.keys
    scale = "ln of values" if model.target.log else "values"
    x, y = _pixels(known, low, high), SIZE - _pixels(predicted, low, high)
    style = {"fill": "#2b5c8a", "fill_opacity": "0.7"}
    dots = [tag("circle", tag("title", names[i]), cx=float(x[i]), cy=float(y[i]), r=3, **style) for i in chosen]
    edge = SIZE - EDGE
    label: dict[str, str | int] = {"font_size": 11, "fill": "#5a6472", "text_anchor": "middle"}
    return tag(
        "svg",
        tag("title", f"Held-out predictions against known {scale}"),
        tag("rect", x=EDGE, y=EDGE, width=SIZE - 2 * EDGE, height=SIZE - 2 * EDGE, fill="none", stroke="#9aa4b2"),
        tag("line", x1=EDGE, y1=edge, x2=edge, y2=EDGE, stroke="#9aa4b2"),
        *dots,
        tag("text", f"known ({scale})", x=SIZE // 2, y=SIZE - 8, **label),
        tag("text", "predicted, held out", x=SIZE // 2, y=15, **label),
        width=SIZE, height=SIZE, viewBox=f"0 0 {SIZE} {SIZE}", role="img",
    )  # fmt: skip


def _pixels(values: FloatArray, low: float, high: float) -> FloatArray:
    span = (high - low) or 1.0
    return EDGE + 6 + (SIZE - 2 * EDGE - 12) * (values - low) / span
