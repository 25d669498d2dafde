"""An int8 target from end to end: measured, scored and delivered in int8; the cost is measured once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latency_predictors.device import host_context
from latency_predictors.memory import peak_memory_of
from nas.evaluation import SubnetEvaluator
from nas.export.classifier import read_metadata
from nas.pipeline.amounts import NUM_PAIRED
from nas.pipeline.answers import find_answers
from nas.pipeline.networks import score_file
from nas.pipeline.options import augmentation_of, quantised_precisions
from nas.pipeline.shift import from_small_to_large, paired_answers, shift_figure
from nas.pipeline.tables import latest_table
from nas.pipeline.train import TrainDocument
from nas.precision_shift import MIN_NETWORKS
from nas.store.subnets import network_of
from nas.tasks import ExportNetworks, ScoreSubnets
from nas.training.weights import load_supernet
from search_spaces.base import architecture_from_values, space_digest
from search_spaces.network import layers
from search_spaces.sampling import as_architecture
from search_spaces.slot_tables import distinct_layers
from tests.latency_predictors.test_memory_int8 import peak_of_file
from tests.nas.pipeline.conftest import FinishedSearch, finish
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import file_ms, small_spec

INT8 = {"context": {"precision": "int8"}}


@pytest.fixture(scope="module")
def int8(finished: FinishedSearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinishedSearch]:
    """A search for an int8 target on the supernet of the finished one, whose target is fp32."""
    home = finished.home.copy(tmp_path_factory.mktemp("int8") / "home")
    yield finish(home, targets=[INT8])
    home.remove()


def test_its_table_is_one_of_its_own(int8: FinishedSearch) -> None:
    ctx = int8.context()
    context = replace(host_context(), precision="int8")
    table, fp32 = (latest_table(int8.home.stores, here(one)) for one in (context, host_context()))
    assert table.context == context
    assert table.context.digest != fp32.context.digest
    assert not table.missing(distinct_layers(ctx.space))
    assert space_digest(ctx.space) in table.corrections
    measured = int8.target.table
    assert measured.num_measured_now == measured.num_layers == len(distinct_layers(ctx.space))
    assert "corrected" in measured.report
    assert table.entries.keys() == fp32.entries.keys()
    assert any(entry.median_ms != fp32.entries[key].median_ms for key, entry in table.entries.items())
    assert any("int8 (quantised on random inputs of a fixed seed)" in line for line in int8.progress.said)


def test_what_is_published_is_scored_and_measured_as_int8(int8: FinishedSearch) -> None:
    ctx = int8.context()
    assert int8.target.context["precision"] == "int8"
    for network in (*int8.target.networks, *int8.result.references):
        path = int8.run.network_path(network.file_sha256)
        said = read_metadata(path)
        assert said.precision == "int8"
        assert said.ranges_from == "120 training images, seed 0"
        assert network.file_bytes == path.stat().st_size
        assert network.latency.median_ms == pytest.approx(file_ms(path))
        correct = score_file(ctx, network.file_sha256, "validation")
        assert network.accuracy.value == pytest.approx(float(correct.mean()))
        assert network.max_difference <= 1e-4
        assert network.fp32_accuracy is not None
        assert network.fp32_accuracy.num_images == network.accuracy.num_images


def test_memory_is_that_of_the_int8_files_and_as_predicted(int8: FinishedSearch) -> None:
    space, networks = int8.context().space, int8.target.networks
    archs = np.array([architecture_from_values(space, one.architecture) for one in networks])
    predicted = peak_memory_of(space, precision="int8")(archs)
    assert [one.peak_memory_bytes for one in networks] == predicted.tolist()
    # A value takes a byte, but cells on zeros make all of these at the start: it may be more than in fp32.
    assert (predicted != peak_memory_of(space)(archs)).all()
    (resnet,) = int8.result.references
    assert resnet.peak_memory_bytes == peak_of_file(int8.run.network_path(resnet.file_sha256).read_bytes())


def test_accuracy_before_quantisation_is_that_of_the_subnet(int8: FinishedSearch) -> None:
    ctx = int8.context()
    weights = int8.run.load("train", TrainDocument).weights
    supernet = load_supernet(int8.home.placed(weights), ctx.space)
    evaluator = SubnetEvaluator(supernet, ctx.dataset, ctx.spec.seed, augmentation_of(ctx.spec))
    network = int8.target.networks[0]
    architecture = architecture_from_values(ctx.space, network.architecture)
    assert network.fp32_accuracy is not None
    expected = float(evaluator.correct(architecture, "validation").mean())
    assert network.fp32_accuracy.value == pytest.approx(expected, abs=0.02)


def test_what_is_delivered_is_the_file_that_was_scored(int8: FinishedSearch) -> None:
    for delivery in int8.result.deliveries:
        network = next(one for one in int8.target.networks if one.name == delivery.name)
        assert network.test_accuracy is not None
        correct = score_file(int8.context(), network.file_sha256, "test")
        assert network.test_accuracy.value == pytest.approx(float(correct.mean()))


def test_the_shift_comes_from_enough_networks_in_both_precisions(int8: FinishedSearch) -> None:
    ctx = int8.context()
    answers = paired_answers(ctx, "predict", "int8")
    assert answers is not None
    assert answers.before.shape == answers.after.shape == (NUM_PAIRED, 80)
    assert NUM_PAIRED >= MIN_NETWORKS
    assert (answers.before != answers.after).any()
    assert (answers.before == answers.after).mean() > 0.8
    # Verified networks join.
    shift = int8.target.shift
    assert shift is not None
    assert (shift.num_networks, shift.num_images) == (NUM_PAIRED + len(int8.target.networks), 80)
    changes = answers.after.astype(float) - answers.before
    stated = shift_figure(answers, np.arange(80))
    assert stated.value == pytest.approx(changes.mean())
    assert stated.lower <= stated.value <= stated.upper


def test_predictions_stand_beside_with_wider_intervals_than_in_fp32(int8: FinishedSearch) -> None:
    for network in int8.target.networks:
        figure = network.predicted_accuracy
        assert figure is not None
        assert figure.kind == "fitted"
        assert figure.lower <= figure.value <= figure.upper


def test_subnets_are_not_scored_again_and_the_shift_is_measured_once(
    int8: FinishedSearch, tmp_path: Path
) -> None:
    of_shift = [task for task in int8.tasks if len(getattr(task, "architectures", ())) == NUM_PAIRED]
    assert [type(task) for task in of_shift] == [ExportNetworks]
    assert not any(isinstance(task, ScoreSubnets) for task in int8.tasks)
    home = int8.home.copy(tmp_path / "again")
    again = finish(home, targets=[{**INT8, "limits": {"num_params": 60_000}}], references=[])
    assert not any(len(getattr(task, "architectures", ())) == NUM_PAIRED for task in again.tasks)
    assert again.target.shift is not None
    assert again.target.table.num_measured_now == 0
    home.remove()


def test_networks_are_spread_from_small_to_large(int8: FinishedSearch) -> None:
    ctx = int8.context()
    archs = ctx.run.load_arrays("predict")["archs"]
    some = from_small_to_large(ctx.space, archs, NUM_PAIRED, 0)
    assert len(np.unique(some, axis=0)) == NUM_PAIRED
    macs = [sum(spec.macs for spec in layers(ctx.space, as_architecture(row))) for row in some]
    everything = [sum(spec.macs for spec in layers(ctx.space, as_architecture(row))) for row in archs]
    assert macs == sorted(macs)
    assert (macs[0], macs[-1]) == (min(everything), max(everything))


def test_precisions_are_named_once_and_fp32_needs_nothing() -> None:
    assert quantised_precisions(small_spec()) == []
    assert quantised_precisions(small_spec(targets=[INT8, {}, INT8])) == ["int8"]


def test_both_precisions_stand_side_by_side_and_are_trained_on_each(
    int8: FinishedSearch, tmp_path: Path
) -> None:
    """One training of an architecture serves both fronts; each gets its file, of stock networks too."""
    home = int8.home.copy(tmp_path / "both")
    found = finish(home, targets=[{}, INT8], finetune={"share": 0.5, "points": 1})
    first, second = found.result.targets
    assert (first.shift, second.shift is None) == (None, False)
    assert first.context["precision"] == "fp32"
    for target, precision in ((first, "fp32"), (second, "int8")):
        for network in target.networks:
            path = found.run.network_path(network.file_sha256)
            assert read_metadata(path).precision == precision
            assert (network.fp32_accuracy is None) == (precision == "fp32")
    (plain,), (quantised,) = (found.result.references_at(number) for number in range(2))
    assert (plain.name, quantised.name, quantised.stock) == ("resnet", "resnet-int8", "resnet")
    assert read_metadata(found.run.network_path(quantised.file_sha256)).precision == "int8"
    assert quantised.fp32_accuracy == plain.accuracy
    assert network_of(found.result, "resnet-int8") == (1, quantised)
    assert find_answers(found.run, 1, quantised) is not None
    home.remove()
