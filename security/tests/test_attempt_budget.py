"""The limit of rows that failed attempts and bans add."""

from concurrent.futures import ThreadPoolExecutor
from threading import Timer

import pytest

from security.attempt_budget import AttemptBudget


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of a budget, in seconds, as the only entry."""
    now = [1000.0]
    monkeypatch.setattr("security.attempt_budget.monotonic", lambda: now[0])
    return now


def test_ten_seconds_allow_the_burst_and_ten_times_the_rate(clock: list[float]) -> None:
    budget = AttemptBudget(burst=240, rate=25)
    taken = 0
    for _ in range(10_000):
        taken += budget.take()
        clock[0] += 0.001
    assert 480 <= taken <= 490


def test_rows_that_are_always_written_are_counted(clock: list[float]) -> None:
    budget = AttemptBudget(burst=2, rate=1)
    assert all(budget.take(always=True) for _ in range(4))
    clock[0] += 2
    assert not budget.take()


def test_the_budget_refills_to_the_burst_at_most(clock: list[float]) -> None:
    budget = AttemptBudget(burst=2, rate=1)
    clock[0] += 100
    assert [budget.take() for _ in range(3)] == [True, True, False]


def test_the_number_of_rows_left_out_is_logged_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    timers: list[Timer] = []

    def start(timer: Timer) -> None:
        timers.append(timer)

    monkeypatch.setattr(Timer, "start", start)
    budget = AttemptBudget(burst=0, rate=0)
    for _ in range(120):
        budget.take()
    [timer] = timers
    assert timer.interval == 60
    timer.function()
    assert caplog.messages == ["120 failed attempts of the last minute were not recorded"]
    budget.take()
    assert len(timers) == 2


def test_threads_take_no_more_than_the_burst() -> None:
    budget = AttemptBudget(burst=50, rate=0)
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: budget.take(), range(400))) == 50
