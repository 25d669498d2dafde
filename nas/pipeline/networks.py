"""From trained weights to a verified network: exported, checked, scored and measured as exported."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latency_predictors.device import host_context
from latency_predictors.memory import peak_memory_bytes
from nas.data.contents import Part
from nas.pipeline.answers import ExportedFile, ExportedFiles, answer_arrays
from nas.pipeline.context import PhaseContext
from nas.pipeline.options import augmentation_of
from nas.publication import accuracy_of
from nas.results import Accuracy, Agreement
from nas.specs import Precision, RuntimeName
from nas.store.job_run import JobRun, StoredJob
from nas.task_events import ArenaRead, FileScored, NetworkExported, RuntimesCompared, TensorFiles
from nas.tasks import CompareRuntimes, ExportNetworks, Network, ReadArena, ScoreFile, TunedSubnet, WholeSpace
from nas.workplace import network_space
from search_spaces.base import Architecture, IntArray, SearchSpace
from search_spaces.network import network

BoolArray = NDArray[np.bool_]

NUM_COMPARED: Final = 500
"""Images on which two runtimes are compared: one in a hundred that differ is then told from none."""


@dataclass(frozen=True)
class Exported:
    """A network as it left torch.

    Attributes:
        space: Its space.
        architecture: Which architecture.
        digest: SHA-256 of the architecture.
        file_sha256: Of the exported file, which is its digest in the artifact store.
        file_bytes: Its size.
        max_difference: Between torch and the exported file before quantisation.
        correct: Whether it gets each validation image right, (n,).
        unquantised: The same before quantisation; None where the file is fp32.
        predicted: The class that the file gives each of them, (n,); None where an earlier version has.
    """

    space: SearchSpace
    architecture: Architecture
    digest: str
    file_sha256: str
    file_bytes: int
    max_difference: float
    correct: BoolArray
    unquantised: BoolArray | None = None
    predicted: NDArray[np.uint16] | None = None

    @property
    def name(self) -> str:
        """What it is called in results."""
        return f"net-{self.digest[:6]}"

    @property
    def fp32_correct(self) -> BoolArray:
        """The answers in fp32: what predictors of accuracy learn from, whatever the file's precision."""
        return self.correct if self.unquantised is None else self.unquantised


@dataclass(frozen=True)
class Named:
    """An architecture and the space that it belongs to."""

    space: SearchSpace
    architecture: Architecture


def exported_once(
    ctx: PhaseContext, name: str, networks: Sequence[Named], make: Callable[[], Sequence[Exported]]
) -> list[Exported]:
    """Return networks that are exported already under a name, or export them: a phase that waits comes back.

    Args:
        ctx: The search.
        name: Of the document and the arrays that keep them.
        networks: Which, in the order of `make`.
        make: Exports them.
    """
    if not ctx.run.has(name):
        keep_exports(ctx, name, make())
    return kept_exports(ctx.run, name, dict(enumerate(networks)))


def keep_exports(ctx: PhaseContext, name: str, made: Sequence[Exported]) -> None:
    """Keep exported networks of one precision and what they answered, under a name."""
    ctx.run.save_arrays(name, **_answers(ctx, made))
    files = tuple(ExportedFile.model_validate(one, from_attributes=True) for one in made)
    ctx.run.save(name, ExportedFiles(files=files))


def kept_exports(job: StoredJob | JobRun, name: str, networks: Mapping[int, Named]) -> list[Exported]:
    """Return networks that a job has exported.

    Args:
        job: That has.
        name: Of the document and the arrays that keep them.
        networks: By their positions there, which they are.

    Raises:
        ArtifactError: `damaged_file`, `artifact_missing` or `artifact_damaged`.
    """
    files, arrays = job.load(name, ExportedFiles).files, job.load_arrays(name)
    unquantised, predicted = arrays.get("unquantised"), arrays.get("predicted")
    return [
        Exported(
            one.space,
            one.architecture,
            **files[row].model_dump(),
            correct=arrays["correct"][row],
            unquantised=None if unquantised is None else unquantised[row],
            predicted=None if predicted is None else predicted[row],
        )
        for row, one in networks.items()
    ]


def _answers(ctx: PhaseContext, made: Sequence[Exported]) -> dict[str, NDArray[Any]]:
    """Return the arrays that are kept of networks of one precision."""
    kept: dict[str, NDArray[Any]] = {"correct": np.array([one.correct for one in made])}
    before = [one.unquantised for one in made if one.unquantised is not None]
    predicted = [one.predicted for one in made if one.predicted is not None]
    if before:
        kept["unquantised"] = np.array(before)
    if predicted:
        kept |= answer_arrays(np.array(predicted), ctx.dataset)
    return kept


def export_subnets(
    ctx: PhaseContext,
    weights: TensorFiles,
    architectures: Sequence[Architecture],
    done: int,
    precision: Precision = "fp32",
) -> list[Exported]:
    """Extract, export and check subnets, and score the files on all validation images; in the order given.

    Args:
        ctx: The search.
        weights: Of its supernet.
        architectures: Of its space.
        done: Networks of the target that were exported before, for the progress.
        precision: Of the files.
    """
    found: dict[int, Exported] = {}
    total = max(ctx.spec.verify.candidates, done + len(architectures))
    with closing(exports(ctx, WholeSpace(), weights, tuple(architectures), precision)) as events:
        for event in events:
            found[event.index] = _exported(event, ctx.space, architectures[event.index])
            ctx.progress.step("verify", done + len(found), total, "exporting and scoring")
    return [found[index] for index in range(len(architectures))]


def export_single(
    ctx: PhaseContext,
    network: Network,
    weights: TensorFiles,
    precision: Precision = "fp32",
    arch: Architecture = (),
) -> Exported:
    """Export and check one network, and score the file likewise.

    Args:
        ctx: The search.
        network: That was trained on its own, or the supernet.
        weights: Of it.
        precision: Of the file.
        arch: Of a supernet, which of its subnets.
    """
    (event,) = exports(ctx, network, weights, (arch,), precision)
    if isinstance(network, TunedSubnet):
        return _exported(event, ctx.space, network.architecture)
    return _exported(event, network_space(network, ctx.space, ctx.dataset), arch)


def exports(
    ctx: PhaseContext,
    network: Network,
    weights: TensorFiles,
    architectures: tuple[Architecture, ...],
    precision: Precision,
) -> Generator[NetworkExported, None, None]:
    """Export, check and score networks; yield each as it is done."""
    augmentation = augmentation_of(ctx.spec)
    task = ExportNetworks(ctx.inputs, network, weights, architectures, ctx.spec.seed, augmentation, precision)
    with closing(ctx.compute.run(task)) as events:
        yield from (event for event in events if isinstance(event, NetworkExported))


def _exported(event: NetworkExported, space: SearchSpace, architecture: Architecture) -> Exported:
    return Exported(
        space=space,
        architecture=architecture,
        digest=event.architecture_digest,
        file_sha256=event.file,
        file_bytes=event.file_bytes,
        max_difference=event.max_difference,
        correct=event.correct,
        unquantised=event.unquantised,
        predicted=event.predicted,
    )


def score_file(ctx: PhaseContext, file_sha256: str, part: Part) -> BoolArray:
    """Return for each image of a part whether an exported file gets it right, (n,)."""
    (event,) = ctx.compute.run(ScoreFile(ctx.inputs, file_sha256, part))
    assert isinstance(event, FileScored)
    return event.correct


def compare_runtimes(ctx: PhaseContext, file_sha256: str, runtime: RuntimeName) -> Agreement:
    """Return how often another runtime than the one that scores names the same class, over 500 images."""
    task = CompareRuntimes(ctx.inputs, file_sha256, runtime, NUM_COMPARED)
    (event,) = ctx.compute.run(task)
    assert isinstance(event, RuntimesCompared)
    return Agreement(
        scored_with=scored_with(),
        runtime=f"{runtime} {event.version}".strip(),
        num_images=event.num_images,
        num_same=event.num_same,
    )


def held_by_runtime(ctx: PhaseContext, file_sha256: str, device: str) -> int | None:
    """Return the bytes of activations that ONNX Runtime's arena held for a file; None where nobody can tell.

    It is read where a task of this search runs on the device, in versions of the runtime that tell.

    Args:
        ctx: The search.
        file_sha256: The file, one image an inference.
        device: Digest of the device.
    """
    (event,) = ctx.compute.run(ReadArena(file_sha256, device))
    assert isinstance(event, ArenaRead)
    return event.held_bytes


def scored_with() -> str:
    """Return the runtime that accuracies come from, with its version."""
    scoring = host_context()
    return f"{scoring.runtime} {scoring.runtime_version}"


def accuracies(exported: Exported, images: IntArray, part: str) -> dict[str, Accuracy]:
    """Return the accuracy of a file as results show it, and what it was before quantisation, if it was any.

    Args:
        exported: The network.
        images: Positions of the validation images that accuracies are published of.
        part: What these are called.
    """
    found = {"accuracy": accuracy_of(exported.correct[images], part)}
    if exported.unquantised is not None:
        found["fp32_accuracy"] = accuracy_of(exported.unquantised[images], part)
    return found


def shape_costs(exported: Exported, batch: int, precision: str) -> dict[str, int]:
    """Return what is worked out from the shapes of a network.

    Args:
        exported: The network.
        batch: Images of one inference at the target, which peak memory is for.
        precision: Of the file, likewise.
    """
    nodes = network(exported.space, exported.architecture)
    return {
        "num_params": sum(node.spec.num_params for node in nodes),
        "num_macs": sum(node.spec.macs for node in nodes),
        "peak_memory_bytes": peak_memory_bytes(nodes, batch, precision),
        "peak_memory_batch": batch,
        "resolution": nodes[0].spec.in_shape[1],
    }
