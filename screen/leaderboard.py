"""The leaderboard of nested cross-validation and the verdict on transfer, with the statistics behind both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalogs.records import PropertyTable
from screen.library import Library
from screen.null import Null
from screen.selection import BEST, Heads

FloatArray = NDArray[np.float64]

# After the name of one of several sources: the stack of its models and the direct ones.
ALONE = "stack with direct models"
# A difference counts when it exceeds this many standard errors (one-sided 95 %).
DECISIVE = 1.645


class Entry(NamedTuple):
    """One model, measured on held-out compounds with every choice made inside the training rows.

    mae, mae_std, rmse : on the fitted scale; mae_std is the standard error of mae over compounds
    mae_unit : mean absolute error in the target's unit
    optimism : nested error minus the error seen during selection
    coverage_90 : of its 90 % intervals; NaN where none were made
    beats_direct : whether its mae is below that of the best model without transfer
    """

    name: str
    source: str
    networks: int
    depth: str
    head: str
    mae: float
    mae_std: float
    mae_unit: float
    rmse: float
    r2: float
    spearman: float
    coverage_90: float
    optimism: float
    beats_direct: bool


class Verdict(NamedTuple):
    """Does transfer help? `difference` = error of the best direct model minus that of the chosen one.

    optimism : error of the chosen model minus what its selection saw
    null_mae, null_mae_p5, null_looks : on shuffled target values, the held-out error of the best of all networks
        (mean and 5th percentile over permutations), and the mean error with which it is chosen; None without networks
    """

    helps: bool | None
    chosen_mae: float
    direct_name: str
    direct_mae: float
    difference: float
    standard_error: float
    coverage_90: float
    optimism: float
    null_mae: float | None
    null_mae_p5: float | None
    null_looks: float | None
    text: str


def entries(
    y: FloatArray,
    log: bool,
    predictions: dict[str, FloatArray],
    inside: dict[str, list[float]],
    fitted: NDArray[np.int64],
    library: Library,
    heads: Heads,
    covered: dict[str, float],
) -> tuple[Entry, ...]:
    """Leaderboard entries, best first.

    y : (n,) held-out values, `predictions` (n,) of them; inside, fitted : error seen during selection, and rows it was
    seen on, per split; covered : coverage of the intervals of the models that have them
    """
    error = {name: float(np.mean(np.abs(y - p))) for name, p in predictions.items()}
    bar = min(error[name] for name in predictions if is_direct(name))
    board = []
    for name, p in predictions.items():
        source, networks, depth, head = describe(name, library, heads)
        inner = float(np.average(inside[name], weights=fitted))
        board.append(
            Entry(
                name=name,
                source=source,
                networks=networks,
                depth=depth,
                head=head,
                mae=error[name],
                mae_std=float(np.std(np.abs(y - p), ddof=1) / np.sqrt(len(y))),
                mae_unit=float(np.mean(np.abs(np.exp(y) - np.exp(p)))) if log else error[name],
                rmse=float(np.sqrt(np.mean((y - p) ** 2))),
                r2=float(1 - np.sum((y - p) ** 2) / np.sum((y - y.mean()) ** 2)),
                spearman=_spearman(y, p),
                coverage_90=covered.get(name, float("nan")),
                optimism=error[name] - inner,
                beats_direct=bool(not is_direct(name) and error[name] < bar),
            )
        )
    return tuple(sorted(board, key=lambda entry: entry.mae))


def is_direct(name: str) -> bool:
    """Whether a leaderboard name stands for a model without transfer."""
    # A source may be called "direct band gap"; its models have names of the form "source: ...".
    return ": " not in name and name.startswith(("direct ", "mean of ", "stack of direct"))


def describe(name: str, library: Library, heads: Heads) -> tuple[str, int, str, str]:
    """(source, networks, depth, head) columns of a leaderboard name."""
    everything = " + ".join(source.name for source in library.sources)
    total = sum(len(source.networks) for source in library.sources)
    # The longest first: "shared trunk: a" begins like a source called "shared trunk".
    for source in sorted(library.sources, key=lambda source: -len(source.name)):
        if name.startswith(f"{source.name}: "):
            rest = name[len(source.name) + 2 :]
            if rest == "best single network":
                return source.name, 1, "selected", "selected"
            if rest == "selected":
                return source.name, len(source.networks), "selected", "selected"
            if rest == ALONE:
                joined = " + ".join(dict.fromkeys((*heads.direct, *heads.frozen, *heads.late)))
                return source.name, len(source.networks), "selected", joined
            if rest.startswith("forest on the best"):
                return source.name, min(BEST, len(source.networks)), "all layers", "forest"
            if rest.startswith("fine-tuned best"):
                return source.name, min(BEST, len(source.networks)), "last 2", "finetune"
            _, depth, head = rest.rsplit(", ", 2)
            return source.name, len(source.networks), depth, head
    if name.startswith("stacked features of "):
        _, depth, head = name.rsplit(", ", 2)
        return everything, total, depth, head
    if name.startswith("descriptors + source"):
        return everything, total, "output", name.rsplit(" ", 1)[1]
    if name.startswith("direct "):
        return "none", 0, "descriptors", name.split(" ", 1)[1]
    if name.startswith("mean of"):
        return "none", 0, "none", "mean"
    if name.startswith("stack of direct"):
        return "none", 0, "descriptors", " + ".join(heads.direct)
    tried = (*heads.direct, *heads.frozen, *(heads.late if library.sources else ()))
    return everything, total, "selected", " + ".join(dict.fromkeys(tried))


def judge_transfer(
    target: PropertyTable,
    predictions: dict[str, FloatArray],
    chosen: str,
    board: tuple[Entry, ...],
    null: Null | None,
) -> Verdict:
    """Compare the chosen model with the best direct one, compound by compound; without sources nothing is judged.

    The best direct model is picked with hindsight, which favours it: "helps" is said against the odds.
    """
    y = target.y
    direct = min((e for e in board if is_direct(e.name)), key=lambda e: e.mae)
    own = next(e for e in board if e.name == chosen)
    gain = np.abs(y - predictions[direct.name]) - np.abs(y - predictions[chosen])
    difference, error = float(gain.mean()), float(np.std(gain, ddof=1) / np.sqrt(len(gain)))
    helps: bool | None = None
    if null and abs(difference) > DECISIVE * error and difference != 0:
        helps = difference > 0
    scale = f"ln({target.quantity})" if target.log else (target.unit or "the target's unit")
    wording = {
        True: "Transfer helps here",
        False: "Transfer does not help here",
        None: "No measurable difference",
    }
    more = "lower" if difference >= 0 else "higher"
    text = (
        f"{wording[helps]}: held-out MAE {own.mae:.3g} in {scale} with transfer, {direct.mae:.3g} for the best model"
        f" without ({direct.name}), i.e. {abs(difference):.2g} ± {error:.2g} (1 s.e., {len(y)} compounds) {more}."
    )
    if null is None:
        text = (
            f"No transfer: no source was given. Held-out MAE {own.mae:.3g} in {scale} for the stack of direct models,"
            f" {direct.mae:.3g} for the best single one ({direct.name}); {len(y)} compounds."
        )
    else:
        text += (
            f" With shuffled target values the best of {null.networks} networks errs {null.mae.mean():.3g} (5th"
            f" percentile {np.quantile(null.mae, 0.05):.3g}), though it looks like {null.looks.mean():.3g} when it is"
            " chosen."
        )
    return Verdict(
        helps=helps,
        chosen_mae=own.mae,
        direct_name=direct.name,
        direct_mae=direct.mae,
        difference=difference,
        standard_error=error,
        coverage_90=own.coverage_90,
        optimism=own.optimism,
        null_mae=float(null.mae.mean()) if null else None,
        null_mae_p5=float(np.quantile(null.mae, 0.05)) if null else None,
        null_looks=float(null.looks.mean()) if null else None,
        text=text,
    )


def _spearman(a: FloatArray, b: FloatArray) -> float:
    from scipy.stats import spearmanr

    return float("nan") if np.ptp(b) == 0 else float(spearmanr(a, b).statistic)
