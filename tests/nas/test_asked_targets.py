"""What a question about a search is about: never devices or meanings of latency mixed up without a word."""

from dataclasses import dataclass

import pytest

from latency_predictors.latency_metric import LatencyMetric
from nas.asked_targets import Asked, compared_targets, meant_targets, positions
from search_spaces.errors import UsageError

MEDIAN, TAIL, PACED = LatencyMetric(), LatencyMetric("p95"), LatencyMetric(pause_ms=20.0)


@dataclass(frozen=True)
class Told:
    """What is known of a target."""

    device_name: str
    metric: LatencyMetric = MEDIAN


MIXED = [Told("host"), Told("pi5"), Told("pi5"), Told("jetson", TAIL), Told("jetson")]


@pytest.mark.parametrize(
    ("asked", "found"),
    [(None, [0, 1, 2, 3, 4]), (1, [0]), (3, [2]), ("pi5", [1, 2]), (6, []), (0, []), ("pi4", []), ("1", [])],
)
def test_a_number_is_one_target_and_a_name_all_of_its_device(asked: Asked, found: list[int]) -> None:
    assert positions(MIXED, asked) == found


@pytest.mark.parametrize("asked", [0, 6, "pi4"])
def test_what_is_not_there_names_what_is(asked: Asked) -> None:
    for which in (meant_targets, compared_targets):
        with pytest.raises(UsageError, match="its targets are 1 to 5, of host, pi5 and jetson") as caught:
            which("s-1", MIXED, asked)
        assert caught.value.code == "unknown_target"


def test_contexts_of_one_device_answer_together() -> None:
    assert compared_targets("s-1", MIXED[1:3], None) == [0, 1]
    assert compared_targets("s-1", MIXED, "pi5") == [1, 2]


def test_several_devices_are_named_and_not_compared() -> None:
    with pytest.raises(
        UsageError, match=r"of several devices, host, pi5 and jetson: .* --target jetson"
    ) as caught:
        compared_targets("s-1", MIXED, None)
    assert caught.value.code == "ambiguous_target"
    assert [compared_targets("s-1", MIXED, number) for number in (1, 5)] == [[0], [4]]


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ((MEDIAN, TAIL), "target 1 the median and target 2 the p95; .* --target 1$"),
        ((MEDIAN, PACED), "target 1 the median and target 2 the median with pauses of 20 ms; .* --target 1$"),
        (
            (PACED, LatencyMetric(pause_ms=5.0)),
            "pauses of 20 ms and target 2 the median with pauses of 5 ms;",
        ),
    ],
)
def test_different_meanings_of_latency_are_named_and_not_compared(
    metrics: tuple[LatencyMetric, ...], said: str
) -> None:
    targets = [Told("pi5", metric) for metric in metrics]
    for asked in (None, "pi5"):
        with pytest.raises(UsageError, match=said) as caught:
            compared_targets("s-1", targets, asked)
        assert caught.value.code == "ambiguous_target"
    assert compared_targets("s-1", targets, 2) == [1]


def test_the_same_meaning_is_compared_also_where_it_is_no_plain_median() -> None:
    assert compared_targets("s-1", [Told("pi5", TAIL), Told("pi5", TAIL)], None) == [0, 1]
