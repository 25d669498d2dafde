"""A replay serves a device's queue: what was published reaches whoever waits, as measurements do."""

import pytest
from sqlalchemy import Engine

from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.replay import Trace, replay
from nas.jobs import JobState, Waiting
from nas.measurement_tasks import MeasurementTask
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.session_store import DatabaseSessionStore
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.nas.store.queued import running

TRACE = Trace(
    source="a paper, table 3",
    licence="MIT",
    device=DEVICE,
    context=CONTEXT,
    published_at="2021",
    latency_ms={f"{n:064x}": 1.0 + n for n in range(5)},
)


def tasks(*numbers: int) -> list[MeasurementTask]:
    """Networks that are asked for; one session says all there is."""
    subjects = [f"{n:064x}" for n in numbers]
    return [MeasurementTask(DEVICE, CONTEXT, NETWORK_PROTOCOL, one, one, sessions=1) for one in subjects]


def test_a_job_that_waits_gets_what_was_published(
    engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    measurements = DatabaseMeasurementQueue(engine)
    lease = running(store, queue)
    assert measurements.enqueue(lease, tasks(1, 3)).pending == 2
    assert queue.settle(lease, Waiting()) is JobState.WAITING
    leased = measurements.lease(DEVICE.digest, "replay")
    assert leased is not None
    device, (batch,) = leased
    assert measurements.deliver(device, replay(TRACE, batch.artifacts, batch.timing)) == 2
    measurements.give_back(device)
    assert store.get(lease.tenant, lease.job_id).state == JobState.QUEUED
    (session,) = DatabaseSessionStore(engine).sessions(DEVICE.digest, CONTEXT.digest, batch.artifacts)
    assert {result.digest: result.median_ms for result in session.results} == {
        f"{n:064x}": 1.0 + n for n in (1, 3)
    }
    assert session.provenance == "published", "the label is kept"


def test_what_was_not_published_stays_unanswered(
    engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    measurements = DatabaseMeasurementQueue(engine)
    measurements.enqueue(running(store, queue), tasks(4, 5))
    leased = measurements.lease(DEVICE.digest, "replay")
    assert leased is not None
    with pytest.raises(MeasurementError) as caught:
        replay(TRACE, leased[1][0].artifacts, NETWORK_PROTOCOL)
    assert caught.value.code == "not_published"
