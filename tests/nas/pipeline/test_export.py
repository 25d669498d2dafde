"""Delivery: few points, chosen for a reason, scored on the test images together."""

from dataclasses import replace

import pytest

from latency_predictors.device import host_device
from nas.jobs import Waiting
from nas.pipeline import export
from nas.pipeline.context import Done
from nas.pipeline.export import ExportDocument
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.networks import score_file
from nas.ports import Run
from nas.publication import accuracy_of
from nas.tasks import ScoreFile, Task
from search_spaces.errors import MeasurementError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home
from tests.nas.report.documents import accuracy, network, target


def test_points_of_the_front_are_delivered_with_a_reason(finished: FinishedSearch) -> None:
    deliveries = finished.result.deliveries
    front = {network.name for network in finished.target.front}
    assert len(deliveries) == min(2, len(front))
    assert {delivery.name for delivery in deliveries} <= front
    assert deliveries[0].why == "the best accuracy of the front"
    assert {delivery.test_uses for delivery in deliveries} == {1}


def test_only_delivered_networks_show_a_test_accuracy(finished: FinishedSearch) -> None:
    delivered = {delivery.name for delivery in finished.result.deliveries}
    ctx = finished.context()
    for one in finished.target.networks:
        if one.name not in delivered:
            assert one.test_accuracy is None
            continue
        assert one.test_accuracy == accuracy_of(score_file(ctx, one.file_sha256, "test"), "test")
        assert one.test_accuracy.num_images == 60


def test_test_accuracies_go_to_the_files_they_belong_to() -> None:
    first = network("a", 0.1, 0.8, file_sha256="1" * 64)
    other = network("b", 0.2, 0.9, file_sha256="2" * 64)
    scored = accuracy(0.7, 60, "test")
    document = ExportDocument(deliveries=(), test_accuracies={"2" * 64: scored})
    (found,) = document.with_test_accuracies([target((first, other))])
    assert [one.test_accuracy for one in found.networks] == [None, scored]


def test_what_is_delivered_runs_at_a_stretch_where_that_is_asked_for(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx = copied.context(export={"points": 2, "sustained_s": 5})
    ctx.run.save("finetune", FinetuneDocument(targets=(finished.target,), cpu_seconds=0.0, weights={}))
    assert export.run(ctx) == Waiting()
    leased = copied.stores.measurements.lease(host_device().digest, "by hand")
    assert leased is not None
    lease, (batch,) = leased
    assert batch.timing.min_duration_s == batch.timing.ceiling_s == 5.0
    copied.stores.measurements.give_back(lease)
    copied.watch.serve(copied.stores)
    assert export.run(ctx) == Done()
    document = ctx.run.load("export", ExportDocument)
    (found,) = document.with_test_accuracies([finished.target])
    delivered = {delivery.name for delivery in document.deliveries}
    for one in found.networks:
        if one.name not in delivered:
            assert one.sustained is None
            continue
        assert one.sustained is not None
        # The stopwatch's last runs are 1 % slower than its first.
        assert one.sustained.last_ms == pytest.approx(1.01 * one.sustained.first_ms)
        assert one.sustained.seconds == 5.0


def test_what_is_delivered_runs_at_a_stretch_as_it_was_measured_or_not_at_all(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx = copied.context(export={"points": 1, "sustained_s": 5})
    before = {**finished.target.context, "power_mode": "governor before"}
    front = finished.target.model_copy(update={"context": before})
    ctx.run.save("finetune", FinetuneDocument(targets=(front,), cpu_seconds=0.0, weights={}))
    with pytest.raises(MeasurementError, match="governor before") as caught:
        export.run(ctx)
    assert caught.value.code == "context_mismatch"
    assert copied.stores.measurements.lease(host_device().digest, "by hand") is None


def test_a_file_that_stands_on_two_fronts_is_scored_once(copied: Home, finished: FinishedSearch) -> None:
    scored: list[Task] = []

    class Counted:
        at_once = 1

        def run(self, task: Task) -> Run:
            scored.append(task)
            return copied.compute.run(task)

    ctx = replace(copied.context(), compute=Counted())
    both = (finished.target, finished.target)
    ctx.run.save("finetune", FinetuneDocument(targets=both, cpu_seconds=0.0, weights={}))
    assert export.run(ctx) == Done()
    document = ctx.run.load("export", ExportDocument)
    names = {delivery.name for delivery in finished.result.deliveries}
    assert {delivery.folder for delivery in document.deliveries} == {
        f"exports/{name}-{number}" for name in names for number in (0, 1)
    }
    scores = [task for task in scored if isinstance(task, ScoreFile)]
    assert len(scores) == len(names) == len(document.test_accuracies)
    assert all(task.part == "test" for task in scores)


def test_what_the_runtime_held_for_delivered_files_stands_beside_what_was_worked_out(
    copied: Home, finished: FinishedSearch
) -> None:
    ctx = copied.context()
    another = {**finished.target.device, "cpu_model": "another"}
    elsewhere = finished.target.model_copy(update={"device": another})
    asked = finished.target.target.context.model_copy(update={"batch": 4})
    batches = finished.target.model_copy(
        update={"target": finished.target.target.model_copy(update={"context": asked})}
    )
    targets = (finished.target, elsewhere, batches)
    ctx.run.save("finetune", FinetuneDocument(targets=targets, cpu_seconds=0.0, weights={}))
    assert export.run(ctx) == Done()
    here, *others = ctx.run.load("export", ExportDocument).with_test_accuracies(targets)
    delivered = {delivery.name for delivery in finished.result.deliveries}
    for one in here.networks:
        assert (one.arena_read_bytes is not None) == (one.name in delivered)
        if one.arena_read_bytes is not None and one.arena_bytes is not None:
            assert one.arena_read_bytes == pytest.approx(one.arena_bytes, rel=0.05)
    assert all(one.arena_read_bytes is None for target in others for one in target.networks)
