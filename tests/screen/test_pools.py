"""Threads that fit: how many, and what an interrupt leaves of their work."""

import threading

import pytest

from kakehashi.screen import pools
from kakehashi.screen.acknowledge import answer
from kakehashi.screen.pools import threads


@pytest.mark.parametrize(("there", "most", "count"), [(4, None, 4), (4, 2, 2), (2, 100, 2), (2, 0, 1)])
def test_no_more_threads_than_processors_or_work(
    monkeypatch: pytest.MonkeyPatch, there: int, most: int | None, count: int
) -> None:
    monkeypatch.setattr(pools, "available", lambda: there)
    with threads("network", most) as pool:
        assert pool._max_workers == count


def test_results_come_in_order() -> None:
    with threads("network", 3) as pool:
        assert list(pool.map(lambda i: i * i, range(20))) == [i * i for i in range(20)]


def test_what_is_at_work_is_said_and_finished_and_what_waits_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "available", lambda: 2)
    started, go, done, said = threading.Barrier(3), threading.Event(), [], []

    def fit(i: int) -> None:
        if i < 2:
            started.wait(10)
            go.wait(10)
        done.append(i)

    def interrupted() -> None:
        with threads("network") as pool:
            for i in range(9):
                pool.submit(fit, i)
            started.wait(10)
            said.append(answer())
            threading.Timer(0.1, go.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert said == ["interrupted: finishing 2 networks; Ctrl-C again stops now"]
    assert sorted(done) == [0, 1]
    assert answer() == "interrupted: ending; Ctrl-C again stops now"


def test_the_time_left_is_that_of_the_ones_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(pools.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(pools, "available", lambda: 1)
    go, running = threading.Event(), threading.Event()

    def first() -> None:
        now[0] += 40

    def second() -> None:
        running.set()
        go.wait(10)

    with threads("network") as pool:
        pool.submit(first).result()
        pool.submit(second)
        running.wait(10)
        now[0] += 10
        try:
            assert pool.at_work() == "finishing 1 network, about 30 s"
            now[0] += 100
            assert pool.at_work() == "finishing 1 network, about 1 s"
        finally:
            go.set()


def test_an_error_of_a_call_reaches_the_caller() -> None:
    def fail(i: int) -> None:
        raise ValueError("no such fit")

    with pytest.raises(ValueError, match="no such fit"), threads("fit") as pool:
        list(pool.map(fail, [1]))
