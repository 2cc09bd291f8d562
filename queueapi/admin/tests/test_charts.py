"""Geometry of the chart."""

import pytest

from queueapi.admin.charts import Chart, Series


def chart(*counts: int) -> Chart:
    names = [f"slot {n}" for n in range(len(counts))]
    series = Series(
        "Done", [(count, f"/{name}") for count, name in zip(counts, names, strict=True)]
    )
    return Chart(names, names, {"done": series}, by_day=False)


def test_each_count_but_zero_has_a_bar() -> None:
    assert [bar.title for bar in chart(3, 0, 1).bars] == ["slot 0: Done 3", "slot 2: Done 1"]


def test_bar_of_the_top_value_fills_the_height() -> None:
    (bar,) = chart(10).bars
    assert (bar.y, bar.height) == (0, 100)


def test_bars_are_inside_the_chart() -> None:
    for bar in chart(*range(1, 25)).bars:
        assert 0 <= bar.x <= bar.x + bar.width <= 100
        assert 0 <= bar.y <= bar.y + bar.height <= 100


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 2), (1, 2), (3, 4), (5, 10), (11, 20), (21, 40), (41, 100), (101, 200)],
)
def test_top_value_is_round(highest: int, top: int) -> None:
    assert chart(highest).top == top


def test_table_has_the_counts_of_each_slot() -> None:
    assert chart(3, 0).table == [("slot 0", [(3, "/slot 0")]), ("slot 1", [(0, "/slot 1")])]
