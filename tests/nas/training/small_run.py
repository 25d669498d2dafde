"""A training run of seconds, in this process or as one of its own.

python -m tests.nas.training.small_run FOLDER
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

from nas.data.array_source import dataset_from_arrays
from nas.data.contents import UNASSIGNED
from nas.data.dataset import Dataset
from nas.data.splits import Shares
from nas.training.options import Augmentation, TrainingOptions, TrainTask
from nas.training.recipes import Extremes
from nas.training.trainer import train
from search_spaces.base import Choice, Slot, Space
from search_spaces.layers import ConvNormAct, InvertedResidual, LayerSpec, Normalize, PooledHead

EPOCHS = 5
SIDE = 16


def patterns(per_class: int = 80) -> Dataset:
    """Noisy horizontal, vertical and diagonal stripes: (n, 16, 16, 1)."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    images, labels = [], []
    for label, phase in enumerate((rows, columns, rows + columns)):
        for _ in range(per_class):
            waves = np.sin((phase + rng.integers(8)) * np.pi / 3)
            images.append(np.clip(128 + 50 * waves + 40 * rng.standard_normal(waves.shape), 0, 255))
            labels.append(label)
    return dataset_from_arrays(
        "patterns",
        ("rows", "columns", "diagonal"),
        np.array(images, dtype=np.uint8)[..., np.newaxis],
        np.array(labels, dtype=np.int64),
        np.full(len(labels), UNASSIGNED, dtype=np.int64),
        Shares(0.2, 0.2),
        seed=0,
    )


def small_space() -> Space:
    """Resolution, width and kernel to choose from: 8 networks."""
    return Space(
        "small",
        (Choice("resolution", (8, 16)), Choice("width", (8, 16)), Choice("kernel", (3, 5))),
        (
            Slot("normalize", ("resolution",), partial(_layer, "normalize")),
            Slot("stem", ("resolution",), partial(_layer, "stem")),
            Slot("block", ("resolution", "width", "kernel"), partial(_layer, "block")),
            Slot("head", ("resolution", "width"), partial(_layer, "head")),
        ),
    )


def _layer(slot: str, resolution: int, width: int = 0, kernel: int = 0) -> LayerSpec:
    half = resolution // 2
    if slot == "normalize":
        return Normalize((1, resolution, resolution))
    if slot == "stem":
        return ConvNormAct((1, resolution, resolution), 8, 3, 2, "relu")
    if slot == "block":
        return InvertedResidual((8, half, half), 16, width, kernel, 2, 8, "hard_swish", residual=False)
    return PooledHead((width, half // 2, half // 2), 0, "identity", 3)


def small_task(folder: Path, seed: int = 3, learning_rate: float = 0.1) -> TrainTask:
    """Five epochs of nine steps."""
    options = TrainingOptions(
        epochs=EPOCHS, batch_size=16, learning_rate=learning_rate, augmentation=Augmentation()
    )
    return TrainTask(folder, Extremes(every=2), options, seed)


def main() -> None:
    """Train and say each event at once."""
    for event in train(small_task(Path(sys.argv[1])), patterns(), small_space()):
        print(event, flush=True)


if __name__ == "__main__":
    main()
