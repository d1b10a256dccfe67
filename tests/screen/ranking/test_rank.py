"""The order of candidates: by merit, then id; limits, probabilities, settings refused."""

import numpy as np
import pyarrow as pa
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.ranking.filters import parse_filter
from kakehashi.screen.ranking.rank import Order, RankedTable, check_order, probability, rank


def scores(n: int = 60, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    formulas = [("MgO", "OMg", "PbTe", "TePb2", "NaCl", "SiO2")[i] for i in rng.integers(0, 6, n)]
    mean = rng.integers(1, 6, n).astype(float)  # many ties
    return pa.table(
        {
            "id": [f"m-{i}" for i in rng.permutation(n)],
            "formula": formulas,
            "hull": rng.random(n),
            "reduced_formula": [{"OMg": "MgO", "TePb2": "Pb2Te"}.get(f, f) for f in formulas],
            "mean": mean,
            "lower": mean / 2,
            "upper": mean * (2 + rng.random(n)),
            "spread": rng.random(n),
            "at_ceiling": np.zeros(n, bool),
            "domain": ["in"] * n,
            "domain_reason": [""] * n,
            "nearest_training": ["MgO"] * n,
            "distance": rng.random(n),
        }
    )


def order_of(ranked: RankedTable) -> list[tuple[float, str]]:
    return list(zip(ranked.table["mean"].to_pylist(), ranked.table["id"].to_pylist(), strict=True))


def test_best_first_ties_by_id_and_every_row_once() -> None:
    table = scores()
    ranked = rank(table, Order(), log=False)
    assert order_of(ranked) == sorted(order_of(ranked), key=lambda row: (-row[0], row[1]))
    assert ranked.table["rank"].to_pylist() == list(range(1, 61))
    assert sorted(ranked.table["id"].to_pylist()) == sorted(table["id"].to_pylist())
    assert ranked.table.column_names[:5] == ["rank", "id", "formula", "reduced_formula", "mean"]
    assert ranked.table.column_names[-1] == "hull"


def test_smallest_first_when_minimised() -> None:
    ranked = rank(scores(), Order(minimise=True), log=False)
    assert order_of(ranked) == sorted(order_of(ranked))


@pytest.mark.parametrize("order", [Order(), Order(by="upper", per_system=3), Order(by="lower", minimise=True, top=7)])
def test_the_order_of_the_rows_says_nothing(order: Order) -> None:
    table = scores()
    shuffled = table.take(np.random.default_rng(1).permutation(table.num_rows))
    in_pieces = pa.concat_tables([shuffled.slice(0, 7), shuffled.slice(7, 1), shuffled.slice(8)])
    expected = rank(table, order, log=False).table
    assert rank(shuffled, order, log=False).table.equals(expected)
    assert rank(in_pieces, order, log=False).table.combine_chunks().equals(expected.combine_chunks())


def test_top_cuts_the_ranking() -> None:
    whole = rank(scores(), Order(), log=False).table
    assert rank(scores(), Order(top=4), log=False).table.equals(whole.slice(0, 4))
    assert rank(scores(), Order(top=1000), log=False).table.equals(whole)


def test_per_system_keeps_the_best_of_each_set_of_elements() -> None:
    table = rank(scores(), Order(per_system=2), log=False).table
    systems = {"MgO": "Mg O", "PbTe": "Pb Te", "Pb2Te": "Pb Te", "NaCl": "Cl Na", "SiO2": "O Si"}
    kept: dict[str, list[str]] = {}
    for row in table.to_pylist():
        kept.setdefault(systems[row["reduced_formula"]], []).append(row["id"])
    whole: dict[str, list[str]] = {}
    for row in rank(scores(), Order(), log=False).table.to_pylist():
        whole.setdefault(systems[row["reduced_formula"]], []).append(row["id"])
    assert kept == {system: ids[:2] for system, ids in whole.items()}


def test_filters_come_before_limits_and_are_counted() -> None:
    table = scores()
    wanted = parse_filter("hull<=0.5")
    ranked = rank(table, Order(filters=(wanted,), top=3), log=False)
    low = [h for h in table["hull"].to_pylist() if h <= 0.5]
    assert ranked.counts[0].failed == 60 - len(low)
    assert ranked.table.num_rows == 3
    assert max(ranked.table["hull"].to_pylist()) <= 0.5


def test_nothing_to_rank_is_an_empty_ranking() -> None:
    table = rank(scores().slice(0, 0), Order(threshold=1.0, per_system=1, exclude=("O",)), log=True).table
    assert table.num_rows == 0
    assert {"rank", "probability", "hull"} <= set(table.column_names)


def interval(mean: float, lower: float, upper: float) -> pa.Table:
    return pa.table({"mean": [mean], "lower": [lower], "upper": [upper]})


def test_probability_is_a_half_at_the_mean_and_95_percent_at_the_lower_bound() -> None:
    at = lambda t, **words: float(probability(interval(10.0, 8.0, 12.0), t, **words)[0])
    assert at(10.0, log=False) == pytest.approx(0.5)
    assert at(8.0, log=False) == pytest.approx(0.95)
    assert at(12.0, log=False) == pytest.approx(0.05)
    assert at(8.0, log=False, below=True) == pytest.approx(0.05)
    logged = interval(10.0, 5.0, 20.0)
    assert float(probability(logged, 5.0, log=True)[0]) == pytest.approx(0.95)
    assert float(probability(logged, 20.0, log=True)[0]) == pytest.approx(0.05)


@pytest.mark.parametrize("bounds", [(0.0, 20.0), (5.0, np.inf)])
def test_probability_survives_a_bound_that_left_the_floats(bounds: tuple[float, float]) -> None:
    assert float(probability(interval(10.0, *bounds), 5.0, log=True)[0]) == pytest.approx(0.95)


def test_rank_by_probability_puts_the_surest_first_either_way() -> None:
    up = rank(scores(), Order(by="probability", threshold=2.5), log=True).table
    down = rank(scores(), Order(by="probability", threshold=2.5, minimise=True), log=True).table
    assert up["probability"].to_pylist() == sorted(up["probability"].to_pylist(), reverse=True)
    assert down["probability"].to_pylist() == sorted(down["probability"].to_pylist(), reverse=True)
    assert up["mean"][0].as_py() > 2.5 > down["mean"][0].as_py()


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (Order(by="median"), "expected one of mean, lower, upper, probability, got 'median'"),  # type: ignore[arg-type]
        (Order(by="probability"), "needs --threshold"),
        (Order(threshold=-1.0), "expected a positive value"),
        (Order(threshold=float("nan")), "expected a number, got nan"),
        (Order(threshold=float("inf")), "expected a number, got inf"),
        (Order(top=0), "--top: expected a whole number of at least 1, got 0"),
        (Order(per_system=-2), "--per-system: expected"),
    ],
)
def test_settings_that_cannot_be_met_are_refused_first(order: Order, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_order(order, log=True)


def test_a_negative_threshold_is_fine_without_a_logarithm() -> None:
    check_order(Order(threshold=-1.0), log=False)
