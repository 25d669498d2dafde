from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from latency_predictors.agent_protocol import Registered, Registration, WorkAnswer, WorkRequest
from tests.latency_predictors.sessions import DEVICE

TOLD: dict[str, Any] = {
    "name": "pi5",
    "instance": "0" * 32,
    "version": "0.1.0",
    "device": DEVICE,
    "runtimes": {"onnxruntime": "1.31.1"},
    "cache_bytes": 10**9,
    "clock_s": 1.8e9,
}


def test_what_a_board_tells_crosses_the_wire_unchanged() -> None:
    told = Registration.model_validate(TOLD)
    assert Registration.model_validate_json(told.model_dump_json()) == told


def test_only_a_board_that_replays_says_so_and_earlier_services_take_the_others() -> None:
    """A service from before that knows no such field, and refuses what it does not know."""
    assert "replays" not in Registration.model_validate(TOLD).model_dump(mode="json")
    told = Registration.model_validate({**TOLD, "replays": "a paper"})
    assert Registration.model_validate_json(told.model_dump_json()).replays == "a paper"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Pi 5"},
        {"name": ""},
        {"name": "x" * 41},
        {"name": "host"},
        {"instance": "mine"},
        {"runtimes": {"onnxruntime": "1" * 41}},
        {"clock_s": float("nan")},
        {"cache_bytes": -1},
        {"device": replace(DEVICE, cpu_model="x" * 300)},
        {"device": replace(DEVICE, cpu_features=("x",) * 65)},
        {"device": replace(DEVICE, num_cores=0)},
        {"device": replace(DEVICE, registered="mine")},
        {"sensors": ("x",) * 21},
    ],
)
def test_facts_that_no_board_has_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Registration.model_validate({**TOLD, **wrong})


def test_requests_for_work_are_counted_from_one() -> None:
    with pytest.raises(ValidationError):
        WorkRequest(instance="0" * 32, number=0, clock_s=0.0)


def test_no_text_of_a_board_moves_the_cursor_of_whoever_reads_it() -> None:
    nasty = "a\x1b]0;gone\x07\r\n\u202eb"
    facts = {"unit": nasty, "system": nasty, "power_mode": nasty, "runtimes": {nasty: nasty}}
    told = Registration.model_validate(
        {**TOLD, **facts, "device": replace(DEVICE, cpu_model=nasty, cpu_features=(nasty,))}
    )
    texts = [told.unit, told.system, told.power_mode, *told.runtimes, *told.runtimes.values()]
    texts += [told.device.cpu_model, *told.device.cpu_features]
    assert set(texts) == {"a ]0;gone    b"}
    assert told.device.num_cores == DEVICE.num_cores


@pytest.mark.parametrize("wrong", [-1.0, 3_601.0, 1e308])
def test_no_service_sends_a_board_to_sleep(wrong: float) -> None:
    with pytest.raises(ValidationError):
        WorkAnswer(work=None, ask_again_s=wrong)
    with pytest.raises(ValidationError):
        Registered(name="pi5", device=DEVICE, asked=0, renew_every_s=wrong)
