"""Novelty: 0 for the same chain alone, and more the less of it is shared."""

import numpy as np
import pytest

from kakehashi.catalogs.molecules.polymers import parse
from kakehashi.design.chemistry.novelty import LEAST, KnownPolymers


def test_the_same_chain_has_none_and_a_longer_one_has_some() -> None:
    """Bits of a saturated fingerprint do not tell nylon 12 from nylon 10: counts of a unit do."""
    nylons = {n: parse(f"*N{'C' * (n - 1)}C(*)=O")[1] for n in (6, 10, 12)}
    known = KnownPolymers([nylons[10], "*CC*"])
    names, novelty = known.nearest([nylons[10], nylons[12], nylons[6]])
    assert names == [nylons[10]] * 3
    assert novelty[0] == 0
    assert LEAST < novelty[1] < novelty[2] < 1
    # 24 CH2 environments shared of what a unit of nylon 12 counts beyond nylon 10: closed form on the counts.
    assert novelty[1] == pytest.approx(1 - 10 / 12, abs=0.1)


def test_nothing_known() -> None:
    names, novelty = KnownPolymers([""]).nearest(["*CC*"])
    assert names == [""]
    np.testing.assert_array_equal(novelty, [1.0])
