"""Networks of the front that are trained on: verified again, and shown only where they became better."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import RootModel

from nas.export.classifier import read_metadata
from nas.jobs import Waiting
from nas.pipeline import finetune
from nas.pipeline.answers import find_answers
from nas.pipeline.context import Done
from nas.pipeline.finetune import (
    FinetuneDocument,
    FinetunePlan,
    better_of,
    chosen_networks,
    fitting_epochs,
)
from nas.pipeline.networks import score_file
from nas.pipeline.train import TrainDocument
from nas.pipeline.trained import find_trained, training_key
from nas.pipeline.verify import VerifyDocument
from nas.publication import accuracy_of, statuses
from nas.results import TargetResult
from nas.tasks import TrainNetwork, TunedSubnet
from search_spaces.base import architecture_from_values
from search_spaces.errors import MeasurementError
from tests.nas.pipeline.conftest import FinishedSearch, finish
from tests.nas.pipeline.small_search import Home, KilledError, Killer, Recorder, file_ms

SPEC: dict[str, Any] = {
    "finetune": {"share": 0.5, "points": 3},
    "references": [],
    "search": {"evaluations": 600},
    "verify": {"candidates": 12, "rounds": 1},  # enough for a front of several networks
}
EPOCHS = 20


def in_epochs(*_: object) -> int:
    """Train for as long on any machine."""
    return EPOCHS


@pytest.fixture(scope="module")
def tuned(finished: FinishedSearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinishedSearch]:
    """The small search again, but its front is trained on: for as many epochs as on any machine."""
    home = finished.home.copy(tmp_path_factory.mktemp("tuned") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetune, "fitting_epochs", in_epochs)
        yield finish(home, **SPEC)
    home.remove()


class Json(RootModel[dict[str, Any]]):
    """A document of any kind, to be copied from one search to another."""


def verified(search: FinishedSearch) -> TargetResult:
    return search.run.load("verify", VerifyDocument).targets[0]


def test_nothing_is_trained_on_unless_asked_for(finished: FinishedSearch) -> None:
    document = finished.run.load("finetune", FinetuneDocument)
    expected = FinetuneDocument(targets=(verified(finished),), cpu_seconds=0.0, weights={})
    assert document == expected


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
        answers = find_answers(tuned.run, 0, one)
        assert answers is not None
        np.testing.assert_array_equal(answers.predicted == answers.labels, correct)


def test_the_front_is_non_dominated_in_what_was_measured_after_training(tuned: FinishedSearch) -> None:
    networks = tuned.target.networks
    assert [one.status for one in networks] == statuses(networks, ("accuracy", "latency_ms"), {})


def test_a_trained_file_names_the_architecture_of_its_space(tuned: FinishedSearch) -> None:
    one = next(network for network in tuned.target.networks if network.finetune_epochs)
    metadata = read_metadata(tuned.run.network_path(one.file_sha256))
    assert metadata.architecture_digest == one.architecture_digest
    assert metadata.options == one.architecture


def test_weights_of_their_own_are_kept_by_architecture(tuned: FinishedSearch) -> None:
    document = tuned.run.load("finetune", FinetuneDocument)
    assert document.weights.keys() == tuned.run.load("finetune.plan", FinetunePlan).epochs.keys()
    ctx, supernet = tuned.context(), tuned.run.load("train", TrainDocument).weights
    for digest, weights in document.weights.items():
        (network,) = (one for one in tuned.target.networks if one.architecture_digest == digest)
        architecture = architecture_from_values(ctx.space, network.architecture)
        found = find_trained(ctx, training_key(ctx, TunedSubnet(architecture, supernet)), None)
        assert found is not None
        assert found.weights.tensors == weights
        assert tuned.home.stores.artifacts.has(weights)


def test_the_phase_once_more_ends_with_the_same_files(
    tuned: FinishedSearch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another search on the same supernet finds what was trained on; only how long is its own decision."""
    home = tuned.home.copy(tmp_path_factory.mktemp("again") / "home")
    ctx = home.context(**SPEC)
    for name in ("train", "verify", "finetune.plan"):
        ctx.run.save(name, tuned.run.load(name, Json))
    assert finetune.run(ctx) == Done()
    again, before = (run.load("finetune", FinetuneDocument) for run in (ctx.run, tuned.run))
    assert again.targets == before.targets
    assert again.weights == before.weights
    assert again.cpu_seconds == before.cpu_seconds > 0
    assert home.watch.asked == []
    assert isinstance(ctx.progress, Recorder)
    assert not [step for step in ctx.progress.steps if step[3].startswith("training")]
    home.remove()


def test_what_is_trained_on_is_measured_as_its_front_was_or_not_at_all(
    tuned: FinishedSearch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tuned.home.copy(tmp_path_factory.mktemp("otherwise") / "home")
    ctx = home.context(**SPEC)
    for name in ("train", "finetune.plan"):
        ctx.run.save(name, tuned.run.load(name, Json))
    before = {**verified(tuned).context, "power_mode": "governor before"}
    front = verified(tuned).model_copy(update={"context": before})
    ctx.run.save("verify", VerifyDocument(targets=(front,)))
    with pytest.raises(MeasurementError, match="governor before") as caught:
        finetune.run(ctx)
    assert caught.value.code == "context_mismatch"
    home.remove()


def test_the_networks_are_trained_for_as_many_epochs_as_fit_into_the_time(
    copied: Home, tuned: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Planned(Exception):  # noqa: N818 - an ordinary end
        pass

    def planned(*_: object) -> None:
        raise Planned

    spent = tuned.run.load("train", TrainDocument).cpu_seconds
    costs = iter([0.02 * spent, 0.04 * spent])
    monkeypatch.setattr(finetune, "epoch_cpu_seconds", lambda ctx, architecture: next(costs))
    monkeypatch.setattr(finetune, "fitting_epochs", fitting_epochs)  # in the place of the fixture's
    monkeypatch.setattr(finetune, "train_possible", planned)
    ctx = copied.context(finetune={"share": 2.5, "points": 2})
    for name in ("train", "verify"):
        ctx.run.save(name, tuned.run.load(name, Json))
    with pytest.raises(Planned):
        finetune.run(ctx)
    chosen = chosen_networks(verified(tuned), 2)  # a front of three has been one of two under load
    assert len(chosen) == 2
    plan = ctx.run.load("finetune.plan", FinetunePlan)
    # 2.5 of what training took, in epochs that take 0.06 of it together.
    assert plan.epochs == {network.architecture_digest: 41 for network in chosen}


def test_points_are_spread_over_the_front(finished: FinishedSearch) -> None:
    first = finished.target.front[0]
    front = tuple(first.model_copy(update={"name": f"net-{number}"}) for number in range(7))
    target = finished.target.model_copy(update={"networks": front})
    assert chosen_networks(target, 100) == list(front)
    assert chosen_networks(target, 3) == [front[0], front[3], front[6]]
    assert chosen_networks(target, 1) == [front[6]]


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


def test_a_kill_while_a_network_is_trained_on_changes_nothing_of_it(
    tuned: FinishedSearch, copied: Home
) -> None:
    """With the plan of the search that was not killed: how long a step takes is not what is tested."""
    ctx = copied.context(**SPEC)
    for name in ("train", "verify", "finetune.plan"):
        ctx.run.save(name, tuned.run.load(name, Json))
    killer = Killer(at=lambda phase, done, note: done == 0.1)
    with pytest.raises(KilledError):
        finetune.run(replace(ctx, progress=killer))
    assert finetune.run(ctx) == Waiting()
    copied.watch.serve(copied.stores)
    assert finetune.run(ctx) == Done()
    assert isinstance(ctx.progress, Recorder)
    (said,) = ctx.progress.said
    assert re.fullmatch(r"training net-[0-9a-f]{6} on: goes on after epoch 2 of 20", said)
    again, before = (run.load("finetune", FinetuneDocument) for run in (ctx.run, tuned.run))
    assert again.weights == before.weights
    assert [one.file_sha256 for one in again.targets[0].networks] == [
        one.file_sha256 for one in before.targets[0].networks
    ]


def test_a_network_that_another_search_trains_on_is_waited_for(tuned: FinishedSearch, copied: Home) -> None:
    other, ctx = copied.context(**SPEC), copied.context(**SPEC)
    for name in ("train", "verify", "finetune.plan"):
        ctx.run.save(name, tuned.run.load(name, Json))
    chosen = chosen_networks(verified(tuned), 3)
    architecture = architecture_from_values(ctx.space, chosen[0].architecture)
    network = TunedSubnet(architecture, tuned.run.load("train", TrainDocument).weights)
    begun = copied.stores.supernets.begin(other.run.lease, training_key(other, network), EPOCHS)
    assert finetune.run(ctx) == Waiting(begun.id)
    trained = [task.network for task in copied.compute.of(TrainNetwork)]
    assert len(trained) == len(chosen) - 1 > 0
    assert network not in trained


def test_a_network_whose_training_cannot_go_on_keeps_its_inherited_form(
    copied: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "fitting_epochs", in_epochs)
    asked = list[TunedSubnet]()

    def first(network: object) -> bool:
        asked.extend([network] if isinstance(network, TunedSubnet) else [])
        return bool(asked) and network == asked[0]

    copied.compute.diverges = first
    progress = Recorder()
    (target,) = copied.search(progress, **SPEC).targets
    (said,) = [said for said in progress.said if "cannot go on" in said]
    told = re.fullmatch(
        r"left out: training (net-\w+) on cannot go on \(the loss of step 7 is not finite\)", said
    )
    assert told
    tuned = {network.name for network in target.networks if network.finetune_epochs}
    assert tuned
    assert told[1] in {network.name for network in target.networks} - tuned
