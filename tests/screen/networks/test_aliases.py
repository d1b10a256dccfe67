"""A source that holds the target under another name is said so; a merely related one is not."""

from dataclasses import replace

import numpy as np
import pytest

from kakehashi.screen.networks.aliases import MARK, alias_note, marked
from kakehashi.screen.networks.source import Library
from kakehashi.screen.transfer.fit import caveats


def under_another_name(planted, values):
    """The source's table with `values` of the target's own 40 materials (they stand first in it)."""
    assert planted.source.keys[:40] == planted.target.keys
    return replace(planted.source, values=np.concatenate([values, planted.source.values[40:]]))


def test_a_planted_alias_is_caught_and_carried_into_the_model(planted, planted_library):
    noise = 1 + 0.01 * np.random.default_rng(0).normal(size=40)
    table = under_another_name(planted, 4.2 * planted.target.values * noise)
    note = alias_note(planted.target, table)
    assert note.startswith(f"source planted_source {MARK}: ")
    assert "on 40 shared materials" in note
    (source,) = planted_library.sources
    library = Library((marked(source, [table], planted.target),), "reduced", 0)
    assert caveats(library, planted.target) == (note,)
    assert marked(source, [replace(table, values=np.random.default_rng(1).normal(size=700))], planted.target) is source


@pytest.mark.parametrize("disguise", [lambda v: 1000 / v, lambda v: v**3, lambda v: -5 * v])
def test_reciprocals_powers_and_signs_do_not_hide_it(planted, disguise):
    target = replace(planted.target, values=np.exp(planted.target.values))
    assert "correlation" in alias_note(target, under_another_name(planted, disguise(target.values)))


def test_a_related_quantity_is_not_an_alias(planted):
    # The planted source itself: 5 % noise on a spread of one would be an alias, 40 % is not.
    related = planted.target.values + 0.4 * np.random.default_rng(2).normal(size=40)
    assert alias_note(planted.target, under_another_name(planted, related)) is None


def test_one_extreme_material_makes_no_alias(planted):
    rng = np.random.default_rng(3)
    one, other = rng.uniform(1, 3, (2, 40))
    one[7] = other[7] = 2_000.0
    assert np.corrcoef(one, other)[0, 1] > 0.98
    assert alias_note(replace(planted.target, values=one), under_another_name(planted, other)) is None


def test_fewer_than_ten_shared_materials_say_nothing(planted):
    def cut(k):
        return replace(planted.target, values=planted.target.values[:k], keys=planted.target.keys[:k])

    table = under_another_name(planted, planted.target.values)
    assert alias_note(cut(9), table) is None
    assert alias_note(cut(10), table) is not None
