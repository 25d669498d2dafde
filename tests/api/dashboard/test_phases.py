from pathlib import Path

from api.dashboard.phases import in_words, phases
from api.dashboard.story import read_story
from latency_predictors.device import host_context, host_device
from latency_predictors.measure import NETWORK_PROTOCOL
from nas.jobs import Waiting
from nas.measurement_tasks import MeasurementTask
from nas.pipeline.images import LOOKING
from nas.settings import Settings
from nas.store.stores import opened_stores
from tests.api.dashboard.searched import failed_search, running_search, step, waiting_search
from tests.api.handmade import SPEC, claimed, submitted


def test_each_phase_says_how_far_it_is(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        run = running_search(stores)
        story, job = read_story(stores.jobs, "local", run.id), stores.jobs.get("local", run.id)
    found = phases(job, story, story.at_ms / 1000)
    assert [one.standing for one in found] == [
        "done",
        "done",
        "to come",
        "now",
        "left out",
        "to come",
        "to come",
    ]
    assert (found[3].share, found[3].note) == (0.1, "round 2: searching")
    assert found[0].times.startswith("took ")
    assert in_words(job, found) == "Search and verify: 10 % done."


def test_a_search_that_waits_for_measurements_says_how_far_they_are(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        run = claimed(stores, submitted(stores, SPEC))
        step(stores, run, "profile", 0, 1, "measuring")
        task = MeasurementTask(host_device(), host_context(), NETWORK_PROTOCOL, "d" * 64, "e" * 64, 2)
        stores.measurements.enqueue(run.lease, [task])
        stores.queue.settle(run.lease, Waiting())
        story, job = read_story(stores.jobs, "local", run.id), stores.jobs.get("local", run.id)
        queued = stores.agent_queue.awaited(run.id)
        leased = stores.measurements.lease(host_device().digest, "worker")
        assert leased is not None
        stores.measurements.renew(leased[0], 30, 120)
        awaited = stores.agent_queue.awaited(run.id)
    assert [(one.pending, one.measured, one.to_measure) for one in queued] == [(1, 0, 0)]
    assert [(one.pending, one.measured, one.to_measure) for one in awaited] == [(1, 30, 120)]
    began_s = job.changed_at_ms / 1000
    assert phases(job, story, began_s + 20, queued)[0].times == ""
    found = phases(job, story, began_s + 20, awaited)[0]
    # 30 in 20 s: 90 more take a minute.
    assert (found.name, found.standing, found.share) == ("profile", "waiting", 0.25)
    assert (found.times, found.note) == ("about 1 min left", "measuring, 30 of 120")
    # Images that are looked at are told like a phase, and are none.
    story.current = LOOKING
    assert phases(job, story, began_s + 20, awaited)[0].note != found.note


def test_what_failed_or_waits_says_so(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        failed, waiting = failed_search(stores), waiting_search(stores)
        told = [
            phases(stores.jobs.get("local", job.id), read_story(stores.jobs, "local", job.id), 0.0)
            for job in (failed, waiting)
        ]
    assert (told[0][1].standing, told[0][1].share) == ("stopped", 0.2)
    assert (told[0][2].standing, told[1][2].standing) == ("not reached", "to come")
    assert in_words(failed, told[0]) == "The search is failed."
    assert told[1][0].standing == "waiting"
    assert in_words(waiting, told[1]) == "Measure the device: waiting."


def test_what_was_not_done_claims_no_time(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        run = claimed(stores, submitted(stores, SPEC))
        for phase in ("train", "finetune"):
            step(stores, run, phase, 0, 1)
            step(stores, run, phase, 1, 1)
        story, job = read_story(stores.jobs, "local", run.id), stores.jobs.get("local", run.id)
    found = {one.name: one for one in phases(job, story, 0.0)}
    assert found["train"].times == "taken over from an earlier search"
    assert (found["finetune"].standing, found["finetune"].times) == ("left out", "")
