import hashlib
from dataclasses import replace

import pytest

from latency_predictors.device import ExecutionContext, host_context, host_device, layer_ranges
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
        replace(context, layout="nhwc"),
        replace(context, pause_ms=20.0),
        replace(context, power_mode="governor powersave"),
    ]
    assert len({context.digest, *(other.digest for other in others)}) == len(others) + 1


def test_what_was_measured_before_contexts_had_more_fields_keeps_its_context() -> None:
    """The digest as the first release made it: SHA-256 of the canonical JSON of seven fields."""
    context = ExecutionContext("onnxruntime", "1.31.1")
    fields = (
        '{"affinity":[],"batch":1,"graph_optimisation":"all","precision":"fp32","runtime":"onnxruntime",'
        '"runtime_version":"1.31.1","threads":1}'
    )
    assert context.digest == hashlib.sha256(fields.encode()).hexdigest()


def test_a_context_says_what_sets_it_apart() -> None:
    context = ExecutionContext("onnxruntime", "1.31.1")
    assert (context.mode, replace(context, pause_ms=20.0).mode) == ("back_to_back", "paced")
    paced = replace(context, pause_ms=20.0, power_mode="governor powersave", threads=2)
    assert paced.label == (
        "onnxruntime 1.31.1, fp32, 2 threads, batch 1, pauses of 20 ms, governor powersave"
    )


def test_only_quantised_layers_have_ranges() -> None:
    assert (layer_ranges("int8"), layer_ranges("fp32")) == ("random inputs of a fixed seed", "")


def test_the_context_of_this_host_knows_its_power_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latency_predictors.device.power_mode", lambda: "governor powersave")
    assert host_context().power_mode == "governor powersave"


def test_host_context_has_the_installed_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latency_predictors.device.power_mode", str)
    context = host_context()
    assert context.runtime == "onnxruntime"
    assert context.runtime_version.count(".") == 2
    assert context.label == f"onnxruntime {context.runtime_version}, fp32, 1 thread, batch 1"


def test_a_runtime_that_is_not_installed_is_named() -> None:
    with pytest.raises(MeasurementError, match="pip install no-such-runtime") as caught:
        host_context("no-such-runtime")
    assert caught.value.code == "runtime_missing"
