"""What everything that runs tasks keeps: each implementation's test inherits `ComputeContract`.

What it is held against is worked out by calling training, scoring and export directly.
"""

import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from latency_predictors.device import host_device
from latency_predictors.lease import host_lease_folder, measuring_lease
from nas.data.catalogue import open_dataset
from nas.data.spec import ImageFolderSpec, ShapesSpec
from nas.evaluation import SubnetEvaluator
from nas.export.checked import export_checked, score_file
from nas.ports import Compute
from nas.side_by_side import run_all
from nas.specs import Precision, SpaceSpec
from nas.task_events import (
    CheckpointDamaged,
    CheckpointKept,
    EpochDone,
    Event,
    FileScored,
    ImagesDecoded,
    NetworkExported,
    NetworkTimed,
    NetworkTrained,
    Resumed,
    StoredCheckpoint,
    SubnetScored,
    SupernetTimed,
    TensorFiles,
)
from nas.tasks import (
    DecodeImages,
    ExportNetworks,
    Inputs,
    Network,
    ScoreFile,
    ScoreSubnets,
    StockNetwork,
    TimeNetwork,
    TimeSupernet,
    TrainNetwork,
    TunedSubnet,
    WholeSpace,
)
from nas.training.events import Trained
from nas.training.finetune import finetune
from nas.training.options import Augmentation, TrainingOptions, TrainTask
from nas.training.recipes import get_recipe
from nas.training.trainer import train
from nas.training.weights import load_supernet, manifest_path
from nas.workplace import network_space, space_for, stock_space
from search_spaces.base import Architecture, architecture_digest
from search_spaces.errors import ArtifactError, ComputeError, DataError, UsageError
from search_spaces.sampling import as_architecture, random_architectures
from tests.contracts.folder_artifacts import FolderArtifacts
from tests.nas.data.zips import image

IMAGES = ShapesSpec(num_train=192, num_validation=128, num_test=64, num_classes=4, size=8, difficulty=0.0)
"""So few that a training takes half a second, and drawn faster than scikit-learn is loaded for the digits."""
EPOCHS = 3
SEED = 4
OPTIONS = TrainingOptions(epochs=EPOCHS, batch_size=96)
SHORT = TrainingOptions(epochs=1, batch_size=96)


def inputs() -> Inputs:
    """A few images and the smallest real space."""
    return Inputs(IMAGES, open_dataset(IMAGES).digest, SpaceSpec(name="mobilenet_v3"))


def training(network: Network = WholeSpace(), **changes: Any) -> TrainNetwork:  # noqa: B008
    """A training of half a second."""
    task = TrainNetwork(inputs(), network, "uniform", OPTIONS, SEED)
    return replace(task, **changes)


def architectures(number: int = 5) -> tuple[Architecture, ...]:
    """Some subnets."""
    space = space_for(SpaceSpec(), open_dataset(IMAGES))
    drawn = random_architectures(space, number, np.random.default_rng(8))
    return tuple(as_architecture(row) for row in drawn)


@dataclass(frozen=True)
class Expected:
    """A supernet that was trained and used directly.

    Attributes:
        weights: In the artifacts of the test.
    """

    weight_hash: str
    weights: TensorFiles
    path: Path

    def evaluator(self) -> SubnetEvaluator:
        """What scores its subnets."""
        dataset = open_dataset(IMAGES)
        supernet = load_supernet(self.path, space_for(SpaceSpec(), dataset))
        return SubnetEvaluator(supernet, dataset, SEED, Augmentation())


def last(events: Iterable[Event]) -> Event:
    """Return the last thing said."""
    *_, final = events
    return final


def trained(events: Iterable[Event]) -> NetworkTrained:
    """Return the end of a training."""
    final = last(events)
    assert isinstance(final, NetworkTrained)
    return final


def checkpoints_of(events: Iterable[Event]) -> tuple[StoredCheckpoint, ...]:
    """Return what was kept, oldest first."""
    return tuple(event.checkpoint for event in events if isinstance(event, CheckpointKept))


class ComputeContract:
    """Inherit this in a class whose name begins with `Test` and that has a fixture `compute`."""

    @pytest.fixture(scope="class")
    @classmethod
    def artifacts(cls, tmp_path_factory: pytest.TempPathFactory) -> FolderArtifacts:
        """What the tasks read and write."""
        return FolderArtifacts(tmp_path_factory.mktemp("artifacts"))

    @pytest.fixture(scope="class")
    @classmethod
    def expected(cls, artifacts: FolderArtifacts, tmp_path_factory: pytest.TempPathFactory) -> Expected:
        dataset = open_dataset(IMAGES)
        task = TrainTask(tmp_path_factory.mktemp("direct"), get_recipe("uniform"), OPTIONS, SEED)
        *_, end = train(task, dataset, space_for(SpaceSpec(), dataset))
        assert isinstance(end, Trained)
        weights = TensorFiles(artifacts.put_file(end.path), artifacts.put_file(manifest_path(end.path)))
        return Expected(end.weight_hash, weights, end.path)

    @pytest.fixture(scope="class")
    @classmethod
    def whole(cls, compute: Compute) -> list[Event]:
        """What one training said."""
        return list(compute.run(training()))

    def test_a_network_is_trained_and_each_checkpoint_kept(
        self, whole: list[Event], artifacts: FolderArtifacts, expected: Expected
    ) -> None:
        *epochs, end = whole
        assert [type(event) for event in epochs] == [CheckpointKept, EpochDone] * EPOCHS
        kept = checkpoints_of(epochs)
        assert [checkpoint.epoch for checkpoint in kept] == [1, 2, 3]
        assert all(artifacts.get(each.files.tensors) and artifacts.get(each.files.manifest) for each in kept)
        assert isinstance(end, NetworkTrained)
        assert end.weight_hash == expected.weight_hash
        assert artifacts.get(end.weights.tensors) == expected.path.read_bytes()
        assert end.cpu_seconds > 0
        assert end.num_params == sum(p.numel() for p in expected.evaluator().supernet.parameters())

    def test_several_tasks_run_as_there_is_room_for_them(self, compute: Compute, expected: Expected) -> None:
        found: list[list[Event]] = [[], []]
        for number, event in run_all(compute, [training(), training()], compute.at_once):
            found[number].append(event)
        assert [trained(events).weight_hash for events in found] == 2 * [expected.weight_hash]

    def test_of_several_that_are_closed_none_goes_on(self, compute: Compute, expected: Expected) -> None:
        endless = training(options=replace(OPTIONS, epochs=100_000))
        events = run_all(compute, [endless, endless], compute.at_once)
        next(events)
        events.close()
        assert trained(compute.run(training())).weight_hash == expected.weight_hash

    def test_training_goes_on_from_the_newest_checkpoint(
        self, compute: Compute, whole: list[Event], expected: Expected
    ) -> None:
        first, second, _ = checkpoints_of(whole)
        resumed, *rest = compute.run(training(checkpoints=(second, first)))
        assert resumed == Resumed(2)
        assert trained(rest).weight_hash == expected.weight_hash

    def test_a_damaged_checkpoint_is_said_and_the_one_before_used(
        self, compute: Compute, whole: list[Event], artifacts: FolderArtifacts, expected: Expected
    ) -> None:
        first, second, _ = checkpoints_of(whole)
        artifacts.damage(second.files.tensors)
        damaged, resumed, *rest = compute.run(training(checkpoints=(first, second)))
        assert isinstance(damaged, CheckpointDamaged)
        assert damaged.path.name == "checkpoint-00000002.safetensors"
        assert resumed == Resumed(1)
        assert trained(rest).weight_hash == expected.weight_hash
        assert artifacts.get(second.files.tensors), "the same bytes have been kept again"

    def test_the_checkpoint_of_another_run_is_refused(self, compute: Compute, whole: list[Event]) -> None:
        with pytest.raises(ArtifactError, match="another seed") as caught:
            last(compute.run(training(seed=SEED + 1, checkpoints=checkpoints_of(whole))))
        assert caught.value.code == "checkpoint_mismatch"

    def test_subnets_are_scored_image_by_image(self, compute: Compute, expected: Expected) -> None:
        chosen = architectures()
        evaluator = expected.evaluator()
        by_hand = [evaluator.correct(architecture, "validation") for architecture in chosen]
        found = self.scored(compute, expected, chosen)
        assert sorted(found) == list(range(len(chosen)))
        for index, correct in enumerate(by_hand):
            np.testing.assert_array_equal(found[index], correct)

    def scored(
        self, compute: Compute, expected: Expected, chosen: tuple[Architecture, ...]
    ) -> dict[int, NDArray[np.bool_]]:
        """Answers on validation, by index."""
        task = ScoreSubnets(inputs(), expected.weights, chosen, "validation", SEED, Augmentation())
        events = list(compute.run(task))
        assert all(isinstance(event, SubnetScored) for event in events)
        return {event.index: event.correct for event in events if isinstance(event, SubnetScored)}

    def test_subnets_are_exported_checked_and_scored(
        self, compute: Compute, artifacts: FolderArtifacts, expected: Expected, tmp_path: Path
    ) -> None:
        chosen = architectures(2)
        evaluator = expected.evaluator()
        task = ExportNetworks(inputs(), WholeSpace(), expected.weights, chosen, SEED, Augmentation())
        events = list(compute.run(task))
        for index, (architecture, event) in enumerate(zip(chosen, events, strict=True)):
            assert isinstance(event, NetworkExported)
            assert event.index == index
            self.check_file(event, evaluator, architecture, artifacts, tmp_path)
            scored = last(compute.run(ScoreFile(inputs(), event.file, "test")))
            assert isinstance(scored, FileScored)
            path = artifacts.local_path(event.file, ".onnx")
            np.testing.assert_array_equal(scored.correct, score_file(path, open_dataset(IMAGES), "test"))

    def test_two_threads_export_and_score_side_by_side(self, compute: Compute, expected: Expected) -> None:
        chosen = architectures(4)
        export = ExportNetworks(inputs(), WholeSpace(), expected.weights, chosen, SEED, Augmentation())
        score = ScoreSubnets(inputs(), expected.weights, chosen, "validation", SEED, Augmentation())
        with ThreadPoolExecutor(3) as threads:
            told = list(threads.map(lambda task: list(compute.run(task)), (export, score, export)))
        exported = [[one.file for one in events if isinstance(one, NetworkExported)] for events in told]
        assert [len(files) for files in exported] == [len(chosen), 0, len(chosen)]
        assert exported[0] == exported[2]
        assert len(told[1]) == len(chosen)

    def test_int8_files_are_exported_with_their_answers_before(
        self, compute: Compute, artifacts: FolderArtifacts, expected: Expected, tmp_path: Path
    ) -> None:
        (architecture,) = architectures(1)
        task = ExportNetworks(
            inputs(), WholeSpace(), expected.weights, (architecture,), SEED, Augmentation(), "int8"
        )
        event = last(compute.run(task))
        assert isinstance(event, NetworkExported)
        assert event.unquantised is not None
        self.check_file(event, expected.evaluator(), architecture, artifacts, tmp_path, "int8")

    def check_file(
        self,
        event: NetworkExported,
        evaluator: SubnetEvaluator,
        architecture: Architecture,
        artifacts: FolderArtifacts,
        folder: Path,
        precision: Precision = "fp32",
    ) -> None:
        """Hold an exported file against one that is exported here."""
        space, path = evaluator.supernet.space, folder / "by-hand.onnx"

        def keep(content: bytes) -> Path:
            path.write_bytes(content)
            return path

        by_hand = export_checked(
            evaluator.extract(architecture),
            space,
            architecture,
            open_dataset(IMAGES),
            keep,
            precision,
        )
        assert artifacts.get(event.file) == path.read_bytes()
        assert event.file_bytes == len(path.read_bytes())
        assert event.architecture_digest == architecture_digest(space, architecture)
        assert event.max_difference == by_hand.max_difference <= 1e-4
        np.testing.assert_array_equal(event.correct, by_hand.correct)
        np.testing.assert_array_equal(event.predicted, by_hand.predicted)
        np.testing.assert_array_equal(event.unquantised, by_hand.unquantised)

    def test_a_stock_network_is_trained_and_exported(
        self, compute: Compute, artifacts: FolderArtifacts, tmp_path: Path
    ) -> None:
        network, dataset = StockNetwork("shufflenet_v2"), open_dataset(IMAGES)
        end = trained(compute.run(training(network, options=SHORT)))
        own = stock_space("shufflenet_v2", space_for(SpaceSpec(), dataset), dataset)
        *_, by_hand = train(TrainTask(tmp_path, get_recipe("uniform"), SHORT, SEED), dataset, own)
        assert isinstance(by_hand, Trained)
        assert end.weight_hash == by_hand.weight_hash
        task = ExportNetworks(inputs(), network, end.weights, ((),), SEED, Augmentation())
        exported = last(compute.run(task))
        assert isinstance(exported, NetworkExported)
        evaluator = SubnetEvaluator(load_supernet(by_hand.path, own), dataset, SEED, Augmentation())
        self.check_file(exported, evaluator, (), artifacts, tmp_path)

    def test_a_subnet_is_trained_on_and_keeps_its_name(
        self, compute: Compute, expected: Expected, tmp_path: Path
    ) -> None:
        (architecture,) = architectures(1)
        evaluator = expected.evaluator()
        space, dataset = evaluator.supernet.space, open_dataset(IMAGES)
        network = TunedSubnet(architecture, expected.weights)
        end = trained(compute.run(training(network, options=SHORT)))
        direct = TrainTask(tmp_path, get_recipe("uniform"), SHORT, SEED)
        *_, by_hand = finetune(direct, dataset, evaluator.supernet, architecture)
        assert isinstance(by_hand, Trained)
        assert end.weight_hash == by_hand.weight_hash
        task = ExportNetworks(inputs(), network, end.weights, ((),), SEED, Augmentation())
        exported = last(compute.run(task))
        assert isinstance(exported, NetworkExported)
        assert exported.architecture_digest == architecture_digest(space, architecture)
        own = network_space(network, space_for(SpaceSpec(), dataset), dataset)
        tuned = SubnetEvaluator(load_supernet(by_hand.path, own), dataset, SEED, Augmentation())
        agree = exported.correct == tuned.correct((), "validation")
        assert agree.mean() > 0.99  # exported and torch may differ where two logits tie

    def test_images_are_decoded_for_all_tasks_that_follow(self, compute: Compute, tmp_path: Path) -> None:
        for number in range(90):
            path = tmp_path / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(image(number))
        photos = ImageFolderSpec(path=tmp_path)
        asked = Inputs(photos, open_dataset(photos).digest, SpaceSpec())
        told = list(compute.run(DecodeImages(asked, (12, 16))))
        # 70 % train, 15 % each for validation and test; it is told again when a whole file is put together.
        assert list(dict.fromkeys(told)) == [ImagesDecoded(done, 90) for done in (0, 62, 76, 90)]
        assert list(compute.run(DecodeImages(asked, (12, 16)))) == []
        assert list(compute.run(DecodeImages(inputs(), (12, 16)))) == []

    def test_training_is_timed(self, compute: Compute) -> None:
        small = replace(SHORT, batch_size=8)
        supernet = last(compute.run(TimeSupernet(inputs(), "uniform", small, SEED)))
        assert isinstance(supernet, SupernetTimed)
        assert 0 < supernet.image_s < supernet.step_s
        for network in (StockNetwork("resnet"), architectures(1)[0]):
            one = last(compute.run(TimeNetwork(inputs(), network, "uniform", small, SEED)))
            assert isinstance(one, NetworkTimed)
            assert 0 < one.step_cpu_s < 10

    def test_errors_of_the_domain_arrive_as_they_were_raised(self, compute: Compute) -> None:
        with pytest.raises(UsageError, match="recipes are") as usage:
            last(compute.run(training(recipe="hopeful")))
        assert (type(usage.value), usage.value.code) == (UsageError, "unknown_recipe")
        with pytest.raises(ArtifactError) as missing:
            last(compute.run(ScoreFile(inputs(), "0" * 64, "test")))
        assert (type(missing.value), missing.value.code) == (ArtifactError, "artifact_missing")
        weights = TensorFiles("0" * 64, "1" * 64)
        task = ScoreSubnets(inputs(), weights, architectures(1), "test", SEED, Augmentation())
        with pytest.raises(ArtifactError) as scored:
            last(compute.run(task))
        assert scored.value.code == "artifact_missing"

    def test_other_images_than_the_task_was_made_for_are_refused(self, compute: Compute) -> None:
        elsewhere = replace(inputs(), dataset_digest="0" * 64)
        with pytest.raises(DataError) as caught:
            last(compute.run(training(inputs=elsewhere)))
        assert caught.value.code == "data_changed"

    def test_any_other_error_is_a_crash_that_names_it(self, compute: Compute, expected: Expected) -> None:
        holiday: Any = "holiday"
        task = ScoreSubnets(inputs(), expected.weights, architectures(1), holiday, SEED, Augmentation())
        with pytest.raises(ComputeError, match="KeyError.*holiday") as caught:
            last(compute.run(task))
        assert caught.value.fault == "crash"

    def test_closing_the_iterator_cancels_the_task(
        self, compute: Compute, artifacts: FolderArtifacts, expected: Expected
    ) -> None:
        endless = training(options=replace(OPTIONS, epochs=10_000))
        with closing(self.closable(compute.run(endless))) as events:
            next(events)
        before = artifacts.digests()
        # What would still run would keep a checkpoint long before this one has trained to its end.
        said = list(compute.run(training()))
        files = [checkpoint.files for checkpoint in checkpoints_of(said)] + [trained(said).weights]
        ours = {digest for each in files for digest in (each.tensors, each.manifest)}
        assert artifacts.digests() - before <= ours

    @staticmethod
    def closable(events: Iterator[Event]) -> Any:
        """What is closed by hand: every implementation's iterator can be."""
        assert hasattr(events, "close")
        return events

    def test_nothing_is_scored_or_exported_while_the_host_is_measured(
        self, compute: Compute, expected: Expected
    ) -> None:
        self.scored(compute, expected, architectures(2))  # whatever takes its time to start is there then
        (one,) = architectures(1)
        scoring = ScoreSubnets(inputs(), expected.weights, (one,), "validation", SEED, Augmentation())
        exporting = ExportNetworks(inputs(), WholeSpace(), expected.weights, (one,), SEED, Augmentation())
        for task in (scoring, exporting):
            said = queue.SimpleQueue[Event]()
            thread = threading.Thread(target=lambda task=task, said=said: said.put(last(compute.run(task))))
            with measuring_lease(host_lease_folder(), host_device().digest):
                thread.start()
                with pytest.raises(queue.Empty):
                    said.get(timeout=1.0)
            assert isinstance(said.get(timeout=60.0), SubnetScored | NetworkExported)
            thread.join()

    def test_two_tasks_run_side_by_side(self, compute: Compute, expected: Expected) -> None:
        first, second = compute.run(training()), compute.run(training(seed=SEED + 1))
        # On a slow machine one may tell of its steps once more than the other.
        told = zip(*zip_longest(first, second), strict=True)
        hashes = [one.weight_hash for run in told for one in run if isinstance(one, NetworkTrained)]
        assert hashes[0] == expected.weight_hash != hashes[1]
