from dataclasses import replace

import pytest

from latency_predictors.device import ExecutionContext, host_context, host_device
from search_spaces.errors import MeasurementError


def test_the_host_is_the_same_device_every_time() -> None:
    first, second = host_device(), host_device()
    assert first == second
    assert first.digest == second.digest
    assert first.cpu_model
    assert first.num_cores >= 1


def test_other_hardware_is_another_device() -> None:
    device = host_device()
    assert replace(device, num_cores=device.num_cores + 1).digest != device.digest


def test_every_field_of_a_context_changes_its_digest() -> None:
    context = ExecutionContext("onnxruntime", "1.31.1")
    others = [
        replace(context, runtime="openvino"),
        replace(context, runtime_version="1.31.2"),
        replace(context, precision="int8"),
        replace(context, threads=2),
        replace(context, batch=8),
        replace(context, affinity=(0,)),
        replace(context, graph_optimisation="basic"),
    ]
    assert len({context.digest, *(other.digest for other in others)}) == len(others) + 1


def test_host_context_has_the_installed_version() -> None:
    context = host_context()
    assert context.runtime == "onnxruntime"
    assert context.runtime_version.count(".") == 2
    assert context.label == f"onnxruntime {context.runtime_version}, fp32, 1 thread, batch 1"


def test_a_runtime_that_is_not_installed_is_named() -> None:
    with pytest.raises(MeasurementError, match="pip install no-such-runtime") as caught:
        host_context("no-such-runtime")
    assert caught.value.code == "runtime_missing"
