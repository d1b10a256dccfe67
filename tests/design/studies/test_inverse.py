from collections.abc import Sequence

import numpy as np
import pytest

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.records import PropertyTable
from kakehashi.design.studies.inverse import BEST, Judge, Strategy, best_new, figure, independent
from kakehashi.screen.studies.fits import Fit


def table(n: int) -> PropertyTable:
    texts = [f"*{'C' * length}O*" for length in range(1, n + 1)]
    return assemble("kappa", texts, np.linspace(0.1, 0.5, n), minimum=1, attachments=(2,))


class Lengths:
    """Stands for a fitted forest: the number of descriptors' rows it is asked for."""

    asked: list[int]

    def __init__(self) -> None:
        self.asked = []

    def predict(self, x: Sequence[object]) -> np.ndarray:
        self.asked.append(len(x))
        return np.arange(len(x), dtype=float)


def test_judge_has_not_seen_what_designs_learned_from() -> None:
    whole = table(60)
    judge = independent(whole, whole.keys[:19], 0)
    assert judge.materials == 41
    assert judge.forest.n_features_in_ == 2048
    assert judge.out_of_bag.n == 41
    # values of the 19 cannot matter: it was fitted without them
    planted = table(60)
    planted.values[:19] = 100.0
    again = independent(planted, planted.keys[:19], 0)
    assert np.array_equal(judge(whole.keys), again(whole.keys))


@pytest.mark.filterwarnings("error")
def test_best_new_units_are_new_distinct_and_allowed() -> None:
    forest = Lengths()
    judge = Judge(forest, 0, None)  # type: ignore[arg-type]
    smiles = ["*CO*", "*OC*", "*CCO*", "*CCCO*", "*CCCCO*"]
    worth = np.array([3.0, 5.0, 4.0, -np.inf, 1.0])
    known = {table(2).keys[1]}  # *CCO*
    way = best_new("a way", smiles, worth, known, judge)
    # *OC* and *CO* are one polymer, *CCO* is known, *CCCO* is ruled out
    assert [len(text) for text in way.smiles] == [len(text) for text in ("*CO*", "*CCCCO*")]
    assert way.scored == 5
    assert forest.asked == [2]
    many = [f"*{'C' * n}O*" for n in range(1, BEST + 20)]
    assert len(best_new("a way", many, np.zeros(len(many)), set(), judge).smiles) == BEST
    nothing = best_new("a way", many, np.full(len(many), -np.inf), set(), judge)
    assert nothing.smiles == ()
    assert len(nothing.judged) == 0


@pytest.mark.parametrize(
    ("transfer", "direct", "prior", "held"),
    [
        (0.30, 0.25, 0.20, "held"),
        (0.25, 0.25, 0.20, "partly"),
        (0.20, 0.25, 0.20, "failed"),
        (0.201, 0.2, 0.2, "failed"),
    ],
)
def test_a_design_is_better_only_beyond_chance(transfer: float, direct: float, prior: float, held: str) -> None:
    spread = np.linspace(-0.03, 0.03, 50)
    ways = [Strategy(name, (), mean + spread, 50) for name, mean in (
        ("tempered SMC, transferred model", transfer), ("tempered SMC, direct model", direct),
        ("iQSPR rule, transferred model", 0.9), ("prior, nothing chosen", prior))]  # fmt: skip
    shown = figure(ways, table(19), "kappa>0.4", Judge(None, 40, Fit(40, 0.1, 0.1, 0.8, 0.6, 0.8)), table(59))
    assert shown.held == held
    assert "±" in shown.verdict
    empty = figure([way._replace(judged=np.empty(0)) for way in ways], table(19), "kappa>0.4",
                   Judge(None, 40, Fit(40, 0.1, 0.1, 0.8, 0.6, 0.8)), table(59))  # fmt: skip
    assert empty.held == "failed"
