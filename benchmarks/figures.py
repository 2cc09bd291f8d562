"""Figures by round, and what may be said of them: medians, spreads, and ratios round by round."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

# What a figure is called in the code, and for people.
LABELS = {
    "cpu": "CPU of one POST, in process (µs)",
    "rate": "throughput at 32 connections (requests/s)",
    "p50": "p50 at 32 connections (ms)",
    "p99": "p99 at 32 connections (ms)",
    "steady_p50": "p50 at 50 requests/s (ms)",
    "steady_p99": "p99 at 50 requests/s (ms)",
    "memory": "resident memory (MiB)",
    "wall": "time of one POST, in process (µs)",
    "insert": "of that, the INSERT (µs)",
}


class Figures:
    """`figures.of(subject, name)` is a list with one value of each round."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, subject: str, **figures: float) -> None:
        for name, value in figures.items():
            self.values[subject][name].append(value)

    def of(self, subject: str, name: str) -> list[float]:
        return self.values[subject].get(name, [])

    def of_all(self) -> list[str]:
        """The names of the figures."""
        return list(next(iter(self.values.values()), {}))

    def ratios(self, name: str, above: str, below: str) -> list[float]:
        """One of each round, so that what slowed a whole round down cancels out."""
        return [a / b for a, b in zip(self.of(above, name), self.of(below, name), strict=True)]


def in_turn(things: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """Every thing once a round, and each round begins with another one."""
    for number in range(rounds):
        first = number % len(things)
        for thing in (*things[first:], *things[:first]):
            yield number + 1, thing


def say(sentence: str) -> None:
    print(sentence, flush=True)
