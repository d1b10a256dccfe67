"""Figures of the screening: all candidates, the shortlist, measured values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kakehashi.screen.studies.figures import ACCENT, SOFT, VIOLET, WARM, draw_svg
from kakehashi.screen.studies.findings import ClaimStatus, StudyFigure
from kakehashi.screen.studies.ltc.measured import paired
from kakehashi.screen.studies.plots import Series, identity, legend, parity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kakehashi.screen.studies.ltc.result import LtcResult

PAPER = (
    '"Over 60,000 compounds" (abstract; about 140,000 in the review) screened; 14 verified, the largest above'
    " 3000 W/(m K)."
)
AXIS = "ln κ (κ in W/(m K))"
# A conductivity of the paper's own target that the authors' exercise prints, W/(m K).
PRINTED = ("BeSe", 95.0)


def screening_figure(result: LtcResult, found: dict[str, Any]) -> StudyFigure:
    """Draw known values, all candidates and the shortlist.

    With transfer and without.
    """
    means, direct = (np.log(values) for values in (result.compositions["mean"].to_numpy(), result.without))
    listed = result.chosen.table
    place = {key: i for i, key in enumerate(result.compositions["reduced_formula"].to_pylist())}
    rows = [place[key] for key in listed["reduced_formula"].to_pylist()]

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        every = np.concatenate([means, result.target.y])
        edges = np.linspace(every.min(), every.max(), 25).tolist()
        left.hist(means, edges, weights=np.full(len(means), 1 / len(means)), color=ACCENT, alpha=0.35,
                  label=f"all candidates ({len(means):,} compositions)")  # fmt: skip
        for label, values, colour in (
            (f"training values ({len(result.target)})", result.target.y, VIOLET),
            (f"shortlist ({len(rows)})", means[rows], WARM),
        ):
            if len(values):
                left.hist(values, edges, weights=np.full(len(values), 1 / len(values)), color=colour, linewidth=1.8,
                          histtype="step", label=label)  # fmt: skip
        left.set(xlabel=f"known or predicted {AXIS}", ylabel="share of its own set")
        legend(left)
        right.hexbin(direct, means, gridsize=60, bins="log", linewidths=0, mincnt=1, rasterized=True)
        right.plot(direct[rows], means[rows], "o", color=WARM, markersize=4.5, markeredgewidth=0, label="shortlist")
        low, high = float(min(direct.min(), means.min())), float(max(direct.max(), means.max()))
        identity(right, low, high)
        right.set(xlabel=f"{AXIS}, without transfer", ylabel=f"{AXIS}, with transfer")
        legend(right)

    s = found["screening"]
    return StudyFigure(
        "3", "The screening", draw_svg(10, 4.3, paint),
        "Left: the target's values, predictions of all candidates and those of the shortlist, each as a share of its"
        " own set. Right: the same compositions with and without transfer (brighter: more of them, logarithmic);"
        " dashed: no difference.",
        PAPER,
        f"{s['rows']:,} candidates, {s['compositions']:,} compositions, {s['near']:,} of them in or at the edge of the"
        f" domain; {s['near_above_training_max']} of these predicted above the largest training value"
        f" ({s['training_max']:.4g}), the largest {s['largest_near']:.4g}. With and without transfer the order agrees"
        f" to ρ = {s['direct_spearman']:.2f}. The shortlist is below, in W/(m K).",
        "not tested",
        "Nothing on the shortlist was calculated or measured here. Of all compositions"
        f" {1 - s['near'] / max(1, s['compositions']):.0%} are outside the domain and were not considered: a larger"
        " prediction there would be extrapolation.",
        "shortlist",
    )  # fmt: skip


def judged_figure(result: LtcResult, found: dict[str, Any]) -> StudyFigure:
    """Draw measured values that no model has seen."""
    if result.measured is None:
        raise ValueError("expected measured values")
    table, numbers = result.measured.table, found["measured"]
    y = np.log(table["measured"].to_numpy())
    out = np.array([domain == "out" for domain in table["domain"].to_pylist()], bool)
    outside = int(out.sum())

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for ax, column, title in ((left, "mean", "with transfer (deployed stack)"), (right, "mean_direct", "without")):
            values = np.log(table[column].to_numpy())
            parity(
                ax, [Series("outside the domain", y[out], values[out], SOFT),
                     Series("in or at its edge", y[~out], values[~out], WARM)],
                AXIS, title,
            )  # fmt: skip

    gain, error = paired(table, "mean", "mean_direct")
    held: ClaimStatus = "partly" if abs(gain) <= 1.645 * error else "held" if gain > 0 else "failed"
    mine, direct, forest = (numbers[name] for name in ("mean", "mean_direct", "mean_setup_2"))
    candidates = result.compositions["reduced_formula"].to_pylist()
    printed = ""
    if PRINTED[0] in candidates and PRINTED[0] not in result.target.keys:
        i = candidates.index(PRINTED[0])
        row = {name: result.compositions[name][i].as_py() for name in ("mean", "lower", "upper")}
        printed = (
            f" {PRINTED[0]}, for which the authors' exercise prints {PRINTED[1]:g}: {row['mean']:.3g}"
            f" ({row['lower']:.3g} to {row['upper']:.3g})."
        )
    return StudyFigure(
        "3m", "The screening beside measured values", draw_svg(9, 4.7, paint),
        f"{len(table)} compounds of the catalogue that were measured near 300 K and are not in the target; metals"
        f" ({numbers['metals_left_out']}, by the catalogue's band gaps) left out.",
        PAPER,
        f"Error of ln κ (mean error, rank correlation): with transfer {mine['mae']:.2f} ({mine['mean_error']:+.2f},"
        f" {mine['spearman']:.2f}), without {direct['mae']:.2f} ({direct['mean_error']:+.2f},"
        f" {direct['spearman']:.2f}), setup 2 {forest['mae']:.2f} ({forest['mean_error']:+.2f},"
        f" {forest['spearman']:.2f}). The 90% intervals hold {numbers['inside_90']} of {len(table)}.{printed}",
        held,
        f"Transfer {'lowers' if gain >= 0 else 'raises'} the error by {abs(gain):.2f} ± {error:.2f} (1 s.e.) on"
        f" compounds that no choice has seen;"
        f" {outside} of {len(table)} are outside the domain of the target's compounds. Measured samples are not all"
        " single crystals, and alloyed or doped ones conduct less.",
        "measured",
    )  # fmt: skip
