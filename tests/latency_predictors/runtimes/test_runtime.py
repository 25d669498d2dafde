"""What runtimes have in common; the contract itself is in tests/contracts/runtime_contract.py."""

import pytest

from latency_predictors.device import ExecutionContext
from latency_predictors.runtimes import RUNTIMES, get_runtime, is_installed
from latency_predictors.runtimes.runtime import check_context, open_shape
from search_spaces.errors import MeasurementError, UsageError

CONTEXT = ExecutionContext("abacus", "1.2")


def test_a_runtime_is_found_by_its_name() -> None:
    assert {name: get_runtime(name).name for name in RUNTIMES} == {name: name for name in RUNTIMES}


def test_an_unknown_runtime_lists_the_known() -> None:
    with pytest.raises(UsageError, match="onnxruntime, openvino") as caught:
        get_runtime("abacus")
    assert caught.value.code == "unknown_runtime"


def test_what_is_installed_is_told_without_loading_it() -> None:
    assert is_installed("onnxruntime")
    assert not is_installed("abacus")


def test_a_context_is_for_one_runtime_in_one_version() -> None:
    check_context(CONTEXT, "abacus", "1.2")
    for runtime, installed in (("abacus", "1.3"), ("slide rule", "1.2")):
        with pytest.raises(MeasurementError, match=f"here is {runtime} {installed}") as caught:
            check_context(CONTEXT, runtime, installed)
        assert caught.value.code == "context_mismatch"


def test_only_the_open_dimension_is_the_batch() -> None:
    assert open_shape((None, 3, 8, 8), 7) == (7, 3, 8, 8)
    assert open_shape((1, 16, 64, 64), 7) == (1, 16, 64, 64)
