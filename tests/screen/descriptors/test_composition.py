"""Composition descriptors: XenonPy's numbers, hand calculation, invariances, rows that stay themselves."""

import csv
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from kakehashi.catalogs import elements as known
from kakehashi.catalogs.formulas import slots as formulas
from kakehashi.catalogs.records import Compositions, UserError
from kakehashi.screen.descriptors import composition, reference

GOLDEN = Path(__file__).parents[2] / "golden"
SHARED = Path(__file__).parents[3].parent / "shared/data/inorganic/matbench_mp_e_form.parquet"
STEEL = (
    "Fe0.620C0.000953Mn0.000521Si0.00102Cr0.000110Ni0.192Mo0.0176V0.000112Nb0.0000616Co0.146Al0.00318Ti0.0185N0.0001"
)
LABELS = composition.names()
VARIANCE = slice(2 * 58, 3 * 58)


def slots(*texts: str) -> Compositions:
    parsed = formulas.parse_column(list(texts))
    assert not any(parsed.reasons), parsed.reasons
    return parsed.compositions


def take(compositions: Compositions, rows) -> Compositions:
    return Compositions(compositions.elements[rows], compositions.amounts[rows])


def golden(name: str) -> tuple[tuple[str, ...], Compositions, np.ndarray]:
    with open(GOLDEN / name, newline="") as file:
        header, *rows = csv.reader(file)
    values = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows])
    return tuple(header[1:]), slots(*(row[0] for row in rows)), values


def random_compositions(n: int, seed: int) -> Compositions:
    """1 to 16 elements per row, integer and decimal amounts, slots in their regular order."""
    rng = np.random.default_rng(seed)
    out = Compositions(np.full((n, 16), -1, np.int16), np.zeros((n, 16)))
    for row in range(n):
        size = rng.integers(1, 17) if row % 3 == 0 else rng.integers(1, 6)
        chosen = sorted(rng.choice(94, size, replace=False), key=lambda i: known.ORDER[i])
        out.elements[row, :size] = chosen
        amounts = rng.integers(1, 40, size) if row % 2 else np.round(rng.uniform(1e-4, 1, size), 4)
        out.amounts[row, :size] = amounts
    return out


def check_float32(values: np.ndarray, exact: np.ndarray, compositions: Compositions, rtol: float = 1e-5) -> None:
    """Relative to the value; to the largest term where positive and negative terms cancel (ave, sum)."""
    used = compositions.elements >= 0
    size = np.where(used[:, :, None], np.abs(known.feature_table()[compositions.elements]), 0).max(axis=1)
    total = compositions.amounts.sum(axis=1, keepdims=True)
    nothing = np.zeros_like(size)
    floor = 1e-6 * np.concatenate([size, size * total, nothing, nothing, nothing], axis=1)
    # float64 leaves 1e-30 where equal features differ by rounding; float32 is exactly 0 there
    floor[:, VARIANCE] = 1e-24 * size**2
    np.testing.assert_array_less(np.abs(values - exact), rtol * np.abs(exact) + floor + 1e-300)


def test_labels_are_those_of_xenonpy():
    assert composition.names() == golden("xenonpy_golden_290.csv")[0]
    assert composition.names(composition.ALL) == golden("xenonpy_golden_all8.csv")[0]
    assert (len(composition.names()), len(composition.names(composition.ALL))) == (290, 500)


@pytest.mark.parametrize(
    ("file", "pooling"),
    [("xenonpy_golden_290.csv", composition.CLASSIC), ("xenonpy_golden_all8.csv", composition.ALL)],
)
def test_equal_to_xenonpy(file, pooling):
    labels, compositions, expected = golden(file)
    exact = reference.describe(compositions, pooling)
    values = composition.compute(compositions, "cell", pooling)
    if "count" in pooling:  # the one deliberate difference: XenonPy truncates the half lithium of Li0.5CoO2
        lithium = np.flatnonzero(compositions.amounts[:, 0] == 0.5), labels.index("Li")
        assert expected[lithium] == 0
        assert exact[lithium] == values[lithium] == 0.5
        expected[lithium] = 0.5
    assert values.dtype == np.float32
    np.testing.assert_allclose(exact, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(values, expected, rtol=5e-6, atol=0)
    assert (exact[expected == 0] == 0).all()
    assert (values[expected == 0] == 0).all()
    assert np.array_equal(np.isnan(values), np.isnan(expected))


def test_iron_oxide_by_hand():
    pooling = composition.ALL
    row = dict(zip(composition.names(pooling), composition.compute(slots("Fe2O3"), pooling=pooling)[0], strict=True))
    expected = {
        "Fe": 2,
        "O": 3,
        "H": 0,
        "ave:atomic_number": (2 * 26 + 3 * 8) / 5,
        "sum:atomic_number": 76,
        "var:atomic_number": 0.4 * 10.8**2 + 0.6 * 7.2**2,
        "max:atomic_number": 26,
        "min:atomic_number": 8,
        "gmean:atomic_number": (26**2 * 8**3) ** 0.2,
        "hmean:atomic_number": 5 / (2 / 26 + 3 / 8),
        "sum:atomic_weight": 2 * 55.845 + 3 * 15.999,
        "var:atomic_weight": 0.24 * (55.845 - 15.999) ** 2,
        "ave:en_pauling": (2 * 1.83 + 3 * 3.44) / 5,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_conventions_differ_in_the_sums_only():
    pair = slots("Fe2O3", "Fe4O6")
    reduced = composition.compute(pair)
    assert reduced[0].tobytes() == reduced[1].tobytes()
    small, large = composition.compute(pair, "cell")
    sums = np.array([label.startswith("sum:") for label in LABELS])
    assert (large[sums] == 2 * small[sums]).all()
    assert large[~sums].tobytes() == small[~sums].tobytes()
    assert small.tobytes() == reduced[0].tobytes()
    atoms = composition.compute(pair, "per-atom")
    assert atoms[0].tobytes() == atoms[1].tobytes()
    np.testing.assert_allclose(atoms[0][sums], small[:58], rtol=1e-6)
    np.testing.assert_allclose(atoms[0][~sums], small[~sums], rtol=1e-6)


def test_geometric_mean_has_a_value_only_where_its_sign_has_one():
    """SiO2 has two and Si1 one atom of negative gs_energy too many; a doubled cell makes the count even."""
    texts = "SiO2", "Si2O4", "Si", "Li0.5CoO2"
    column = composition.names(("gmean",)).index("gmean:gs_energy")
    for values in (
        composition.compute(slots(*texts), "cell", ("gmean",))[:, column],
        reference.describe(slots(*texts), ("gmean",))[:, column],
    ):
        assert np.isnan(values).tolist() == [True, False, False, True]
        assert values[1] > 0 > values[2]


def test_order_of_elements_is_irrelevant():
    written = composition.compute(slots("LiFePO4", "O4PFeLi", "FeLiO4P"), "cell")
    assert len({row.tobytes() for row in written}) == 1
    regular = random_compositions(400, seed=1)
    rng = np.random.default_rng(2)
    shuffled = Compositions(regular.elements.copy(), regular.amounts.copy())
    for row, used in enumerate((regular.elements >= 0).sum(axis=1)):
        order = rng.permutation(used)
        shuffled.elements[row, :used] = regular.elements[row, order]
        shuffled.amounts[row, :used] = regular.amounts[row, order]
    check_float32(composition.compute(shuffled, "cell"), composition.compute(regular, "cell"), regular)


@pytest.mark.parametrize("convention", ["cell", "reduced", "per-atom"])
def test_random_compositions_equal_the_float64_reference(convention):
    steels = slots(STEEL, STEEL.replace("0.620", "0.580"), re.sub("Nb[0-9.]*", "", STEEL))
    assert (steels.elements[0] >= 0).sum() == 13
    for compositions in (random_compositions(3000, seed=3), steels):
        amounts = composition.normalise(compositions, convention)
        exact = reference.describe(amounts)
        check_float32(composition.compute(compositions, convention), exact, amounts)


def test_optional_blocks_equal_the_float64_reference():
    compositions = random_compositions(1000, seed=4)
    pooling = ("count", "gmean", "hmean")
    values, exact = (
        composition.compute(compositions, "cell", pooling),
        reference.describe(compositions, pooling),
    )
    assert np.array_equal(np.isnan(values), np.isnan(exact))
    signed = np.tile((known.feature_table() < 0).any(axis=0), 2)  # the harmonic mean of mixed signs has poles
    positive = np.concatenate([np.ones(94, bool), ~signed])
    np.testing.assert_allclose(values[:, positive], exact[:, positive], rtol=1e-5)


def test_nearly_equal_features_keep_their_variance():
    """H and Cl differ by 3e-6 in en_ghosh: subtracting rounded float32 features is 0.7 % off."""
    value = composition.compute(slots("HCl"))[0, LABELS.index("var:en_ghosh")]
    assert value == pytest.approx(2.25e-12, rel=1e-5, abs=0)


def test_equal_features_have_zero_variance():
    table = known.feature_table()
    compositions = random_compositions(3000, seed=5)
    features = np.where((compositions.elements >= 0)[:, :, None], table[compositions.elements], np.nan)
    equal = np.nanmin(features, axis=1) == np.nanmax(features, axis=1)
    values = composition.compute(compositions, "cell")
    assert equal.sum() > 10_000
    assert (values[:, VARIANCE] == 0)[equal].all()
    assert (values[:, :58] == table[compositions.elements[:, 0]].astype(np.float32))[equal].all()
    assert (values[:, VARIANCE] >= 0).all()


def test_the_tolerance_would_notice_a_one_pass_variance():
    """E[x^2] - ave^2 in float32, the tempting shortcut, must fail where the two-pass form passes."""
    compositions = random_compositions(1000, seed=6)
    exact = reference.describe(compositions)
    values = composition.compute(compositions, "cell")
    check_float32(values, exact, compositions)
    weight = (compositions.amounts / compositions.amounts.sum(axis=1, keepdims=True)).astype(np.float32)
    rows = known.feature_table().astype(np.float32)[compositions.elements]
    one_pass = np.einsum("rs,rsf->rf", weight, rows**2) - np.einsum("rs,rsf->rf", weight, rows) ** 2
    assert one_pass.dtype == np.float32
    assert (one_pass < 0).any()
    values[:, VARIANCE] = one_pass
    with pytest.raises(AssertionError):
        check_float32(values, exact, compositions, rtol=1e-4)


def test_a_row_depends_on_nothing_but_itself():
    """Same bytes in any order, partition, fill and company, also where short and long rows mix."""
    compositions = random_compositions(2500, seed=7)
    whole = composition.compute(compositions, "cell")
    order = np.random.default_rng(8).permutation(2500)
    assert composition.compute(take(compositions, order), "cell").tobytes() == whole[order].tobytes()
    for size in (1, 37, 1023, 1024, 1025):
        starts = range(0, 2500, size) if size > 1 else range(0, 2500, 250)
        for start in starts:
            part = composition.compute(take(compositions, slice(start, start + size)), "cell")
            assert part.tobytes() == whole[start : start + size].tobytes()


def test_describe_ignores_the_neighbours_inside_a_larger_program():
    """The same rows among neighbours of 2, 6 and 13 elements (the three compiled widths), and run alone."""
    subject = take(random_compositions(3000, seed=9), slice(0, 1024))
    program = jax.jit(lambda e, a: 2.0 * composition.describe(e, a) - 1.0)
    run = lambda batch: np.asarray(program(batch.elements, batch.amounts.astype(np.float32)))
    alone = 2 * composition.compute(subject, "cell") - np.float32(1)
    assert run(subject).tobytes() == alone.tobytes()
    short = np.flatnonzero((subject.elements >= 0).sum(axis=1) <= 4)
    for company in ("NaCl", "LiFeMnPO4F", STEEL):
        batch = Compositions(*(np.repeat(part, 1024, axis=0) for part in slots(company)))
        batch.elements[short] = subject.elements[short]
        batch.amounts[short] = subject.amounts[short]
        assert run(batch)[short].tobytes() == alone[short].tobytes(), company


def test_tables_can_be_an_argument():
    elements, amounts = slots("Fe2O3", "NaCl", STEEL)
    amounts = amounts.astype(np.float32)
    given = jax.jit(composition.describe)(elements, amounts, composition.element_tables())
    constant = jax.jit(composition.describe)(elements, amounts)
    assert np.asarray(given).tobytes() == np.asarray(constant).tobytes()


@pytest.mark.parametrize("convention", ["cell", "reduced", "per-atom"])
@pytest.mark.parametrize("pooling", [composition.CLASSIC, composition.ALL])
def test_rows_without_elements_are_nan(convention, pooling):
    compositions = take(slots("Fe2O3", "NaCl", "HCl"), [0, 1, 2])
    expected = composition.compute(compositions, convention, pooling)
    compositions.elements[1], compositions.amounts[1] = -1, 0
    values = composition.compute(compositions, convention, pooling)
    assert np.isnan(values[1]).all()
    assert values[[0, 2]].tobytes() == expected[[0, 2]].tobytes()
    assert np.isnan(reference.describe(compositions, pooling)[1]).all()
    none = composition.compute(take(compositions, slice(0, 0)), convention, pooling)
    assert none.shape == (0, len(composition.names(pooling)))


def test_an_element_outside_the_table_is_nan():
    compositions = slots("Fe2O3", "NaCl")
    compositions.elements[0, 1] = 120
    values = composition.compute(compositions, "cell")
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1]).all()


def test_unknown_options_are_refused():
    with pytest.raises(UserError, match="reduced, cell, per-atom; got 'primitive'"):
        composition.normalise(slots("NaCl"), "primitive")
    with pytest.raises(UserError, match="median"):
        composition.names(("ave", "median"))


@pytest.mark.skipif(not SHARED.exists(), reason=f"real formulas not found: {SHARED.name}")
def test_real_formulas_equal_the_float64_reference():
    from pyarrow import parquet

    texts = parquet.read_table(SHARED, columns=["composition"])["composition"][::7]
    parsed = formulas.parse_column(texts)
    known_rows = take(parsed.compositions, parsed.reasons == "")
    assert len(known_rows.elements) > 18_000
    check_float32(composition.compute(known_rows, "cell"), reference.describe(known_rows), known_rows)
