"""A checkpoint that is not what was written: found out every time, and the one before it used."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure
from nas.compute import InProcessCompute
from nas.data.catalogue import open_dataset
from nas.data.spec import ShapesSpec
from nas.specs import SpaceSpec
from nas.store.artifact_folder import ArtifactFolder
from nas.task_events import CheckpointDamaged, CheckpointKept, Event, Resumed, StoredCheckpoint
from nas.tasks import Inputs, TrainNetwork, WholeSpace
from nas.training_options import TrainingOptions

NUM_MUTATIONS: Final = 1_000
EPOCHS: Final = 4


def run(home: Path, quick: bool) -> list[Figure]:
    """Train for two epochs, damage the second checkpoint again and again, go on from what is left."""
    count = 20 if quick else NUM_MUTATIONS
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        artifacts = ArtifactFolder(Path(folder) / "artifacts")
        compute = InProcessCompute(artifacts, Path(folder))
        kept = _two_epochs(compute, _task(Path(folder)))
        rng = np.random.default_rng(0)
        detected, previous = 0, 0
        for _ in range(count):
            digest = kept[1].files.tensors if rng.random() < 0.5 else kept[1].files.manifest
            with _damaged(Path(folder) / "artifacts" / digest[:2] / digest, rng):
                first = _first_events(compute, _task(Path(folder), kept))
            detected += any(isinstance(event, CheckpointDamaged) for event in first)
            previous += Resumed(1) in first
    return [
        Figure(f"mutations of a checkpoint that were detected, of {count}", detected, "", ">=", count),
        Figure("after which the checkpoint before was used", previous, "", ">=", count),
    ]


def _task(home: Path, checkpoints: tuple[StoredCheckpoint, ...] = ()) -> TrainNetwork:
    spec = ShapesSpec(num_train=100, num_validation=50, num_test=50, size=16)
    digest = open_dataset(spec, home / "images").digest
    inputs = Inputs(spec, digest, SpaceSpec(name="nas_bench_201", preset="tiny"))
    options = TrainingOptions(epochs=EPOCHS)
    return TrainNetwork(inputs, WholeSpace(), "uniform", options, 0, checkpoints)


def _two_epochs(compute: InProcessCompute, task: TrainNetwork) -> tuple[StoredCheckpoint, ...]:
    kept = []
    with closing(compute.run(task)) as events:
        for event in events:
            if isinstance(event, CheckpointKept):
                kept.append(event.checkpoint)
            if len(kept) == 2:
                break
    return tuple(kept)


def _first_events(compute: InProcessCompute, task: TrainNetwork) -> list[Event]:
    """Return what a training says before it trains its first epoch."""
    found: list[Event] = []
    with closing(compute.run(task)) as events:
        for event in events:
            found.append(event)
            if not isinstance(event, CheckpointDamaged):
                break
    return found


@contextmanager
def _damaged(path: Path, rng: np.random.Generator) -> Iterator[None]:
    """Change a file somehow: a bit, a byte, a stretch, its end; put it back at the end."""
    sound = path.read_bytes()
    damaged = bytearray(sound)
    place = int(rng.integers(len(sound)))
    match int(rng.integers(5)):
        case 0:
            damaged[place] ^= 1 << int(rng.integers(8))
        case 1:
            damaged[place] ^= int(rng.integers(1, 256))
        case 2:
            end = min(len(sound), place + 64)
            damaged[place:end] = bytes(value ^ 0xFF for value in damaged[place:end])
        case 3:
            del damaged[place:]
        case _:
            damaged += rng.bytes(int(rng.integers(1, 64)))
    path.write_bytes(damaged)
    try:
        yield
    finally:
        path.write_bytes(sound)
