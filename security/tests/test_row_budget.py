"""The limit to rows that strangers make us write."""

from concurrent.futures import ThreadPoolExecutor
from threading import Timer

import pytest

from security.row_budget import RowBudget


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that a budget sees, in seconds, as the only entry."""
    now = [1000.0]
    monkeypatch.setattr("security.row_budget.monotonic", lambda: now[0])
    return now


def test_no_ten_seconds_have_more_than_the_burst_and_ten_times_the_rate(clock: list[float]) -> None:
    budget = RowBudget(burst=240, rate=25)
    taken = 0
    for _ in range(10_000):
        taken += budget.take()
        clock[0] += 0.001
    assert 480 <= taken <= 490


def test_what_is_always_written_is_counted(clock: list[float]) -> None:
    budget = RowBudget(burst=2, rate=1)
    assert all(budget.take(always=True) for _ in range(4))
    clock[0] += 2
    assert not budget.take()


def test_it_fills_up_again_and_not_beyond_the_burst(clock: list[float]) -> None:
    budget = RowBudget(burst=2, rate=1)
    clock[0] += 100
    assert [budget.take() for _ in range(3)] == [True, True, False]


def test_the_log_says_once_a_minute_how_many_were_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    timers = []

    class Minute(Timer):
        def start(self) -> None:
            timers.append(self)

    monkeypatch.setattr("security.row_budget.Timer", Minute)
    budget = RowBudget(burst=0, rate=0)
    for _ in range(120):
        budget.take()
    [timer] = timers
    assert timer.interval == 60
    timer.function()
    assert caplog.messages == ["120 failed attempts of the last minute were not recorded"]
    budget.take()
    assert len(timers) == 2


def test_threads_take_no_more_than_there_is() -> None:
    budget = RowBudget(burst=50, rate=0)
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: budget.take(), range(400))) == 50
