from pathlib import Path

from api.dashboard.phases import in_words, phases
from api.dashboard.story import read_story
from nas.settings import Settings
from nas.store.stores import opened_stores
from tests.api.dashboard.searched import failed_search, running_search, waiting_search


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


def test_what_failed_or_waits_says_so(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        failed, waiting = failed_search(stores), waiting_search(stores)
        told = [
            phases(stores.jobs.get("local", job.id), read_story(stores.jobs, "local", job.id), 0.0)
            for job in (failed, waiting)
        ]
    assert (told[0][1].standing, told[0][1].share) == ("stopped", 0.2)
    assert in_words(failed, told[0]) == "The search is failed."
    assert told[1][0].standing == "waiting"
    assert in_words(waiting, told[1]) == "Measure the device: waiting."
