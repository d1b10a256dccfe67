"""Figures of the conductivity study.

Sources beside the target, accuracy, extrapolation, leading descriptors.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from kakehashi.screen.descriptors.materials import describe
from kakehashi.screen.studies.figures import ACCENT, AMBER, INK, SOFT, VIOLET, WARM, draw_svg
from kakehashi.screen.studies.findings import ClaimStatus, StudyFigure
from kakehashi.screen.studies.fits import fifths, fit_of, shared_values
from kakehashi.screen.studies.heat import order_map
from kakehashi.screen.studies.ltc.measured import count_inside, fit_measured
from kakehashi.screen.studies.ltc.screening_figures import judged_figure, screening_figure
from kakehashi.screen.studies.plots import (
    Series,
    axis_label,
    curve_beside,
    dots,
    heat_map,
    histograms,
    legend,
    parity,
    scatter,
)
from kakehashi.screen.transfer.verdict import verdict_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kakehashi.screen.studies.ltc.result import LtcResult, StandIn

# Largest conductivity among the paper's target, and the largest it verified, W/(m K) (Ju et al., 2021, abstract; the
# authors' exercise prints the first).
PAPER_TRAINING_MAX, PAPER_HIT = 370, 3000
PAPER_R = 0.999
LN_KAPPA = "ln κ (κ in W/(m K))"
NAMED = ("dipole_polarizability", "vdw_radius")


def numbers(result: LtcResult) -> dict[str, Any]:
    """Compute every number of the text."""
    y, model, choice = result.target.y, result.model, result.choice
    groups = fifths(y)
    hot = groups == groups.max()
    near = result.compositions.filter(pc.not_equal(result.compositions["domain"], "out"))
    means = result.compositions["mean"].to_numpy()
    largest = float(result.target.values.max())
    place = {row["descriptor"]: row for row in result.leading.to_pylist()}
    named = [place[f"{pool}:{name}"] for name in NAMED for pool in ("ave", "max") if f"{pool}:{name}" in place]
    return {
        "compounds": len(y),
        "networks": len(choice.mae),
        "setup_2_hindsight": fit_of(y, choice.hindsight)._asdict(),
        "setup_2_unseen": fit_of(y, choice.unseen)._asdict(),
        "stack": fit_of(y, model.out_of_fold.mean)._asdict(),
        "direct": fit_of(y, result.direct.out_of_fold.mean)._asdict(),
        "verdict": verdict_record(model.verdict),
        "coverage_90": model.verdict.coverage_90,
        "top_fifth": {
            "compounds": int(hot.sum()),
            "above_training": int((result.by_size[hot] > y[~hot].max()).sum()),
            "mae": float(np.mean(np.abs(result.by_size[hot] - y[hot]))),
            "mean_error": float(np.mean(result.by_size[hot] - y[hot])),
            "spearman": fit_of(y[hot], result.by_size[hot]).spearman,
        },
        "screening": {
            "rows": result.screened.scores.num_rows,
            "quarantined": result.screened.quarantined,
            "compositions": len(means),
            "training_max": largest,
            "above_training_max": int((means > largest).sum()),
            "near": near.num_rows,
            "near_above_training_max": int((near["mean"].to_numpy() > largest).sum()),
            "largest_near": float(pc.max(near["mean"]).as_py() or float("nan")),
            "direct_spearman": fit_of(np.log(means), np.log(result.without)).spearman,
            "forest_max": float(result.forest.max()),
            "shortlisted": result.chosen.table["formula"].to_pylist(),
            "filters": [count._asdict() for count in result.chosen.counts],
        },
        "measured": None
        if result.measured is None
        else {
            "metals_left_out": result.measured.metals,
            "inside_90": count_inside(result.measured.table),
            **{
                name: fit_measured(result.measured.table, name)._asdict()
                for name in ("mean", "mean_direct", "mean_setup_2")
            },
        },
        "named_descriptors": named,
        "leading_descriptors": result.leading.slice(0, 8).to_pylist(),
    }


def figures(result: LtcResult, values: dict[str, Any]) -> tuple[StudyFigure, ...]:
    """Draw all figures, in the paper's order."""
    judged = () if result.measured is None else (judged_figure(result, values),)
    return (
        _joint(result), _accuracy(result, values), _stand_ins(result), screening_figure(result, values), *judged,
        _extrapolation(result, values), _heat(result, values),
    )  # fmt: skip


def _joint(result: LtcResult) -> StudyFigure:
    def paint(figure: Figure) -> None:
        axes = figure.subplots(1, len(result.sources), sharey=True)
        for ax, table, one in zip(np.atleast_1d(axes), result.sources, result.stand_ins, strict=True):
            a, b = shared_values(table, result.target)
            label = f"r = {one.r:.2f}, n = {one.shared}" if len(a) > 2 else "no overlap"
            scatter(ax, [Series("", a, b)], fill(axis_label(table), 20), "", label)
        np.atleast_1d(axes)[0].set_ylabel(LN_KAPPA)

    listed = "; ".join(f"{one.name} r = {one.r:.2f} (ρ {one.spearman:.2f}, n {one.shared})" for one in result.stand_ins)
    known = [abs(one.r) for one in result.stand_ins if np.isfinite(one.r)]
    strongest = max(known, default=float("nan"))
    return StudyFigure(
        "2a", "Sources beside the target", draw_svg(10, 2.9, paint),
        "Each source property against the target (both on the scale they are fitted on) on the compounds they share.",
        "ln of scattering phase space and of conductivity: a weak negative correlation over 45 compounds.",
        f"{listed}.",
        "not tested",
        "The paper's own source is not public, so its correlation cannot be checked; among the stand-ins the strongest"
        f" has |r| = {strongest:.2f}.",
    )  # fmt: skip


def _stand_ins(result: LtcResult) -> StudyFigure:
    rows = result.stand_ins
    best = float(np.mean(np.abs(result.choice.hindsight - result.target.y)))

    def paint(figure: Figure) -> None:
        ax = figure.subplots()
        kinds = (
            ("setup 2, best network, chosen on all compounds", "best", WARM),
            ("setup 2, best network, chosen without the fold it predicts", "best_unseen", AMBER),
            ("ridge heads, all networks averaged, nested", "ridge", ACCENT),
            ("Gaussian process heads, all networks averaged, nested", "gp", VIOLET),
        )
        dots(
            ax, [one.name.replace("_", " ") for one in rows],
            [(label, np.array([getattr(one, name) for one in rows]), None, colour) for label, name, colour in kinds],
            "cross-validated MAE of ln κ", ("best model without transfer", result.model.verdict.direct_mae),
        )  # fmt: skip
        legend(ax)

    gap = float(np.mean([one.best_unseen - one.best for one in rows]))
    beats = sum(one.best_unseen < result.model.verdict.direct_mae for one in rows)
    held: ClaimStatus = "held" if beats == len(rows) else "partly" if beats else "failed"
    return StudyFigure(
        "2s", "Transfer setup 2 and better heads, source by source", draw_svg(8.4, 4.2, paint),
        "Setup 2: random forest (200 trees) on all hidden layers of each network; the best of each source's"
        f" {len(result.model.library.sources[0].networks)} networks, chosen in two ways from the same predictions. The"
        " other heads: one on all hidden layers of each network, their mean, by nested cross-validation.",
        "100 networks of one source, the best by 10-fold cross-validation kept.",
        f"Best of all {len(result.choice.mae)} networks: MAE {best:.3f} with hindsight. Choosing without the fold that"
        f" is predicted costs {gap:.3f} on average over sources. {_other_heads(rows)}",
        held,
        f"{beats} of {len(rows)} sources beat the best model without transfer"
        f" ({result.model.verdict.direct_name}, MAE {result.model.verdict.direct_mae:.3f}) when the network is chosen"
        " without looking. If one of the other heads is below it, that was seen with hindsight.",
        "stand_ins",
    )  # fmt: skip


def _other_heads(rows: Sequence[StandIn]) -> str:
    """Describe ridge and Gaussian process heads beside the forest of setup 2.

    Averaged over networks.
    """
    measured = [one for one in rows if np.isfinite(one.ridge) and np.isfinite(one.gp)]
    if not measured:
        return "With one network of each source there is nothing to average."
    better = sum(min(one.ridge, one.gp) < one.best_unseen for one in measured)
    ridge, gp = min(measured, key=lambda one: one.ridge), min(measured, key=lambda one: one.gp)
    return (
        f"Averaging ridge or Gaussian process heads over all networks errs less than that on {better} of"
        f" {len(measured)} sources; the best are ridge on {ridge.name}, {ridge.ridge:.3f}, and Gaussian process on"
        f" {gp.name}, {gp.gp:.3f}."
    )


def _accuracy(result: LtcResult, values: dict[str, Any]) -> StudyFigure:
    y, model = result.target.y, result.model

    def paint(figure: Figure) -> None:
        left, middle, right = figure.subplots(1, 3)
        known, guess = result.first_source
        parity(left, [Series("", known, guess, VIOLET)], axis_label(result.sources[0]), "source, compounds kept apart")
        parity(middle, [Series("", y, result.choice.hindsight, WARM)], LN_KAPPA, "setup 2, best network by CV")
        parity(right, [Series("", y, model.out_of_fold.mean)], LN_KAPPA, "deployed stack, nested CV")

    with_luck, unseen, stack = values["setup_2_hindsight"], values["setup_2_unseen"], values["stack"]
    source = result.stand_ins[0].source
    return StudyFigure(
        "2b", "Parity of source and transferred model", draw_svg(10, 3.7, paint),
        f"Left: {source.n:,} compounds that no network of {result.sources[0].name} saw, mean of all networks."
        " Middle: cross-validated predictions of the network that fits the target best, as the paper chooses it. Right:"
        " predictions of the deployed stack, every"
        " choice made inside the training folds.",
        f"Transferred model: r = {PAPER_R} (best of many, on the compounds it was chosen by); the authors' own exercise"
        " R² 0.728 on 9 test compounds.",
        f"Source {result.sources[0].name}: r = {source.r:.3f}."
        f" Setup 2, best of {values['networks']}: r = {with_luck['r']:.3f}, MAE"
        f" {with_luck['mae']:.3f} by the paper's choice; r = {unseen['r']:.3f}, MAE {unseen['mae']:.3f} when chosen"
        f" unseen. Deployed stack r = {stack['r']:.3f}, R² {stack['r2']:.3f}, MAE {stack['mae']:.3f}.",
        "failed" if stack["r"] < 0.99 else "held",
        f"r = {PAPER_R} does not survive: on compounds that no choice has seen it is {stack['r']:.3f}."
        f" {model.verdict.text}",
    )  # fmt: skip


def _extrapolation(result: LtcResult, values: dict[str, Any]) -> StudyFigure:
    y, groups = result.target.y, fifths(result.target.y)

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        held = groups == groups.max()
        parity(
            left, [Series("the other fifths", y[~held], result.by_size[~held], SOFT),
                   Series("the top fifth", y[held], result.by_size[held], WARM)],
            LN_KAPPA, "each fifth of the values held out",
        )  # fmt: skip
        left.axhline(float(y[~held].max()), color=WARM, linewidth=0.9, linestyle=(0, (2, 2)),
                     label="largest value seen without it")  # fmt: skip
        legend(left)
        means = result.compositions["mean"].to_numpy()
        histograms(
            right, [("setup 2 (forest on one network)", np.log(result.forest), WARM),
                    ("deployed stack", np.log(means), ACCENT)],
            f"predicted {LN_KAPPA} of candidates",
        )  # fmt: skip
        right.axvline(float(np.log(result.forest_ceiling)), color=INK, linewidth=1, linestyle=(0, (5, 4)),
                      label="largest value of the target")  # fmt: skip
        legend(right)

    top, screening = values["top_fifth"], values["screening"]
    share = top["above_training"] / max(1, top["compounds"])
    return StudyFigure(
        "3x", "Can it predict above what it has seen?", draw_svg(10, 4.1, paint),
        "Left: values predicted by models that saw none of their fifth of the range. Right: predictions for all"
        " compositions of the catalogue.",
        f"From values up to about {PAPER_TRAINING_MAX} W/(m K) to compounds above {PAPER_HIT} W/(m K).",
        f"{top['above_training']} of {top['compounds']} compounds of the top fifth are predicted above the largest"
        f" value seen; they are off by {top['mean_error']:+.2f} in ln κ on average. The forest of setup 2 gives no"
        f" candidate more than {screening['forest_max']:.4g} W/(m K); known values end at"
        f" {screening['training_max']:.4g}.",
        "held" if share > 0.5 else "partly" if share > 0 else "failed",
        "A random forest returns means of training values, so setup 2 cannot name a value beyond them whatever the"
        f" candidates are. The stack extrapolates, but {'too little' if top['mean_error'] < 0 else 'too far'}.",
    )  # fmt: skip


def _heat(result: LtcResult, values: dict[str, Any]) -> StudyFigure:
    source, target = result.sources[0], result.target
    drawn_rows = np.linspace(0, len(source) - 1, min(len(source), 400)).astype(int)
    maps = [
        order_map(np.asarray(describe(source.inputs.take(drawn_rows), "reduced"), np.float64), source.y[drawn_rows]),
        order_map(np.asarray(describe(target.inputs, "reduced"), np.float64), target.y),
    ]

    def paint(figure: Figure) -> None:
        axes = figure.subplots(1, 4, width_ratios=[6, 1, 6, 1])
        titles = (axis_label(source), LN_KAPPA)
        for k, (found_map, name) in enumerate(zip(maps, titles, strict=True)):
            heat_map(axes[2 * k], found_map.x, name, f"{found_map.x.shape[1]} descriptors, clustered",
                     f"{len(found_map.x)} compounds by value")  # fmt: skip
            curve_beside(axes[2 * k + 1], found_map.y, "value")

    strongest = ", ".join(f"{row['descriptor']} {row['spearman']:+.2f}" for row in values["leading_descriptors"][:5])
    named: list[dict[str, Any]] = values["named_descriptors"]
    places = "; ".join(
        f"{row['descriptor']} place {row['place']} (ρ {row['spearman']:+.2f}, {row['place_low']:.0f} to"
        f" {row['place_high']:.0f})"
        for row in named
    )
    in_front = sum(row["place_high"] <= 58 for row in named)
    held: ClaimStatus = "held" if named and in_front == len(named) else "partly" if in_front else "failed"
    return StudyFigure(
        "4", "Descriptors in the order of the property", draw_svg(10, 4.2, paint),
        "Rows: compounds in the order of the source property (left) and of the conductivity (right), whose values are"
        " drawn beside them; columns: descriptors by rank within the map (dark low, yellow high), ordered by"
        " clustering; those that never vary are left out.",
        "Leading descriptors of the conductivity: average and maximum dipole polarizability and van der Waals radius.",
        f"Strongest rank correlations: {strongest}. The paper's: {places}.",
        held,
        f"{in_front} of the {len(named)} named descriptors stay in the first fifth (58 of 290) in nineteen of twenty"
        " bootstrap samples of the compounds; places with their 5th and 95th percentiles.",
        "descriptors",
    )  # fmt: skip
