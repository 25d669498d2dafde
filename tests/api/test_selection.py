"""The network that is meant is the one that is selected, or the message tells what exists."""

from pathlib import Path

import pytest

from api.selection import Rule, nearest_within, parse_limits, parse_target, select_by_name, select_by_rule
from nas.asked_targets import Asked
from nas.results import TargetResult
from nas.settings import Settings
from nas.specs import TargetSpec
from search_spaces.errors import InfeasibleError, UsageError
from tests.api.handmade import FRONT, LEAN, finished_search, network, target, unfinished_search


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({}, "net-ccc333"),
        ({"latency_ms": 0.43}, "net-ccc333"),
        # Its median is below 0.41, the upper end of its interval (0.42) is not.
        ({"latency_ms": 0.41}, "net-bbb222"),
        ({"num_params": 10_000.0}, "net-ddd444"),
        # The limit of the specification, 1 ms, keeps holding beside another one.
        ({"num_params": 20_000.0}, "net-ccc333"),
    ],
)
def test_best_is_the_most_accurate_within_the_limits(
    settings: Settings, limits: dict[str, float], name: str
) -> None:
    finished_search(settings.home)
    assert select_by_rule(settings, "latest", "best", limits, 1).network.name == name


def test_a_wider_limit_than_the_searchs_own_reaches_further(settings: Settings) -> None:
    finished_search(settings.home)
    assert select_by_rule(settings, "latest", "best", {"latency_ms": 2.0}, 1).network.name == "net-eee555"


def test_fastest_is_the_fastest(settings: Settings) -> None:
    finished_search(settings.home)
    chosen = select_by_rule(settings, "latest", "fastest", {}, 1)
    assert (chosen.network.name, chosen.target) == ("net-aaa111", 0)
    assert "the fastest of 4 verified networks with latency_ms of at most 1" in chosen.why


REFUSED = network("net-hhh888", 0.999, 0.05, "unverified")
"""Better than all others in everything, on the host; its board gets other images right."""


@pytest.mark.parametrize(("rule", "name"), [("best", "net-ccc333"), ("fastest", "net-aaa111")])
def test_what_the_board_has_refused_is_not_delivered(settings: Settings, rule: Rule, name: str) -> None:
    finished_search(settings.home, target(*FRONT, REFUSED))
    chosen = select_by_rule(settings, "latest", rule, {}, None)
    assert chosen.network.name == name
    assert "of 3 verified networks" in chosen.why
    # Whoever names it gets it: its card says what the board found.
    assert select_by_name(settings, "net-hhh888").network == REFUSED


def test_what_the_board_has_refused_is_not_the_nearest(settings: Settings) -> None:
    finished_search(settings.home, target(*FRONT, REFUSED))
    for limit in (0.06, 0.01):
        with pytest.raises(InfeasibleError, match=r"the nearest, net-aaa111, has 0.105 ms"):
            select_by_rule(settings, "latest", "best", {"latency_ms": limit}, None)


@pytest.mark.parametrize("limits", [{}, {"latency_ms": 5.0}])
def test_where_the_board_has_refused_all_of_them_that_is_said(
    settings: Settings, limits: dict[str, float]
) -> None:
    finished_search(settings.home, target(REFUSED))
    with pytest.raises(InfeasibleError, match="the device has refused all 1 verified networks"):
        select_by_rule(settings, "latest", "best", limits, None)


def test_of_equal_accuracies_the_faster_one_is_best(settings: Settings) -> None:
    finished_search(settings.home, target(network("net-a", 0.9, 0.5), network("net-b", 0.9, 0.4)))
    assert select_by_rule(settings, "latest", "best", {}, 1).network.name == "net-b"


def test_the_second_target_has_its_own_networks(settings: Settings) -> None:
    finished_search(settings.home, target(*FRONT), target(network("net-fff666", 0.9, 0.2)))
    assert select_by_rule(settings, "latest", "best", {}, 2).network.name == "net-fff666"
    assert select_by_name(settings, "net-fff666").target == 1


def test_without_a_target_the_best_of_all_of_them_is_taken(settings: Settings) -> None:
    """The same device in another context may keep a limit with a better network."""
    second = target(network("net-fff666", 0.98, 0.2), network("net-ggg777", 0.96, 0.05))
    finished_search(settings.home, target(*FRONT), second)
    best = select_by_rule(settings, "latest", "best", {"latency_ms": 0.3}, None)
    assert (best.network.name, best.target) == ("net-fff666", 1)
    assert "the most accurate of 4 verified networks with latency_ms of at most 0.3" in best.why
    where = f"{second.device_label} · {second.context_label}"
    assert best.why.endswith(f"of all 2 targets of host: {where}")
    fastest = select_by_rule(settings, "latest", "fastest", {}, None)
    assert (fastest.network.name, fastest.target) == ("net-ggg777", 1)
    # One that is asked for is looked at alone.
    assert select_by_rule(settings, "latest", "best", {"latency_ms": 0.3}, 1).network.name == "net-bbb222"


def placed(found: TargetResult, device: str, **latency: object) -> TargetResult:
    """The same on a device, with a meaning of latency."""
    asked = TargetSpec.model_validate({"device": device, "latency": latency})
    return found.model_copy(update={"target": asked})


ON_HOST = target(network("net-fast01", 0.99, 0.05))
ON_BOARD = target(network("net-fff666", 0.90, 8.0)), target(network("net-ggg777", 0.95, 9.0))


def test_a_question_without_a_target_is_not_answered_by_the_faster_of_two_devices(settings: Settings) -> None:
    finished_search(settings.home, ON_HOST, *(placed(one, "pi5") for one in ON_BOARD))
    with pytest.raises(UsageError, match="host and pi5: .* --target pi5") as caught:
        select_by_rule(settings, "latest", "best", {"latency_ms": 20.0}, None)
    assert caught.value.code == "ambiguous_target"
    assert select_by_rule(settings, "latest", "best", {"latency_ms": 20.0}, 1).network.name == "net-fast01"


def test_all_contexts_of_a_device_answer_to_its_name(settings: Settings) -> None:
    finished_search(settings.home, ON_HOST, *(placed(one, "pi5") for one in ON_BOARD))
    for limit_ms, name, at in ((20.0, "net-ggg777", 2), (9.0, "net-fff666", 1)):
        chosen = select_by_rule(settings, "latest", "best", {"latency_ms": limit_ms}, "pi5")
        assert (chosen.network.name, chosen.target) == (name, at)
        assert ", of all 2 targets of pi5: " in chosen.why
    alone = select_by_rule(settings, "latest", "best", {}, "host")
    assert (alone.network.name, alone.target) == ("net-fast01", 0)
    with pytest.raises(UsageError, match="has no target 'pi4'; its targets are 1 to 3, of host and pi5"):
        select_by_rule(settings, "latest", "best", {}, "pi4")


def test_a_network_that_is_named_is_that_of_the_first_target_of_the_device(settings: Settings) -> None:
    same = network("net-fast01", 0.98, 7.0)
    finished_search(settings.home, ON_HOST, placed(ON_BOARD[0], "pi5"), placed(target(same), "pi5"))
    for search in (None, "latest"):
        assert select_by_name(settings, "net-fast01", search).target == 0
        chosen = select_by_name(settings, "net-fast01", search, "pi5")
        assert (chosen.network, chosen.target) == (same, 2)


def test_a_median_and_a_tail_are_not_compared(settings: Settings) -> None:
    tail = placed(target(network("net-fff666", 0.99, 0.3)), "host", statistic="p95")
    finished_search(settings.home, target(*FRONT), tail)
    for asked in (None, "host"):
        with pytest.raises(UsageError, match="target 1 the median and target 2 the p95") as caught:
            select_by_rule(settings, "latest", "best", {"latency_ms": 1.0}, asked)
        assert caught.value.code == "ambiguous_target"
    plain = select_by_rule(settings, "latest", "best", {"latency_ms": 1.0}, 1)
    assert plain.why == "the most accurate of 3 verified networks with latency_ms of at most 1"


@pytest.mark.parametrize("asked", [None, "host", 2])
def test_the_answer_names_what_is_meant_by_latency(settings: Settings, asked: Asked) -> None:
    paced = {"statistic": "p95", "mode": "paced", "pause_ms": 20}
    tails = [placed(target(one), "host", **paced) for one in FRONT[:2]]
    finished_search(settings.home, *tails)
    assert "p95 with pauses of 20 ms" in select_by_rule(settings, "latest", "best", {}, asked).why
    assert nearest_within(tails, {"latency_ms": 0.01}).startswith(
        "no verified network keeps latency_ms (p95 with pauses of 20 ms) <= 0.01: the nearest, net-aaa111,"
    )
    assert "latency_ms (p95 with pauses of 20 ms) <= 0.15, num_params <= 1" in nearest_within(
        [placed(target(*FRONT, LEAN), "host", **paced)], {"latency_ms": 0.15, "num_params": 10_000}
    )


def test_what_no_target_keeps_names_the_nearest_of_all(settings: Settings) -> None:
    finished_search(settings.home, target(*FRONT), target(network("net-fff666", 0.9, 0.08)))
    with pytest.raises(InfeasibleError, match="the nearest, net-fff666, has 0.0840 ms"):
        select_by_rule(settings, "latest", "best", {"latency_ms": 0.05}, None)


def test_a_limit_that_nothing_keeps_names_the_nearest(settings: Settings) -> None:
    finished_search(settings.home)
    with pytest.raises(InfeasibleError, match=r"net-aaa111, has 0.105 ms \(upper end") as caught:
        select_by_rule(settings, "latest", "best", {"latency_ms": 0.05}, 1)
    assert caught.value.code == "no_network_within_limits"


def test_limits_that_nothing_keeps_together_are_said_to_be_such(settings: Settings) -> None:
    finished_search(settings.home)
    with pytest.raises(InfeasibleError, match="keeps all of latency_ms <= 0.2, num_params <= 1") as caught:
        select_by_rule(settings, "latest", "best", {"latency_ms": 0.2, "num_params": 10_000}, 1)
    # It breaks its limit by a half, the others theirs by more.
    assert "the nearest, net-ddd444, has latency_ms of 0.315 ms; raise that limit" in caught.value.message


def test_searches_that_have_not_finished_do_not_matter_to_names(settings: Settings) -> None:
    run = finished_search(settings.home)
    unfinished_search(settings.home, "profile")
    assert select_by_name(settings, "net-bbb222").job.id == run.id


def test_a_unique_name_needs_no_search(settings: Settings) -> None:
    run = finished_search(settings.home)
    chosen = select_by_name(settings, "net-bbb")
    assert (chosen.network.name, chosen.job.id) == ("net-bbb222", run.id)


def test_stock_networks_have_names_too(settings: Settings) -> None:
    finished_search(settings.home)
    assert select_by_name(settings, "resnet").network.origin == "reference"


def test_a_name_in_two_searches_is_asked_back(settings: Settings) -> None:
    first = finished_search(settings.home)
    second = finished_search(settings.home, seed=1)
    with pytest.raises(UsageError, match="ambiguous_network|may be any of") as caught:
        select_by_name(settings, "net-aaa111")
    assert first.id in caught.value.message
    assert second.id in caught.value.message
    assert select_by_name(settings, "net-aaa111", search=second.id).job.id == second.id


@pytest.mark.parametrize(
    ("search", "target_number", "code"), [("latest", 2, "unknown_target"), ("nothing", 1, "unknown_search")]
)
def test_what_does_not_exist_is_refused(
    settings: Settings, search: str, target_number: int, code: str
) -> None:
    finished_search(settings.home)
    with pytest.raises(UsageError) as caught:
        select_by_rule(settings, search, "best", {}, target_number)
    assert caught.value.code == code


def test_an_unknown_network_names_those_that_exist(settings: Settings) -> None:
    finished_search(settings.home)
    with pytest.raises(UsageError, match="no network .net-zzz. in any.*; networks are net-aaa111"):
        select_by_name(settings, "net-zzz")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (None, None),
        ("2", 2),
        ("pi5", "pi5"),
        ("0", "0"),
        ("-1", "-1"),
        ("02", "02"),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_a_target_is_read_as_a_number_or_else_as_a_name(text: str | None, asked: Asked) -> None:
    assert parse_target(text) == asked


def test_limits_are_read() -> None:
    assert parse_limits(["latency_ms=0.5", "num_params<=2e4"]) == {"latency_ms": 0.5, "num_params": 20_000}


@pytest.mark.parametrize(
    "text", ["latency_ms", "latency=1", "latency_ms=fast", "latency_ms=-1", "latency_ms=nan", "accuracy=0.9"]
)
def test_what_is_no_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="for example latency_ms=0.5"):
        parse_limits([text])
