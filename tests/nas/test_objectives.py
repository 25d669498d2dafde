import numpy as np
import pytest

from nas.objectives import OBJECTIVES, get_objective, minimised, violations
from search_spaces.errors import UsageError

ACCURACY, LATENCY = get_objective("accuracy"), get_objective("latency_ms")


def test_only_accuracy_is_maximised() -> None:
    assert [name for name, objective in OBJECTIVES.items() if objective.maximise] == ["accuracy"]


def test_an_unknown_objective_is_refused_with_those_that_exist() -> None:
    with pytest.raises(
        UsageError, match="no objective 'speed'; objectives are accuracy, latency_ms"
    ) as refused:
        get_objective("speed")
    assert refused.value.code == "unknown_objective"


def test_maximised_values_change_their_sign_and_come_back() -> None:
    values = np.array([[0.9, 2.0], [0.5, 1.0]])
    turned = minimised(values, [ACCURACY, LATENCY])
    assert turned.tolist() == [[-0.9, 2.0], [-0.5, 1.0]]
    assert minimised(turned, [ACCURACY, LATENCY]).tolist() == values.tolist()


def test_violation_is_the_sum_of_excesses_as_shares_of_their_limits() -> None:
    bounds = [[0.9, 2.0], [0.8, 2.5], [0.4, 1.0], [0.4, 3.0]]
    # Accuracy at least 0.8, latency at most 2 ms: 0.4 falls short by half, 2.5 and 3 exceed by 25 and 50 %.
    assert violations(bounds, [0.8, 2.0], [ACCURACY, LATENCY]) == pytest.approx([0.0, 0.25, 0.5, 1.0])


def test_a_limit_of_zero_is_violated_in_the_unit_of_the_value() -> None:
    assert violations([[0.0], [3.0]], [0.0], [LATENCY]) == pytest.approx([0.0, 3.0])


def test_without_limits_nothing_is_violated() -> None:
    assert violations(np.empty((2, 0)), [], []).tolist() == [0.0, 0.0]
