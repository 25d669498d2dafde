import os
from collections.abc import Callable
from pathlib import Path

import pytest

from latency_predictors.device import ExecutionContext, host_context, host_device
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import Subject
from latency_predictors.session import run_sessions
from search_spaces.errors import MeasurementError

QUICK = TimingProtocol(
    warm_up_runs=3,
    warm_up_s=0.0,
    warm_up_ceiling_s=0.01,
    steady=0.02,
    block_s=0.0005,
    min_blocks=15,
    min_duration_s=0.03,
    interval=0.05,
    ceiling_s=0.06,
)

MakeOnnx = Callable[..., Path]


@pytest.mark.alone
def test_two_sessions_measure_every_file(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    subjects = [
        Subject(digest="small", path=make_onnx("small", size=8)),
        Subject(digest="large", path=make_onnx("large", size=256)),
    ]
    told: list[tuple[int, int]] = []
    sessions = run_sessions(
        subjects, host_context(), QUICK, lease_folder=tmp_path, on_progress=lambda *at: told.append(at)
    )
    assert len(sessions) >= 2  # three where the two differ
    assert len({session.session_id for session in sessions}) == len(sessions)
    first, second = sessions[:2]
    assert first.device == host_device()
    assert len(first.cpus) == 1
    assert set(first.cpus) <= os.sched_getaffinity(0)
    assert second.reference_ms == first.reference_ms
    for session in (first, second):
        medians = {result.digest: result.median_ms for result in session.results}
        assert medians.keys() == {"small", "large"}
        assert 0 < medians["small"] < medians["large"]
    done = [at[0] for at in told]
    assert done == sorted(done)
    assert told[-1][0] == told[-1][1]


def test_nothing_to_measure_starts_nothing(tmp_path: Path) -> None:
    assert run_sessions([], host_context(), QUICK, lease_folder=tmp_path) == []


def test_a_file_that_does_not_load_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(MeasurementError, match="broken.onnx") as caught:
        run_sessions([Subject(digest="x", path=path)], host_context(), QUICK, lease_folder=tmp_path)
    assert caught.value.code == "file_not_loadable"


def test_a_process_that_dies_is_blamed_on_what_it_measured(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    endless = TimingProtocol(**{**QUICK.__dict__, "ceiling_s": 1e9, "min_duration_s": 1e9})
    subjects = [Subject(digest="d" * 64, path=make_onnx("stuck"))]
    with pytest.raises(MeasurementError, match="silent for 3 s while measuring") as caught:
        run_sessions(
            subjects, host_context(), endless, lease_folder=tmp_path, silence_s=3.0, anchors=subjects
        )
    assert caught.value.code == "session_died"
    assert "stuck.onnx" in caught.value.message


def test_a_processor_that_is_not_there_is_refused(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    context = ExecutionContext("onnxruntime", host_context().runtime_version, affinity=(4096,))
    with pytest.raises(MeasurementError) as caught:
        run_sessions([Subject(digest="x", path=make_onnx())], context, QUICK, lease_folder=tmp_path)
    assert caught.value.code == "no_such_cpu"
