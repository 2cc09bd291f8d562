"""A bar chart as SVG: where each bar stands. The template draws it."""

from dataclasses import dataclass
from functools import cached_property

WIDTH, HEIGHT = 760, 220
LEFT, TOP, BOTTOM = 48, 12, 28  # room for the labels
GAP = 0.25  # of a slot, between its bars and the next slot's


@dataclass
class Bar:
    series: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass
class Chart:
    """`series` maps a CSS class to its name and one count for each slot."""

    title: str
    slot_title: str
    names: list[str]  # of the slots
    shorts: list[str]  # what stands below them; may be empty
    series: dict[str, tuple[str, list[int]]]
    by_day: bool

    width, height, left, right = WIDTH, HEIGHT, LEFT, WIDTH
    base = HEIGHT - BOTTOM

    @cached_property
    def top(self) -> int:
        """The value at the upper edge: 2, 4 or 10 times a power of ten, whose halves are round."""
        highest = max((max(counts) for _, counts in self.series.values()), default=0)
        power = 1
        while True:
            for step in (2, 4, 10):
                if highest <= step * power:
                    return step * power
            power *= 10

    @property
    def slot(self) -> float:
        return (WIDTH - LEFT) / len(self.names)

    def y(self, value: float) -> float:
        return round(self.base - (self.base - TOP) * value / self.top, 1)

    @property
    def bars(self) -> list[Bar]:
        width = self.slot * (1 - GAP) / len(self.series)
        return [
            Bar(
                series,
                round(LEFT + index * self.slot + self.slot * GAP / 2 + place * width, 1),
                self.y(count),
                round(width, 1),
                round(self.base - self.y(count), 1),
                f"{self.names[index]}: {name} {count}",
            )
            for place, (series, (name, counts)) in enumerate(self.series.items())
            for index, count in enumerate(counts)
            if count
        ]

    @property
    def lines(self) -> list[tuple[float, int]]:
        """The horizontal lines: where, and for which value."""
        return [(self.y(value), value) for value in (0, self.top // 2, self.top)]

    @property
    def marks(self) -> list[tuple[float, str]]:
        """The labels below: the middle of their slot, and the text."""
        return [
            (round(LEFT + (index + 0.5) * self.slot, 1), short)
            for index, short in enumerate(self.shorts)
            if short
        ]

    @property
    def table(self) -> list[tuple[str, list[int]]]:
        """The same as rows: the slot's name and its counts."""
        columns = [counts for _, counts in self.series.values()]
        return [
            (name, [counts[index] for counts in columns]) for index, name in enumerate(self.names)
        ]

    @property
    def totals(self) -> list[tuple[str, str, int]]:
        """Class, name and sum of each series."""
        return [(key, name, sum(counts)) for key, (name, counts) in self.series.items()]
