"""Figures of the polymer study.

Every source against none, one draw in full, choosing among ever more networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.studies.figures import ACCENT, SOFT, VIOLET, WARM, draw_svg
from kakehashi.screen.studies.findings import ClaimStatus, StudyFigure
from kakehashi.screen.studies.plots import Series, axis_label, dots, legend, parity, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kakehashi.screen.studies.polymer.result import Draws, PolymerResult

PAPER = "Transfer setup 1: correlation 1.000 of the best of 25,000 models, chosen on the 19 polymers it is quoted for."
# Random orders in which networks are tried.
ORDERS = 50


def _chosen(one: Draws, values: FloatArray) -> FloatArray:
    """Entries of the network the paper's rule chooses, (draws,)."""
    return values[np.arange(len(values)), one.best]


def rows(result: PolymerResult) -> list[dict[str, Any]]:
    """One flat row per source, and one for none."""
    table = []
    for what, spec, source, one in [
        *((r.what, r.spec, s, f) for r, s, f in zip(result.roles, result.library.sources, result.found, strict=True)),
        ("none", "", None, result.direct),
    ]:
        cv, test = _chosen(one, one.cv), _chosen(one, one.test)
        table.append(
            {
                "source": what, "file": spec, "rows_used": len(source.keys) if source else 0,
                "validation_r2": source.validation_r2[0] if source else float("nan"), "cv_mae": float(cv.mean()),
                "held_out_mae": float(test.mean()), "held_out_sd": float(test.std()), "cv_r": _mean(one.cv_r),
                "held_out_r": _mean(one.test_r), "averaged_mae": float(one.averaged.mean()),
                "ridge_mae": float(one.ridge.mean()),
                "draws_better_than_none": int(np.sum(test < _chosen(result.direct, result.direct.test))),
                "draws_ridge_better": int(np.sum(one.ridge < result.direct.ridge)),
            }
        )  # fmt: skip
    return table


def _error_label(result: PolymerResult) -> str:
    unit = result.target.unit
    return f"mean absolute error, {unit}" if unit else "mean absolute error"


def _over(parts: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each."""
    return np.array([part.mean() for part in parts]), np.array([part.std() for part in parts])


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def numbers(result: PolymerResult) -> dict[str, Any]:
    """Compute every number of the text."""
    every = np.concatenate([one.cv for _, one in result.genuine], axis=1)
    tests = np.concatenate([one.test for _, one in result.genuine], axis=1)
    looks, holds = choosing(every, tests)
    spread = float(np.mean(np.abs(result.target.y - np.median(result.target.y))))
    return {
        "materials": len(result.target),
        "draws": len(result.splits),
        "sources": {row["source"]: row for row in rows(result)},
        "models": every.shape[1],
        "best_of_all": {"cv_mae": float(looks[-1]), "held_out_mae": float(holds[-1])},
        "one_at_random": {"cv_mae": float(looks[0]), "held_out_mae": float(holds[0])},
        "mae_of_the_median": spread,
    }


def choosing(cv: FloatArray, test: FloatArray, orders: int = ORDERS, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Errors of the best of the first k models, seen and held out.

    cv, test : (draws, models); models come in random orders

    Returns
    -------
    (models,) mean cross-validated error of the chosen one; (models,) its mean held-out error
    """
    rng = np.random.default_rng(seed)
    looks, holds = np.zeros((2, cv.shape[1]))
    at = np.arange(len(cv))
    for _ in range(orders):
        order = rng.permutation(cv.shape[1])
        best = np.zeros(len(cv), np.intp)
        for k, model in enumerate(order):
            better = cv[:, model] < cv[at, best] if k else np.ones(len(cv), bool)
            best = np.where(better, model, best)
            looks[k] += cv[at, best].mean()
            holds[k] += test[at, best].mean()
    return looks / orders, holds / orders


def figures(result: PolymerResult, found: dict[str, Any]) -> tuple[StudyFigure, ...]:
    """Draw all figures, in the paper's order."""
    return _sources(result, found), _parity(result), _choosing(result, found)


def _sources(result: PolymerResult, found: dict[str, Any]) -> StudyFigure:
    every = [*result.found, result.direct]
    names = [*(role.what for role in result.roles), "none (descriptors)"]
    cv, test = ([_chosen(one, getattr(one, name)) for one in every] for name in ("cv", "test"))
    direct = found["sources"]["none"]

    def paint(figure: Figure) -> None:
        ax = figure.subplots()
        dots(
            ax, [short(name, 40) for name in names],
            [("best network, cross-validated inside the 19", *_over(cv), WARM),
             ("the same network, all other materials", *_over(test), ACCENT),
             ("ridge on all networks, all other materials", *_over([one.ridge for one in every]), VIOLET)],
            _error_label(result), ("no transfer, held out", direct["held_out_mae"]),
        )  # fmt: skip
        legend(ax)

    named = [row for name, row in found["sources"].items() if name not in ("none", "same-physics ceiling")]
    wins = [row["source"] for row in named if row["draws_better_than_none"] > 0.8 * found["draws"]]
    looks = sum(row["cv_mae"] < row["held_out_mae"] for row in named)
    best = min(named, key=lambda row: row["held_out_mae"])
    held: ClaimStatus = "held" if len(wins) == len(named) else "partly" if wins else "failed"
    return StudyFigure(
        "7", "Every source against none", draw_svg(9, 0.42 * len(names) + 1.8, paint),
        "Means over draws with standard deviations. The paper's forest on the last hidden layer of the network that"
        " cross-validation inside the 19 prefers; dashed: the same forest on descriptors.",
        f"{PAPER} Errors of three polymers made afterwards: 0.015, 0.001 and 0.017 W/(m K).",
        f"{looks} of {len(named)} sources look better inside the 19 than they are. Best on held-out materials:"
        f" {best['source']}, MAE {best['held_out_mae']:.4f} (looked like {best['cv_mae']:.4f}; r"
        f" {best['held_out_r']:.2f}), against {direct['held_out_mae']:.4f} without transfer; saying the median of all"
        f" materials would cost {found['mae_of_the_median']:.4f}.",
        held,
        (f"Better than no transfer in more than four of five draws: {', '.join(wins)}." if wins else
         "No source is better than no transfer in more than four of five draws.")
        + f" Ridge heads on all networks: best {min(row['ridge_mae'] for row in named):.4f}, without transfer"
        f" {direct['ridge_mae']:.4f}.",
        "sources",
    )  # fmt: skip


def _parity(result: PolymerResult) -> StudyFigure:
    role, one = min(result.genuine, key=lambda pair: float(_chosen(pair[1], pair[1].test).mean()))
    split, y = result.splits[0], result.target.y
    inner, outer = one.first

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        parity(left, [Series("", *result.parity, VIOLET)], axis_label(result.sources[0]),
               f"source: {result.roles[0].what}, kept apart")  # fmt: skip
        parity(
            right, [Series("held out", y[split.held], outer, SOFT),
                    Series("the 19, cross-validated", y[split.rows], inner, WARM)],
            axis_label(result.target), f"transferred from {role.what}",
        )  # fmt: skip

    return StudyFigure(
        "7b", "Source and transferred model, one draw", draw_svg(9, 4.6, paint),
        f"Left: materials no network of {result.roles[0].what} saw. Right: the first draw with the source that is best"
        " on held-out materials, by hindsight.",
        PAPER,
        f"From {role.what}: in this draw r = {one.cv_r[0]:.3f} by cross-validation inside the 19 and"
        f" r = {one.test_r[0]:.3f} on the other"
        f" {len(split.held)}; over draws {_mean(one.cv_r):.3f} and {_mean(one.test_r):.3f}.",
        "failed" if _mean(one.test_r) < 0.95 else "held",
        "A correlation of 1.000 is what choosing among many models on 19 values produces; held-out materials show the"
        " rest.",
    )  # fmt: skip


def _choosing(result: PolymerResult, found: dict[str, Any]) -> StudyFigure:
    cv, test = (np.concatenate([getattr(one, name) for _, one in result.genuine], axis=1) for name in ("cv", "test"))
    looks, holds = choosing(cv, test)
    direct = found["sources"]["none"]["held_out_mae"]

    def paint(figure: Figure) -> None:
        ax = figure.subplots()
        k = np.arange(1, len(looks) + 1)
        ax.plot(k, looks, color=WARM, label="what the best looks like (cross-validation inside the 19)")
        ax.plot(k, holds, color=ACCENT, label="what it is (all other materials)")
        ax.axhline(direct, color=SOFT, linewidth=1, linestyle=(0, (5, 4)), label="no transfer, held out")
        ax.set(xscale="log", xlabel="networks to choose from", ylabel=_error_label(result))
        ax.xaxis.set_major_formatter("{x:g}")
        legend(ax)

    first, last = found["one_at_random"], found["best_of_all"]
    better = last["held_out_mae"] < first["held_out_mae"]
    return StudyFigure(
        "7c", "Choosing among ever more networks", draw_svg(7.6, 4.4, paint),
        "Networks of all sources (not of the ceiling) in random orders; at each number the one that"
        " cross-validation inside the 19 prefers,"
        " averaged over draws and orders.",
        PAPER,
        f"From one to {found['models']} networks the chosen one's cross-validated error falls from"
        f" {first['cv_mae']:.4f} to {last['cv_mae']:.4f}, its held-out error goes from {first['held_out_mae']:.4f} to"
        f" {last['held_out_mae']:.4f}.",
        "partly" if better else "failed",
        "More models always look better. "
        + ("Held-out errors fall too, by less." if better else "Held-out errors do not follow."),
    )  # fmt: skip
