"""A command has a worker while it needs one: started where none is alive, replaced when it is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from nas.store.stores import Stores
from search_spaces.errors import HwnasError
from tests.workers.jobs_at_work import Workplace, until
from workers import worker_process
from workers.host import known_dead
from workers.worker_process import STARTS, LocalWorker


def alive(stores: Stores) -> list[int]:
    """Processes of the workers that are registered."""
    return [int(worker.facts["pid"]) for worker in stores.workers.alive()]


def test_a_worker_is_started_replaced_when_it_is_killed_and_drained_in_the_end(place: Workplace) -> None:
    with LocalWorker(place.settings, place.stores) as worker:
        worker.keep_alive()
        until(lambda: len(alive(place.stores)) == 1)
        (first,) = alive(place.stores)
        worker.keep_alive()
        os.kill(first, signal.SIGKILL)

        def replaced() -> bool:
            worker.keep_alive()
            return bool(set(alive(place.stores)) - {first})

        until(replaced)
        (second,) = set(alive(place.stores)) - {first}
        assert psutil.Process(second).is_running()
    assert not psutil.pid_exists(second)
    assert second not in alive(place.stores), "it has given its name back"


STARTER = """
import sys, threading
from pathlib import Path
from nas.settings import Settings
from nas.store.stores import opened_stores
from workers.worker_process import LocalWorker
settings = Settings(home=Path(sys.argv[1]))
with opened_stores(settings) as stores, LocalWorker(settings, stores) as worker:
    worker.keep_alive()
    threading.Event().wait()
"""


def test_a_worker_ends_by_itself_when_who_started_it_was_killed(place: Workplace, repository: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(place.settings.home)]
    with subprocess.Popen(command, cwd=repository) as starter:
        until(lambda: len(place.stores.workers.alive()) == 1)
        (worker,) = place.stores.workers.alive()
        starter.kill()
    until(lambda: known_dead(worker.facts))
    assert place.stores.workers.alive() == (), "it has given its name back"


def test_where_a_worker_is_alive_none_is_started(place: Workplace) -> None:
    place.stores.workers.register("ann", {"pid": 1})
    with LocalWorker(place.settings, place.stores) as worker:
        worker.keep_alive()
    assert alive(place.stores) == [1]
    assert not (place.settings.home / "worker.log").exists()


def until_given_up(worker: LocalWorker) -> HwnasError:
    """Keep a worker alive until that is given up."""
    caught: list[HwnasError] = []

    def given_up() -> bool:
        try:
            worker.keep_alive()
        except HwnasError as error:
            caught.append(error)
        return bool(caught)

    until(given_up)
    return caught[0]


def test_a_worker_that_cannot_live_is_given_up_with_its_last_words(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "STARTS", 2)
    unusable = place.settings.model_copy(update={"artifact_url": "gopher://attic"})
    with LocalWorker(unusable, place.stores) as worker:
        error = until_given_up(worker)
    assert error.code == "no_worker"
    assert "ended 2 times with status 2" in error.message
    assert "error[invalid_artifact_url]: " in error.message
    assert str(place.settings.home / "worker.log") in error.message


def test_a_worker_that_has_lived_for_long_may_be_killed_as_often_as_you_like(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "YOUNG_S", 0.0)
    unusable = place.settings.model_copy(update={"artifact_url": "gopher://attic"})
    started: list[int] = []
    popen = subprocess.Popen

    def counted(*words: object, **how: object) -> object:
        process = popen(["false"])
        started.append(process.pid)
        return process

    monkeypatch.setattr(subprocess, "Popen", counted)
    with LocalWorker(unusable, place.stores) as worker:

        def often() -> bool:
            worker.keep_alive()
            return len(started) > 2 * STARTS

        until(often)
