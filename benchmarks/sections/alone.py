"""Networks trained alone: stock networks, a uniformly scaled family, points of a front."""

import json
import math
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks.sections.shapes_task import open_task
from nas.pipeline import train
from nas.pipeline.context import PhaseContext
from nas.pipeline.options import epochs_within, options_of, recipe_of
from nas.specs import SearchSpec, StockName
from nas.tasks import StockNetwork
from nas.training.events import Trained
from nas.training.finetune import finetune
from nas.training.options import TrainTask
from nas.training.trainer import FINISHED
from nas.training.trainer import train as train_network
from nas.training.weights import load_supernet
from nas.workplace import Workplace, stock_space
from search_spaces.base import Architecture, SearchSpace, architecture_from_values
from search_spaces.digests import sha256_json
from search_spaces.network import fixed_space
from search_spaces.sampling import as_architecture, as_array, canonical

SPENT: Final = "cpu_seconds.json"
"""Beside the weights: the processor time of their training."""

LEAST_SHARE: Final = 0.97
"""Of the CPU-seconds that a network may take it is to have so much; with less it is trained again, longer."""

PROCESSES: Final = 2
"""Training is counted in CPU-seconds, so one process a core disturbs nothing."""

STOCK: Final[tuple[StockName, ...]] = ("mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2", "resnet")


@dataclass(frozen=True)
class Scale:
    """One member of a family that grows in width, depth and resolution together."""

    resolution: int
    depth: int
    widths: tuple[int, int, int]


SCALES: Final = (
    Scale(16, 1, (16, 24, 48)),
    Scale(16, 2, (16, 24, 48)),
    Scale(24, 2, (16, 40, 48)),
    Scale(24, 3, (16, 40, 96)),
    Scale(32, 3, (16, 40, 96)),
)
"""Kernel 3, expansion 4 and no squeeze-excite throughout."""


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        kind: `supernet`, `stock`, `fixed` (an architecture trained alone) or `finetune` (from the supernet).
        name: Of the stock network, for `stock`.
        architecture: Of `fixed` and `finetune`.
        cpu_seconds: What it may take, not for `finetune`; by epochs of the specification where 0.
        share: Of these epochs, for `finetune`.
        start: Weights of the supernet, for `finetune`.
        seed: Of initial weights and order; that of the specification where negative.
    """

    kind: str
    home: Path
    spec: SearchSpec
    name: StockName | None = None
    architecture: Architecture = ()
    cpu_seconds: float = 0.0
    share: float = 0.0
    start: Path = Path()
    seed: int = -1


@dataclass(frozen=True)
class Weights:
    """What a job left.

    Attributes:
        path: Of the weights.
        cpu_seconds: Processor time it took, in one go.
    """

    job: Job
    path: Path
    cpu_seconds: float

    @property
    def space(self) -> SearchSpace:
        """The space of the weights."""
        return job_space(self.job)


def train_all(jobs: list[Job]) -> list[Weights]:
    """Train several networks, one process a core."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return list(pool.map(run_job, jobs))


def job_space(job: Job) -> SearchSpace:
    """Return the space that a job trains."""
    ctx = open_task(job.home, job.spec)
    if job.name is not None:
        return stock_space(job.name, ctx.space, ctx.dataset)
    return ctx.space if job.kind == "supernet" else fixed_space(ctx.space, job.architecture)


def run_job(job: Job) -> Weights:
    """Train one network, or take it where it is trained already."""
    ctx = open_task(job.home, job.spec)
    if job.kind == "supernet":
        train.run(ctx, lambda _: job.spec.supernet.epochs or 1)
        document = ctx.run.load(train.NAME, train.TrainDocument)
        place = Workplace(ctx.stores.artifacts, job.home / "alone", job.home / "images")
        path = place.place(document.weights, place.scratch / document.id / FINISHED)
        return Weights(job, path, document.cpu_seconds)
    seed = ctx.spec.seed if job.seed < 0 else job.seed
    folder = job.home / "alone" / sha256_json([ctx.dataset.digest, _facts(job), seed])[:16]
    spent = folder / SPENT
    if spent.exists():
        return Weights(job, folder / FINISHED, json.loads(spent.read_text(encoding="utf-8")))
    epochs = _epochs(job, ctx)
    task = TrainTask(folder, recipe_of(ctx.spec), options_of(ctx.spec, epochs), seed)
    path, cpu_seconds = _trained(job, ctx, task)
    if cpu_seconds < LEAST_SHARE * job.cpu_seconds:
        # Epochs took longer under the stopwatch. A schedule that has ended cannot go on: all of it again.
        epochs = math.ceil(epochs * job.cpu_seconds / cpu_seconds)
        path, cpu_seconds = _trained(job, ctx, replace(task, options=options_of(ctx.spec, epochs)))
    spent.write_text(json.dumps(cpu_seconds), encoding="utf-8")
    return Weights(job, path, cpu_seconds)


def _epochs(job: Job, ctx: PhaseContext) -> int:
    epochs = job.spec.supernet.epochs or 1
    if job.cpu_seconds:
        network = job.architecture if job.name is None else StockNetwork(job.name)
        # The epoch that is begun is ended: rivals never have less time because they train whole ones.
        epochs = epochs_within(ctx, network, job.cpu_seconds) + 1
    if job.kind == "finetune":
        epochs = max(round(job.share * epochs), 1)
    return epochs


def _trained(job: Job, ctx: PhaseContext, task: TrainTask) -> tuple[Path, float]:
    """Train in one go, from nothing; return the weights and the CPU-seconds that this took."""
    shutil.rmtree(task.folder, ignore_errors=True)
    space = job_space(job)
    started = time.process_time()
    if job.kind == "finetune":
        events = finetune(task, ctx.dataset, load_supernet(job.start, ctx.space), job.architecture)
    else:
        events = train_network(task, ctx.dataset, space)
    path = next(event.path for event in events if isinstance(event, Trained))
    return path, time.process_time() - started


def scaled_family(space: SearchSpace) -> list[Architecture]:
    """Return the family of `SCALES`."""
    return [as_architecture(canonical(space, as_array(_scaled(space, scale)))[0]) for scale in SCALES]


def _scaled(space: SearchSpace, scale: Scale) -> Architecture:
    values: dict[str, int] = {}
    for choice in space.choices:
        stage, _, what = choice.name.rpartition(".")
        found = {"resolution": scale.resolution, "depth": scale.depth, "kernel": 3, "expansion": 4}
        found["squeeze_excite"] = 0
        width = what == "width"
        values[choice.name] = scale.widths[int(stage.removeprefix("stage")) - 1] if width else found[what]
    return architecture_from_values(space, values)


def _facts(job: Job) -> list[object]:
    """Return what tells jobs on one data set apart, whatever else their specifications say."""
    training = job.spec.supernet.model_dump(mode="json")
    return [
        job.kind,
        job.name,
        list(job.architecture),
        training,
        job.cpu_seconds,
        job.share,
        job.start.parent.name,
        job.spec.seed,
    ]
