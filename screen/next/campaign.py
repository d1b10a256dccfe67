"""Simulate a campaign on known values: an acquisition function against chance.

The target's table is the pool. A few rows are known at the start; each round a model is fitted on the known rows, a
batch is chosen, and its values are looked up. Random choice goes on from the same start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.catalogs.shown import as_json, say
from kakehashi.screen.descriptors.composition import compute
from kakehashi.screen.descriptors.repeat_unit import compute as describe_units
from kakehashi.screen.descriptors.scaling import fit_scaling, standardise
from kakehashi.screen.heads.gp import gp
from kakehashi.screen.heads.head import Head
from kakehashi.screen.heads.ridge import ridge
from kakehashi.screen.next.batch import check_request
from kakehashi.screen.next.diverse import APART_ATOMS, count_environments, pick_unlike
from kakehashi.screen.next.finished import FinishedRun, read_finished_run
from kakehashi.screen.ranking.acquisition import NormalLaws, acquisition_values, pick_diverse
from kakehashi.screen.ranking.acquisition_names import Acquisition
from kakehashi.screen.validation.intervals import LEVEL

TOP = 10
ROUNDS = 10
HeadName = Literal["gp", "ridge"]
_HEADS: dict[str, Head] = {"gp": gp, "ridge": ridge}

FloatArray = NDArray[np.float64]
Rows = NDArray[np.intp]
Picker = Callable[[Rows, int], list[int]]


class Campaign(NamedTuple):
    """Settings of a simulated campaign.

    start : rows known at the beginning; batch : measurements per round; budget : measurements in all, the start
    included, None for half of the rest and at most `ROUNDS` batches; repeats : random starts
    """

    start: int = 10
    batch: int = 8
    budget: int | None = None
    repeats: int = 10
    by: Acquisition = "improvement"
    head: HeadName = "gp"
    apart: float | None = None
    seed: int = 0


def simulate_campaign(run: FinishedRun, campaign: Campaign) -> dict[str, Any]:
    """Simulate a campaign on a run's target.

    The number of the `TOP` best it finds, as JSON values.

    Returns JSON values.
    """
    n = len(run.values)
    budget = _checked_budget(campaign, n)
    raw, what = _described(run)
    rows, apart = run.compositions, campaign.apart
    pick = unit_picker(run.keys, apart) if rows is None else composition_picker(rows, apart)
    x = np.asarray(standardise(fit_scaling(raw), raw), np.float64)
    y = run.goodness
    marks = [*range(campaign.start, budget, campaign.batch), budget]
    ours, chance = [], []
    for repeat in range(campaign.repeats):
        shuffled = np.random.default_rng([campaign.seed, repeat]).permutation(n)
        order = play_campaign(x, y, pick, shuffled, campaign, budget)
        ours.append(count_best(order, y, marks))
        chance.append(count_best(shuffled, y, marks))
    return _record(campaign, n, marks, np.array(ours), np.array(chance), what)


def play_campaign(
    x: FloatArray, y: FloatArray, pick: Picker, shuffled: Rows, campaign: Campaign, budget: int
) -> NDArray[np.intp]:
    """Rows in the order of their measurement.

    The first `start` of `shuffled`, then batch by batch.

    x : (n, p) standardised descriptors; y : (n,) larger is better, read for measured rows only
    pick : first unlike rows of an order, at most so many; shuffled also breaks ties. Where the limits on a batch leave
        it short, the next best fill it: chance measures as many rows.
    """
    head = _HEADS[campaign.head]
    measured = list(shuffled[: campaign.start])
    while len(measured) < budget:
        size = min(campaign.batch, budget - len(measured))
        rest = shuffled[~np.isin(shuffled, measured)]
        mean, sigma = head.predict(head.fit(x[measured], y[measured]), x[rest])
        worth = acquisition_values(NormalLaws(mean, sigma), campaign.by, best=float(y[measured].max()), level=LEVEL)
        order = rest[np.argsort(-worth, kind="stable")]
        picked = pick(order, size)
        picked += [int(i) for i in order if i not in picked][: size - len(picked)]
        measured += picked
    return np.array(measured, np.intp)


def _described(run: FinishedRun) -> tuple[NDArray[np.floating], str]:
    """Descriptors (n, p) of the target, and what they are in words."""
    record = run.record
    choice = record.get("descriptors") or record.get("convention") or record["config"]["convention"]
    if run.compositions is not None:
        return compute(run.compositions, choice), "290 composition descriptors"
    return np.asarray(describe_units(run.keys, choice)), f"{choice} of the repeat units"


def composition_picker(rows: Compositions, apart: float | None = None) -> Picker:
    """Pick rows that differ in their atoms, one per chemical system."""
    far = APART_ATOMS if apart is None else apart
    return lambda order, size: pick_diverse(order, rows, size, far)


def unit_picker(keys: Sequence[str], apart: float | None = None) -> Picker:
    """Pick repeat units that differ in their fingerprints."""
    counts = count_environments(keys)
    return lambda order, size: pick_unlike(keys, order, counts, size, apart)


def count_best(order: Rows, y: FloatArray, marks: list[int]) -> NDArray[np.int64]:
    """Number of best rows among the first n.

    By n of `marks`; the `TOP` best of `order` count, ties up to `TOP`.

    >>> count_best(np.arange(20), -np.arange(20.0), [5, 20]).tolist()
    [5, 10]
    """
    good = y >= np.sort(y)[-TOP]
    return np.asarray(np.minimum(np.cumsum(good[order])[np.array(marks) - 1], TOP), np.int64)


def simulate_and_print(
    directory: str, campaign: Campaign, *, json_out: bool = False, quiet: bool = False, dry_run: bool = False
) -> int:
    """Simulate a campaign and print its curve; the exit code.

    Nothing is written.
    """
    run = read_finished_run(directory)
    if dry_run:
        n = len(run.values)
        plan = {"pool": n, **campaign._asdict(), "budget": _checked_budget(campaign, n)}
        if json_out:
            print(json.dumps(plan))
        elif not quiet:
            say(as_json(plan, 1))
        return 0
    record = simulate_campaign(run, campaign)
    if json_out:
        print(json.dumps(record))
    elif not quiet:
        print_campaign(record)
    return 0


def print_campaign(record: dict[str, Any]) -> None:
    """Print the curve and its summary."""
    say(record["text"])
    say(f"  measured  found by {record['by']:<12}  by chance  difference (1 s.e.)")
    for row in record["curve"]:
        say(
            f"  {row['n']:>8}  {row['found']:>20.2f}  {row['chance']:>13.2f}"
            f"  {row['difference']:>+10.2f} ± {row['standard_error']:.2f}"
        )
    say(f"note: {record['model']}")


def _record(
    campaign: Campaign, n: int, marks: list[int], ours: NDArray[np.int64], chance: NDArray[np.int64], what: str
) -> dict[str, Any]:
    repeats = campaign.repeats
    difference = ours - chance
    error = difference.std(axis=0, ddof=1) / np.sqrt(repeats)
    # Expected result of chance: mean of the hypergeometric distribution after the start.
    share = (np.array(marks) - campaign.start) / (n - campaign.start)
    expected = chance[:, 0].mean() + (TOP - chance[:, 0].mean()) * share
    curve = [
        {
            "n": mark, "found": float(ours[:, k].mean()), "found_std": float(ours[:, k].std(ddof=1)),
            "chance": float(chance[:, k].mean()), "chance_std": float(chance[:, k].std(ddof=1)),
            "chance_expected": float(expected[k]), "difference": float(difference[:, k].mean()),
            "standard_error": float(error[k]),
        }
        for k, mark in enumerate(marks)
    ]  # fmt: skip
    last = curve[-1]
    text = (
        f"After {last['n']} of {n} measurements ({campaign.start} at random, then batches of {campaign.batch}),"
        f" choosing by {campaign.by} found {last['found']:.1f} of the best {TOP}, chance {last['chance']:.1f}:"
        f" {last['difference']:+.1f} ± {last['standard_error']:.1f} (1 s.e., {repeats} random starts)."
    )
    model = (
        f"direct {campaign.head} on {what}, fitted again each round; without transfer, because a"
        " run folder does not keep its pre-trained networks: a transferred model may do better or worse"
    )
    return {
        "schema": 1, "pool": n, "top": TOP, "start": campaign.start, "batch": campaign.batch, "budget": marks[-1],
        "repeats": repeats, "by": campaign.by, "head": campaign.head, "apart": campaign.apart, "seed": campaign.seed,
        "model": model, "text": text, "curve": curve,
    }  # fmt: skip


def _checked_budget(campaign: Campaign, n: int) -> int:
    """Number of measurements in all.

    UserError if n compounds cannot provide them.
    """
    check_request(campaign.batch, campaign.by, campaign.apart)
    if campaign.head not in get_args(HeadName):
        raise UserError(f"--head: expected one of {', '.join(get_args(HeadName))}, got {campaign.head!r}")
    if campaign.seed < 0:
        raise UserError(f"--seed: expected at least 0, got {campaign.seed}")
    if campaign.repeats < 2:
        raise UserError(f"--repeats: expected at least 2, got {campaign.repeats}")
    if n <= TOP:
        raise UserError(f"--simulate needs a target of more than {TOP} compounds, got {n}")
    if not 2 <= campaign.start < n:
        raise UserError(f"--start: expected 2 to {n - 1} of the target's {n} compounds, got {campaign.start}")
    if campaign.budget is None:
        return min(campaign.start + ROUNDS * campaign.batch, campaign.start + -(-(n - campaign.start) // 2))
    if not campaign.start < campaign.budget <= n:
        raise UserError(f"--budget: expected {campaign.start + 1} (--start + 1) to {n}, got {campaign.budget}")
    return campaign.budget
