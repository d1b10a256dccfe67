"""Transfer on small targets: error, verdict, intervals and extrapolation beside the best direct model.

    python benchmarks/small_data.py [--targets expt_gap ...] [--n 50 200] [--draws 5] [--verdicts 5] [--classic 1]
        [--networks 100] [--foundation NAME] [--members] [--quick]

Draws of n training and at most 400 test compounds; all sides see the same. Draw d tests formulas of hash fold d, which
are predicted by foundation networks that never saw them, with heads fitted on the training compounds by features of the
same networks. Conductivities of alloy series are drawn by chemical system. The 45 first-principles conductivities are
tested whole: every hash fold once, the other 36 fitted on.

- best direct: ridge, Gaussian process or their stack on 290 descriptors, picked per target with hindsight; extra trees
  on descriptors beside.
- default: the stack of `screen`, with the foundation networks that are shipped, or `--foundation` of the model library.
- known: the same, real values of the learned properties in place of predictions where a compound has them; properties
  that are the target under another name are left out.
- classic: stacks on 100 pyramids of each of three embedded sources, without the formulas of the compounds drawn, in the
  first `--classic` draws.
- helps: verdicts of `transfer` on the training compounds in the first `--verdicts` draws, yes / no / of how many; its
  90 % intervals at the test compounds (share inside, mean width over the mean error), with families held out, seconds.
- top: trained below the 80th percentile, share of the 50 test compounds predicted best that are truly above it.

Errors are ratios to those of the best direct model, with one standard error over draws. --members: the error without
each member of the stack. --quick: three targets, one draw, no pyramids.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from small_sides import (
    CLASSIC,
    DEFAULT,
    DIRECTS,
    GP,
    KNOWN,
    TREES,
    Interval,
    Measured,
    classic_library,
    learned_values,
    measure_draw,
)
from small_targets import DATA, Target, draw_case, read_target

from kakehashi.catalogs.records import FloatArray
from kakehashi.screen.foundation.kept import find_foundation, shipped_foundation

TARGETS = {
    "ltc45": Target("ltc45_dft", "formula", "kappa_300k", "W/(m K)", log=True),
    "expt_gap": Target("matbench_expt_gap", "composition", "gap expt", "eV"),
    "dielectric": Target("matbench_dielectric", "composition", "n", "", log=True),
    "poly_total": Target("petousis_dielectric1056_struct", "formula", "poly_total", "", log=True),
    "minikappa": Target("minikappa_600k", "formula", "kappa_min_600k", "W/(m K)", log=True),
    "max_mode": Target("jarvis_wide", "formula", "max_mode", "1/cm", log=True),
    "enthalpy": Target("formation_enthalpy_expt", "formula", "e_form_expt", "eV"),
    "vacancy": Target("wolverton_oxides", "Chemical formula", "Vacancy energy [eV/O atom]", "eV"),
    "estm_kappa": Target("te_estm", "formula", "kappa_W_mK", "W/(m K)", log=True, by_system=True, room=True),
    "citrine": Target("tc_citrine_expt", "reduced_formula", "kappa_W_mK", "W/(m K)", log=True, by_system=True,
                      room=True),
    "glass": Target("matbench_glass", "composition", "gfa", ""),
}  # fmt: skip
QUICK = ("expt_gap", "dielectric", "estm_kappa")
SIDES = (GP, TREES, DEFAULT, KNOWN, CLASSIC)
# Ratios aimed at, by size.
GOALS = {DEFAULT: {50: 0.90, 200: 0.88}, KNOWN: {50: 0.80, 200: 0.80}}
HEADER = (
    "target        n  best direct model          MAE     gp  trees        default          known        classic"
    "    helps  covered    width families  seconds  top, direct"
)
NOTHING, MISSED = "–", ", MISSED"


class Ratio(NamedTuple):
    """Ratio of errors, with its standard error over draws."""

    mean: float
    error: float


def main() -> None:
    options = _arguments()
    if not DATA.is_dir():
        print(f"skipped: no data in {DATA}")
        return
    foundation = find_foundation(options.foundation) if options.foundation else shipped_foundation()
    if foundation is None:
        print("skipped: this package carries no foundation networks; name some with --foundation")
        return
    start = time.perf_counter()
    tables = {name: read_target(name, TARGETS[name]) for name in options.targets}
    learned = learned_values(foundation)
    cases = {
        (name, n, d): case
        for n in options.n
        for d in range(options.draws)
        for name in options.targets
        if (case := draw_case(tables[name], TARGETS[name], n, d)) is not None
    }
    first = [key for key in cases if key[2] < options.classic]
    classic = None
    if first:
        classic = classic_library([tables[key[0]] for key in first], [cases[key] for key in first], options.networks)
    print(f"foundation {foundation.name}: {len(foundation.full)} networks per set, {len(foundation.tasks)} properties")
    for n in options.n:
        found: dict[str, list[Measured]] = {}
        for (name, size, d), case in cases.items():
            if size != n:
                continue
            print(f"{time.perf_counter() - start:7,.0f} s: {name}, n = {n}, draw {d}", file=sys.stderr)
            measured = measure_draw(
                tables[name], case, foundation, seed=d, learned=learned,
                classic=classic if d < options.classic else None, verdict=d < options.verdicts,
            )  # fmt: skip
            found.setdefault(name, []).append(measured)
        _report(n, found, members=options.members)
    print(f"{time.perf_counter() - start:,.0f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--n", nargs="+", type=int, default=[50, 200])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--verdicts", type=int, default=5, help="draws that are judged by `transfer`")
    parser.add_argument("--classic", type=int, default=1, help="draws with the pyramids")
    parser.add_argument("--networks", type=int, default=100, help="pyramids of each embedded source")
    parser.add_argument("--foundation", help="of the model library, by name; default: the shipped one")
    parser.add_argument("--members", action="store_true", help="the error without each member of the stack")
    parser.add_argument("--quick", action="store_true", help="three targets, one draw, no pyramids")
    options = parser.parse_args()
    if options.quick:
        options.targets, options.draws, options.classic = list(QUICK), 1, 0
    return options


def _report(n: int, found: dict[str, list[Measured]], *, members: bool) -> None:
    """Print the table of one size and its means over targets."""
    if not found:
        return
    print(f"\n{HEADER}")
    ratios: dict[str, list[Ratio]] = {}
    for name, draws in found.items():
        best = best_direct(draws)
        base = errors_of(draws, best)
        there = [side for side in SIDES if any(side in draw.errors for draw in draws)]
        own = {side: ratio_of(errors_of(draws, side), base) for side in there}
        for side, ratio in own.items():
            ratios.setdefault(side, []).append(ratio)
        print(f"{name:<11} {draws[0].compounds:>3}  {best:<22} {base.mean():7.4f} {_row(draws, own, best)}")
    for side, rows in ratios.items():
        mean, error, wins = geometric(rows)
        print(f"{side}: {mean:.3f} ± {error:.3f} of the best direct model, better on {wins} of {len(rows)} targets")
        if side in GOALS:
            _conclude(f"error on small targets, n = {n}, {side}", mean, error, wins, len(rows), GOALS[side].get(n, 0.0))
    _verdicts(found)
    if members:
        _without_each(found)


def best_direct(draws: Sequence[Measured]) -> str:
    """Direct model with the least mean error over draws."""
    return min(DIRECTS, key=lambda name: float(errors_of(draws, name).mean()))


def errors_of(draws: Sequence[Measured], side: str) -> FloatArray:
    """Errors of one side, by draw; NaN where not measured."""
    return np.array([draw.errors.get(side, np.nan) for draw in draws])


def geometric(ratios: Sequence[Ratio]) -> tuple[float, float, int]:
    """Geometric mean of ratios, its standard error, and how many are below 1.

    >>> geometric([Ratio(0.8, 0.0), Ratio(1.25, 0.0)])
    (1.0, 0.0, 1)
    """
    means, errors = np.array(ratios).T
    mean = float(np.exp(np.mean(np.log(means))))
    return mean, mean * float(np.sqrt(np.sum((errors / means) ** 2))) / len(means), int(np.sum(means < 1))


def ratio_of(own: FloatArray, base: FloatArray) -> Ratio:
    """Ratio of the mean errors of some draws; the standard error is 0 of a single draw.

    own, base : errors by draw, NaN where not measured. A ratio of means: test sets of six compounds make single ratios
    wild.

    >>> ratio_of(np.array([1.0, 3.0, np.nan]), np.array([2.0, 6.0, 1.0]))
    Ratio(mean=0.5, error=0.0)
    """
    there = np.isfinite(own)
    own, base = own[there], base[there]
    mean = float(own.mean() / base.mean())
    count = len(own)
    spread = float(np.std(own - mean * base, ddof=1)) if count > 1 else 0.0
    return Ratio(mean, spread / (float(np.sqrt(count)) * float(base.mean())))


def _row(draws: Sequence[Measured], own: dict[str, Ratio], best: str) -> str:
    """Columns of a target after its error."""
    texts = [f"{own[side].mean:6.3f}" for side in (GP, TREES)]
    for side in (DEFAULT, KNOWN, CLASSIC):
        texts.append("{:6.3f} ± {:5.3f}".format(*own[side]) if side in own else f"{NOTHING:>14}")
    judged = [draw.interval for draw in draws if draw.interval]
    yes, no = (sum(one.helps is answer for one in judged) for answer in (True, False))
    texts.append(f"{f'{yes}/{no}/{len(judged)}':>8}")
    for column in zip(*(one[1:] for one in judged), strict=True):
        texts.append(f"{np.nanmean(column):8.3f}" if np.isfinite(column).any() else f"{NOTHING:>8}")
    if not judged:
        texts += [f"{NOTHING:>8}"] * (len(Interval._fields) - 1)
    top = [(draw.top[DEFAULT], draw.top[best]) for draw in draws if draw.top]
    texts.append("{:6.2f}, {:4.2f}".format(*np.mean(top, axis=0)) if top else f"{NOTHING:>12}")
    return " ".join(texts)


def _conclude(what: str, mean: float, error: float, wins: int, targets: int, goal: float) -> None:
    """Print a row of the README's table, and the ratio."""
    own, asked = f"{mean:.3f} ± {error:.3f}, better on {wins} of {targets}", f"{goal:g}" if goal else NOTHING
    print(f"figure: {what} | {own} | 1 (best direct model) | {mean:.3f} | {asked}")
    print(f"ratio: {mean:.3f}{f' (goal {goal:g}{MISSED if mean > goal else str()})' if goal else ''}  {what}")


def _verdicts(found: dict[str, list[Measured]]) -> None:
    """Print verdicts, coverage and extrapolation over all targets."""
    judged = {name: [draw.interval for draw in draws if draw.interval] for name, draws in found.items()}
    if all(judged.values()):
        helped = sum(sum(one.helps is True for one in each) > len(each) / 2 for each in judged.values())
        covered = [np.mean([one.covered for one in each]) for each in judged.values()]
        apart = [np.mean([one.families for one in each]) for each in judged.values()]
        print(
            f'"helps" in most draws of {helped} of {len(judged)} targets; 90 % intervals hold {min(covered):.3f} to'
            f" {max(covered):.3f} of the test compounds, {np.nanmin(apart):.3f} to {np.nanmax(apart):.3f} with families"
            " held out"
        )
    top = [(draw.top[DEFAULT], draw.top[best_direct(draws)]) for draws in found.values() for draw in draws if draw.top]
    if top:
        own, direct = np.mean(top, axis=0)
        print(f"trained below the top fifth, truly in it: {own:.3f} of the predicted best, best direct {direct:.3f}")


def _without_each(found: dict[str, list[Measured]]) -> None:
    """Print the error without each member, as a ratio to the error with all."""
    for member in dict.fromkeys(name for draws in found.values() for draw in draws for name in draw.without):
        there = [[draw for draw in draws if member in draw.without] for draws in found.values()]
        rows = [
            ratio_of(np.array([draw.without[member] for draw in draws]), errors_of(draws, DEFAULT))
            for draws in there
            if draws
        ]
        mean, error, better = geometric(rows)
        print(f"without {member}: {mean:.4f} ± {error:.4f} of the default's error, better on {better} of {len(rows)}")


if __name__ == "__main__":
    main()
