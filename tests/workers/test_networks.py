"""Jobs on single networks, from their command to what people read."""

from pathlib import Path

import pytest

from nas.job_records import Job
from nas.jobs import Fault, Faulted, JobKind
from nas.results import SearchResult
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import HwnasError, UsageError
from tests.api.two_targets import NAME, written_twice
from tests.nas.pipeline.small_search import Home
from workers import networks
from workers.networks import tune


def at_hand(job: Job, settings: Settings, stores: Stores, progress: object) -> Job:
    """Run a job in this process."""
    home = Home(settings.home, "again")
    home.finish(job)
    home.close()
    return stores.jobs.get("local", job.id)


def test_a_network_is_trained_on_once_for_the_same_words(
    searched: tuple[Path, SearchResult], searched_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "run_to_end", at_hand)
    result, settings = searched[1], Settings(home=searched_home)
    network = result.targets[0].front[0]
    tuned = tune(settings, f"{result.id}.{network.name}", 2)
    assert (tuned.network.finetune_epochs, tuned.network.inherited_accuracy) == (2, network.accuracy)
    assert tuned.subnet.endswith(f".{network.name}")


def test_what_ended_the_job_is_raised(
    searched: tuple[Path, SearchResult], searched_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(job: Job, settings: Settings, stores: Stores, progress: object) -> Job:
        (claim,) = stores.queue.claim("tests", kinds=(JobKind.FINETUNE,))
        stores.queue.settle(claim.lease, Faulted(Fault.BAD_DATA, "not_finite", "the loss is no number"))
        return stores.jobs.get("local", job.id)

    monkeypatch.setattr(networks, "run_to_end", failed)
    result = searched[1]
    with pytest.raises(HwnasError) as caught:
        tune(Settings(home=searched_home), f"{result.id}.{result.targets[0].front[0].name}", 2)
    assert caught.value.code == "not_finite"


@pytest.mark.parametrize("words", ["SEARCH.NAME", "latest.NAME", "NAME"])
@pytest.mark.parametrize(("asked", "number"), [(None, 1), (1, 1), (2, 2)])
def test_the_job_names_the_network_and_the_target_that_are_meant(
    words: str, asked: int | None, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted(job: Job, settings: Settings, stores: Stores, progress: object) -> Job:
        assert (job.spec["subnet"], job.spec.get("target", 1), job.spec["epochs"]) == (subnet, number, 2)
        return stores.jobs.request_cancel("local", job.id)

    monkeypatch.setattr(networks, "run_to_end", noted)
    settings = Settings(home=tmp_path)
    with opened_stores(settings) as stores:
        search = written_twice(stores)
    subnet = f"{search}.{NAME}"
    with pytest.raises(HwnasError) as caught:
        tune(settings, words.replace("SEARCH", search).replace("NAME", NAME), 2, asked)
    assert caught.value.code == "cancelled"


def test_what_is_not_there_is_not_queued(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        tune(Settings(home=tmp_path), "none.none", 2)
    assert caught.value.code == "unknown_subnet"
