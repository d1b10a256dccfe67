import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.properties.assemble import assemble
from kakehashi.catalogs.records import PropertyTable, UserError
from kakehashi.catalogs.runs.results import Results
from kakehashi.screen.studies.polymer import result as polymer_result
from kakehashi.screen.studies.polymer import study as polymer


def table(name: str, lengths: range) -> PropertyTable:
    texts = [f"*{'C' * n}O*" for n in lengths]
    return assemble(name, texts, np.arange(len(texts), dtype=float), minimum=1, attachments=(2,))


def test_everything_is_written_and_whole(polymer_study: Path) -> None:
    Results(polymer_study).verify()
    study = json.loads((polymer_study / "study.json").read_text())
    assert [figure["number"] for figure in study["figures"]] == ["7", "7b", "7c"]
    for figure in study["figures"]:
        assert ElementTree.parse(polymer_study / figure["file"]).getroot().tag.endswith("svg")
    draws = pq.read_table(polymer_study / "tables/draws.parquet").to_pylist()
    numbers = study["numbers"]["sources"]
    for source in ("heat capacity Cp", "none"):
        chosen = [row for row in draws if row["source"] == source and row["chosen"]]
        assert [row["draw"] for row in chosen] == [0, 1]
        for row in chosen:  # no other network of that draw looks better
            rivals = [r["cv_mae"] for r in draws if (r["source"], r["draw"]) == (source, row["draw"])]
            assert row["cv_mae"] == min(rivals)
        for name in ("cv_mae", "held_out_mae"):
            assert numbers[source][name] == pytest.approx(np.mean([row[name] for row in chosen])), (source, name)


def test_simulated_columns_are_no_source() -> None:
    polymer.refuse_same_physics(polymer.SHARED)
    assert [role.what for role in polymer.SHARED if "radonpy" in role.spec] == [polymer_result.CEILING]
    planted = polymer_result.Role("density", "organic/radonpy_pi1070.parquet:density")
    with pytest.raises(UserError, match="same simulations as the target"):
        polymer.refuse_same_physics([*polymer.SHARED, planted])


def test_draws_hold_out_everything_else() -> None:
    target = table("kappa", range(1, 61))
    splits = polymer.draw(target, 5, 0)
    assert len({tuple(split.rows) for split in splits}) == 5
    for split in splits:
        assert len(split.rows) == 19
        assert sorted([*split.rows, *split.held]) == list(range(len(target)))
        assert np.bincount(split.folds).tolist() == [4, 4, 4, 4, 3]
    assert all(np.array_equal(a.rows, b.rows) for a, b in zip(splits, polymer.draw(target, 5, 0), strict=True))
    with pytest.raises(UserError, match="at least 38"):
        polymer.draw(table("few", range(1, 31)), 1, 0)


def test_polymers_of_small_sources_leave_the_target() -> None:
    target = table("kappa", range(1, 101))
    large, small = table("large", range(1, 301)), table("small", range(81, 141))
    assert len(polymer.without_small(target, [large])) == 100
    left = polymer.without_small(target, [large, small])
    assert not set(left.keys) & set(small.keys)
    assert len(left) == 80


def test_forest_of_setup_1_never_sees_what_it_predicts() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), np.zeros(60)
    split = polymer.draw(table("kappa", range(1, 61)), 1, 0)[0]
    y[split.held] = 1e6  # a forest that saw one of them would say so
    inner, outer = polymer.setup_1(x, y, split, [0, 0, 0])
    assert not inner.any()
    assert not outer.any()
    y[split.rows[split.folds == 0]] = 7.0
    inner, _ = polymer.setup_1(x, y, split, [0, 0, 0])
    assert not inner[split.folds == 0].any()
    assert inner[split.folds != 0].max() > 0


def test_the_ceiling_is_never_chosen() -> None:
    best, other = (polymer_result.Draws(*[np.full((2, 3), error)] * 2, *[np.zeros(2)] * 4, (np.zeros(19), np.zeros(9)))
                   for error in (0.1, 0.2))  # fmt: skip
    roles = (polymer_result.Role("density", ""), polymer_result.Role(polymer_result.CEILING, ""))
    target = table("kappa", range(1, 61))
    result = polymer_result.PolymerResult(target, roles, [], None, [], [other, best], other, (target.y, target.y))  # type: ignore[arg-type]
    assert [(role.what, one) for role, one in result.genuine] == [("density", other)]
    found = np.concatenate([one.cv for _, one in result.genuine])
    assert found.min() == 0.2
