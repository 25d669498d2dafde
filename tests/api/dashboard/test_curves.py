import pytest

from api.dashboard.curves import best_accuracies, curves, hypervolumes
from api.dashboard.story import Epoch, Measured, Story


def network(accuracy: float, latency_ms: float, within: bool = True) -> Measured:
    return Measured("n", within, {"accuracy": accuracy, "latency_ms": latency_ms})


FOUND = [network(0.5, 2.0), network(0.9, 9.0, within=False), network(0.7, 3.0), network(0.6, 1.0)]


def test_the_best_accuracy_is_of_what_keeps_the_limits() -> None:
    assert best_accuracies(FOUND) == pytest.approx([50.0, 50.0, 70.0, 70.0])
    assert best_accuracies([network(0.9, 9.0, within=False)]) == [None]


def test_the_hypervolume_is_that_up_to_the_limit_in_percent_of_the_last() -> None:
    # Worst accuracy 0.5, a tenth of the range beyond is 0.48; the limit is 4 ms. Areas: 0.02 * 2; then with
    # (0.7, 3 ms) also 0.2 * 1; then (0.6, 1 ms) covers 0.12 * 3, of which 0.12 * 1 is shared with 0.22 * 1.
    areas = [0.02 * 2, 0.02 * 2 + 0.2 * 1, 0.12 * 3 + 0.1 * 1]
    found = hypervolumes(FOUND, {"latency_ms": 4.0})
    assert found == pytest.approx([100 * one / areas[-1] for one in (areas[0], areas[0], areas[1], areas[2])])


def test_nothing_is_drawn_before_something_is_known() -> None:
    assert [chart["data"] for chart in curves(Story(), ["a"], [{}]).values()] == [[], [], []]
    assert hypervolumes([network(0.9, 9.0, within=False)], {}) == [None]


def test_each_target_has_a_line_and_the_loss_has_every_epoch() -> None:
    story = Story(
        epochs={2: Epoch(2, 9, 0.5), 1: Epoch(1, 9, 0.8)}, rounds={(1, 1): tuple(FOUND), (2, 1): tuple(FOUND)}
    )
    found = curves(story, ["a<b>", "c"], [{}, {}])
    assert found["loss"]["data"][0]["y"] == [0.8, 0.5]
    assert found["loss"]["layout"]["xaxis"]["range"] == [0.5, 9.5]
    assert [trace["name"] for trace in found["accuracy"]["data"]] == ["a&lt;b&gt;", "c"]
    assert found["accuracy"]["layout"]["showlegend"]
