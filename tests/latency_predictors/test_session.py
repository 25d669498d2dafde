import fcntl
import gc
import io
import os
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pytest

from latency_predictors import series, session
from latency_predictors.child_process import ChildEnded
from latency_predictors.device import ExecutionContext, host_context, host_device
from latency_predictors.gate import GateRules
from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL, TimingProtocol
from latency_predictors.meters import Meter, Reading
from latency_predictors.processors import usable_cpus
from latency_predictors.protocol import LINE, Alive, Finished, SessionRequest, Started, Subject
from latency_predictors.runtimes.onnxruntime import OnnxRuntime
from latency_predictors.session import run_sessions
from latency_predictors.unit import host_unit
from search_spaces.errors import MeasurementError
from tests.latency_predictors.meters.boards import FakeClock

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
    sessions = list(
        run_sessions(
            subjects, host_context(), QUICK, lease_folder=tmp_path, on_progress=lambda *at: told.append(at)
        )
    )
    assert len(sessions) >= 2  # three where the two differ
    assert len({one.session_id for one in sessions}) == len(sessions)
    first, second = sessions[0], sessions[-1]
    assert (first.device, first.unit) == (host_device(), host_unit())
    assert len(first.cpus) == 1
    assert set(first.cpus) <= os.sched_getaffinity(0)
    assert second.reference_ms.keys() == first.reference_ms.keys()
    # That of the first, unless something had slowed it down.
    assert all(second.reference_ms[name] <= value for name, value in first.reference_ms.items())
    for one in (first, second):
        medians = {result.digest: result.median_ms for result in one.results}
        assert medians.keys() == {"small", "large"}
        assert 0 < medians["small"] < medians["large"]
    done = [at[0] for at in told]
    assert done == sorted(done)
    assert told[-1][0] == told[-1][1]


@pytest.mark.skipif(usable_cpus() < 2, reason="two threads need two processors")
def test_two_threads_are_measured_on_two_processors(
    make_onnx: MakeOnnx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "require_idle", lambda context: None)  # other tests run beside this one
    subjects = [Subject(digest="x", path=make_onnx())]
    found = next(run_sessions(subjects, host_context(threads=2), QUICK, lease_folder=tmp_path, repeat=False))
    assert found.context.threads == 2
    assert len(found.cpus) == 2
    assert set(found.cpus) <= os.sched_getaffinity(0)
    (result,) = found.results
    assert result.median_ms > 0


@pytest.mark.parametrize(
    ("cpus", "pause_ms", "watched"), [((3,), 0.0, True), ((2, 3), 0.0, False), ((3,), 5.0, False)]
)
def test_a_core_is_watched_where_it_is_the_only_one_and_never_rests(
    cpus: tuple[int, ...], pause_ms: float, watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = SessionRequest(
        context=replace(host_context(threads=len(cpus)), pause_ms=pause_ms),
        timing=QUICK,
        subjects=(),
        anchors=(),
        reference_ms={},
        seed=0,
    )
    works: list[object] = []
    monkeypatch.setattr(session, "pin", lambda context: cpus)
    monkeypatch.setattr(session, "answer", lambda *told: works.append(told[-1]))
    monkeypatch.setattr(gc, "disable", lambda: None)
    monkeypatch.setattr(os, "dup2", lambda *numbers: None)
    monkeypatch.setattr("sys.stdin", io.StringIO(asked.model_dump_json()))
    assert session.main() == 0
    assert [work is not None for work in works] == [watched]


def test_a_process_under_a_slow_meter_says_that_it_is_alive(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = SessionRequest(
        context=host_context(),
        timing=replace(QUICK, energy=True),
        subjects=(),
        anchors=(),
        reference_ms={},
        seed=0,
    )
    clock = FakeClock()

    def read() -> Reading:
        return Reading(5.0 + clock.seconds // 4 % 3, clock.seconds // 4)

    meter = Meter("log/plug.csv", "wall", "power_w", 1e-3, 4.0, None, read)
    monkeypatch.setattr(session, "pin", lambda context: (0,))
    monkeypatch.setattr(session, "require_meter", lambda log, package: meter)
    monkeypatch.setattr(session, "wait", clock.wait)
    monkeypatch.setattr("time.perf_counter_ns", clock)
    monkeypatch.setattr(session, "answer", lambda *told: told[5](lambda: clock.wait(0.01)))
    monkeypatch.setattr(gc, "disable", lambda: None)
    monkeypatch.setattr(os, "dup2", lambda *numbers: None)
    monkeypatch.setattr("sys.stdin", io.StringIO(asked.model_dump_json()))
    assert session.main() == 0
    *said, last = [LINE.validate_json(line) for line in capfd.readouterr().out.splitlines()]
    assert isinstance(last, Finished)
    assert set(said) == {Alive()}
    assert clock.seconds / len(said) < 8.0  # at every third look at most, where 420 s of silence end it


def test_the_process_tells_which_kernels_run_whole_networks(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    path, context = make_onnx(), host_context()
    subjects = [Subject(digest="x", path=path)]
    network, layer = (
        next(run_sessions(subjects, context, timing, lease_folder=tmp_path, num_sessions=1))
        for timing in (NETWORK_PROTOCOL, LAYER_PROTOCOL)
    )
    assert network.results[0].kernels == Counter(OnnxRuntime().kernels(path, context))
    assert sum(network.results[0].kernels.values()) >= 2
    assert layer.results[0].kernels == {}


def test_nothing_to_measure_starts_nothing(tmp_path: Path) -> None:
    assert list(run_sessions([], host_context(), QUICK, lease_folder=tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_load_is_named_and_the_others_are_measured(
    make_onnx: MakeOnnx, tmp_path: Path
) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    subjects = [Subject(digest="x", path=path), Subject(digest="y", path=make_onnx())]
    found = next(run_sessions(subjects, host_context(), QUICK, lease_folder=tmp_path))
    assert [result.digest for result in found.results] == ["y"]
    (failure,) = found.failures
    assert (failure.digest, failure.code) == ("x", "file_not_loadable")
    assert "broken.onnx" in failure.message


def test_a_process_that_hangs_is_ended_and_blamed_on_what_it_measured(
    make_onnx: MakeOnnx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "MAX_IN_A_ROW", 2)  # each of them is waited for
    endless = TimingProtocol(**{**QUICK.__dict__, "ceiling_s": 1e9, "min_duration_s": 1e9})
    subjects = [Subject(digest="d" * 64, path=make_onnx("stuck"))]
    found = run_sessions(
        subjects, host_context(), endless, lease_folder=tmp_path, silence_s=6.0, anchors=subjects
    )
    with pytest.raises(MeasurementError, match="silent for 6 s while measuring stuck.onnx") as caught:
        next(found)
    assert caught.value.code == "session_died"


def test_a_process_that_writes_what_is_no_answer_has_ended(
    make_onnx: MakeOnnx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('hello from elsewhere')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    subjects = [Subject(digest="x", path=make_onnx())]
    said = "wrote what is no answer before it measured anything, its last words were: hello from elsewhere"
    with pytest.raises(MeasurementError, match=said) as caught:
        next(run_sessions(subjects, host_context(), QUICK, lease_folder=tmp_path))
    assert caught.value.code == "session_died"
    assert not is_held(tmp_path)


def test_nothing_that_comes_after_what_is_no_answer_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(*given: object) -> Generator[bytes | ChildEnded, None, None]:
        yield b'{"event": "started", "digest": "x"}'
        yield b'{"event": "started"}'
        yield b'{"event": "finished", "cpus": [0]}'

    monkeypatch.setattr(session, "run_child", lines)
    host = session._Host(host_context(), 1.0, None)
    request = SessionRequest(
        context=host_context(), timing=QUICK, subjects=(), anchors=(), reference_ms={}, seed=0
    )
    ended = ChildEnded("wrote what is no answer", '{"event": "started"}')
    assert list(host.run(request)) == [Started(digest="x"), ended]


def test_a_machine_that_is_not_fit_to_be_measured_refuses_before_it_begins(
    make_onnx: MakeOnnx, tmp_path: Path
) -> None:
    never = GateRules(max_busy=-1.0, probe_s=0.01, patience_s=0.0, strict=True)
    subjects = [Subject(digest="x", path=make_onnx())]
    with pytest.raises(MeasurementError) as caught:
        next(run_sessions(subjects, host_context(), QUICK, lease_folder=tmp_path, gate=never))
    assert caught.value.code == "machine_busy"
    assert not is_held(tmp_path)


def test_a_machine_that_is_busy_is_measured_and_the_session_says_so(
    make_onnx: MakeOnnx, tmp_path: Path
) -> None:
    busy = GateRules(max_busy=-1.0, probe_s=0.01, patience_s=0.0)
    subjects = [Subject(digest="x", path=make_onnx())]
    found = next(run_sessions(subjects, host_context(), QUICK, lease_folder=tmp_path, gate=busy))
    assert found.conditions.too_busy
    assert len(found.results) == 1


def test_a_processor_that_is_not_there_is_refused(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    context = ExecutionContext("onnxruntime", host_context().runtime_version, affinity=(4096,))
    with pytest.raises(MeasurementError) as caught:
        next(run_sessions([Subject(digest="x", path=make_onnx())], context, QUICK, lease_folder=tmp_path))
    assert caught.value.code == "no_such_cpu"


def test_more_threads_than_processors_are_refused(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    context = host_context(threads=4096)
    with pytest.raises(MeasurementError) as caught:
        next(run_sessions([Subject(digest="x", path=make_onnx())], context, QUICK, lease_folder=tmp_path))
    assert caught.value.code == "context_unsupported"


def test_a_machine_that_is_powered_otherwise_is_not_measured(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    context = replace(host_context(), power_mode="governor of last week")
    with pytest.raises(MeasurementError, match="governor of last week") as caught:
        next(run_sessions([Subject(digest="x", path=make_onnx())], context, QUICK, lease_folder=tmp_path))
    assert caught.value.code == "context_mismatch"


def is_held(folder: Path) -> bool:
    """Whether somebody measures on this host."""
    (lock,) = folder.glob("measuring-*")
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_device_is_held_from_the_first_session_to_the_last(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    found = run_sessions(
        [Subject(digest="x", path=make_onnx())], host_context(), QUICK, lease_folder=tmp_path
    )
    assert not list(tmp_path.glob("measuring-*"))
    for _ in found:
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_whoever_stops_listening_gives_the_device_back(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    found = run_sessions(
        [Subject(digest="x", path=make_onnx())], host_context(), QUICK, lease_folder=tmp_path
    )
    next(found)
    assert isinstance(found, Generator)
    found.close()
    assert not is_held(tmp_path)


def test_energy_is_refused_where_the_meter_that_was_named_does_not_write(
    make_onnx: MakeOnnx, tmp_path: Path
) -> None:
    log = tmp_path / "plug.csv"
    log.write_text("no meter writes this")
    subjects = [Subject(digest="x", path=make_onnx())]
    timing = replace(QUICK, energy=True)
    with pytest.raises(MeasurementError) as caught:
        list(run_sessions(subjects, host_context(), timing, lease_folder=tmp_path, meter_log=str(log)))
    assert caught.value.code == "bad_meter_log"
