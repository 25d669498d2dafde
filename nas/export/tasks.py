"""The tasks of exporting: make files that are checked and scored, score files, run them in runtimes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from latency_predictors.device import host_context, host_device
from latency_predictors.lease import host_share
from latency_predictors.runtimes import is_installed
from latency_predictors.runtimes.onnxruntime_arena import read_arena
from nas.evaluation import SubnetEvaluator
from nas.export.checked import export_checked, score_file
from nas.export.classifier import BATCH_SIZE, OnnxClassifier
from nas.task_events import ArenaRead, Event, FileScored, NetworkExported, RuntimesCompared
from nas.tasks import CompareRuntimes, ExportNetworks, ReadArena, ScoreFile, TunedSubnet
from nas.training.tasks import load_weights
from nas.workplace import Workplace, network_space
from search_spaces.errors import MeasurementError

_SUFFIX = ".onnx"


def export_networks(task: ExportNetworks, workplace: Workplace) -> Iterator[Event]:
    """Export each architecture of a task; the files are in the artifact store.

    Raises:
        ArtifactError: `export_mismatch`: a file does not compute what its network computes.
        UsageError: `not_quantisable`.
    """
    dataset, space = workplace.open(task.inputs)
    own = network_space(task.network, space, dataset)
    supernet = load_weights(task.weights, own, workplace, "exported")
    evaluator = SubnetEvaluator(supernet, dataset, task.seed, task.augmentation)
    kept: list[str] = []

    def keep(content: bytes) -> Path:
        kept.append(workplace.artifacts.put(content))
        return workplace.artifacts.local_path(kept[-1], _SUFFIX)

    # A tuned subnet is still the architecture of its space that it was taken from.
    named = (space, task.network.architecture) if isinstance(task.network, TunedSubnet) else None
    with closing(host_share()) as share:
        for index, architecture in enumerate(task.architectures):
            with share:
                static = evaluator.extract(architecture)
                made = export_checked(
                    static, *(named or (own, architecture)), dataset, keep, precision=task.precision
                )
            yield NetworkExported(
                index=index,
                architecture_digest=made.architecture_digest,
                file=kept[-1],
                file_bytes=made.num_bytes,
                max_difference=made.max_difference,
                predicted=made.predicted,
                correct=made.correct,
                unquantised=made.unquantised,
            )


def score_exported(task: ScoreFile, workplace: Workplace) -> Iterator[Event]:
    """Score a file on a part of the images."""
    dataset, _ = workplace.open(task.inputs)
    with closing(host_share()) as share, share:
        correct = score_file(workplace.artifacts.local_path(task.file, _SUFFIX), dataset, task.part)
    yield FileScored(correct)


def compare_runtimes(task: CompareRuntimes, workplace: Workplace) -> Iterator[Event]:
    """Run a file with two runtimes and count the images whose class both name alike."""
    dataset, _ = workplace.open(task.inputs)
    path = workplace.artifacts.local_path(task.file, _SUFFIX)
    if not is_installed(task.runtime):
        yield RuntimesCompared("", 0, 0)
        return
    context = host_context(task.runtime)
    scoring, other = OnnxClassifier(path), OnnxClassifier(path, context)
    num_images = num_same = 0
    with closing(host_share()) as share:
        for part in ("test", "validation", "train"):
            if num_images >= task.num_images:
                break
            images = dataset.images(part, scoring.metadata.resolution)
            for start in range(0, min(len(images), task.num_images - num_images), BATCH_SIZE):
                batch = images[start : start + BATCH_SIZE]
                with share:
                    same = scoring.run(batch).argmax(axis=1) == other.run(batch).argmax(axis=1)
                num_images, num_same = num_images + len(same), num_same + int(same.sum())
    yield RuntimesCompared(context.runtime_version, num_images, num_same)


def read_runtime_arena(task: ReadArena, workplace: Workplace) -> Iterator[Event]:
    """Read what the arena of ONNX Runtime held for a file; nothing where this is another device."""
    path = workplace.artifacts.local_path(task.file, _SUFFIX)
    if host_device().digest != task.device:
        yield ArenaRead(None)
        return
    try:
        yield ArenaRead(read_arena(path).steady_bytes)
    except MeasurementError as error:
        if error.code != "arena_not_readable":
            raise
        yield ArenaRead(None)
