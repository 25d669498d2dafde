"""From trained weights to a verified network: exported, checked, scored and measured as exported."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from latency_predictors.device import ExecutionContext
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.memory import peak_memory_bytes
from latency_predictors.spread import Measured, combine_sessions
from nas.data.contents import Part
from nas.pipeline.context import PhaseContext
from nas.pipeline.measuring import measured
from nas.pipeline.options import augmentation_of
from nas.results import Document, Latency
from nas.task_events import FileScored, NetworkExported, TensorFiles
from nas.tasks import ExportNetworks, Network, ScoreFile, StockNetwork, TunedSubnet, WholeSpace
from nas.workplace import network_space
from search_spaces.base import Architecture, SearchSpace
from search_spaces.network import network

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Exported:
    """A network as it left torch.

    Attributes:
        space: Its space.
        architecture: Which architecture.
        digest: SHA-256 of the architecture.
        file_sha256: Of the exported file, which is its digest in the artifact store.
        file_bytes: Its size.
        max_difference: Between torch and the exported file.
        correct: Its answers on all validation images, (n,).
    """

    space: SearchSpace
    architecture: Architecture
    digest: str
    file_sha256: str
    file_bytes: int
    max_difference: float
    correct: BoolArray


class ExportedFile(Document):
    """An exported network as it is kept; its answers stand in arrays of the same name."""

    digest: str
    file_sha256: str
    file_bytes: int
    max_difference: float


class ExportedFiles(Document):
    """What was exported together, in order."""

    files: tuple[ExportedFile, ...]


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
        made = make()
        ctx.run.save_arrays(name, correct=np.array([one.correct for one in made]))
        files = tuple(ExportedFile.model_validate(one, from_attributes=True) for one in made)
        ctx.run.save(name, ExportedFiles(files=files))
    kept, correct = ctx.run.load(name, ExportedFiles).files, ctx.run.load_arrays(name)["correct"]
    return [
        Exported(space=one.space, architecture=one.architecture, correct=answers, **file.model_dump())
        for one, file, answers in zip(networks, kept, correct, strict=True)
    ]


def export_subnets(
    ctx: PhaseContext, weights: TensorFiles, architectures: Sequence[Architecture], done: int
) -> list[Exported]:
    """Extract, export and check subnets, and score the files on all validation images; in the order given.

    Args:
        ctx: The search.
        weights: Of its supernet.
        architectures: Of its space.
        done: Networks of the target that were exported before, for the progress.
    """
    found: dict[int, Exported] = {}
    total = max(ctx.spec.verify.candidates, done + len(architectures))
    with closing(_exports(ctx, WholeSpace(), weights, tuple(architectures))) as events:
        for event in events:
            found[event.index] = _exported(event, ctx.space, architectures[event.index])
            ctx.progress.step("verify", done + len(found), total, "exporting and scoring")
    return [found[index] for index in range(len(architectures))]


def export_single(ctx: PhaseContext, network: StockNetwork | TunedSubnet, weights: TensorFiles) -> Exported:
    """Export and check a network that was trained on its own, and score the file likewise."""
    (event,) = _exports(ctx, network, weights, ((),))
    if isinstance(network, TunedSubnet):
        return _exported(event, ctx.space, network.architecture)
    return _exported(event, network_space(network, ctx.space, ctx.dataset), ())


def _exports(
    ctx: PhaseContext, network: Network, weights: TensorFiles, architectures: tuple[Architecture, ...]
) -> Generator[NetworkExported, None, None]:
    augmentation = augmentation_of(ctx.spec)
    task = ExportNetworks(ctx.inputs, network, weights, architectures, ctx.spec.seed, augmentation)
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
    )


def score_file(ctx: PhaseContext, file_sha256: str, part: Part) -> BoolArray:
    """Return for each image of a part whether an exported file gets it right, (n,)."""
    (event,) = ctx.compute.run(ScoreFile(ctx.inputs, file_sha256, part))
    assert isinstance(event, FileScored)
    return event.correct


def measure_files(
    ctx: PhaseContext, context: ExecutionContext, files: Iterable[str]
) -> dict[str, Measured] | None:
    """Return what was measured of exported files, by their SHA-256; None where some are queued still."""
    sessions = measured(ctx, context, NETWORK_PROTOCOL, {file: partial(str, file) for file in files})
    return None if sessions is None else combine_sessions(sessions)


def latency_of(measured: Measured) -> Latency:
    """Return what was measured of a file as results show it."""
    return Latency(
        median_ms=measured.median_ms,
        lower_ms=measured.lower_ms,
        upper_ms=measured.upper_ms,
        p90_ms=measured.p90_ms,
        sessions=measured.session_ids,
        suspect=measured.suspect,
    )


def shape_costs(exported: Exported) -> dict[str, int]:
    """Return what is worked out from the shapes of a network."""
    nodes = network(exported.space, exported.architecture)
    return {
        "num_params": sum(node.spec.num_params for node in nodes),
        "num_macs": sum(node.spec.macs for node in nodes),
        "peak_memory_bytes": peak_memory_bytes(nodes),
        "resolution": nodes[0].spec.in_shape[1],
    }
