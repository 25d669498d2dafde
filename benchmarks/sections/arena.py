"""The predicted peak of activations against ONNX Runtime's arena, as the runtime's own profiler tells it.

60 networks, half of them of each preset of MobileNetV3, drawn at random; beside them cells, whose branches
the prediction does not follow.
"""

from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure
from latency_predictors.arena import runtime_arena
from latency_predictors.device import host_device
from latency_predictors.memory import peak_memory_bytes
from latency_predictors.runtimes.onnxruntime_arena import read_arena
from nas.pipeline.calibrating import initial_file
from search_spaces.base import FloatArray, Space
from search_spaces.catalogue import get_space
from search_spaces.network import network
from search_spaces.sampling import as_architecture, random_architectures

NUM_NETWORKS: Final = 60
PRESETS: Final = ("tiny", "imagenet")
_WITHIN: Final = 0.05
_SEED: Final = 20_27


def run(home: Path, quick: bool) -> list[Figure]:
    """Compare predictions with the arena."""
    count = 4 if quick else NUM_NETWORKS // len(PRESETS)
    spaces = [get_space("mobilenet_v3", preset=preset, num_classes=10, in_channels=3) for preset in PRESETS]
    read = np.concatenate([_read(home, space, count) for space in spaces])
    cells = _read(home, get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3), count)
    planned, lived = read[:, 0] / read[:, 3] - 1, read[:, 1] / read[:, 2] - 1
    said = ~np.isnan(planned)
    held_over_live = read[:, 3] / read[:, 1]
    return [
        Figure(
            "networks whose peak is predicted within 5 % of the arena's",
            100 * float(np.mean(np.abs(planned) <= _WITHIN)),
            "%",
            ">=",
            95.0,
            f"{len(read)} networks, predicted for {said.sum()}; largest error {_largest(planned[said])}",
        ),
        Figure(
            "the schedule's peak within 5 % of the first inference's",
            100 * float(np.mean(np.abs(lived) <= _WITHIN)),
            "%",
            detail=f"largest error {_largest(lived)}: buffers are kept for a later tensor of their shape",
        ),
        Figure(
            "arena over the schedule's peak",
            float(np.median(held_over_live)),
            "×",
            detail=f"median; {held_over_live.min():.2f} to {held_over_live.max():.2f}",
        ),
        Figure(
            "cells: the schedule's peak within 5 % of the first inference's",
            100 * float(np.mean(np.abs(cells[:, 1] / cells[:, 2] - 1) <= _WITHIN)),
            "%",
            detail="branches run in an order of the runtime's own; its arena is not predicted",
        ),
    ]


def _read(home: Path, space: Space, count: int) -> FloatArray:
    """Return predicted arena and schedule, first and steady inference of networks, in bytes, (count, 4)."""
    rows = []
    path = home / "network.onnx"
    for row in random_architectures(space, count, np.random.default_rng(_SEED)):
        architecture = as_architecture(row)
        path.write_bytes(initial_file(space, architecture))
        nodes, found = network(space, architecture), read_arena(path)
        predicted = runtime_arena(nodes, host_device())
        planned = float("nan") if predicted is None else float(predicted)
        rows.append((planned, peak_memory_bytes(nodes), found.first_bytes, found.steady_bytes))
    return np.array(rows, dtype=np.float64)


def _largest(errors: FloatArray) -> str:
    return f"{100 * np.abs(errors).max():.2f} %" if len(errors) else "none"
