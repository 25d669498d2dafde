import numpy as np
import pytest

from nas.candidates import Predictor
from nas.feasibility import Feasibility, check_feasible, infeasible_message
from search_spaces.base import FloatArray, IntArray
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.network import layers
from search_spaces.sampling import as_architecture
from tests.contracts.strategy_contract import grid_space

SPACE = grid_space(8, 4)


def latency(archs: IntArray) -> FloatArray:
    """Return an additive latency, 1.0 ms for the smallest network."""
    total: FloatArray = 1.0 + archs.sum(axis=1) * 0.25
    return total


def num_params(archs: IntArray) -> FloatArray:
    """Return parameters that fall as the latency rises, from 1100 to 100."""
    total: FloatArray = 1100.0 - 1000.0 * archs.sum(axis=1) / 24
    return total


def num_macs(archs: IntArray) -> FloatArray:
    """Return a cost of 100 where all options are 1, more on either side of it."""
    total: FloatArray = 100.0 + 10.0 * np.abs(archs - 1).sum(axis=1)
    return total


PREDICTORS: dict[str, Predictor] = {
    "latency_ms": latency,
    "num_params": num_params,
    "num_macs": num_macs,
}


def check(limits: dict[str, float]) -> Feasibility:
    return check_feasible(SPACE, limits, PREDICTORS, np.random.default_rng(0), num_samples=2000)


def test_limits_that_many_networks_keep_are_feasible_with_their_share() -> None:
    found = check({"latency_ms": 4.0})
    assert found.feasible
    assert found.binding == ()
    # 4 ms: eight uniform draws from 0..3 sum to 12 at most, which has the probability 0.5617.
    assert found.share == pytest.approx(0.5617, abs=4 * 0.0111)
    assert latency(found.closest.archs)[0] <= 4.0


def test_a_limit_that_only_the_smallest_network_keeps_is_feasible() -> None:
    assert check({"latency_ms": 1.0}).feasible


def test_a_limit_below_the_smallest_network_names_the_nearest_value() -> None:
    found = check({"latency_ms": 0.5, "num_params": 500.0})
    assert not found.feasible
    assert found.binding == ("latency_ms",)
    assert found.reachable["latency_ms"] == 1.0
    assert infeasible_message(found) == (
        "no architecture keeps latency_ms <= 0.5: the nearest reachable value is 1; "
        "raise the limit to that or beyond"
    )


def test_the_minimum_is_found_where_neither_the_smallest_nor_a_random_network_has_it() -> None:
    assert check({"num_macs": 100.0}).feasible
    found = check({"num_macs": 99.0})
    assert found.reachable["num_macs"] == 100.0


def test_limits_that_can_only_be_met_one_at_a_time_say_so() -> None:
    # 2 ms: the options sum to 4 at most, so that there are 933 parameters at least.
    found = check({"latency_ms": 2.0, "num_params": 700.0})
    assert not found.feasible
    assert not found.alone
    assert found.closest.violations[0] == pytest.approx(
        min(np.maximum(0.25 * s - 1.0, 0.0) / 2 + max(400.0 - 1000.0 * s / 24, 0.0) / 700 for s in range(25))
    )
    message = infeasible_message(found)
    assert message.startswith(
        "each limit can be met alone, but no architecture was found that keeps all of them: "
    )
    assert "num_params" in message
    assert "(limit 700)" in message


def test_a_limit_set_to_the_value_that_was_named_can_be_met() -> None:
    space = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)

    def macs(archs: IntArray) -> FloatArray:
        return np.array(
            [sum(layer.macs for layer in layers(space, as_architecture(row))) / 7 for row in archs]
        )

    rng = np.random.default_rng(1)
    message = infeasible_message(check_feasible(space, {"num_macs": 10.0}, {"num_macs": macs}, rng, 50))
    named = float(message.split("value is ")[1].split(";")[0])
    assert check_feasible(space, {"num_macs": named}, {"num_macs": macs}, rng, 50).feasible


def test_the_accuracy_that_can_be_reached_is_a_lower_bound() -> None:
    predictors: dict[str, Predictor] = {"accuracy": lambda archs: 0.5 + archs.sum(axis=1) / 100}
    found = check_feasible(SPACE, {"accuracy": 0.9}, predictors, np.random.default_rng(0), 500)
    assert infeasible_message(found) == (
        "no architecture keeps accuracy >= 0.9: the nearest reachable value is 0.74; "
        "lower the limit to that or beyond"
    )


def test_no_limits_are_always_kept() -> None:
    found = check({})
    assert found.feasible
    assert found.share == 1.0


def test_a_limit_without_a_predictor_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        check({"peak_memory_bytes": 1.0})
    assert refused.value.code == "missing_predictor"
