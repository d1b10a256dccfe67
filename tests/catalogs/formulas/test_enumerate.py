from collections import Counter
from itertools import product

import numpy as np
import pytest

from kakehashi.catalogs.elements import RADIOACTIVE, SYMBOLS
from kakehashi.catalogs.formulas.enumerate import MAX_ATOMS, charge_balanced
from kakehashi.catalogs.formulas.slots import parse, parse_column, reduced_keys
from kakehashi.catalogs.records import UserError

N = 105_370


@pytest.fixture(scope="module")
def formulas():
    return charge_balanced(N)


@pytest.fixture(scope="module")
def states():
    """Oxidation states and electronegativity of each element, read independently of the module."""
    from pymatgen.core.periodic_table import Element

    skipped = {"He", "Ne", "Ar"}
    elements = [Element(symbol) for symbol in SYMBOLS if symbol not in skipped]
    return {element.symbol: (element.common_oxidation_states, element.X) for element in elements}


def is_neutral(amounts, states):
    """Whether some assignment of common states balances, every cation below every anion."""
    symbols = list(amounts)
    for charges in product(*(states[symbol][0] for symbol in symbols)):
        if sum(q * amounts[symbol] for q, symbol in zip(charges, symbols, strict=True)) != 0:
            continue
        positive = [states[s][1] for q, s in zip(charges, symbols, strict=True) if q > 0]
        negative = [states[s][1] for q, s in zip(charges, symbols, strict=True) if q < 0]
        if positive and negative and max(positive) < min(negative) and 0 not in charges:
            return True
    return False


def test_enough_for_the_default_catalogue_and_all_distinct(formulas):
    assert len(formulas) == N
    assert len(set(formulas)) == N


def test_every_formula_balances(formulas, states):
    wrong = [formula for formula in formulas if not is_neutral(parse(formula), states)]
    assert wrong == []


def test_the_check_itself_can_fail(states):
    assert not is_neutral({"Na": 1.0, "Cl": 2.0}, states)
    assert not is_neutral({"Na": 1.0, "K": 1.0}, states)
    assert is_neutral({"Na": 1.0, "Cl": 1.0}, states)


def test_formulas_parse_are_reduced_small_and_without_short_lived_elements(formulas):
    parsed = parse_column(formulas)
    assert set(parsed.reasons) == {""}
    assert reduced_keys(parsed.compositions) == formulas
    assert parsed.compositions.amounts.sum(axis=1).max() <= MAX_ATOMS
    present = {SYMBOLS[i] for i in np.unique(parsed.compositions.elements) if i >= 0}
    assert not present & ((RADIOACTIVE - {"Th", "U"}) | {"He", "Ne", "Ar", "Kr", "Xe"})


def test_excluded_formulas_are_left_out_in_any_notation(formulas):
    first = formulas[0]
    assert parse(first) == {"Li": 1.0, "H": 1.0}
    shorter = charge_balanced(500, exclude=["H2 Li2", *formulas[1:200], "not a formula"])
    assert shorter == formulas[200:700]


def test_a_shorter_list_is_the_beginning_of_a_longer_one(formulas):
    assert charge_balanced(1000) == formulas[:1000]
    assert charge_balanced(0) == []


def test_the_beginning_is_spread_over_the_chemistry(formulas):
    present = Counter(symbol for formula in formulas[:1000] for symbol in parse(formula))
    assert len(present) > 70
    assert max(present.values()) < 200
    systems = {tuple(sorted(parse(formula))) for formula in formulas[:1000]}
    assert len(systems) == 1000


def test_familiar_compounds_are_found(formulas):
    everything = set(charge_balanced(200_000))
    for formula in ["MgO", "NaCl", "Al2O3", "BaTiO3", "GaAs", "NaNO3", "LiNbO3", "LaOF"]:
        key = reduced_keys(parse_column([formula]).compositions)[0]
        assert key in everything, formula


def test_too_many_is_said():
    with pytest.raises(UserError, match="at least 0"):
        charge_balanced(-1)
