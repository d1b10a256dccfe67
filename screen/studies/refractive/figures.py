"""Figures of the refractive index study.

Both directions, the map of descriptors, hidden layers, element coverage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kakehashi.catalogs.records import PropertyTable
from kakehashi.screen.studies.figures import ACCENT, AMBER, VIOLET, WARM, draw_svg
from kakehashi.screen.studies.findings import ClaimStatus, StudyFigure
from kakehashi.screen.studies.fits import Fit, fit_of
from kakehashi.screen.studies.heat import OrderedMap, order_map
from kakehashi.screen.studies.plots import Series, axis_label, curve_beside, heat_map, legend, parity, scatter, short
from kakehashi.screen.studies.refractive.coverage import diagnosis
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.verdict import verdict_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kakehashi.screen.studies.refractive.result import Direction, RefractiveResult

PAPER_ALONE = "Source network alone on polymers: MAE 0.367, RMSE 0.417, r 0.249, R² -2.61."
PAPER_TRANSFER = (
    "Transferred (random forest on the last hidden layer): MAE 0.067, R² 0.602, r 0.792 on 107 test polymers."
)
PAPER_BACK = "From polymers to inorganic compounds transfer fails; the polymers hold 17 elements, the compounds 63."


def _mean(fits: Sequence[Fit], name: str) -> float:
    return float(np.mean([getattr(fit, name) for fit in fits]))


def numbers(every: Sequence[Direction]) -> dict[str, Any]:
    """Compute every number of the text, by direction."""
    return {
        f"{one.source.name} to {one.target.name}": {
            "source_own": one.own._asdict(),
            "source_networks_alone": fit_of(one.target.y, one.alone)._asdict(),
            "forest_mean_of_draws": {name: _mean(one.forests, name) for name in Fit._fields},
            "direct_forest_mean_of_draws": {name: _mean(one.direct_forests, name) for name in Fit._fields},
            "transfer_wins_draws": sum(a.mae < b.mae for a, b in zip(one.forests, one.direct_forests, strict=True)),
            "draws": len(one.forests),
            "stack": fit_of(one.target.y, one.model.out_of_fold.mean)._asdict(),
            "verdict": verdict_record(one.model.verdict),
            "source_elements": one.coverage.source_elements,
            "target_elements": one.coverage.target_elements,
            "missing_elements": list(one.coverage.missing),
            "covered": int(one.coverage.covered.sum()),
            "compounds": len(one.target),
            "networks_error": one.by_networks._asdict(),
            "stack_error": one.by_stack._asdict(),
            "excess": one.excess._asdict(),
        }
        for one in every
    }


def rows(every: Sequence[Direction]) -> list[dict[str, Any]]:
    """One flat row per direction."""
    return [
        {
            "source": one.source.name, "target": one.target.name, "compounds": len(one.target),
            "covered": int(one.coverage.covered.sum()), "mae_source_networks": fit_of(one.target.y, one.alone).mae,
            "r_source_networks": fit_of(one.target.y, one.alone).r, "mae_forest": _mean(one.forests, "mae"),
            "mae_forest_direct": _mean(one.direct_forests, "mae"), "r2_forest": _mean(one.forests, "r2"),
            "r2_forest_direct": _mean(one.direct_forests, "r2"), "mae_stack": one.model.verdict.chosen_mae,
            "mae_direct": one.model.verdict.direct_mae, "difference": one.model.verdict.difference,
            "standard_error": one.model.verdict.standard_error,
        }
        for one in every
    ]  # fmt: skip


def figures(result: RefractiveResult) -> tuple[StudyFigure, ...]:
    """Draw all figures, in the paper's order."""
    return (
        _there(result.there), _map(result), _hidden(result.there[0], "5c"),
        _back(result.back, result.there), _covered(result.back, result.there), _hidden(result.back[0], "6c"),
    )  # fmt: skip


def _kind(table: PropertyTable) -> str:
    """Name the kind of materials of a table."""
    return table.name.partition(" (")[0]


def _pairs(directions: Sequence[Direction]) -> str:
    def paint(figure: Figure) -> None:
        grid = figure.subplots(len(directions), 2, squeeze=False)
        for axes, one in zip(grid, directions, strict=True):
            what = axis_label(one.target)
            parity(axes[0], [Series("", one.target.y, one.alone, VIOLET)], what,
                   f"{one.target.name},\nnetworks of {one.source.name} alone")  # fmt: skip
            parity(axes[1], [Series("", one.target.y, one.model.out_of_fold.mean)], what,
                   f"{one.target.name},\ntransferred from {one.source.name}, held out")  # fmt: skip

    return draw_svg(8.4, 4.2 * len(directions), paint)


def _sentences(directions: Sequence[Direction]) -> str:
    texts = []
    for one in directions:
        alone = fit_of(one.target.y, one.alone)
        wins = sum(a.mae < b.mae for a, b in zip(one.forests, one.direct_forests, strict=True))
        texts.append(
            f"{one.source.name} to {one.target.name}: source networks alone MAE {alone.mae:.3f}, r {alone.r:.3f}, R²"
            f" {alone.r2:.2f}; the paper's forest over {len(one.forests)} test sets MAE"
            f" {_mean(one.forests, 'mae'):.3f}, r {_mean(one.forests, 'r'):.3f}, R² {_mean(one.forests, 'r2'):.3f},"
            f" against {_mean(one.direct_forests, 'mae'):.3f}, {_mean(one.direct_forests, 'r'):.3f},"
            f" {_mean(one.direct_forests, 'r2'):.3f} of the same forest on the descriptors themselves; transfer is"
            f" better on {wins} of {len(one.forests)} test sets"
        )
    return ". ".join(texts) + "."


def _there(directions: Sequence[Direction]) -> StudyFigure:
    helps = [one.model.verdict.helps for one in directions]
    better = [_mean(one.forests, "mae") < _mean(one.direct_forests, "mae") for one in directions]
    held: ClaimStatus = "held" if all(helps) else "failed" if not any(helps) and not any(better) else "partly"
    verdicts = " ".join(f"{one.target.name}: {one.model.verdict.text}" for one in directions)
    return StudyFigure(
        "5a", f"From inorganic compounds to {_kind(directions[0].target)}", _pairs(directions),
        "Left: what the source's networks say of materials of the other kind. Right: the deployed stack by nested"
        " cross-validation grouped by composition.",
        f"{PAPER_ALONE} {PAPER_TRANSFER}",
        _sentences(directions),
        held,
        "That the source alone fails and a model on its features does better is so; whether transfer is why, only the"
        f" comparison with no transfer on the same folds can say. {verdicts}",
        "directions",
    )  # fmt: skip


def _back(directions: Sequence[Direction], there: Sequence[Direction]) -> StudyFigure:
    helps, works = ([one.model.verdict.helps for one in some] for some in (directions, there))
    held: ClaimStatus = "failed" if any(helps) else "held" if any(works) else "partly"
    verdicts = " ".join(f"{one.source.name}: {one.model.verdict.text}" for one in directions)
    losses = [
        [_mean(one.forests, "mae") / _mean(one.direct_forests, "mae") for one in some] for some in (directions, there)
    ]
    back, forth = (" and ".join(f"{loss:.2f}" for loss in some) for some in losses)
    return StudyFigure(
        "6a", f"From {_kind(directions[0].source)} to inorganic compounds", _pairs(directions),
        "Left: what the organic networks say of inorganic compounds. Right: the deployed stack by nested"
        " cross-validation grouped by composition.",
        PAPER_BACK,
        _sentences(directions),
        held,
        f"The claim is that this direction fails where the other works. {'Nothing' if not any(helps) else 'Something'}"
        f" is gained in this direction, {'something' if any(works) else 'nothing'} in the other; the paper's forest on"
        f" the last hidden layer errs {back} times as much as on descriptors here, {forth} times there. {verdicts}",
    )  # fmt: skip


def _map(result: RefractiveResult) -> StudyFigure:
    colours = (VIOLET, ACCENT, WARM, AMBER)
    tables = [result.inorganic, *result.organic]

    def paint(figure: Figure) -> None:
        ax = figure.subplots()
        series = [
            Series(
                f"{table.name} ({len(table)})",
                result.place[result.kind == k, 0],
                result.place[result.kind == k, 1],
                colours[k % len(colours)],
            )
            for k, table in enumerate(tables)
        ]
        scatter(ax, series, "", "", beside=True)
        ax.set(xticks=[], yticks=[], xlabel="t-SNE, first axis", ylabel="t-SNE, second axis")

    mixed = neighbours_of_own_kind(result)
    return StudyFigure(
        "5b", "Where both kinds lie", draw_svg(8.6, 5, paint),
        "t-SNE of the 290 standardised descriptors, at most 300 materials of each table (in brackets: how many there"
        " are); axes and distances between clusters mean little.",
        "A map without a number.",
        f"In this map {mixed[0]:.1%} of the inorganic compounds have an inorganic nearest neighbour, {mixed[1]:.1%} of"
        " the organic materials an organic one.",
        "not tested",
        "Seen on the descriptors alone; no model is involved, so nothing is held out.",
    )  # fmt: skip


def neighbours_of_own_kind(result: RefractiveResult) -> tuple[float, float]:
    """Share of points whose nearest neighbour is of their kind.

    In the map of descriptors: of inorganic points, of organic points.
    """
    from scipy.spatial import cKDTree

    organic = result.kind > 0
    nearest = cKDTree(result.place).query(result.place, 2)[1][:, 1]
    same = organic[nearest] == organic
    return float(same[~organic].mean()), float(same[organic].mean())


def _hidden(one: Direction, number: str) -> StudyFigure:
    layer = compute_features(one.library, one.target.inputs).layers[0][0]
    maps: list[OrderedMap] = [order_map(layer[k], one.target.y) for k in (0, -1)]

    def paint(figure: Figure) -> None:
        axes = figure.subplots(1, 3, width_ratios=[5, 5, 1.2])
        for ax, ordered, title in zip(axes, maps, ("first hidden layer", "last hidden layer"), strict=False):
            heat_map(
                ax, ordered.x, title, f"{ordered.x.shape[1]} hidden units, clustered", f"{one.target.name} by value"
            )
        curve_beside(axes[2], maps[0].y, short(one.target.quantity))

    strength = [float(np.max(np.abs(_columns(ordered)))) for ordered in maps]
    return StudyFigure(
        number, f"Hidden layers of a network of {one.source.name}, on {one.target.name}", draw_svg(8.4, 4.0, paint),
        f"Rows: {one.target.name} in the order of their values, which are drawn beside them. Columns: units of the"
        " first network before their activation, by rank within a unit (dark low, yellow high).",
        "A picture without a number.",
        f"Strongest rank correlation of a unit with the property: {strength[0]:.2f} in the first hidden layer and"
        f" {strength[1]:.2f} in the last.",
        "not tested",
        "The strongest of many units is chosen by the values it is compared with: a picture, no evidence.",
    )  # fmt: skip


def _columns(ordered: OrderedMap) -> Any:
    """Rank correlation of each column with the property, (p,).

    Its ranks fall from the first row on.
    """
    rank = np.arange(len(ordered.x))[::-1]
    return [np.corrcoef(column, rank)[0, 1] for column in ordered.x.T]


def _covered(directions: Sequence[Direction], there: Sequence[Direction]) -> StudyFigure:
    def paint(figure: Figure) -> None:
        ax = figure.subplots()
        labels, heights, counts = [], [], []
        for one in directions:
            inside = int(one.coverage.covered.sum())
            labels += [f"networks of\n{one.source.name}", f"transferred from\n{one.source.name}"]
            heights += [one.by_networks, one.by_stack]
            counts += [(inside, len(one.target) - inside)] * 2
        at = np.arange(len(labels), dtype=float)
        for side, colour, label in (
            (0, ACCENT, "all elements in the source"),
            (1, WARM, "elements the source has not"),
        ):
            bars = ax.bar(at + 0.36 * side - 0.18, [h[side] for h in heights], 0.34, color=colour, label=label)
            ax.bar_label(bars, [f"{h[side]:.2f}\nn {n[side]}" for h, n in zip(heights, counts, strict=True)],
                         fontsize=8, padding=2)  # fmt: skip
        ax.margins(y=0.18)
        ax.set(xticks=at, xticklabels=labels, ylabel=f"mean absolute error, {axis_label(directions[0].target)}")
        ax.grid(visible=False, axis="x")
        legend(ax)

    verdicts = [one.excess.explains for one in directions]
    held: ClaimStatus = "held" if all(verdicts) else "partly" if any(verdicts) else "failed"
    if all(found is None for found in verdicts):
        held = "not tested"
    lacking = sum(int((~one.coverage.covered).sum()) for one in there)
    materials = sum(len(one.target) for one in there)
    missed = f"{lacking:,} of {materials:,} materials hold an element that the source has not"
    reasons = " ".join(
        f"{one.source.name}: {diagnosis(one.coverage, one.by_networks, one.excess)}" for one in directions
    )
    return StudyFigure(
        "6b", "Why one direction fails: elements", draw_svg(7.6, 4.4, paint),
        "Errors on inorganic compounds whose elements all occur in the organic table, and on the others: of the organic"
        " networks, which know no inorganic compound, and held out of the stack, which learned from other compounds.",
        PAPER_BACK,
        reasons,
        held,
        "If missing elements were the reason, compounds without them would fare better with the organic networks, by"
        f" more than they do with a model that knows inorganic compounds. In the other direction {missed}.",
    )  # fmt: skip
