"""Figures of all rounds, and ratios between them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

# By the name of a figure in the code, its title in tables and plots.
LABELS = {
    "cpu": "CPU of one POST, in process (µs)",
    "rate": "throughput at 32 connections (requests/s)",
    "p50": "p50 at 32 connections (ms)",
    "p99": "p99 at 32 connections (ms)",
    "steady_p50": "p50 at 50 requests/s (ms)",
    "steady_p99": "p99 at 50 requests/s (ms)",
    "items": "items/s",
    "memory": "resident memory (MiB)",
    "wall": "time of one POST, in process (µs)",
    "insert": "of that, the INSERT (µs)",
}


class Figures:
    """Values of each subject, such as a candidate, and figure; one value for each round."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, subject: str, **figures: float) -> None:
        for name, value in figures.items():
            self.values[subject][name].append(value)

    def of(self, subject: str, name: str) -> list[float]:
        return self.values[subject].get(name, [])

    def names(self) -> list[str]:
        """Return the names of the figures."""
        return list(next(iter(self.values.values()), {}))

    def ratios(self, name: str, above: str, below: str) -> list[float]:
        """Return a ratio for each round, which cancels out the speed of the machine then."""
        return [a / b for a, b in zip(self.of(above, name), self.of(below, name), strict=True)]


def in_turn(items: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Yield the round and each item once a round; each round begins with another item."""
    for number in range(rounds):
        first = number % len(items)
        for item in (*items[first:], *items[:first]):
            yield number + 1, item


def say(sentence: str) -> None:
    print(sentence, flush=True)
