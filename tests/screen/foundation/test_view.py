"""What every set of networks sees in a target's compounds."""

import numpy as np

from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.screen.descriptors.element_roots import element_roots
from kakehashi.screen.foundation.folds import hash_folds
from kakehashi.screen.foundation.forward import outputs
from kakehashi.screen.foundation.inputs import inputs_of
from kakehashi.screen.foundation.view import view_compounds


def test_every_set_of_networks_sees_all_compounds(planted, small_foundation):
    compositions = planted.target.compositions
    views = view_compounds(small_foundation, compositions)
    assert len(views.views) == 6
    x = inputs_of(small_foundation.scaling, compositions)
    for view, networks, scales in zip(views.views, small_foundation.sets, small_foundation.scales, strict=True):
        seen = outputs(networks, x)
        np.testing.assert_array_equal(view.layer, (seen.layer / scales).astype(np.float64))
        np.testing.assert_array_equal(view.predictions, seen.predictions.astype(np.float64))
        np.testing.assert_array_equal(view.shares, element_roots(compositions).astype(np.float64))
    assert len({view.predictions.tobytes() for view in views.views}) == 6
    np.testing.assert_array_equal(views.folds, hash_folds(planted.target.keys))


def test_seen_are_the_formulas_the_networks_learned_from(planted, small_foundation):
    # The target is the first 40 of the source, of which every second one was learned from.
    seen = view_compounds(small_foundation, planted.target.compositions).seen
    np.testing.assert_array_equal(seen, np.arange(40) % 2 == 0)


def test_multiples_of_a_formula_are_the_same_compound(small_foundation):
    one, other = (
        view_compounds(small_foundation, parse_column(texts).compositions)
        for texts in (["MgO", "Ti2O3"], ["Mg4O4", "Ti4O6"])
    )
    np.testing.assert_array_equal(one.folds, other.folds)
    for a, b in zip(one.views, other.views, strict=True):
        np.testing.assert_array_equal(a.predictions, b.predictions)
