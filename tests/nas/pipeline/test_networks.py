"""From an architecture to a figure: the exported file is what is scored and measured."""

import hashlib
import shutil

import numpy as np
import onnx
import pytest

from latency_predictors.device import host_context
from latency_predictors.memory import peak_memory_bytes
from latency_predictors.spread import Measured
from nas.export.classifier import OnnxClassifier
from nas.pipeline.networks import (
    Exported,
    export_subnet,
    latency_of,
    measure_files,
    score_file,
    shape_costs,
)
from nas.pipeline.predict import make_evaluator
from nas.pipeline.profile import load_table
from nas.pipeline.train import load_trained
from search_spaces.base import architecture_digest
from search_spaces.network import layers, network
from search_spaces.sampling import as_architecture, largest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.small_search import Recorder, Stopwatch, context, file_ms


@pytest.fixture(scope="module")
def exported(finished: FinishedSearch) -> Exported:
    ctx = finished.context()
    supernet = load_trained(ctx)
    largest_one = as_architecture(largest(ctx.space)[0])
    return export_subnet(ctx, supernet, make_evaluator(ctx, supernet), largest_one)


def test_the_file_that_is_kept_is_the_one_described(finished: FinishedSearch, exported: Exported) -> None:
    content = finished.run.network_path(exported.file_sha256).read_bytes()
    assert hashlib.sha256(content).hexdigest() == exported.file_sha256
    assert len(content) == exported.file_bytes
    assert exported.max_difference <= 1e-4
    assert exported.digest == architecture_digest(exported.space, exported.architecture)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)


def test_exporting_again_gives_the_same_bytes(finished: FinishedSearch, exported: Exported) -> None:
    ctx = finished.context()
    supernet = load_trained(ctx)
    again = export_subnet(ctx, supernet, make_evaluator(ctx, supernet), exported.architecture)
    assert again.file_sha256 == exported.file_sha256
    np.testing.assert_array_equal(again.correct, exported.correct)


def test_the_file_is_scored_and_agrees_with_the_supernet(
    finished: FinishedSearch, exported: Exported
) -> None:
    ctx = finished.context()
    evaluator = make_evaluator(ctx, load_trained(ctx))
    by_supernet = evaluator.correct(exported.architecture, "validation")
    assert np.mean(exported.correct == by_supernet) >= 0.98
    for part in ("validation", "test"):
        classifier = OnnxClassifier(finished.run.network_path(exported.file_sha256))
        logits = classifier.run(ctx.dataset.images(part, 16))
        by_hand = logits.argmax(axis=1) == ctx.dataset.labels(part)
        np.testing.assert_array_equal(score_file(ctx, exported.file_sha256, part), by_hand)


def test_shapes_of_the_exported_network_are_those_of_its_layers(exported: Exported) -> None:
    specs = layers(exported.space, exported.architecture)
    assert shape_costs(exported) == {
        "num_params": sum(spec.num_params for spec in specs),
        "num_macs": sum(spec.macs for spec in specs),
        "peak_memory_bytes": peak_memory_bytes(network(exported.space, exported.architecture)),
        "resolution": 16,
    }


def test_files_are_measured_under_their_digests(
    finished: FinishedSearch, exported: Exported, watch: Stopwatch
) -> None:
    ctx = finished.context()
    digests = [exported.file_sha256, finished.target.networks[0].file_sha256]
    found = measure_files(ctx, load_table(ctx.settings, host_context()), digests, "verify")
    assert watch.asked == [digests]
    for digest in digests:
        assert found[digest].median_ms == pytest.approx(file_ms(finished.run.network_path(digest)))
    assert isinstance(ctx.progress, Recorder)
    assert ctx.progress.steps == [("verify", 2, 2, "measuring networks")]


def test_what_was_measured_is_shown_as_measured() -> None:
    shown = latency_of(Measured("d", 1.0, 0.9, 1.2, 1.3, 0.01, ("s1", "s2"), suspect=False))
    assert (shown.lower_ms, shown.median_ms, shown.upper_ms, shown.p90_ms) == (0.9, 1.0, 1.2, 1.3)
    assert (shown.kind, shown.sessions) == ("measured", ("s1", "s2"))


def test_networks_of_one_search_do_not_lie_in_another(finished: FinishedSearch) -> None:
    other = context(finished.home, seed=99)
    assert not (other.run.path / "networks").exists()
    shutil.rmtree(other.run.path)
