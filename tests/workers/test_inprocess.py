"""A search runs to its end in this process, and goes on wherever it was ended."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import update

from api.searches import show_search
from nas.jobs import Fault, Faulted, JobState
from nas.results import SearchResult
from nas.settings import Settings
from nas.store.searches import all_searches
from nas.store.session import writing
from nas.store.stores import opened_stores
from nas.store.tables import jobs
from search_spaces.errors import DataError, HwnasError
from tests.nas.pipeline.small_search import Recorder, small_spec, stopwatch
from tests.workers.jobs_at_work import QUICK, TENANT, Workplace, until
from workers import orchestrator
from workers.inprocess import run_search
from workers.searches import submit


@dataclass
class Interrupting(Recorder):
    """Progress that does something at a step of a phase."""

    phase: str = ""
    does: Callable[[], object] = lambda: None

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        super().step(phase, done, total, note)
        if phase == self.phase and note:
            self.does()


def ctrl_c() -> None:
    raise KeyboardInterrupt


def test_a_search_has_a_result_and_its_folder_is_made_when_it_is_shown(
    searched_home: Path, searched: tuple[Path, SearchResult]
) -> None:
    settings, result = Settings(home=searched_home), searched[1]
    shown = show_search(settings, "latest")
    assert (shown.id, shown.state, shown.error) == (result.id, JobState.SUCCEEDED, "")
    assert shown.result == result
    assert shown.report == settings.searches / result.id / "report.html"
    assert shown.report.is_file()
    for delivery in result.deliveries:
        assert (shown.report.parent / delivery.folder / "model.onnx").is_file()


def test_a_further_search_with_another_limit_trains_and_measures_nothing_again(
    searched_home: Path, searched: tuple[Path, SearchResult]
) -> None:
    device = {"device": "host", "limits": {"latency_ms": 1_000.0}}
    progress = Recorder()
    with stopwatch() as watch:
        spec = small_spec(targets=[device], references=[])
        second = run_search(spec, Settings(home=searched_home), progress)
    assert second.supernet.reused
    assert second.targets[0].table.num_measured_now == 0
    # Only what its own limit has brought up.
    first, new = (
        {network.file_sha256 for network in result.targets[0].networks} for result in (searched[1], second)
    )
    assert {file for asked in watch.asked for file in asked} == new - first
    assert not [step for step in progress.steps if step[0] == "train" and step[3]]
    with opened_stores(Settings(home=searched_home)) as stores:
        assert len(all_searches(stores, TENANT)) == 2


def test_a_search_that_is_interrupted_goes_on_at_no_cost(searched_home: Path) -> None:
    spec = small_spec(seed=3, supernet={"epochs": 4}, references=[])
    settings = Settings(home=searched_home)
    with pytest.raises(KeyboardInterrupt):
        run_search(spec, settings, Interrupting(phase="train", does=ctrl_c))
    with opened_stores(settings) as stores:
        job = all_searches(stores, TENANT)[-1]
        assert (job.state, job.faults, job.attempt) == (JobState.QUEUED, {}, 1)
    progress = Recorder()
    with stopwatch():
        result = run_search(spec, settings, progress)
    assert result.id == job.id
    assert progress.said[0] == f"search {job.id} goes on"
    assert "training goes on after epoch 1 of 4" in progress.said


def test_a_search_that_is_cancelled_meanwhile_ends_so(searched_home: Path) -> None:
    settings = Settings(home=searched_home)

    def cancel() -> None:
        with opened_stores(settings) as stores:
            stores.jobs.request_cancel(TENANT, all_searches(stores, TENANT)[-1].id)
        threading.Event().wait(0.3)  # so that it is heard of by the next step

    spec = small_spec(seed=4, supernet={"epochs": 500})
    with pytest.raises(HwnasError, match="was cancelled: run the same command again") as caught:
        run_search(spec, settings, Interrupting(phase="train", does=cancel), QUICK)
    assert caught.value.code == "cancelled"


def fails(place: Workplace, monkeypatch: pytest.MonkeyPatch, error: Exception) -> HwnasError:
    """How a search ends whose phases raise an error."""

    def run(run: object, around: object) -> None:
        with writing(place.stores.engine) as connection:  # as if it were tried for the last time
            connection.execute(update(jobs).values(faults_without_progress=2))
        raise error

    monkeypatch.setattr(orchestrator, "KINDS", {"search": run})
    with pytest.raises(HwnasError) as caught:
        run_search(small_spec(), place.settings, Recorder())
    return caught.value


def test_what_is_wrong_for_good_ends_it_with_its_own_code(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = fails(place, monkeypatch, DataError("empty_class", "class 'cat' has no images"))
    assert (error.code, error.message) == ("empty_class", "class 'cat' has no images")


def test_what_goes_wrong_again_and_again_parks_it_and_the_same_search_goes_on(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = fails(place, monkeypatch, KeyError("depth"))
    (job,) = all_searches(place.stores, TENANT)
    assert job.state is JobState.PARKED
    assert error.code == "worker_failed"
    assert error.message.startswith(f"KeyError: 'depth'; search {job.id} was tried several times")
    error = fails(place, monkeypatch, DataError("empty_class", "m"))
    assert place.state(job) is JobState.FAILED


def test_where_another_worker_has_the_search_its_end_is_waited_for(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.inprocess.PAUSE_S", 0.01)
    job = submit(small_spec(), place.settings, place.stores, place.shown)
    (claim,) = place.stores.queue.claim("somebody else")

    def end() -> None:
        until(lambda: len(place.stores.workers.alive()) == 1)
        place.stores.queue.settle(claim.lease, Faulted(Fault.BAD_DATA, "empty_class", "no cats"))

    somebody = threading.Thread(target=end)
    somebody.start()
    with pytest.raises(HwnasError, match="no cats"):
        run_search(small_spec(), place.settings, Recorder())
    somebody.join()
    assert place.get(job).attempt == 1
