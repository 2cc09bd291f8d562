"""Bar charts, which the template `queueapi/chart.html` draws as SVG."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count

GAP = 0.25  # share of a slot without bars


@dataclass
class Bar:
    """Position and size in percent of the plot, from its upper left corner."""

    series: str
    title: str
    x: float
    y: float
    width: float
    height: float


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

    @cached_property
    def top(self) -> int:
        """Return the value at the upper edge: 2, 4 or 10 times a power of ten."""
        highest = max((max(counts) for _, counts in self.series.values()), default=0)
        tops: Iterator[int] = (step * 10**power for power in count() for step in (2, 4, 10))
        return next(top for top in tops if highest <= top)

    @property
    def middle(self) -> int:
        return self.top // 2

    def x(self, slot: float) -> float:
        return round(100 * slot / len(self.names), 2)

    @property
    def bars(self) -> list[Bar]:
        width = (1 - GAP) / len(self.series)
        return [
            Bar(
                series=series,
                title=f"{self.names[slot]}: {name} {number}",
                x=self.x(slot + GAP / 2 + place * width),
                y=100 - 100 * number / self.top,
                width=self.x(width),
                height=100 * number / self.top,
            )
            for place, (series, (name, counts)) in enumerate(self.series.items())
            for slot, number in enumerate(counts)
            if number
        ]

    @property
    def slot_labels(self) -> list[tuple[float, str]]:
        """Return x, in percent, and text of the label of each slot."""
        return [(self.x(slot + 0.5), label) for slot, label in enumerate(self.labels)]

    @property
    def table(self) -> list[tuple[str, tuple[int, ...]]]:
        """Return name and counts of each slot."""
        columns = [counts for _, counts in self.series.values()]
        return list(zip(self.names, zip(*columns, strict=True), strict=True))

    @property
    def totals(self) -> list[tuple[str, str, int]]:
        """Return CSS class, name and sum of each series."""
        return [(series, name, sum(counts)) for series, (name, counts) in self.series.items()]
