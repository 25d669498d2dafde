"""Networks of the front that are trained on: verified again, and shown only where they became better."""

import numpy as np
import pytest

from nas.pipeline import finetune
from nas.pipeline.finetune import FinetuneDocument, FinetunePlan, better_of, chosen_networks
from nas.pipeline.networks import score_file
from nas.pipeline.runner import open_context, run_search
from nas.pipeline.train import TrainDocument
from nas.pipeline.verify import VerifyDocument
from nas.publication import accuracy_of, statuses
from nas.results import TargetResult
from nas.settings import Settings
from nas.store.run_folder import RunFolder
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Recorder, file_ms, small_spec, stopwatch


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> FinishedSearch:
    """A small search that trains its front on for ten times as long as the supernet was trained."""
    home, progress = tmp_path_factory.mktemp("tuned"), Recorder()
    with stopwatch() as watch:
        spec = small_spec(finetune={"share": 10.0, "points": 3}, references=[])
        result = run_search(spec, Settings(home=home), progress)
    return FinishedSearch(home, result, progress, watch.asked)


def verified(search: FinishedSearch) -> TargetResult:
    return search.run.load("verify", VerifyDocument).targets[0]


def test_nothing_is_trained_on_unless_asked_for(finished: FinishedSearch) -> None:
    document = finished.run.load("finetune", FinetuneDocument)
    assert document == FinetuneDocument(targets=(verified(finished),), cpu_seconds=0.0)


def test_a_network_takes_the_place_of_its_inherited_form_where_it_is_not_worse(tuned: FinishedSearch) -> None:
    before = {one.architecture_digest: one for one in verified(tuned).networks}
    after = {one.architecture_digest: one for one in tuned.target.networks}
    assert before.keys() == after.keys()
    planned = tuned.run.load("finetune.plan", FinetunePlan).epochs
    assert set(planned) == {one.architecture_digest for one in chosen_networks(verified(tuned), 3)}
    trained = [one for one in after.values() if one.finetune_epochs]
    assert trained, "a supernet of two epochs leaves something to learn"
    for one in trained:
        was = before[one.architecture_digest]
        assert one.finetune_epochs == planned[one.architecture_digest]
        assert one.inherited_accuracy == was.accuracy
        assert one.accuracy.value >= was.accuracy.value
        assert one.file_sha256 != was.file_sha256
    for digest in after.keys() - {one.architecture_digest for one in trained}:
        assert after[digest].file_sha256 == before[digest].file_sha256
        assert after[digest].accuracy == before[digest].accuracy


def test_what_is_published_belongs_to_the_trained_file(tuned: FinishedSearch) -> None:
    ctx = tuned.context()
    confirm = np.unique(np.concatenate([fold.confirm for fold in ctx.dataset.folds]))
    for one in tuned.target.networks:
        path = tuned.run.network_path(one.file_sha256)
        correct = score_file(ctx, one.file_sha256, "validation")[confirm]
        assert one.accuracy == accuracy_of(correct, one.accuracy.part)
        assert one.latency.median_ms == pytest.approx(file_ms(path))
        assert one.max_difference <= 1e-4


def test_the_front_is_non_dominated_in_what_was_measured_after_training(tuned: FinishedSearch) -> None:
    networks = tuned.target.networks
    assert [one.status for one in networks] == statuses(networks, ("accuracy", "latency_ms"), {})


def test_a_delivered_file_names_the_architecture_of_its_space(tuned: FinishedSearch) -> None:
    delivery = tuned.result.deliveries[0]
    network = next(one for one in tuned.target.networks if one.name == delivery.name)
    ctx = tuned.context()
    digest = network.architecture_digest
    assert any(one.architecture_digest == digest for one in verified(tuned).networks)
    assert (tuned.run.path / delivery.folder / "model.onnx").read_bytes() == tuned.run.network_path(
        network.file_sha256
    ).read_bytes()
    assert score_file(ctx, network.file_sha256, "test").mean() == pytest.approx(
        network.test_accuracy.value if network.test_accuracy else -1.0
    )


def test_the_phase_once_more_ends_with_the_same_files(tuned: FinishedSearch) -> None:
    """The phase once more, with what it had trained: the plan is kept, and so are the finished trainings."""
    before = tuned.run.load("finetune", FinetuneDocument)
    ctx = open_context(tuned.result.spec, Settings(home=tuned.home), Recorder(), RunFolder(tuned.run.path))
    with stopwatch():
        finetune.run(ctx)
    again = tuned.run.load("finetune", FinetuneDocument)
    assert [one.file_sha256 for one in again.targets[0].networks] == [
        one.file_sha256 for one in before.targets[0].networks
    ]
    given = 10 * tuned.run.load("train", TrainDocument).cpu_seconds
    assert again.cpu_seconds == pytest.approx(given, abs=5.0)
    assert before.cpu_seconds >= given


def test_points_are_spread_over_the_front(finished: FinishedSearch) -> None:
    first = finished.target.front[0]
    front = tuple(first.model_copy(update={"name": f"net-{number}"}) for number in range(7))
    target = finished.target.model_copy(update={"networks": front})
    assert chosen_networks(target, 100) == list(front)
    assert chosen_networks(target, 3) == [front[0], front[3], front[6]]
    assert chosen_networks(target, 1) == [front[0]]


@pytest.mark.parametrize(
    ("accuracy", "upper_ms", "trained"),
    [(0.9, 1.0, True), (0.8, 1.0, True), (0.79, 1.0, False), (0.9, 2.1, False)],
)
def test_a_trained_form_that_is_worse_or_breaks_a_limit_is_not_shown(
    accuracy: float, upper_ms: float, trained: bool, finished: FinishedSearch
) -> None:
    network = finished.target.front[0]
    known, found = (
        network.model_copy(
            update={
                "name": name,
                "accuracy": network.accuracy.model_copy(update={"value": value}),
                "latency": network.latency.model_copy(update={"upper_ms": ms}),
            }
        )
        for name, value, ms in (("inherited", 0.8, 1.0), ("trained", accuracy, upper_ms))
    )
    assert better_of(known, found, {"latency_ms": 2.0}) == (found if trained else known)
    # Where both break a limit, accuracy decides.
    assert better_of(known, found, {"latency_ms": 0.5}) == (found if accuracy >= 0.8 else known)


def test_trainings_stay_in_the_folder_of_their_search(tuned: FinishedSearch) -> None:
    assert sorted(path.name for path in tuned.run.path.iterdir()) == [
        "exports",
        "finetune",
        "networks",
        "phases",
        "report.html",
        "result.json",
        "spec.json",
    ]
