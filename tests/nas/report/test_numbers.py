"""Numbers are printed with the digits that their intervals allow."""

import pytest

from nas.report.numbers import (
    BYTES,
    COUNTS,
    FIGURE_SPACE,
    PUNCTUATION_SPACE,
    aligned,
    best_scale,
    decimals,
    duration,
    interval,
    percent,
    plain,
    rounded,
    with_unit,
)


@pytest.mark.parametrize(
    ("half", "places"),
    [
        # The Particle Data Group's examples: 0.827 +- 0.119 to two decimals, 0.827 +- 0.367 to one.
        (0.119, 2),
        (0.367, 1),
        (0.0354, 3),
        (0.0356, 2),
        (0.951, 1),
        (0.0951, 2),
        (12.0, 0),
        (0.0000001, 6),
    ],
)
def test_the_interval_decides_how_many_decimals_are_shown(half: float, places: int) -> None:
    assert decimals(0.827, 0.827 - half, 0.827 + half) == places


def test_the_wider_side_of_an_interval_counts() -> None:
    assert decimals(1.0, 0.999, 1.5) == 1


def test_without_an_interval_four_digits_are_shown() -> None:
    assert rounded(0.43187, 0.43187, 0.43187) == "0.4319"
    assert rounded(0.0, 0.0, 0.0) == "0"


def test_value_and_interval_have_the_same_decimals() -> None:
    assert rounded(0.43187, 0.4254, 0.4382) == "0.432"
    assert interval(0.43187, 0.4254, 0.4382) == "0.425–0.438"


def test_a_share_in_percent_has_the_digits_of_its_interval() -> None:
    assert percent(0.98889, 0.9781, 0.9952) == "98.9"
    assert percent(0.98889, 0.9870, 0.9905) == "98.89"
    assert percent(0.98889) == "98.9"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1716.0, "1,716"), (0.0123456, "0.0123"), (12.34, "12.3"), (0.0, "0"), (1234567.0, "1,234,567")],
)
def test_plain_numbers_never_have_an_exponent(value: float, text: str) -> None:
    assert plain(value) == text


def test_a_unit_is_the_largest_that_leaves_the_smallest_value_at_one_or_more() -> None:
    assert best_scale([2048.0, 5_000_000.0], BYTES).unit == "KiB"
    assert best_scale([1_500_000.0], COUNTS).unit == "million"
    assert best_scale([], BYTES).unit == "B"
    assert best_scale([0.0], COUNTS).unit == ""


def test_one_value_with_its_unit() -> None:
    assert with_unit(18_842.0, BYTES) == "18.4 KiB"
    assert with_unit(512.0, COUNTS) == "512"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (185.0, "3 min 5 s"),
        (7200.0, "2 h"),
        (7800.0, "2 h 10 min"),
    ],
)
def test_time_spans_have_the_two_units_that_matter(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_column_shares_its_decimal_point() -> None:
    assert aligned(["0.1893", "0.193", "12"]) == [
        "0.1893",
        f"0.193{FIGURE_SPACE}",
        f"12{PUNCTUATION_SPACE}{FIGURE_SPACE * 4}",
    ]
    assert aligned(["1", "12"]) == ["1", "12"]
    assert aligned([]) == []
