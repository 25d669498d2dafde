"""The predicted peak of activations against ONNX Runtime's arena, as the runtime's own profiler tells it.

60 networks in fp32 and in int8, half of them of each preset of MobileNetV3, drawn at random; beside them
cells, whose branches the prediction does not follow.
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
from nas.specs import Precision
from search_spaces.base import FloatArray, Space
from search_spaces.catalogue import get_space
from search_spaces.network import network
from search_spaces.sampling import as_architecture, random_architectures

NUM_NETWORKS: Final = 60
PRESETS: Final = ("tiny", "imagenet")
PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "int8")
_WITHIN: Final = 0.05
_SEED: Final = 20_27


def run(home: Path, quick: bool) -> list[Figure]:
    """Compare predictions with the arena."""
    count = 4 if quick else NUM_NETWORKS // len(PRESETS)
    spaces = [get_space("mobilenet_v3", preset=preset, num_classes=10, in_channels=3) for preset in PRESETS]
    read, int8 = (
        np.concatenate([_read(home, space, count, precision) for space in spaces]) for precision in PRECISIONS
    )
    cells = _read(home, get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3), count)
    lived = read[:, 1] / read[:, 2] - 1
    return [
        _predicted("networks", read),
        _predicted("int8 networks", int8),
        _over_schedule("arena", read),
        _over_schedule("int8 arena", int8),
        Figure(
            "the schedule's peak within 5 % of the first inference's",
            _share(lived),
            "%",
            detail=f"largest error {_largest(lived)}: buffers are kept for a later tensor of their shape",
        ),
        Figure(
            "cells: the schedule's peak within 5 % of the first inference's",
            _share(cells[:, 1] / cells[:, 2] - 1),
            "%",
            detail="branches run in an order of the runtime's own; its arena is not predicted",
        ),
    ]


def _predicted(which: str, read: FloatArray) -> Figure:
    """Return how many arenas are predicted; what nothing is said of counts as missed."""
    errors = read[:, 0] / read[:, 3] - 1
    said = ~np.isnan(errors)
    detail = f"{len(read)} networks, predicted for {said.sum()}; largest error {_largest(errors[said])}"
    name = f"{which} whose peak is predicted within 5 % of the arena's"
    return Figure(name, _share(errors), "%", ">=", 95.0, detail)


def _over_schedule(which: str, read: FloatArray) -> Figure:
    ratio = read[:, 3] / read[:, 1]
    detail = f"median; {ratio.min():.2f} to {ratio.max():.2f}"
    return Figure(f"{which} over the schedule's peak", float(np.median(ratio)), "×", detail=detail)


def _share(errors: FloatArray) -> float:
    return 100 * float(np.mean(np.abs(errors) <= _WITHIN))


def _read(home: Path, space: Space, count: int, precision: Precision = "fp32") -> FloatArray:
    """Return predicted arena and schedule, first and steady inference of networks, in bytes, (count, 4)."""
    rows = []
    path = home / "network.onnx"
    for row in random_architectures(space, count, np.random.default_rng(_SEED)):
        architecture = as_architecture(row)
        path.write_bytes(initial_file(space, architecture, precision))
        nodes, found = network(space, architecture), read_arena(path)
        predicted = runtime_arena(nodes, host_device(), precision)
        planned = float("nan") if predicted is None else float(predicted)
        peak = peak_memory_bytes(nodes, precision=precision)
        rows.append((planned, peak, found.first_bytes, found.steady_bytes))
    return np.array(rows, dtype=np.float64)


def _largest(errors: FloatArray) -> str:
    return f"{100 * np.abs(errors).max():.2f} %" if len(errors) else "none"
