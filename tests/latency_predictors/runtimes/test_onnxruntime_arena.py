import pytest

from latency_predictors.anchors import default_anchors
from latency_predictors.runtimes.onnxruntime_arena import ArenaReading, peaks, read_arena
from search_spaces.errors import MeasurementError


def kernel(in_use: int, change: int) -> dict[str, object]:
    """What a profile says of one kernel."""
    told = {"mem_bytes_requested_in_use": str(in_use), "mem_requested_in_use_delta": str(change)}
    return {"name": "conv_kernel_time", "args": told}


RUN = {"name": "model_run", "args": {}}
SESSION = {"name": "session_initialization"}


def test_what_the_session_holds_anyway_is_not_counted() -> None:
    # 100 bytes are there before: the first kernel asked for 40.
    first = [kernel(140, 40), kernel(220, 80), kernel(180, 0)]
    assert peaks([SESSION, *first, RUN, kernel(300, 0), kernel(310, 10), RUN], "1.31.1") == ArenaReading(
        120, 210
    )


def test_a_runtime_that_tells_nothing_is_named() -> None:
    with pytest.raises(MeasurementError, match="onnxruntime 1.22.0") as caught:
        peaks([SESSION, {"name": "conv_kernel_time", "args": {"op_name": "Conv"}}, RUN, RUN], "1.22.0")
    assert caught.value.code == "arena_not_readable"


def test_a_real_file_is_read() -> None:
    found = read_arena(default_anchors("onnx")[0].path)
    assert 0 < found.first_bytes <= 2 * found.steady_bytes
    assert found.steady_bytes < 10**8
    assert read_arena(default_anchors("onnx")[0].path) == found
