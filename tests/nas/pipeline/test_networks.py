"""From an architecture to a figure: the exported file is what is scored and measured."""

import hashlib
from collections.abc import Sequence

import numpy as np
import onnx
import pytest

from latency_predictors.memory import peak_memory_bytes
from nas.evaluation import SubnetEvaluator
from nas.export.classifier import OnnxClassifier
from nas.pipeline.context import PhaseContext
from nas.pipeline.networks import (
    Exported,
    Named,
    export_subnets,
    exported_once,
    score_file,
    shape_costs,
)
from nas.pipeline.options import augmentation_of
from nas.pipeline.train import TrainDocument
from nas.training.weights import load_supernet
from search_spaces.base import Architecture, architecture_digest
from search_spaces.network import layers, network
from search_spaces.sampling import as_architecture, largest, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Home, Recorder


def ends(ctx: PhaseContext) -> list[Architecture]:
    """The largest and the smallest architecture."""
    return [as_architecture(ends(ctx.space)[0]) for ends in (largest, smallest)]


def export(finished: FinishedSearch, ctx: PhaseContext, done: int = 0) -> list[Exported]:
    weights = finished.run.load("train", TrainDocument).weights
    return export_subnets(ctx, weights, ends(ctx), done)


@pytest.fixture(scope="module")
def both(finished: FinishedSearch) -> list[Exported]:
    """The largest and the smallest architecture, exported."""
    return export(finished, finished.context())


@pytest.fixture(scope="module")
def exported(both: Sequence[Exported]) -> Exported:
    """The largest one."""
    return both[0]


def test_the_file_that_is_kept_is_the_one_described(finished: FinishedSearch, exported: Exported) -> None:
    content = finished.run.network_path(exported.file_sha256).read_bytes()
    assert hashlib.sha256(content).hexdigest() == exported.file_sha256
    assert len(content) == exported.file_bytes
    assert exported.max_difference <= 1e-4
    assert exported.digest == architecture_digest(exported.space, exported.architecture)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)


def test_networks_come_in_the_order_in_which_they_were_named(
    finished: FinishedSearch, both: Sequence[Exported]
) -> None:
    assert [one.architecture for one in both] == ends(finished.context())
    assert both[0].file_bytes > both[1].file_bytes


def test_exporting_again_gives_the_same_bytes(finished: FinishedSearch, both: Sequence[Exported]) -> None:
    for one, again in zip(both, export(finished, finished.context()), strict=True):
        assert again.file_sha256 == one.file_sha256
        np.testing.assert_array_equal(again.correct, one.correct)


def test_progress_of_exporting_goes_on_where_earlier_rounds_were(finished: FinishedSearch) -> None:
    ctx = finished.context()
    export(finished, ctx, done=3)
    assert isinstance(ctx.progress, Recorder)
    assert ctx.progress.steps == [
        ("verify", 4, 6, "exporting and scoring"),
        ("verify", 5, 6, "exporting and scoring"),
    ]


def test_what_is_exported_once_is_exported_once(copied: Home, both: Sequence[Exported]) -> None:
    """Whoever waited for measurements finds its files and its answers."""
    ctx, made = copied.context(), []
    names = [Named(one.space, one.architecture) for one in both]

    def make() -> Sequence[Exported]:
        made.append(len(both))
        return both

    for _ in range(2):
        found = exported_once(ctx, "round", names, make)
        assert [(one.architecture, one.digest, one.file_sha256) for one in found] == [
            (one.architecture, one.digest, one.file_sha256) for one in both
        ]
        for one, expected in zip(found, both, strict=True):
            np.testing.assert_array_equal(one.correct, expected.correct)
            assert (one.file_bytes, one.max_difference) == (expected.file_bytes, expected.max_difference)
    assert made == [2]


def test_the_file_is_scored_and_agrees_with_the_supernet(
    finished: FinishedSearch, exported: Exported
) -> None:
    ctx, weights = finished.context(), finished.run.load("train", TrainDocument).weights
    supernet = load_supernet(finished.home.placed(weights), ctx.space)
    evaluator = SubnetEvaluator(supernet, ctx.dataset, ctx.spec.seed, augmentation_of(ctx.spec))
    by_supernet = evaluator.correct(exported.architecture, "validation")
    assert np.mean(exported.correct == by_supernet) >= 0.98
    for part in ("validation", "test"):
        classifier = OnnxClassifier(finished.run.network_path(exported.file_sha256))
        logits = classifier.run(ctx.dataset.images(part, 16))
        by_hand = logits.argmax(axis=1) == ctx.dataset.labels(part)
        np.testing.assert_array_equal(score_file(ctx, exported.file_sha256, part), by_hand)


def test_shapes_of_the_exported_network_are_those_of_its_layers(exported: Exported) -> None:
    specs = layers(exported.space, exported.architecture)
    expected = {
        "num_params": sum(spec.num_params for spec in specs),
        "num_macs": sum(spec.macs for spec in specs),
        "peak_memory_bytes": peak_memory_bytes(network(exported.space, exported.architecture)),
        "peak_memory_batch": 1,
        "resolution": 16,
    }
    assert shape_costs(exported, 1, "fp32") == expected
    together = {"peak_memory_bytes": 4 * expected["peak_memory_bytes"], "peak_memory_batch": 4}
    assert shape_costs(exported, 4, "fp32") == expected | together
    int8 = peak_memory_bytes(network(exported.space, exported.architecture), 4, "int8")
    assert shape_costs(exported, 4, "int8") == expected | together | {"peak_memory_bytes": int8}
    assert int8 < together["peak_memory_bytes"]
