"""Searches are shown as the database has them: queued, running, finished, or no longer readable."""

import io
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from sqlalchemy import update

from api import searches
from api.searches import cancel_search, list_searches, show_search
from nas.jobs import Cancelled, Fault, Faulted, JobState
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.session import writing
from nas.store.stores import opened_stores
from nas.store.tables import documents, jobs
from search_spaces.errors import ArtifactError, UsageError
from tests.api.handmade import SPEC, finished_search, submitted, unfinished_search


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def drawn(document: RenderableType) -> str:
    """What people see."""
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(document, crop=False)
    return console.export_text()


def test_an_empty_home_tells_how_to_begin(settings: Settings) -> None:
    found = list_searches(settings)
    assert found.searches == ()
    assert "hwnas demo" in drawn(found)


def test_a_finished_search_shows_its_front(settings: Settings) -> None:
    run = finished_search(settings.home)
    (line,) = list_searches(settings).searches
    assert (line.id, line.state, line.num_points) == (run.id, "succeeded", 3)
    assert (line.best_accuracy, line.fastest_ms) == (0.99, 0.10)
    assert "3 networks, from 0.1 ms, up to 99.0 %" in drawn(list_searches(settings))


def test_an_unfinished_search_shows_how_far_it_is(settings: Settings) -> None:
    job = unfinished_search(settings.home, "profile", "train")
    (line,) = list_searches(settings).searches
    assert (line.state, line.phases_done) == ("running", ("profile", "train"))
    assert "running (2 of 7 phases)" in drawn(list_searches(settings))
    shown = show_search(settings, job.id)
    assert shown.result is None
    assert "phases finished: profile, train" in drawn(shown)


@pytest.mark.parametrize(
    ("faults", "state", "next_step"),
    [(1, JobState.QUEUED, "`hwnas worker` is one"), (3, JobState.PARKED, "mend the cause")],
)
def test_the_last_fault_of_a_search_and_what_to_do_are_told(
    settings: Settings, faults: int, state: JobState, next_step: str
) -> None:
    job = unfinished_search(settings.home)
    with opened_stores(settings) as stores, writing(stores.engine) as connection:
        connection.execute(update(jobs).values(state="queued", faults_without_progress=faults - 1))
    with opened_stores(settings) as stores:
        (claim,) = stores.queue.claim("w")
        stores.queue.settle(claim.lease, Faulted(Fault.CRASH, "worker_failed", "KeyError: 'x'"))
    (line,) = list_searches(settings).searches
    assert (line.state, line.error) == (state, "worker_failed: KeyError: 'x'")
    text = drawn(show_search(settings, job.id))
    assert "worker_failed: KeyError: 'x'" in text
    assert next_step in text


def test_a_search_that_waits_says_who_measures(settings: Settings) -> None:
    job = unfinished_search(settings.home)
    with opened_stores(settings) as stores, writing(stores.engine) as connection:
        connection.execute(update(jobs).values(state=JobState.WAITING))
    assert "once its device has measured" in drawn(show_search(settings, job.id))


def test_a_result_that_cannot_be_read_does_not_hide_the_others(settings: Settings) -> None:
    damaged = finished_search(settings.home)
    whole = finished_search(settings.home, seed=1)
    with opened_stores(settings) as stores, writing(stores.engine) as connection:
        connection.execute(update(documents).where(documents.c.job_id == damaged.id).values(content="{"))
    errors = {line.id: line.error for line in list_searches(settings).searches}
    assert errors[whole.id] == ""
    assert errors[damaged.id].startswith("damaged_file: 'result' of job")
    assert "succeeded, damaged_file" in drawn(list_searches(settings))
    with pytest.raises(ArtifactError, match="cannot be read"):
        show_search(settings, damaged.id)


def test_a_specification_that_is_no_longer_understood_is_shown_as_it_was(settings: Settings) -> None:
    job = unfinished_search(settings.home)
    with opened_stores(settings) as stores, writing(stores.engine) as connection:
        outdated = {**job.spec, "dataset": {"name": "digits", "colour": True}}
        connection.execute(update(jobs).values(spec=outdated))
    (line,) = list_searches(settings).searches
    assert (line.dataset, line.space) == ("digits", "mobilenet_v3/tiny")
    assert show_search(settings, job.id).spec == outdated


def test_the_details_name_deliveries_and_times(settings: Settings) -> None:
    finished_search(settings.home)
    text = drawn(show_search(settings, "latest"))
    assert "exports/net-ccc333" in text
    assert "1 min 40 s" in text


def test_a_report_that_cannot_be_made_is_told_and_hides_nothing(settings: Settings) -> None:
    finished_search(settings.home)  # whose files nobody has put into the store
    shown = show_search(settings, "latest")
    assert shown.report is None
    assert shown.error.startswith("artifact_missing: ")
    assert shown.result is not None


def test_a_report_whose_folder_the_user_has_filled_is_told_likewise(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_search(settings.home)

    def in_use(*given: object) -> None:
        raise UsageError("folder_in_use", "exports/net-ccc333 holds more")

    monkeypatch.setattr(searches, "deliver_search", in_use)
    shown = show_search(settings, "latest")
    assert (shown.report, shown.error) == (None, "folder_in_use: exports/net-ccc333 holds more")
    assert shown.result is not None


def test_identifiers_are_whole_on_narrow_terminals(settings: Settings) -> None:
    run = finished_search(settings.home)
    console = Console(width=50, file=io.StringIO(), record=True)
    console.print(list_searches(settings), crop=False)
    assert run.id in console.export_text()


def test_a_report_that_is_there_stays_as_it_is(settings: Settings) -> None:
    run = finished_search(settings.home)
    report = settings.searches / run.id / "report.html"
    report.parent.mkdir(parents=True)
    report.write_text("<html>")
    assert show_search(settings, "latest").report == report
    assert str(report) in drawn(show_search(settings, "latest"))
    assert report.read_text() == "<html>"


def test_a_search_goes_by_the_start_of_its_name(settings: Settings) -> None:
    first = finished_search(settings.home)
    second = unfinished_search(settings.home, spec=parse_spec({"dataset": {"name": "shapes"}}))
    assert show_search(settings, "dig").id == first.id
    assert show_search(settings, "shapes-").id == second.id
    assert show_search(settings, "latest").id == second.id
    with pytest.raises(UsageError, match="searches are") as caught:
        show_search(settings, "cifar")
    assert caught.value.code == "unknown_search"


def test_a_queued_search_is_cancelled_at_once(settings: Settings) -> None:
    with opened_stores(settings) as stores:
        job = submitted(stores, SPEC)
    assert drawn(cancel_search(settings, job.id)).strip() == f"search {job.id} is cancelled"
    assert "goes on" not in drawn(show_search(settings, job.id))
    assert show_search(settings, job.id).state is JobState.CANCELLED


def test_a_running_search_hears_of_it_from_its_worker(settings: Settings) -> None:
    job = unfinished_search(settings.home)
    cancelled = cancel_search(settings, "latest")
    assert (cancelled.id, cancelled.state) == (job.id, JobState.RUNNING)
    assert "its worker hears of it within seconds" in drawn(cancelled)
    with opened_stores(settings) as stores:
        assert stores.jobs.get("local", job.id).cancel_requested


def test_a_search_that_has_ended_is_not_cancelled(settings: Settings) -> None:
    finished_search(settings.home)
    assert cancel_search(settings, "latest").state is JobState.SUCCEEDED
    unfinished_search(settings.home, end=Cancelled())
    assert cancel_search(settings, "latest").state is JobState.CANCELLED
