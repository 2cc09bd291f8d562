"""Geometry of a bar chart, which the template `queueapi/chart.html` draws as SVG."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count

# In pixels.
WIDTH, HEIGHT = 760, 220
LEFT, TOP, BOTTOM = 48, 12, 28  # room for the labels
BASE = HEIGHT - BOTTOM

GAP = 0.25  # share of a slot without bars


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
    """Counts of one or more series in slots of time, for example hours.

    `series` maps a CSS class to the name of a series and its count for each slot.
    """

    title: str
    slot_title: str
    names: list[str]  # of the slots
    labels: list[str]  # below the slots; may be empty
    series: dict[str, tuple[str, list[int]]]
    by_day: bool

    width, height, left = WIDTH, HEIGHT, LEFT

    @cached_property
    def top(self) -> int:
        """Return the value at the upper edge: 2, 4 or 10 times a power of ten."""
        highest = max((max(counts) for _, counts in self.series.values()), default=0)
        tops: Iterator[int] = (step * 10**power for power in count() for step in (2, 4, 10))
        return next(top for top in tops if highest <= top)

    @property
    def slot(self) -> float:
        """Return the width of a slot."""
        return (WIDTH - LEFT) / len(self.names)

    def y(self, value: float) -> float:
        return round(BASE - (BASE - TOP) * value / self.top, 1)

    @property
    def bars(self) -> list[Bar]:
        width = self.slot * (1 - GAP) / len(self.series)
        return [
            Bar(
                series=series,
                x=round(LEFT + (slot + GAP / 2) * self.slot + place * width, 1),
                y=self.y(number),
                width=round(width, 1),
                height=round(BASE - self.y(number), 1),
                title=f"{self.names[slot]}: {name} {number}",
            )
            for place, (series, (name, counts)) in enumerate(self.series.items())
            for slot, number in enumerate(counts)
            if number
        ]

    @property
    def lines(self) -> list[tuple[float, int]]:
        """Return y and value of each horizontal line."""
        return [(self.y(value), value) for value in (0, self.top // 2, self.top)]

    @property
    def slot_labels(self) -> list[tuple[float, str]]:
        """Return x of the middle and text of each label below."""
        return [
            (round(LEFT + (slot + 0.5) * self.slot, 1), label)
            for slot, label in enumerate(self.labels)
            if label
        ]

    @property
    def table(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return name and counts of each slot."""
        columns = [counts for _, counts in self.series.values()]
        return list(zip(self.names, zip(*columns, strict=True), strict=True))

    @property
    def totals(self) -> list[tuple[str, str, int]]:
        """Return CSS class, name and sum of each series."""
        return [(series, name, sum(counts)) for series, (name, counts) in self.series.items()]
