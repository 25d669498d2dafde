"""Phases ask for measurements and come back: what is asked, once; what was found, whoever asked for it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from latency_predictors.device import host_context, host_device
from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL
from latency_predictors.protocol import Conditions
from nas.jobs import JobState, Released, Waiting
from nas.leases import LeaseLost
from nas.measurement_tasks import Batch
from nas.pipeline.amounts import NUM_SESSIONS
from nas.pipeline.context import PhaseContext
from nas.pipeline.measuring import measured
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import session
from tests.nas.pipeline.older_sessions import forget_waiting
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder

CONTEXT = host_context()


def files(ctx: PhaseContext, *subjects: str) -> dict[str, Callable[[], str]]:
    """Files that hold their own name."""
    return {subject: partial(ctx.stores.artifacts.put, subject.encode()) for subject in subjects}


def deliver(home: Home, name: str, *subjects: str, busy: float = 0.0) -> Batch:
    """Measure some of what is queued in one session, beside other work; return all that was queued."""
    leased = home.stores.measurements.lease(host_device().digest, "by hand")
    assert leased is not None
    lease, (batch,) = leased
    found = session(name, dict.fromkeys(subjects, 1.0)).model_copy(
        update={
            "device": host_device(),
            "context": batch.context,
            "timing": batch.timing,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "conditions": Conditions(busy=busy, too_busy=busy > 0.0),
        }
    )
    home.stores.measurements.deliver(lease, found)
    home.stores.measurements.give_back(lease)
    return batch


def test_nothing_is_asked_for_nothing(home: Home) -> None:
    ctx = home.context()
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, {}) == ()
    assert home.stores.measurements.lease(host_device().digest, "by hand") is None


def test_what_is_not_measured_is_queued_with_its_file_and_its_protocol(home: Home) -> None:
    ctx = home.context()
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a", "b")) is None
    batch = deliver(home, "s1", "a", "b")
    assert {subject: ctx.stores.artifacts.get(file) for subject, file in batch.artifacts.items()} == {
        "a": b"a",
        "b": b"b",
    }
    assert (batch.context, batch.timing, batch.sessions) == (CONTEXT, NETWORK_PROTOCOL, NUM_SESSIONS)
    assert batch.reference_ms == {}


def test_it_is_there_when_both_sessions_are(home: Home) -> None:
    ctx = home.context()
    asked = files(ctx, "a", "b")
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, asked) is None
    deliver(home, "s1", "a", "b")
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, asked) is None
    batch = deliver(home, "s2", "a", "b")
    assert batch.sessions == 1
    assert batch.reference_ms == {"anchor": 0.5}
    found = measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, asked)
    assert found is not None
    assert [one.session_id for one in found] == ["s1", "s2"]
    assert [[result.digest for result in one.results] for one in found] == [["a", "b"], ["a", "b"]]


def test_sessions_that_tell_otherwise_whether_other_work_was_waited_out_answer_too(home: Home) -> None:
    """Their task is done: nobody is asked for them again."""
    ctx = home.context()
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a")) is None
    for name in ("s1", "s2"):
        deliver(home, name, "a")
    forget_waiting(home)
    found = measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a"))
    assert found is not None
    assert [one.timing.undisturbed for one in found] == [False, False]
    assert measured(ctx, here(CONTEXT), LAYER_PROTOCOL, files(ctx, "a")) is None


def test_that_other_work_kept_a_device_busy_is_said_once_a_job_with_the_load_seen(home: Home) -> None:
    ctx = home.context()
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a")) is None
    for name, busy in (("s1", 1.25), ("s2", 0.5)):
        deliver(home, name, "a", busy=busy)
    for _ in range(2):
        assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a")) is not None
    assert isinstance(ctx.progress, Recorder)
    (said,) = [one for one in ctx.progress.said if "busy" in one]
    assert said.startswith("other work kept 1.25 processors")
    (told,) = home.events(ctx.run, "machine_busy")
    assert told == {"code": "machine_busy", "device": host_device().label, "message": said}


def test_a_device_that_was_at_rest_is_not_said_to_be_busy(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier job measured beside other work, that one has said."""
    ctx = home.context()
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a")) is None
    deliver(home, "s1", "a")
    deliver(home, "s2", "a", busy=1.25)
    monkeypatch.setattr(ctx.run, "started_at", lambda: "2100-01-01T00:00:00+00:00")
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a")) is not None
    assert isinstance(ctx.progress, Recorder)
    assert not [one for one in ctx.progress.said if "busy" in one]


def test_only_what_is_not_measured_is_written(home: Home) -> None:
    ctx, written = home.context(), list[str]()

    def write(subject: str) -> str:
        written.append(subject)
        return ctx.stores.artifacts.put(subject.encode())

    def ask(*subjects: str) -> object:
        asked = {subject: partial(write, subject) for subject in subjects}
        return measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, asked)

    assert ask("a") is None
    for name in ("s1", "s2"):
        deliver(home, name, "a")
    assert ask("a") is not None
    assert ask("a", "b") is None
    assert written == ["a", "b"]


def test_a_further_session_can_be_asked_for(home: Home) -> None:
    ctx = home.context()
    asked = files(ctx, "a", "b")
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, asked) is None
    for name in ("s1", "s2"):
        deliver(home, name, "a", "b")
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, asked, {"a": 3}) is None
    deliver(home, "s3", "a")
    found = measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, asked, {"a": 3})
    assert found is not None
    assert [one.session_id for one in found] == ["s1", "s2", "s3"]


def test_only_what_was_asked_for_is_answered(home: Home) -> None:
    """A session measures what several jobs have queued."""
    ctx = home.context()
    for subjects in (("a",), ("b",)):
        assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, *subjects)) is None
    for name in ("s1", "s2"):
        deliver(home, name, "a", "b")
    found = measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "b"))
    assert found is not None
    assert [[result.digest for result in one.results] for one in found] == [["b"], ["b"]]


def test_a_file_that_two_jobs_ask_for_is_measured_once_and_wakes_both(home: Home) -> None:
    contexts = [home.context(seed=seed) for seed in (1, 2)]
    for ctx in contexts:
        assert measured(ctx, here(CONTEXT), LAYER_PROTOCOL, files(ctx, "a")) is None
        assert home.stores.queue.settle(ctx.run.lease, Waiting()) is JobState.WAITING
    for name in ("s1", "s2"):
        assert deliver(home, name, "a").artifacts.keys() == {"a"}
    states = [home.stores.jobs.get("local", ctx.run.id).state for ctx in contexts]
    assert states == [JobState.QUEUED, JobState.QUEUED]
    assert home.stores.measurements.lease(host_device().digest, "by hand") is None


def test_another_protocol_is_another_measurement(home: Home) -> None:
    ctx = home.context()
    assert measured(ctx, here(CONTEXT), LAYER_PROTOCOL, files(ctx, "a")) is None
    for name in ("s1", "s2"):
        deliver(home, name, "a")
    assert measured(ctx, here(CONTEXT), LAYER_PROTOCOL, files(ctx, "a")) is not None
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a")) is None
    for name in ("s3", "s4"):
        deliver(home, name, "a")
    found = measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a"))
    assert found is not None
    assert [one.session_id for one in found] == ["s3", "s4"]


def test_a_file_that_cannot_be_measured_is_told_as_whoever_measured_told(home: Home) -> None:
    ctx = home.context()
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a", "b")) is None
    leased = home.stores.measurements.lease(host_device().digest, "by hand")
    assert leased is not None
    lease, (batch,) = leased
    home.stores.measurements.fail(lease, batch, ["a"], "session_died", "its processes end")
    home.stores.measurements.fail(lease, batch, ["b"], "file_not_loadable", "b.onnx is no network", own=True)
    with pytest.raises(MeasurementError, match="its processes end") as caught:
        measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a"))
    assert caught.value.code == "session_died"
    # Asked for again, it is tried again; what is unsupported is not.
    assert measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a")) is None
    for _ in range(2):
        with pytest.raises(MeasurementError, match="b.onnx is no network"):
            measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "b"))


def test_a_file_that_cannot_be_written_queues_nothing(home: Home) -> None:
    ctx = home.context()

    def fail() -> str:
        raise ValueError("no such operator")

    with pytest.raises(ValueError, match="no such operator"):
        measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, {**files(ctx, "a"), "b": fail})
    assert home.stores.measurements.lease(host_device().digest, "by hand") is None


def test_an_attempt_that_lost_its_job_queues_nothing(home: Home) -> None:
    ctx = home.context()
    home.stores.queue.settle(ctx.run.lease, Released())
    with pytest.raises(LeaseLost):
        measured(ctx, here(CONTEXT), NETWORK_PROTOCOL, files(ctx, "a"))
    assert home.stores.measurements.lease(host_device().digest, "by hand") is None
