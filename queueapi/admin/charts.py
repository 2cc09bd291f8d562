"""Bar charts, which the template `queueapi/chart.html` draws as SVG."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from django.utils.formats import localize

GAP = 0.25  # share of a slot without bars


@dataclass
class Series:
    """A count for each slot, with the URL of the list of its rows."""

    name: str
    cells: list[tuple[int, str]]

    @property
    def total(self) -> int:
        return sum(number for number, _url in self.cells)


@dataclass
class Bar:
    """Position and size in percent of the plot, from its upper left corner."""

    series: str
    title: str
    url: str
    x: float
    y: float
    width: float
    height: float


@dataclass
class Chart:
    """Counts of one or more series, by CSS class, in slots of time, for example hours."""

    names: list[str]  # of the slots
    labels: list[str]  # below the slots; may be empty
    series: dict[str, Series]
    by_day: bool

    @cached_property
    def top(self) -> int:
        """Return the value at the upper edge: 2, 4 or 10 times a power of ten."""
        highest = max(number for series in self.series.values() for number, _url in series.cells)
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
                series=css_class,
                title=f"{self.names[slot]}: {series.name} {localize(number)}",
                url=url,
                x=self.x(slot + GAP / 2 + place * width),
                y=100 - 100 * number / self.top,
                width=self.x(width),
                height=100 * number / self.top,
            )
            for place, (css_class, series) in enumerate(self.series.items())
            for slot, (number, url) in enumerate(series.cells)
            if number
        ]

    @property
    def slot_labels(self) -> list[tuple[float, str]]:
        """Return x, in percent, and text of the label of each slot."""
        return [(self.x(slot + 0.5), label) for slot, label in enumerate(self.labels)]

    @property
    def table(self) -> list[tuple[str, list[tuple[int, str]]]]:
        """Return the name of each slot, and its counts with their URLs."""
        columns = [series.cells for series in self.series.values()]
        return [(name, list(cells)) for name, *cells in zip(self.names, *columns, strict=True)]
