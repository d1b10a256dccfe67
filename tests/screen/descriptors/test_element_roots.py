"""Roots of element shares."""

import numpy as np

from kakehashi.catalogs.elements import INDEX
from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.screen.descriptors.element_roots import N_ELEMENTS, element_roots


def test_roots_of_shares_whatever_the_cell():
    roots = element_roots(parse_column(["Fe2O3", "Fe4O6", "Li0.5CoO2"]).compositions)
    assert roots.shape == (3, N_ELEMENTS)
    assert roots.dtype == np.float32
    np.testing.assert_array_equal(roots[0], roots[1])
    np.testing.assert_allclose(roots[0, [INDEX["Fe"], INDEX["O"]]], np.sqrt([0.4, 0.6]), rtol=1e-7)
    np.testing.assert_allclose((roots**2).sum(axis=1), 1, rtol=1e-6)
    assert (roots > 0).sum(axis=1).tolist() == [2, 2, 3]
