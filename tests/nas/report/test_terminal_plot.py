"""The plot of characters can be read without colour, in 80 columns, on any terminal."""

import pytest

from nas.report.terminal_plot import front_plot
from tests.nas.report.documents import make_result, network, references, searched_networks, target

FAST = network("fast", 0.1, 0.95)
BEST = network("best", 0.5, 0.98)
SLOW = network("slow", 0.3, 0.94, status="dominated")
OVER = network("over", 0.8, 0.985, status="over_limit")


def position(plot: str, mark: str) -> tuple[int, int]:
    """Row and column of the only such mark above the axis."""
    drawn = plot.split("└")[0].splitlines()
    found = [(row, line.index(mark)) for row, line in enumerate(drawn) if mark in line]
    assert len(found) == 1, plot
    return found[0]


def test_better_is_higher_and_slower_is_further_right() -> None:
    plot = front_plot(target((FAST, BEST, SLOW, OVER), 0.6), references()[:1]).plain
    slow, over, stock = (position(plot, mark) for mark in ("·", "×", "A"))
    lines = plot.split("└")[0].splitlines()
    fast = min(((line.index("●"), row) for row, line in enumerate(lines) if "●" in line))[::-1]
    assert fast[1] < slow[1] < over[1]
    assert over[0] < fast[0] < slow[0]
    assert slow[1] < stock[1] < over[1]


def test_every_line_fits_the_width() -> None:
    result = make_result()
    for width in (60, 80, 120):
        plot = front_plot(result.targets[0], result.references, width=width).plain
        assert max(map(len, plot.splitlines())) <= width


def test_marks_are_explained() -> None:
    legend = front_plot(target((FAST, BEST, SLOW, OVER), 0.6), references()).plain.split("(log)")[1]
    for entry in ("● front", "· dominated", "× over a limit", "┊ limit 0.6 ms", "A mobilenet_v2", "D resnet"):
        assert entry in legend


def test_only_what_is_drawn_is_explained() -> None:
    legend = front_plot(target((FAST, BEST), None)).plain.split("(log)")[1]
    assert legend.split() == ["●", "front"]


def test_the_limit_is_a_line_from_top_to_bottom() -> None:
    lines = front_plot(target((FAST, BEST), 0.6), height=12).plain.splitlines()[1:13]
    columns = {line.index("┊") for line in lines if "┊" in line}
    assert len(columns) == 1
    assert sum("┊" in line for line in lines) >= 11  # the line of the front may cross it


def test_a_limit_far_to_the_right_is_named_instead() -> None:
    plot = front_plot(target((FAST, BEST), 10.0)).plain
    assert "limit 10 ms (beyond the right edge)" in plot
    assert "┊" not in plot.split("└")[0]


def test_axes_have_round_labels() -> None:
    plot = front_plot(target((FAST, BEST))).plain
    labels = plot.split("└")[1].splitlines()[1].split()
    assert "0.1" in labels
    assert labels == sorted(labels, key=float)
    rising = [float(line.split("┤")[0]) for line in plot.splitlines() if "┤" in line]
    assert len(rising) >= 3
    assert rising == sorted(rising, reverse=True)


def test_ascii_terminals_get_ascii() -> None:
    plot = front_plot(target((FAST, BEST, SLOW, OVER), 0.6), references(), ascii_only=True).plain
    assert plot.isascii()
    assert plot.split("+--")[0].count("O") == 2


@pytest.mark.parametrize("count", [1, 2, 40])
def test_every_point_of_the_front_is_seen_unless_it_shares_its_place(count: int) -> None:
    one = target((FAST,)) if count == 1 else target(searched_networks(max(count, 3), 3, 1.0))
    drawn = front_plot(one).plain.split("└")[0].count("●")
    assert 1 <= drawn <= len(one.front)


def test_nothing_verified_is_said() -> None:
    assert front_plot(target(())).plain == "No network was verified.\n"


def test_only_stock_networks_can_be_drawn() -> None:
    assert "B" in front_plot(target((), cloud=()), references()).plain
