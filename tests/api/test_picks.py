"""Which point of a front is meant, and what a larger budget buys."""

import pytest

from api.picks import best_within, budget_of, gain, named_picks, round_step, usual_extra
from tests.api.handmade import FRONT, LEAN, OVER, network, target

FOUND = target(*FRONT, LEAN, OVER)


def test_the_best_within_a_budget_keeps_it_with_the_end_of_its_interval() -> None:
    # Intervals reach 5 % up: 0.2 ms are 0.21 at most, and a rounding more.
    assert getattr(best_within(FOUND, {"latency_ms": 0.211}), "name", "") == "net-bbb222"
    assert getattr(best_within(FOUND, {"latency_ms": 0.2}), "name", "") == "net-aaa111"
    assert getattr(best_within(FOUND, {}), "name", "") == "net-ccc333"


def test_a_dominated_network_is_the_best_where_nothing_else_keeps_a_budget() -> None:
    assert best_within(FOUND, {"num_params": 10_000}) == LEAN
    assert best_within(FOUND, {"num_params": 1}) is None


def test_a_budget_beyond_the_targets_limit_counts_instead_of_it() -> None:
    assert best_within(FOUND, {"latency_ms": 2.0}) == OVER


def test_what_the_board_has_refused_is_neither_the_best_nor_bought() -> None:
    refused = network("net-hhh888", 0.999, 0.30, "unverified")
    found = target(*FRONT, refused)
    assert best_within(found, {}) == FRONT[2]
    bought = gain(found, {"latency_ms": 0.211}, "latency_ms", 0.15)
    assert bought.text == "0.150 ms more buys nothing: the best is net-bbb222 still"


def test_what_a_larger_budget_buys_is_told_in_points() -> None:
    bought = gain(FOUND, {"latency_ms": 0.211}, "latency_ms", 0.3)
    assert bought.points == pytest.approx(2.0)
    assert bought.text == "0.300 ms more buys 2.0 points: net-ccc333 with 99.0 % in 0.420 ms"


def test_a_gain_that_the_images_cannot_tell_apart_is_told_as_such() -> None:
    tied = FRONT[2].model_copy(update={"tied_with": ("net-bbb222",)})
    bought = gain(target(*FRONT[:2], tied), {"latency_ms": 0.211}, "latency_ms", 0.3)
    assert bought.tied
    assert "which these images cannot tell apart" in bought.text


def test_a_larger_budget_may_buy_nothing_or_the_first_network() -> None:
    assert (
        "buys nothing: the best is net-bbb222 still"
        in gain(FOUND, {"latency_ms": 0.211}, "latency_ms", 0.01).text
    )
    first = gain(FOUND, {"latency_ms": 0.01}, "latency_ms", 0.2)
    assert first.text.startswith("0.200 ms more buys the first network within the budgets: net-bbb222")
    assert gain(FOUND, {"num_params": 1}, "latency_ms", 0.1).network is None


def test_without_a_budget_the_targets_limit_is_one() -> None:
    assert budget_of(FOUND, {}, "latency_ms") == 1.0
    assert budget_of(FOUND, {}, "num_params") == 20_000
    assert budget_of(FOUND, {"latency_ms": 0.3}, "latency_ms") == 0.3


def test_points_with_a_role_come_with_all_their_roles() -> None:
    assert [(pick.network.name, pick.why) for pick in named_picks(FOUND)] == [
        (
            "net-ccc333",
            "the best accuracy of the front; the fastest whose accuracy cannot be told from the best",
        ),
        ("net-aaa111", "the knee: beyond it accuracy costs most latency; the fastest of the front"),
    ]
    assert named_picks(target(LEAN)) == ()


@pytest.mark.parametrize(("value", "step"), [(1.0, 1.0), (0.116, 0.1), (4.9, 2.0), (5.0, 5.0), (730.0, 500)])
def test_steps_are_round(value: float, step: float) -> None:
    assert round_step(value) == pytest.approx(step)


def test_the_usual_step_is_a_tenth_of_the_span() -> None:
    assert usual_extra(FOUND, "latency_ms") == pytest.approx(0.1)  # 0.105 to 1.26 ms
    assert usual_extra(target(FRONT[0]), "latency_ms") == pytest.approx(1.0)
