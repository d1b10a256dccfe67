"""The rough time of a model grows with what it depends on, and agrees with measured times."""

from __future__ import annotations

import itertools

import pytest

from kakehashi.catalogs.records import UserError
from kakehashi.screen.heads.registry import SERVING_HEADS
from kakehashi.screen.screening import model_cost
from kakehashi.screen.screening.model_cost import check_memory, estimate_megabytes, estimate_model


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_cost, "available", lambda: 2)


@pytest.mark.parametrize(("n", "measured"), [(45, 20.0), (964, 100.0)])
def test_default_runs_take_about_as_long_as_measured(n: int, measured: float) -> None:
    assert measured / 2 < estimate_model(n, foundation=True) < measured * 2


def test_more_of_everything_takes_longer() -> None:
    usual = estimate_model(45, foundation=True)
    assert estimate_model(45, foundation=True, outer=5, families=False) < usual
    assert estimate_model(45) < usual < estimate_model(90, foundation=True)
    assert usual < estimate_model(45, foundation=True, networks=50) < estimate_model(45, foundation=True, networks=150)
    assert usual < estimate_model(45, foundation=True, heads=SERVING_HEADS)
    assert usual < estimate_model(45, foundation=True, baselines=4)


def test_time_and_memory_grow_without_cliffs() -> None:
    """A tenth more values never take more than twice the time, and never a fifth more memory."""
    sizes = [round(45 * 1.1**k) for k in range(82)]
    assert sizes[-1] > 100_000
    for below, above in itertools.pairwise(sizes):
        assert estimate_model(above, foundation=True) < 2 * estimate_model(below, foundation=True)
        assert estimate_megabytes(above, foundation=True) < 1.2 * estimate_megabytes(below, foundation=True)


def test_a_hundred_thousand_values_fit_the_promise() -> None:
    """Twenty minutes and 8 GB of two processors."""
    assert estimate_model(100_000, foundation=True) < 1200
    assert estimate_megabytes(100_000, foundation=True) < 8_000


def test_each_source_has_networks_that_serve() -> None:
    """Of a thousand values four networks of a source, however many sources there are."""
    one, five = (estimate_megabytes(1_000, networks=50 * k, sources=k) for k in (1, 5))
    assert five - one == pytest.approx(1_000 * 16 * model_cost.NETWORK_BYTES / 1e6, abs=1)
    assert estimate_model(5_000, networks=250, sources=5) > estimate_model(5_000, networks=250, sources=1)
    assert estimate_megabytes(1_000, networks=0, sources=0) == estimate_megabytes(1_000)


def test_too_large_a_target_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_cost, "available_bytes", lambda: 4_000_000_000)
    check_memory(1_000, foundation=True)
    with pytest.raises(UserError, match=r"1,000,000 known values need about .* GB of memory, 4.0 GB are free") as found:
        check_memory(1_000_000, foundation=True)
    fewer = int(str(found.value).split("at most ")[1].split(" values")[0].replace(",", ""))
    check_memory(fewer, foundation=True)
    with pytest.raises(UserError):
        check_memory(round(1.1 * fewer), foundation=True)
    monkeypatch.setattr(model_cost, "available_bytes", lambda: None)
    check_memory(1_000_000, foundation=True)
