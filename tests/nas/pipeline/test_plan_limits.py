"""What a plan refuses, and what it cannot know of limits."""

from functools import partial
from typing import Any

import pytest

from latency_predictors.meters import Meter, require_meter
from nas.pipeline.plan_limits import shares_within_limits
from search_spaces.errors import HwnasError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home


def refusal(home: Home, **asked: Any) -> HwnasError:
    """Why there is no plan."""
    with pytest.raises(HwnasError) as caught:
        shares_within_limits(home.unsubmitted(**asked))
    return caught.value


@pytest.mark.parametrize("others", [[], [{"limits": {"latency_ms": 1.0}}]])
def test_what_follows_from_shapes_is_judged_before_a_device_is_profiled(
    others: list[dict[str, Any]], home: Home
) -> None:
    refused = refusal(home, targets=[*others, {"limits": {"num_params": 1, "latency_ms": 1.0}}])
    assert refused.code == "infeasible_limits"
    assert "num_params" in refused.message


def test_a_target_that_is_not_profiled_leaves_the_others_judged(finished: FinishedSearch) -> None:
    openvino: dict[str, Any] = {"context": {"runtime": "openvino"}, "limits": {"latency_ms": 1.0}}
    refused = refusal(finished.home, targets=[openvino, {"limits": {"latency_ms": 1e-6}}])
    assert refused.code == "infeasible_limits"


@pytest.mark.parametrize(
    "asked",
    [
        {"targets": [{"limits": {"energy_mj": 0.0001}}]},
        {"search": {"evaluations": 300, "objectives": ["accuracy", "energy_mj"]}},
    ],
)
def test_energy_on_a_machine_without_a_meter_is_refused(
    asked: dict[str, Any], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    none: partial[Meter] = partial(require_meter, find=list)
    monkeypatch.setattr("nas.pipeline.plan_limits.require_meter", none)
    assert refusal(home, **asked).code == "no_meter"


def test_how_hard_a_limit_of_energy_is_nobody_knows_beforehand(
    finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.pipeline.plan_limits.require_meter", lambda log: None)
    limits = {"energy_mj": 10.0, "latency_ms": 1e6}
    assert shares_within_limits(finished.home.unsubmitted(targets=[{"limits": limits}])) == (None,)


def test_an_arena_that_nobody_can_tell_is_refused(home: Home) -> None:
    """The small space has branches; a board that is not registered may be another processor."""
    limits: list[dict[str, Any]] = [{"limits": {"arena_bytes": 1e9}}]
    assert refusal(home, targets=limits).code == "arena_unknown"
    elsewhere = [{**one, "device": "pi5"} for one in limits]
    assert shares_within_limits(home.unsubmitted(targets=elsewhere)) == (None,)
