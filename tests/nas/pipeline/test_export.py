"""Delivery: few points, scored on the test images together, each with its bundle."""

import hashlib
import json

from nas.pipeline.export import ExportDocument
from nas.pipeline.networks import score_file
from nas.publication import accuracy_of
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.report.documents import accuracy, network, target


def test_points_of_the_front_are_delivered_with_a_reason(finished: FinishedSearch) -> None:
    deliveries = finished.result.deliveries
    front = {network.name for network in finished.target.front}
    assert len(deliveries) == min(2, len(front))
    assert {delivery.name for delivery in deliveries} <= front
    assert deliveries[0].why == "the best accuracy of the front"
    assert {delivery.test_uses for delivery in deliveries} == {1}


def test_the_delivered_file_is_the_one_that_was_scored(finished: FinishedSearch) -> None:
    by_name = {network.name: network for network in finished.target.front}
    for delivery in finished.result.deliveries:
        folder = finished.run.path / delivery.folder
        content = (folder / "model.onnx").read_bytes()
        assert hashlib.sha256(content).hexdigest() == by_name[delivery.name].file_sha256
        manifest = json.loads((folder / "manifest.json").read_text())["files"]
        for name, facts in manifest.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == facts["sha256"]


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
