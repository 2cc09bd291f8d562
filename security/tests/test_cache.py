from threading import Event, Thread

import pytest

from security import cache
from security.cache import QueryCache


def test_it_works() -> None:
    asked = []
    answers = QueryCache(lambda key: asked.append(key) or key.upper())
    assert [answers.get("a"), answers.get("a")] == ["A", "A"]
    assert asked == ["a"]


def test_an_answer_grows_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(cache, "monotonic", lambda: now)
    asked = []
    answers = QueryCache(lambda key: asked.append(key) or key)
    answers.get("a")
    now += cache.MAX_AGE
    answers.get("a")
    assert asked == ["a", "a"]


def test_every_process_learns_of_a_change_within_5_seconds() -> None:
    assert cache.MAX_AGE < 5


def test_forget_makes_it_ask_again() -> None:
    asked = []
    answers = QueryCache(lambda key: asked.append(key) or key)
    for key in ("a", "b"):
        answers.get(key)
    answers.invalidate("a")
    for key in ("a", "b"):
        answers.get(key)
    assert asked == ["a", "b", "a"]


def test_none_is_not_remembered() -> None:
    asked = []
    answers = QueryCache(asked.append)
    answers.get("guess")
    answers.get("guess")
    assert asked == ["guess", "guess"]


def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    reading, changed = Event(), Event()
    rows = {"a": "old"}

    def load(key: str) -> str:
        value = rows[key]
        reading.set()
        changed.wait(timeout=30)
        return value

    answers = QueryCache(load)
    reader = Thread(target=answers.get, args=["a"])
    reader.start()
    assert reading.wait(timeout=30)
    rows["a"] = "new"
    answers.invalidate("a")
    changed.set()
    reader.join()
    assert answers.get("a") == "new"


def test_a_flood_of_keys_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRIES", 10)
    answers = QueryCache(lambda key: key)
    for key in range(1, 1000):
        answers.get(key)
    assert len(answers._entries) <= 10
