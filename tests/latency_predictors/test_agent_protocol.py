from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from latency_predictors.agent_protocol import Registration, WorkRequest
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


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Pi 5"},
        {"name": ""},
        {"name": "x" * 41},
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
