"""Boards without hardware: a service sees no difference, and published latencies come back as they are."""

from pathlib import Path

from benchmarks.simulated_boards import Fleet, published_boards, sized_boards
from latency_predictors.anchors import default_anchors
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.spread import combine_sessions
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState, Waiting
from nas.measurement_tasks import MeasurementTask
from nas.settings import Settings
from tests.api.running import running
from tests.workers.boards_at_work import CONTEXT, TENANT, Bench, bench
from tests.workers.jobs_at_work import until


def queued(at_work: Bench, subjects: list[str]) -> str:
    """Have a job wait for networks on the board; return its identifier."""
    stores, board = at_work.service.stores, at_work.registered
    assert board is not None
    job = stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {}, "profile"))
    (claim,) = stores.queue.claim("w")
    artifact = stores.artifacts.put(default_anchors("onnx")[0].path.read_bytes())
    stores.measurements.enqueue(
        claim.lease,
        [MeasurementTask(board.device, CONTEXT, NETWORK_PROTOCOL, one, artifact, 2) for one in subjects],
    )
    stores.queue.settle(claim.lease, Waiting())
    return job.id


def test_published_latencies_come_back_through_the_agent(tmp_path: Path) -> None:
    board = next(one for one in published_boards() if one.name == "2080ti_64")
    subjects = [*board.trace.latency_ms][:8]
    other = "5" * 64
    with bench(tmp_path) as at_work:
        at_work.board = board
        at_work.works()
        job = queued(at_work, [*subjects, other])
        at_work.works()
        stores, registered = at_work.service.stores, at_work.registered
        assert registered is not None
        assert stores.jobs.get(TENANT, job).state is JobState.QUEUED
        where = registered.device.digest, CONTEXT.digest
        sessions = stores.sessions.sessions(*where, subjects)
        found, simulated = combine_sessions(sessions), stores.sessions.sessions(*where, [other])
        assert registered.device.cpu_model == "simulated 2080ti_64"
    assert {one: found[one].median_ms for one in subjects} == {
        one: board.trace.latency_ms[one] for one in subjects
    }
    assert {one.provenance for one in sessions} == {"published"}
    assert sessions[-1].reference_ms == simulated[-1].reference_ms != {}, "it is handed on"
    assert {one.provenance for one in simulated} == {"measured"}, "it is simulated, and its device says so"


def test_a_fleet_registers_and_knows_its_keys_when_it_starts_again(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        for _ in range(2):
            with Fleet(Settings(home=tmp_path), sized_boards(2), service.url):
                until(lambda: [one.alive for one in service.stores.agents.list_all(TENANT)] == [True, True])
        assert [one.name for one in service.stores.agents.list_all(TENANT)] == ["sim-1", "sim-2"]
        names = [key.name for key in service.stores.keys.list_all(TENANT)]
        assert sorted(name for name in names if name.startswith("sim")) == ["sim-1", "sim-2"]
