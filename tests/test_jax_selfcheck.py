"""The installed jax computes rightly, and the check would see one that does not."""

import numpy as np
import pytest

from kakehashi.screen.cli import selfcheck


def test_this_jax_computes_rightly() -> None:
    assert selfcheck.jax_problem() == ""


def test_the_reproducer_is_of_the_known_size() -> None:
    assert 32_769 in selfcheck.ROWS


@pytest.mark.parametrize("which", ["eager", "compiled", "both"])
def test_one_wrong_row_is_seen(which: str) -> None:
    expected = np.arange(5, dtype=np.float32) ** 2
    wrong = expected.copy()
    wrong[4] = 15
    eager = wrong if which in ("eager", "both") else expected
    compiled = wrong if which in ("compiled", "both") else expected
    assert selfcheck.compare(expected, eager, compiled).startswith("row 4 of 5 is ")
    assert selfcheck.compare(expected, expected, expected) == ""


def test_nan_is_wrong() -> None:
    expected = np.ones(2, np.float32)
    assert selfcheck.compare(expected, expected * np.nan, expected * np.nan).startswith("row 0 of 2 is nan")


def test_a_miscompiled_last_row_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax

    compile_rightly = jax.jit

    def miscompile(function):  # type: ignore[no-untyped-def]
        return lambda x: compile_rightly(function)(x).at[-1].set(266342400)

    monkeypatch.setattr(jax, "jit", miscompile)
    assert "266342400 compiled" in selfcheck.jax_problem()
