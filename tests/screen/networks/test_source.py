"""Pre-training on a property table: what is excluded, refused, sub-sampled and recorded."""

from dataclasses import replace

import numpy as np
import pytest

from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.screen.networks import source as module
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.pretrain import Schedule
from kakehashi.screen.networks.source import Settings, elements_in, exclude_keys, pretrain_source

QUICK = Settings(1, schedule=Schedule(max_epochs=5, row_visits=1))


def head(table, n):
    return replace(
        table,
        ids=table.ids[:n],
        materials=table.materials[:n],
        keys=table.keys[:n],
        compositions=Compositions(table.compositions.elements[:n], table.compositions.amounts[:n]),
        values=table.values[:n],
        rows=n,
    )


def kernels(source):
    return [layer.kernel for network in source.networks for layer in network.hidden]


def test_target_formulas_never_reach_a_source(planted, planted_library):
    (source,) = planted_library.sources
    (task,) = source.tasks
    assert (task.rows, task.excluded, task.used) == (700, 40, 660)
    assert not source.keys & set(planted.target.keys)
    assert source.keys | set(planted.target.keys) == set(planted.source.keys)


def test_excluded_values_have_no_influence(planted):
    table = head(planted.source, 120)
    exclude = table.keys[:40]
    poisoned = table.values.copy()
    poisoned[:40] = 1e9
    one = pretrain_source([table], QUICK, exclude=exclude)
    other = pretrain_source([replace(table, values=poisoned)], QUICK, exclude=exclude)
    for a, b in zip(kernels(one), kernels(other), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.tasks == other.tasks


def test_exclusion_goes_by_reduced_formula(planted):
    table = planted.source
    assert list(exclude_keys(table, table.keys[3:])) == [0, 1, 2]
    assert len(exclude_keys(table, ())) == len(table)


def test_a_source_is_described(planted, planted_library):
    (source,) = planted_library.sources
    rest = np.array([key not in set(planted.target.keys) for key in planted.source.keys])
    assert source.tasks[0].centre == pytest.approx(planted.source.values[rest].mean())
    assert source.tasks[0].scale == pytest.approx(planted.source.values[rest].std())
    assert len(source.networks) == len(source.unit_scales) == 4
    for network, scales in zip(source.networks, source.unit_scales, strict=True):
        assert tuple(len(s) for s in scales) == network.widths
        assert all((s > 0).all() for s in scales)
    # The planted function is learnable, so the networks must have learned it.
    assert 0.5 < source.validation_r2[0] <= 1
    expected = elements_in(Compositions(*(part[rest] for part in planted.source.compositions)))
    np.testing.assert_array_equal(source.elements, expected)


def test_a_shuffled_source_is_not_learned(shuffled_library):
    assert shuffled_library.sources[0].validation_r2[0] < 0.2


def test_inputs_and_targets_are_standardised(planted, monkeypatch):
    seen = {}

    def spy(seed, x, y, known, **rest):
        assert known.all()
        seen.update(x=x, y=y)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "pretrain", spy)
    with pytest.raises(KeyboardInterrupt):
        pretrain_source([planted.source], QUICK)
    np.testing.assert_allclose(seen["y"].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(seen["y"].std(axis=0), 1, rtol=1e-9)
    assert np.abs(seen["x"]).max() <= 6
    # Clamping moves the moments of columns with long tails a little.
    assert np.abs(np.median(seen["x"].std(axis=0)) - 1) < 0.05


def test_too_few_rows_or_equal_values(planted):
    table = planted.source
    with pytest.raises(UserError, match=r"planted_source: expected at least 50 .* got 20 after removing 680"):
        pretrain_source([table], QUICK, exclude=table.keys[20:])
    with pytest.raises(UserError, match="all 700 values are equal"):
        pretrain_source([replace(table, values=np.full(700, 0.1))], QUICK)


def test_large_sources_are_sampled_and_say_so(planted, monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 80)
    one, other = (pretrain_source([planted.source], QUICK._replace(seed=s)) for s in (0, 1))
    assert one.tasks[0].used == len(one.keys) == 80
    assert one.keys != other.keys
    assert "80 of 700 rows drawn at random for pre-training" in one.notes


def test_a_source_does_not_depend_on_its_neighbours(planted):
    one, other = head(planted.source, 60), head(planted.shuffled, 60)
    quick = lambda *tables: pretrain_library(tables, QUICK._replace(seed=3), cache=False).sources
    alone = quick(other)[0]
    second = quick(one, other)[1]
    for a, b in zip(kernels(alone), kernels(second), strict=True):
        np.testing.assert_array_equal(a, b)
