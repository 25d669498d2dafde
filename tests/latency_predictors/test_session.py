import fcntl
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import pytest

from latency_predictors.device import ExecutionContext, host_context, host_device
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import SessionRequest, SessionResult, Subject
from latency_predictors.session import differing, run_sessions
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import session

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
    assert first.device == host_device()
    assert len(first.cpus) == 1
    assert set(first.cpus) <= os.sched_getaffinity(0)
    assert second.reference_ms == first.reference_ms
    for one in (first, second):
        medians = {result.digest: result.median_ms for result in one.results}
        assert medians.keys() == {"small", "large"}
        assert 0 < medians["small"] < medians["large"]
    done = [at[0] for at in told]
    assert done == sorted(done)
    assert told[-1][0] == told[-1][1]


def test_nothing_to_measure_starts_nothing(tmp_path: Path) -> None:
    assert list(run_sessions([], host_context(), QUICK, lease_folder=tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_load_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(MeasurementError, match="broken.onnx") as caught:
        next(run_sessions([Subject(digest="x", path=path)], host_context(), QUICK, lease_folder=tmp_path))
    assert caught.value.code == "file_not_loadable"


def test_a_process_that_dies_is_blamed_on_what_it_measured(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    endless = TimingProtocol(**{**QUICK.__dict__, "ceiling_s": 1e9, "min_duration_s": 1e9})
    subjects = [Subject(digest="d" * 64, path=make_onnx("stuck"))]
    with pytest.raises(MeasurementError, match="silent for 3 s while measuring") as caught:
        next(
            run_sessions(
                subjects, host_context(), endless, lease_folder=tmp_path, silence_s=3.0, anchors=subjects
            )
        )
    assert caught.value.code == "session_died"
    assert "stuck.onnx" in caught.value.message


def test_a_processor_that_is_not_there_is_refused(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    context = ExecutionContext("onnxruntime", host_context().runtime_version, affinity=(4096,))
    with pytest.raises(MeasurementError) as caught:
        next(run_sessions([Subject(digest="x", path=make_onnx())], context, QUICK, lease_folder=tmp_path))
    assert caught.value.code == "no_such_cpu"


class Sessions:
    """Stands for the processes of sessions: answers with medians that were given, one dictionary a session.

    Attributes:
        ran: What each was asked to measure.
        held: Whether the device was held then.
    """

    def __init__(self, folder: Path, *medians: dict[str, float]) -> None:
        self.ran: list[SessionRequest] = []
        self.held: list[bool] = []
        self._folder = folder
        self._medians = list(medians)

    def __call__(self, request: SessionRequest, *rest: object) -> SessionResult:
        self.ran.append(request)
        self.held.append(is_held(self._folder))
        wanted = {subject.digest for subject in request.subjects}
        medians = {digest: ms for digest, ms in self._medians.pop(0).items() if digest in wanted}
        return session(f"s{len(self.ran)}", medians)


def is_held(folder: Path) -> bool:
    """Whether somebody measures on this host."""
    (lock,) = folder.glob("measuring-*")
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


SAME, OTHER = {"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.5}
SUBJECTS = [Subject(digest=digest, path=Path(f"{digest}.onnx")) for digest in ("a", "b")]


def started(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *medians: dict[str, float], num_sessions: int = 2
) -> tuple[Sessions, Iterator[SessionResult]]:
    """Sessions that answer so, not begun yet."""
    sessions = Sessions(folder, *medians)
    monkeypatch.setattr("latency_predictors.session._run_session", sessions)
    found = run_sessions(
        SUBJECTS, host_context(), QUICK, lease_folder=folder, num_sessions=num_sessions, anchors=SUBJECTS
    )
    return sessions, found


def ids(found: Iterable[SessionResult]) -> list[str]:
    return [one.session_id for one in found]


def test_each_session_is_handed_over_when_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed after one has lost nothing of it."""
    sessions, found = started(tmp_path, monkeypatch, SAME, SAME, SAME, num_sessions=3)
    assert sessions.ran == []
    assert next(found).session_id == "s1"
    assert len(sessions.ran) == 1
    assert next(found).session_id == "s2"
    assert ids(found) == ["s3"]


def test_what_differs_is_measured_once_more_before_the_last_is_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever counts two sessions of a file and takes it for done has the third of it already."""
    sessions, found = started(tmp_path, monkeypatch, SAME, OTHER, OTHER)
    assert ids(found) == ["s1", "s3", "s2"]
    assert [[subject.digest for subject in request.subjects] for request in sessions.ran] == [
        ["a", "b"],
        ["a", "b"],
        ["b"],
    ]


def test_where_nothing_differs_there_is_no_further_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, found = started(tmp_path, monkeypatch, SAME, SAME)
    assert ids(found) == ["s1", "s2"]
    assert len(sessions.ran) == 2


def test_a_single_session_is_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a killed worker had delivered the first one."""
    _, found = started(tmp_path, monkeypatch, SAME, num_sessions=1)
    assert ids(found) == ["s1"]


def test_later_sessions_count_against_the_anchors_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, found = started(tmp_path, monkeypatch, SAME, OTHER, SAME)
    list(found)
    assert [request.reference_ms for request in sessions.ran] == [{}, {"anchor": 0.5}, {"anchor": 0.5}]
    # Another order of subjects each time.
    assert len({request.seed for request in sessions.ran}) == 3


def test_the_device_is_held_from_the_first_session_to_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, found = started(tmp_path, monkeypatch, SAME, OTHER, SAME)
    for _ in range(3):
        next(found)
        assert is_held(tmp_path)
    assert ids(found) == []
    assert sessions.held == [True] * 3
    assert not is_held(tmp_path)


def test_whoever_stops_listening_gives_the_device_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = started(tmp_path, monkeypatch, SAME, SAME)
    next(found)
    assert isinstance(found, Generator)
    found.close()
    assert not is_held(tmp_path)


def test_medians_differ_by_their_share() -> None:
    sessions = [session("s1", {"a": 1.0, "b": 1.0, "c": 1.0}), session("s2", {"a": 1.09, "b": 1.11})]
    assert differing(sessions) == {"b"}
    assert differing(sessions, limit=0.2) == set()
