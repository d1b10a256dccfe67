"""Applicability domain: verdicts and reasons on candidates worked out by hand."""

import numpy as np
import pytest

from kakehashi.catalogs.elements import INDEX, SYMBOLS
from kakehashi.catalogs.formulas.slots import parse_column, reduce
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.validation.domain import (
    FAR,
    Domain,
    describe_domain,
    is_out,
    judge_domain,
    nearest,
    stoichiometry,
    unit_distance,
)


def compositions(*texts):
    parsed = parse_column(list(texts))
    assert not any(parsed.reasons)
    return reduce(parsed.compositions)


def flags(*symbols):
    out = np.zeros(94, bool)
    out[[INDEX[s] for s in symbols]] = True
    return out


@pytest.fixture(scope="module")
def rocksalts():
    """Binary 1:1 and 2:3 targets; the sources also know Ti and Sr."""
    target = compositions("MgO", "NaCl", "Al2O3")
    return describe_domain(target, flags("Mg", "O", "Na", "Cl", "Al"), flags("Mg", "O", "Na", "Cl", "Al", "Ti", "Sr"))


CASES = [
    # formula, distance, verdict, reason
    ("MgO", 0.0, "in", ""),
    ("NaCl", 1.0, "in", ""),
    ("Mg2O2", 0.2, "in", ""),  # the same class once reduced
    ("Al2O3", 1.01, "edge", "distance 1.0 to the nearest training compound"),
    ("SrO", 0.5, "edge", "Sr not in the target"),
    ("MgCl2", 0.5, "edge", "stoichiometry not in the target"),
    ("Mg2Cl", 0.5, "edge", "stoichiometry not in the target"),
    ("NaMgCl3", 0.5, "edge", "3 elements, none so in the target"),
    ("Mg", 0.5, "edge", "1 elements, none so in the target"),
    ("SrTiO3", 0.5, "out", "Sr, Ti not in the target; 3 elements, none so in the target"),
    ("SrO", 1.5, "out", "Sr not in the target; distance 1.5 to the nearest training compound"),
    ("MgO", 2.5, "out", "distance 2.5 to the nearest training compound"),
    ("UO", 0.1, "out", "U in neither target nor sources"),
    ("SrU", 0.1, "out", "U in neither target nor sources; Sr not in the target"),
]


@pytest.mark.parametrize(("formula", "distance", "verdict", "reason"), CASES)
def test_verdicts(rocksalts, formula, distance, verdict, reason):
    found = judge_domain(rocksalts, compositions(formula), np.array([distance]))
    assert found.domain[0] == verdict
    assert sorted(found.reason[0].replace(", ", ",").split("; ")) == sorted(reason.replace(", ", ",").split("; "))


def test_many_at_once_equal_one_by_one(rocksalts):
    distance = np.array([case[1] for case in CASES])
    together = judge_domain(rocksalts, compositions(*[case[0] for case in CASES]), distance)
    assert list(together.domain) == [case[2] for case in CASES]


def test_a_target_element_absent_from_the_sources_is_known():
    target = compositions("MgO")
    domain = describe_domain(target, flags("Mg", "O"), flags("O"))
    assert judge_domain(domain, target, np.zeros(1)).domain[0] == "in"


def test_no_candidates(rocksalts):
    some = compositions("MgO")
    none = type(some)(some.elements[:0], some.amounts[:0])
    assert len(judge_domain(rocksalts, none, np.empty(0)).domain) == 0


def test_classes_ignore_which_element_has_which_amount():
    rows = stoichiometry(compositions("Al2O3", "Mg3N2", "Ca3N2", "MgO"))
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[1], rows[2])
    assert (rows[0] != rows[3]).any()


def test_unit_is_the_95th_percentile_of_leave_one_out_distances():
    x = np.random.default_rng(0).normal(size=(60, 5))
    apart = np.linalg.norm(x[:, None] - x[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert unit_distance(x) == pytest.approx(np.quantile(apart.min(axis=1), 0.95))
    assert unit_distance(np.ones((4, 3))) == 1.0


def test_nearest_is_brute_force():
    rng = np.random.default_rng(0)
    x, training = rng.normal(size=(20, 7)) + 50, rng.normal(size=(33, 7)) + 50
    apart = np.linalg.norm(x[:, None] - training[None], axis=-1)
    index, distance = nearest(x, training)
    np.testing.assert_array_equal(index, apart.argmin(axis=1))
    np.testing.assert_allclose(distance, apart.min(axis=1), rtol=1e-12)
    assert nearest(training[:3], training)[1].max() == 0


def test_sentences_are_those_written_one_by_one():
    rng = np.random.default_rng(0)
    n = 2_000
    elements = np.full((n, 16), -1, np.int16)
    for row, count in zip(elements, rng.integers(1, 6, n), strict=True):
        row[:count] = rng.permutation(12)[:count]
    amounts = np.where(elements >= 0, rng.integers(1, 4, elements.shape), 0).astype(np.float64)
    target, source = np.zeros(94, bool), np.zeros(94, bool)
    target[:5], source[:9] = True, True
    domain = Domain(target, source, frozenset({2, 3}), frozenset({(1.0, 1.0), (1.0, 2.0), (1.0, 1.0, 3.0)}))
    distance = rng.gamma(2.0, 0.5, n)
    found = judge_domain(domain, Compositions(elements, amounts), distance)
    assert set(found.domain) == {"in", "edge", "out"}
    for i in range(n):
        own = [e for e in elements[i] if e >= 0]
        unseen = [e for e in own if not target[e]]
        parts = [
            f"{', '.join(SYMBOLS[e] for e in group)} {words}"
            for group, words in (
                ([e for e in unseen if not source[e]], "in neither target nor sources"),
                ([e for e in unseen if source[e]], "not in the target"),
            )
            if group
        ]
        strange = tuple(sorted(float(a) for a in amounts[i] if a > 0)) not in domain.classes
        if len(own) not in domain.counts:
            parts.append(f"{len(own)} elements, none so in the target")
        elif strange:
            parts.append("stoichiometry not in the target")
        if distance[i] > FAR:
            parts.append(f"distance {distance[i]:.1f} to the nearest training compound")
        assert found.reason[i] == "; ".join(parts)
    assert np.array_equal(is_out(domain, Compositions(elements, amounts), distance), found.domain == "out")
