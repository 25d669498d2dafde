"""Jobs on one network: the file that is delivered is the one that was checked, scored and measured."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from latency_predictors.device import host_context, host_device
from nas.export.card import context_of
from nas.export.checked import score_file
from nas.job_records import Job, JobRequest
from nas.jobs import JobKind, JobState
from nas.network_specs import MADE, MadeNetwork
from nas.pipeline import costs, single, sites
from nas.pipeline.context import PhaseContext
from nas.publication import accuracy_of
from nas.results import BoardScore, VerifiedNetwork
from nas.store.bound import BOUND
from nas.store.job_run import StoredJob
from nas.store.subnets import find_subnet, subnet_id
from search_spaces.base import SearchSpace
from search_spaces.errors import HwnasError, UsageError
from search_spaces.slot_tables import resolutions
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home, file_ms
from tests.nas.report.documents import accuracy


def submitted(home: Home, kind: JobKind, subnet: str, **more: Any) -> Job:
    return home.stores.jobs.submit("local", JobRequest(kind, {"subnet": subnet, **more}, "net"))


def made_by(home: Home, kind: JobKind, subnet: str, **more: Any) -> tuple[Job, MadeNetwork]:
    """The job at its end, and the network that it has made."""
    job = submitted(home, kind, subnet, **more)
    return job, home.finish(job).load(MADE, MadeNetwork)


def name_of(finished: FinishedSearch, network: VerifiedNetwork) -> str:
    return subnet_id(finished.job.id, network.name)


def is_true_of_its_file(home: Home, network: VerifiedNetwork) -> None:
    """What is told of a network is what scoring and measuring its file gives."""
    dataset = home.unsubmitted().dataset
    path = home.stores.artifacts.local_path(network.file_sha256, ".onnx")
    confirm = np.unique(np.concatenate([fold.confirm for fold in dataset.folds]))
    correct = score_file(path, dataset, "validation")[confirm]
    assert network.accuracy == accuracy_of(correct, network.accuracy.part)
    assert network.latency.median_ms == pytest.approx(file_ms(path))
    assert network.file_bytes == path.stat().st_size


def test_a_verified_file_is_delivered_as_it_is(copied: Home, finished: FinishedSearch) -> None:
    network = finished.target.networks[-1]
    job, made = made_by(copied, JobKind.EXPORT, name_of(finished, network))
    assert made.network == network
    (export,) = copied.stores.fronts.exports("local", job.id)
    assert (export.file, export.name, export.format) == (network.file_sha256, network.name, "onnx")
    assert copied.watch.asked == []
    assert copied.compute.tasks == []


def test_another_precision_is_scored_and_measured_before_it_is_there(
    copied: Home, finished: FinishedSearch
) -> None:
    network = finished.target.front[0]
    job = submitted(copied, JobKind.EXPORT, name_of(finished, network), precision="int8")
    assert copied.attempt(job) is JobState.WAITING
    assert copied.stores.fronts.exports("local", job.id) == ()
    copied.watch.serve(copied.stores)
    made = copied.finish(job).load(MADE, MadeNetwork)
    assert made.network.file_sha256 != network.file_sha256
    assert made.network.fp32_accuracy == network.accuracy
    assert made.target.target.context.precision == "int8"
    assert "int8" in made.target.context_label
    assert (made.network.test_accuracy, made.network.predicted_latency) == (None, None)
    is_true_of_its_file(copied, made.network)
    (export,) = copied.stores.fronts.exports("local", job.id)
    assert export.file == made.network.file_sha256


def with_figures_of_the_old_file(
    finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch, **limits: float
) -> VerifiedNetwork:
    """A network of the front of which a board and the runtime's rules have said something, under limits."""
    score = BoardScore(accuracy=accuracy(0.9, 80, "validation"), host=accuracy(0.9, 80, "validation"))
    network = finished.target.front[0].model_copy(update={"board": score, "arena_bytes": 1_000})
    found = finished.target.model_copy(
        update={
            "networks": (network, *finished.target.networks[1:]),
            "target": finished.target.target.model_copy(update={"limits": limits}),
        }
    )
    changed = finished.result.model_copy(update={"targets": (found,)})
    monkeypatch.setattr(StoredJob, "result", lambda stored: changed)
    return network


@pytest.mark.parametrize(
    ("kind", "more", "precision"),
    [(JobKind.EXPORT, {"precision": "int8"}, "int8"), (JobKind.FINETUNE, {"epochs": 2}, "fp32")],
)
def test_what_was_found_of_the_old_file_is_not_told_of_the_new_one(
    kind: JobKind,
    more: dict[str, Any],
    precision: str,
    copied: Home,
    finished: FinishedSearch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = with_figures_of_the_old_file(finished, monkeypatch, arena_bytes=2_500)
    # The cells of this space have branches: their arena is not known, and one has to be given.
    arenas = {"fp32": 2_000, "int8": 3_000}
    monkeypatch.setattr(costs, "runtime_arena", lambda nodes, device, runs_in: arenas[runs_in])
    _, made = made_by(copied, kind, name_of(finished, network), **more)
    assert made.network.file_sha256 != network.file_sha256
    assert made.network.board is None
    assert made.network.arena_bytes == arenas[precision]
    assert made.network.status == ("dominated" if precision == "fp32" else "over_limit")


def test_an_arena_that_is_not_known_of_the_new_file_keeps_no_limit(
    copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = with_figures_of_the_old_file(finished, monkeypatch, arena_bytes=1e9)
    _, made = made_by(copied, JobKind.EXPORT, name_of(finished, network), precision="int8")
    assert (made.network.arena_bytes, made.network.status) == (None, "over_limit")


def test_a_network_is_trained_on_and_exported_again(copied: Home, finished: FinishedSearch) -> None:
    network = finished.target.front[0]
    job, made = made_by(copied, JobKind.FINETUNE, name_of(finished, network), epochs=2)
    assert (made.network.finetune_epochs, made.network.inherited_accuracy) == (2, network.accuracy)
    assert made.network.file_sha256 != network.file_sha256
    assert made.network.architecture == network.architecture
    is_true_of_its_file(copied, made.network)
    tuned = find_subnet(copied.stores, "local", subnet_id(job.id, network.name))
    assert (tuned.network, tuned.search.id, tuned.job.id) == (made.network, finished.job.id, job.id)
    again, exported = made_by(copied, JobKind.EXPORT, tuned.id)
    assert exported.network == made.network
    _, int8 = made_by(copied, JobKind.EXPORT, tuned.id, precision="int8")
    assert int8.network.fp32_accuracy == made.network.accuracy
    assert again.id != job.id


def test_images_are_ready_at_one_resolution_before_a_task_asks_for_them(
    copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready: list[tuple[tuple[int, ...], int]] = []

    def prepare(ctx: PhaseContext, space: SearchSpace) -> None:
        ready.append((resolutions(space), len(copied.compute.tasks)))

    monkeypatch.setattr(single, "prepare_images", prepare)
    subnet = name_of(finished, finished.target.front[0])
    made_by(copied, JobKind.EXPORT, subnet, precision="int8")
    assert ready == [((16,), 0)]
    ready.clear()
    copied.compute.tasks.clear()
    copied.attempt(submitted(copied, JobKind.FINETUNE, subnet, epochs=1))
    assert ready[0] == ((16,), 0)


def test_what_is_trained_on_says_how_it_was_measured_whatever_its_search_ran_on(
    copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = replace(host_context(), power_mode="governor powersave")
    monkeypatch.setattr(sites, "context_of", lambda spec: changed)
    _, made = made_by(copied, JobKind.FINETUNE, name_of(finished, finished.target.front[0]), epochs=1)
    assert (context_of(made.target), made.target.context_label) == (changed, changed.label)


def test_a_stock_network_is_exported_and_not_trained_on(copied: Home, finished: FinishedSearch) -> None:
    (stock,) = finished.result.references
    _, made = made_by(copied, JobKind.EXPORT, name_of(finished, stock), precision="int8")
    assert made.network.fp32_accuracy == stock.accuracy
    assert made.network.peak_memory_bytes < stock.peak_memory_bytes
    job = submitted(copied, JobKind.FINETUNE, name_of(finished, stock))
    with pytest.raises(UsageError) as caught:
        copied.attempt(job)
    assert caught.value.code == "not_a_subnet"


@pytest.mark.parametrize("subnet", ["none.net-1", "JOB.none", "JOB."])
def test_what_is_not_there_is_named(subnet: str, copied: Home, finished: FinishedSearch) -> None:
    job = submitted(copied, JobKind.EXPORT, subnet.replace("JOB", finished.job.id))
    with pytest.raises(HwnasError) as caught:
        copied.attempt(job)
    assert caught.value.code in ("unknown_subnet", "outdated_spec")


@pytest.fixture
def on_a_board(finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The search has a second target, a board that has verified the same networks with files of their own.

    Returns:
        Digest of the board, and of the file of each of its networks.
    """
    board, file = replace(host_device(), cpu_model="a board"), finished.target.networks[-1].file_sha256
    second = finished.target.model_copy(
        update={
            "device": asdict(board),
            "device_label": board.label,
            "networks": tuple(
                one.model_copy(update={"file_sha256": file}) for one in finished.target.networks
            ),
        }
    )
    twice = finished.result.model_copy(update={"targets": (finished.target, second)})
    monkeypatch.setattr(StoredJob, "result", lambda stored: twice)
    return board.digest, file


def test_the_file_of_the_target_that_is_meant_is_delivered(
    copied: Home, finished: FinishedSearch, on_a_board: tuple[str, str]
) -> None:
    network = finished.target.front[0]
    assert network.file_sha256 != on_a_board[1]
    # Jobs of earlier versions name no target: they are of the first one.
    for more, number, file in (({}, 0, network.file_sha256), ({"target": 2}, 1, on_a_board[1])):
        job, made = made_by(copied, JobKind.EXPORT, name_of(finished, network), **more)
        assert (made.number, made.network.file_sha256) == (number, file)
        (export,) = copied.stores.fronts.exports("local", job.id)
        assert (export.file, export.card["target"]) == (file, number)


@pytest.mark.parametrize(
    ("kind", "more"), [(JobKind.EXPORT, {"precision": "int8"}), (JobKind.FINETUNE, {"epochs": 2})]
)
def test_what_is_made_for_a_target_is_measured_on_its_device(
    kind: JobKind,
    more: dict[str, Any],
    copied: Home,
    finished: FinishedSearch,
    on_a_board: tuple[str, str],
) -> None:
    job = submitted(copied, kind, name_of(finished, finished.target.front[0]), target=2, **more)
    with pytest.raises(HwnasError) as caught:
        copied.attempt(job)
    assert caught.value.code == "context_mismatch"
    assert copied.stores.results.document("local", job.id, BOUND) == on_a_board[0]


def test_images_that_changed_are_refused(
    copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_subnet(copied.stores, "local", name_of(finished, finished.target.front[0]))
    changed = found.result.model_copy(update={"dataset_digest": "0" * 64})
    monkeypatch.setattr(
        "nas.pipeline.single.find_subnet", lambda *names: type(found)(**{**vars(found), "result": changed})
    )
    job = submitted(copied, JobKind.FINETUNE, found.id)
    with pytest.raises(HwnasError) as caught:
        copied.attempt(job)
    assert caught.value.code == "data_changed"


def test_another_device_does_not_measure_for_this_one(
    copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_subnet(copied.stores, "local", name_of(finished, finished.target.front[0]))
    board = replace(host_device(), cpu_model="a board")
    moved = found.target.model_copy(update={"device": asdict(board), "device_label": board.label})
    monkeypatch.setattr(
        "nas.pipeline.single.find_subnet", lambda *names: type(found)(**{**vars(found), "target": moved})
    )
    job = submitted(copied, JobKind.EXPORT, found.id, precision="int8")
    with pytest.raises(HwnasError) as caught:
        copied.attempt(job)
    assert caught.value.code == "context_mismatch"
    # Its own workers take it from here.
    assert copied.stores.results.document("local", job.id, BOUND) == board.digest
