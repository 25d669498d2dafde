"""Stock networks get their share of the supernet's training and are measured like everything else."""

from dataclasses import asdict

import pytest

from nas.jobs import Waiting
from nas.pipeline import references
from nas.pipeline.context import Done, PhaseContext
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.networks import score_file
from nas.pipeline.references import ReferencesDocument
from nas.pipeline.sites import target_site
from nas.pipeline.train import TrainDocument
from nas.pipeline.trained import training_key
from nas.publication import accuracy_of
from nas.tasks import StockNetwork, TimeNetwork, TrainNetwork
from search_spaces.errors import MeasurementError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home, Recorder, file_ms


def test_the_stock_network_was_exported_scored_and_measured(finished: FinishedSearch) -> None:
    (resnet,) = finished.result.references
    assert (resnet.name, resnet.origin, resnet.architecture) == ("resnet", "reference", {})
    path = finished.run.network_path(resnet.file_sha256)
    assert resnet.latency.median_ms == pytest.approx(file_ms(path))
    ctx = finished.context()
    # No image has selected it: all validation images may show its accuracy.
    assert resnet.accuracy == accuracy_of(score_file(ctx, resnet.file_sha256, "validation"), "validation")
    assert resnet.test_accuracy == accuracy_of(score_file(ctx, resnet.file_sha256, "test"), "test")
    assert resnet.max_difference <= 1e-4


@pytest.mark.parametrize(("spent", "counted"), [(0.25, 0.25), (0.5, 0.5), (0.65, 0.5)])
def test_it_is_trained_as_long_as_supernet_and_front_were(
    spent: float, counted: float, copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the front took beyond its share, side by side, was no more training."""
    asked: list[float] = []

    def one_epoch(ctx: object, network: object, cpu_seconds: float) -> int:
        asked.append(cpu_seconds)
        return 1

    monkeypatch.setattr(references, "epochs_within", one_epoch)
    ctx = copied.context(references=["resnet", "shufflenet_v2"], finetune={"share": 0.5, "points": 2})
    trained = finished.run.load("train", TrainDocument).model_copy(update={"cpu_seconds": 200.0})
    ctx.run.save("train", trained)
    ctx.run.save(
        "finetune", FinetuneDocument(targets=(finished.target,), cpu_seconds=200.0 * spent, weights={})
    )
    assert references.run(ctx) != Done()
    assert asked == [pytest.approx(200.0 * (1 + counted) / 2)] * 2
    assert isinstance(ctx.progress, Recorder)
    trainings = [step for step in ctx.progress.steps if step[3].startswith("training")]
    assert trainings == [
        ("references", 1.0, 2, "training resnet"),
        ("references", 2.0, 2, "training shufflenet_v2"),
    ]
    # A phase that comes back trains, times and exports nothing again.
    copied.watch.serve(copied.stores)
    assert references.run(ctx) == Done()
    assert len(asked) == 2
    assert len([step for step in ctx.progress.steps if step[3].startswith("training")]) == 2
    found = ctx.run.load("references", ReferencesDocument).networks
    assert [network.name for network in found] == ["resnet", "shufflenet_v2"]


def test_without_references_nothing_is_done(copied: Home, finished: FinishedSearch) -> None:
    ctx = copied.context(references=[])
    ctx.run.save("train", finished.run.load("train", TrainDocument))
    ctx.run.save("finetune", FinetuneDocument(targets=(finished.target,), cpu_seconds=0.0, weights={}))
    assert references.run(ctx) == Done()
    assert ctx.run.load("references", ReferencesDocument).networks == ()
    assert copied.watch.asked == []


def test_a_stock_network_that_another_search_trains_is_waited_for(
    copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "epochs_within", lambda ctx, network, cpu_seconds: 1)
    other = copied.context()
    key = training_key(other, StockNetwork("shufflenet_v2"))
    begun = copied.stores.supernets.begin(other.run.lease, key, 1)
    ctx = copied.context(references=["shufflenet_v2", "mobilenet_v2"])
    ctx.run.save("train", finished.run.load("train", TrainDocument))
    ctx.run.save("finetune", FinetuneDocument(targets=(finished.target,), cpu_seconds=0.0, weights={}))
    for _ in range(2):  # what nobody else trains is trained meanwhile, once
        assert references.run(ctx) == Waiting(begun.id)
        (trained,) = copied.compute.of(TrainNetwork)
        assert trained.network == StockNetwork("mobilenet_v2")


@pytest.mark.parametrize("others", [["mobilenet_v2"], []])
def test_a_stock_network_that_cannot_be_trained_is_left_out_and_the_front_is_there(
    others: list[str], copied: Home
) -> None:
    copied.compute.diverges = lambda network: network == StockNetwork("shufflenet_v2")
    progress = Recorder()
    result = copied.search(progress, references=["shufflenet_v2", *others])
    assert result.targets[0].front
    assert result.deliveries
    assert [network.name for network in result.references] == others
    assert [said for said in progress.said if "shufflenet" in said] == [
        "left out: training shufflenet_v2 cannot go on (the loss of step 7 is not finite)"
    ]


def given(ctx: PhaseContext, finished: FinishedSearch, cpu_seconds: float) -> None:
    """Have supernet and front of a search on the same supernet taken so long."""
    trained = finished.run.load("train", TrainDocument)
    ctx.run.save("train", trained.model_copy(update={"cpu_seconds": cpu_seconds}))
    ctx.run.save("finetune", FinetuneDocument(targets=(finished.target,), cpu_seconds=0.0, weights={}))


def test_a_second_search_trains_no_stock_network_whatever_a_stopwatch_would_say(
    copied: Home, finished: FinishedSearch
) -> None:
    first = finished.result.references[0].training
    assert first is not None
    assert not first.reused
    ctx = copied.context(targets=[{"limits": {"latency_ms": 1_000.0}}])
    given(ctx, finished, 1.2 * first.cpu_seconds)
    assert references.run(ctx) == Done()
    assert copied.compute.of(TrainNetwork) == []
    assert copied.compute.of(TimeNetwork) == []
    (resnet,) = ctx.run.load("references", ReferencesDocument).networks
    assert resnet.training is not None
    assert (resnet.training.epochs, resnet.training.cpu_seconds) == (first.epochs, first.cpu_seconds)
    assert (resnet.training.given_cpu_seconds, resnet.training.reused) == (1.2 * first.cpu_seconds, True)
    assert resnet.file_sha256 == finished.result.references[0].file_sha256


def test_one_that_was_trained_for_much_shorter_is_trained_anew(
    copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = finished.result.references[0].training
    assert first is not None
    monkeypatch.setattr(references, "epochs_within", lambda ctx, network, cpu_seconds: first.epochs + 1)
    ctx = copied.context()
    given(ctx, finished, 3 * first.cpu_seconds)
    assert references.run(ctx) == Waiting()
    (task,) = copied.compute.of(TrainNetwork)
    assert task.options.epochs == first.epochs + 1


def test_memory_of_a_stock_network_is_that_of_each_targets_batch(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx = copied.context(targets=[{}, {"context": {"batch": 4}}])
    given(ctx, finished, 1.2 * finished.run.load("train", TrainDocument).cpu_seconds)
    there = target_site(ctx, ctx.spec.targets[1]).context
    fronts = (
        finished.target,
        finished.target.model_copy(update={"target": ctx.spec.targets[1], "context": asdict(there)}),
    )
    ctx.run.save("finetune", FinetuneDocument(targets=fronts, cpu_seconds=0.0, weights={}))
    assert references.run(ctx) == Waiting()
    copied.watch.serve(copied.stores)
    assert references.run(ctx) == Done()
    ((one,), (four,)) = ctx.run.load("references", ReferencesDocument).targets
    assert one.file_sha256 == four.file_sha256
    assert four.peak_memory_bytes == 4 * one.peak_memory_bytes


def test_stock_networks_are_measured_as_the_front_was_or_not_at_all(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx = copied.context()
    ctx.run.save("train", finished.run.load("train", TrainDocument))
    before = {**finished.target.context, "power_mode": "governor before"}
    front = finished.target.model_copy(update={"context": before})
    ctx.run.save("finetune", FinetuneDocument(targets=(front,), cpu_seconds=0.0, weights={}))
    with pytest.raises(MeasurementError, match="governor before") as caught:
        references.run(ctx)
    assert caught.value.code == "context_mismatch"
