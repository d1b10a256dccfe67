"""Precision of products: against products in double precision of rounded numbers, and what a device lacks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.networks import precision
from kakehashi.screen.networks.pyramid import matmul


@pytest.fixture(scope="module")
def factors() -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(0)
    return tuple(jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in ((40, 96), (96, 32)))


def rounded(x: jax.Array) -> np.ndarray:
    """To the eight bits of a bfloat16 mantissa, ties to even, by integers."""
    bits = np.asarray(x).view(np.uint32).astype(np.uint64)
    return (((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) << 16).astype(np.uint32).view(np.float32).astype(np.float64)


def test_fast_products_are_those_of_rounded_numbers(factors: tuple[jax.Array, jax.Array]) -> None:
    x, kernel = factors
    product = precision.network_product("fast")
    found, exact = product(x, kernel), rounded(x) @ rounded(kernel)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, exact, atol=2e-5)
    assert np.abs(np.asarray(matmul(x, kernel)) - exact).max() > 1e-3  # and the exact ones are not
    short = precision.round_kernel("fast", np.asarray(kernel))
    np.testing.assert_array_equal(product(x, jnp.asarray(short)), found)
    np.testing.assert_array_equal(np.asarray(short, np.float64), rounded(kernel))


def test_exact_is_the_product_of_every_other_place(factors: tuple[jax.Array, jax.Array]) -> None:
    assert precision.network_product("exact") is matmul
    kernel = np.asarray(factors[1])
    assert precision.round_kernel("exact", kernel) is kernel


@pytest.mark.fault
def test_a_processor_has_no_balanced_products() -> None:
    with pytest.raises(UserError, match=r"--precision balanced: expected a device with .* take exact, or fast"):
        precision.check_precision("balanced")
    with pytest.raises(UserError, match="expected exact, balanced, fast, got 'half'"):
        precision.check_precision("half")
    precision.check_precision("fast")


def test_a_device_that_has_them_takes_the_best(
    factors: tuple[jax.Array, jax.Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_find_preset", lambda device: "BF16_BF16_F32_X3")
    precision.check_precision("balanced")
    assert precision.describe_products("balanced") == "BF16_BF16_F32_X3"
    product = precision.network_product("balanced")
    text = str(jax.make_jaxpr(product)(*factors))
    assert "BF16_BF16_F32_X3" in text
    np.testing.assert_allclose(product(*factors), matmul(*factors), atol=1e-4)
