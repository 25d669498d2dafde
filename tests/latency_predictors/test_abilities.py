"""A board can run what it said that it has, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from latency_predictors.abilities import lacking
from latency_predictors.device import ExecutionContext

FACTS: dict[str, Any] = {
    "runtimes": {"onnxruntime": "1.23"},
    "precisions": ["fp32"],
    "power_mode": "governor performance",
    "device": {"num_cores": 4},
}
CONTEXT = ExecutionContext("onnxruntime", "1.23", threads=4, power_mode="governor performance")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"power_mode": ""}, ""),
        ({"runtime_version": "1.22"}, "it has onnxruntime 1.23"),
        ({"runtime": "openvino"}, "it has no openvino"),
        ({"precision": "int8"}, "it measures in fp32 only"),
        ({"threads": 8}, "it has 4 cores"),
        ({"power_mode": "governor powersave"}, "it is powered as governor performance now"),
    ],
)
def test_what_a_board_lacks_is_named(changes: dict[str, Any], expected: str) -> None:
    assert lacking(FACTS, replace(CONTEXT, **changes)) == expected


def test_a_board_that_names_no_precision_measures_in_all() -> None:
    facts = {name: fact for name, fact in FACTS.items() if name != "precisions"}
    assert lacking(facts, replace(CONTEXT, precision="int8")) == ""
