"""Figures of all rounds, and Markdown tables of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import TypeVar

T = TypeVar("T")

# Figures that several parts have.
CPU = "CPU of one POST, in process (µs)"
WALL = "time of one POST, in process (µs)"


class Figures:
    """Values of each subject, such as a candidate, and figure; one value for each round."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, subject: str, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self.values[subject][name].append(value)

    def table(self) -> str:
        names = next(iter(self.values.values()))
        rows = self.values.items()
        return table(["", *names], ([row, *(cell(of[name]) for name in names)] for row, of in rows))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def cell(values: Sequence[float]) -> str:
    """Return the median, with minimum and maximum in brackets."""
    middle = median(values)
    digits = 0 if abs(middle) >= 100 else 1 if abs(middle) >= 10 else 2
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def count_rounds(title: str, rounds: int) -> Iterator[int]:
    for number in range(rounds):
        say(f"{title}: round {number + 1} of {rounds}")
        yield number


def in_turn(title: str, items: Sequence[T], rounds: int) -> Iterator[T]:
    """Yield each item once a round; each round begins with another item."""
    for number in count_rounds(title, rounds):
        first = number % len(items)
        yield from (*items[first:], *items[:first])


def say(sentence: str) -> None:
    print(sentence, flush=True)
