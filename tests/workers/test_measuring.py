"""A worker serves its host's queue: what is measured is kept session by session, what cannot be is told."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from latency_predictors.device import host_context, host_device
from latency_predictors.gate import GateRules
from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL
from nas.jobs import JobState, Released, Waiting
from nas.leases import Claim, LeaseLost, LeaseTimes
from nas.measurement_tasks import PASSING
from nas.pipeline.context import Surroundings
from nas.pipeline.jobs import ProfileContext
from nas.pipeline.measuring import measured
from nas.store.measurement_tables import devices
from nas.store.session import writing
from search_spaces.errors import MeasurementError
from tests.nas.pipeline.sites import here
from tests.nas.store.queued import rest
from tests.workers.jobs_at_work import TENANT, Workplace, until, workplace
from tests.workers.queued_files import (
    SPACE,
    artifact_of,
    asking_for,
    content_of,
    queued_stopwatch,
    subject_of,
    void,
)
from workers.measuring import serve_host


def ignored(done: int, total: int) -> None:
    """Somebody whom progress does not interest."""


def around(place: Workplace) -> Surroundings:
    compute: object = None
    return Surroundings(place.settings, place.stores, compute, place.shown)  # type: ignore[arg-type]


def waiting_for(place: Workplace, *names: str) -> Claim:
    """A job that waits for files."""
    place.submit()
    (claim,) = place.stores.queue.claim("w")
    assert asking_for(place.stores.run(claim), around(place), *names) is None
    place.stores.queue.settle(claim.lease, Waiting())
    return claim


def asked_again(place: Workplace, *names: str) -> int:
    """How many sessions the job has of its files, once it runs again."""
    (claim,) = place.stores.queue.claim("w")
    found = asking_for(place.stores.run(claim), around(place), *names)
    assert found is not None
    return len(found)


def queued_as_network(place: Workplace, name: str) -> None:
    """Another batch: a file that a further job has timed as whole networks are."""
    place.submit()
    (claim,) = place.stores.queue.claim("w")
    ctx = ProfileContext(SPACE, place.stores, place.stores.run(claim), place.shown)
    files = {subject_of(name): lambda: place.stores.artifacts.put(content_of(name))}
    assert measured(ctx, here(), NETWORK_PROTOCOL, files) is None


def state(place: Workplace, claim: Claim) -> JobState:
    return place.stores.jobs.get(TENANT, claim.lease.job_id).state


def test_where_nothing_is_pending_nothing_is_done(place: Workplace) -> None:
    with queued_stopwatch() as watch:
        assert not serve_host(place.stores, "w", ignored)
    assert watch.asked == []


def test_each_session_is_delivered_when_it_is_over(place: Workplace) -> None:
    claim = waiting_for(place, "a", "b")
    states: list[JobState] = []

    def told(done: int, total: int) -> None:
        states.append(state(place, claim))

    with queued_stopwatch() as watch:
        assert serve_host(place.stores, "w", told, meter_log="plug.csv", repeat=False)
        assert (watch.logs, watch.repeats) == (["plug.csv"], [False])
        assert not serve_host(place.stores, "w", ignored)
    assert states == [JobState.WAITING, JobState.WAITING]
    assert state(place, claim) is JobState.QUEUED
    assert sorted(watch.asked[0]) == sorted(subject_of(name) for name in "ab")
    assert asked_again(place, "a", "b") == 2


def test_a_kill_between_sessions_loses_nothing_and_counts_nothing_twice(place: Workplace) -> None:
    claim = waiting_for(place, "a")
    with queued_stopwatch(dies_after=1), pytest.raises(KeyboardInterrupt):
        serve_host(place.stores, "w", ignored)
    assert state(place, claim) is JobState.WAITING
    with queued_stopwatch(_count=1) as watch:
        assert serve_host(place.stores, "w", ignored)
    assert watch.num_sessions == [1], "one is there already"
    assert asked_again(place, "a") == 2


def test_how_far_it_is_is_told_to_whoever_watches_the_device(place: Workplace) -> None:
    waiting_for(place, "a", "b")
    seen: list[tuple[int, int]] = []
    watched: list[tuple[int, int]] = []

    def told(done: int, total: int) -> None:
        seen.append((done, total))
        watched.append(place.stores.measurements.progress(host_device().digest))

    with queued_stopwatch():
        serve_host(place.stores, "w", told)
    assert seen == [(1, 2), (2, 2)]
    # The first is told when the second is asked for; in between a second has to go by.
    assert watched == [(0, 0), (1, 2)]
    waiting_for(place, "c")
    with queued_stopwatch(_count=2):
        serve_host(place.stores, "w", told)
    assert watched[2:] == [(0, 0), (0, 1)], "it begins anew"
    assert place.stores.measurements.progress(host_device().digest) == (0, 0)


@pytest.mark.parametrize("code", ["file_not_loadable", "unsupported_subject"])
def test_a_file_that_cannot_be_measured_fails_and_its_job_is_told(place: Workplace, code: str) -> None:
    claim = waiting_for(place, "a", "b", "c")
    with queued_stopwatch(unsupported={subject_of("b"): code}) as watch:
        assert serve_host(place.stores, "w", ignored)
        assert state(place, claim) is JobState.QUEUED, "the others are measured"
        for _ in range(2):
            (claim,) = place.stores.queue.claim("w")
            with pytest.raises(MeasurementError, match="it is not tried again") as caught:
                asking_for(place.stores.run(claim), around(place), "a", "b", "c")
            place.stores.queue.settle(claim.lease, Released())
            assert caught.value.code == code
            assert not serve_host(place.stores, "w", ignored)
    assert len(watch.asked) == 1
    assert asked_again(place, "a", "c") == 2


def test_a_device_whose_processes_die_is_an_error_and_jobs_are_told(place: Workplace) -> None:
    claim = waiting_for(place, "a", "b")
    died = MeasurementError("session_died", "the measuring process ended before it measured anything")
    with queued_stopwatch(refuses=[died]), pytest.raises(MeasurementError):
        serve_host(place.stores, "w", ignored)
    assert state(place, claim) is JobState.QUEUED
    with pytest.raises(MeasurementError, match="before it measured anything"):
        asked_again(place, "a", "b")


def test_a_busy_host_keeps_what_was_measured_before(place: Workplace) -> None:
    waiting_for(place, "a")
    with queued_stopwatch():
        serve_host(place.stores, "w", ignored)
    waits = waiting_for(place, "b")
    busy = MeasurementError("machine_busy", "other work keeps 1.5 of 2 processors busy")
    gate = GateRules(strict=True)
    with queued_stopwatch(refuses=[busy]) as watch, pytest.raises(MeasurementError, match="1.5 of 2"):
        serve_host(place.stores, "w", ignored, gate)
    assert watch.gates == [gate]
    assert asked_again(place, "a") == 2
    assert state(place, waits) is JobState.WAITING


@pytest.mark.parametrize("code", sorted(PASSING))
def test_a_job_waits_until_the_host_can_be_measured_however_long_that_is(place: Workplace, code: str) -> None:
    claim = waiting_for(place, "a")
    for _ in range(7):
        refuses: list[MeasurementError | None] = [MeasurementError(code, "not now")]
        with queued_stopwatch(refuses=refuses), pytest.raises(MeasurementError, match="not now"):
            serve_host(place.stores, "w", ignored)
        (there,) = place.stores.agent_queue.awaited(claim.lease.job_id)
        assert there.why == f"{PASSING[code]} ({code}), tried again every 30 s"
        assert not serve_host(place.stores, "w", ignored), "not at once"
        rest(place.stores.engine)
    with queued_stopwatch():
        assert serve_host(place.stores, "w", ignored)
    assert asked_again(place, "a") == 2
    assert place.stores.jobs.get(TENANT, claim.lease.job_id).faults == {}


def test_a_context_whose_processors_are_in_use_keeps_no_other_from_being_measured(place: Workplace) -> None:
    place.submit()
    (several,) = place.stores.queue.claim("w")
    ctx = ProfileContext(SPACE, place.stores, place.stores.run(several), place.shown)
    files = {subject_of("a"): lambda: place.stores.artifacts.put(content_of("a"))}
    assert measured(ctx, here(replace(host_context(), threads=2)), LAYER_PROTOCOL, files) is None
    place.stores.queue.settle(several.lease, Waiting())
    one = waiting_for(place, "b")
    in_use = MeasurementError("not_enough_idle_cores", "processor 1 100%")
    with queued_stopwatch(refuses=[in_use]) as watch, pytest.raises(MeasurementError, match="processor 1"):
        serve_host(place.stores, "w", ignored)
    assert watch.asked == [[subject_of("a")], [subject_of("b")]]
    assert (state(place, several), state(place, one)) == (JobState.WAITING, JobState.QUEUED)
    assert asked_again(place, "b") == 2


@pytest.mark.parametrize(("files", "repeated", "told"), [(24, 12, 2), (24, 11, 0), (9, 9, 0)])
def test_whoever_watches_is_told_why_a_session_took_long(
    place: Workplace, files: int, repeated: int, told: int
) -> None:
    waiting_for(place, *(f"file {number}" for number in range(files)))
    said: list[str] = []
    with queued_stopwatch(num_repeated=repeated):
        serve_host(place.stores, "w", ignored, say=said.append)
    assert len(said) == told
    for one in said:
        assert f"{repeated} of {files} files were measured again" in one
        assert "HWNAS_WHEN_BUSY=ignore" in one


def test_whoever_watches_is_told_that_other_work_keeps_the_host_busy(place: Workplace) -> None:
    waiting_for(place, "a")
    said: list[str] = []
    with queued_stopwatch(busy=1.3):
        serve_host(place.stores, "w", ignored, say=said.append)
    assert len(said) == 2
    assert all("other work kept 1.3 processors" in one for one in said)


def test_a_host_that_was_slow_when_it_was_first_measured_is_measured_again(place: Workplace) -> None:
    place.stores.queue.settle(waiting_for(place, "a").lease, Released())
    said: list[str] = []
    with queued_stopwatch() as watch:
        serve_host(place.stores, "w", ignored)
        waiting_for(place, "b")
        watch.scale = 0.7
        serve_host(place.stores, "w", ignored, say=said.append)
        assert said == [
            "the host is 1.43 times as fast as when it was first measured: everything is measured again"
        ]
        watch.scale = 1.0
        assert serve_host(place.stores, "w", ignored)
    assert watch.references == [{}, {"anchor": 0.5}, {}], "held against a new reference"
    assert {name for asked in watch.asked[2:] for name in asked} == {subject_of("a"), subject_of("b")}
    assert asked_again(place, "b") == 2, "of the host as it is"


def test_what_is_measured_after_a_doubt_is_held_against_a_new_reference(place: Workplace) -> None:
    place.stores.queue.settle(waiting_for(place, "a").lease, Released())
    with queued_stopwatch() as watch:
        serve_host(place.stores, "w", ignored)
        waiting_for(place, "b")
        queued_as_network(place, "c")
        watch.scale = 0.7
        serve_host(place.stores, "w", ignored)
    assert watch.references[1:] == [{"anchor": 0.5}, {}], "two batches of one lease"


def test_a_host_that_is_somewhat_faster_goes_on(place: Workplace) -> None:
    waiting_for(place, "a")
    with queued_stopwatch(scale=0.9):
        serve_host(place.stores, "w", ignored)
        assert not serve_host(place.stores, "w", ignored)


def test_the_first_batch_of_a_context_tells_the_next_one_its_reference(place: Workplace) -> None:
    waiting_for(place, "a")
    queued_as_network(place, "b")
    with queued_stopwatch() as watch:
        serve_host(place.stores, "w", ignored)
    assert watch.references == [{}, {"anchor": 0.5}]


def test_a_restless_host_is_an_error_and_jobs_are_told(place: Workplace) -> None:
    claim = waiting_for(place, "a")
    with queued_stopwatch(refuses=[void()]), pytest.raises(MeasurementError) as caught:
        serve_host(place.stores, "w", ignored)
    assert caught.value.code == "session_void"
    assert state(place, claim) is JobState.QUEUED
    with pytest.raises(MeasurementError, match="its speed jumps"):
        asked_again(place, "a")


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_a_file_that_is_not_sound_fails_and_is_made_again(place: Workplace, damage: str) -> None:
    waiting_for(place, "a", "b")
    path = place.stores.artifacts.local_path(artifact_of("b"))
    path.chmod(0o644)
    path.unlink() if damage == "gone" else path.write_bytes(b"?")
    with queued_stopwatch() as watch:
        assert serve_host(place.stores, "w", ignored)
    assert watch.asked == [[subject_of("a")]]
    (claim,) = place.stores.queue.claim("w")
    run = place.stores.run(claim)
    with pytest.raises(MeasurementError) as caught:
        asking_for(run, around(place), "a", "b")
    assert caught.value.code == {"gone": "artifact_missing", "damaged": "artifact_damaged"}[damage]
    # The job writes the file anew when it asks again.
    assert asking_for(run, around(place), "a", "b") is None
    with queued_stopwatch(_count=2):
        assert serve_host(place.stores, "w", ignored)
    assert asking_for(run, around(place), "a", "b") is not None


def test_whoever_has_lost_the_device_delivers_nothing(place: Workplace) -> None:
    claim = waiting_for(place, "a")

    def told(done: int, total: int) -> None:
        with writing(place.stores.engine) as connection:
            connection.execute(update(devices).values(lease_until_ms=1))
        assert place.stores.measurements.lease(host_device().digest, "somebody else") is not None

    with queued_stopwatch(), pytest.raises(LeaseLost):
        serve_host(place.stores, "w", told)
    assert state(place, claim) is JobState.WAITING
    assert not serve_host(place.stores, "w", ignored), "somebody else measures"


def test_a_file_that_takes_longer_than_a_lease_holds_is_delivered(tmp_path: Path) -> None:
    times = LeaseTimes(lease_ms=2_000)
    with workplace(tmp_path, times) as place:
        claim = waiting_for(place, "a")
        others: list[object] = []

        def told(done: int, total: int) -> None:
            end = time.monotonic() + 1.5 * times.lease_ms / 1000
            until(lambda: time.monotonic() > end)
            others.append(place.stores.measurements.lease(host_device().digest, "somebody else"))

        with queued_stopwatch():
            assert serve_host(place.stores, "w", told)
        assert others == [None, None]
        assert state(place, claim) is JobState.QUEUED


def test_the_device_is_given_back(place: Workplace) -> None:
    waiting_for(place, "a")
    with queued_stopwatch():
        serve_host(place.stores, "w", ignored)
        waiting_for(place, "b")
        assert serve_host(place.stores, "somebody else", ignored)
