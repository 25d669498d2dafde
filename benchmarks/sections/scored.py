"""Networks exported, scored on validation and test images, and measured: alike for everything compared."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.sections.alone import PROCESSES, Weights
from benchmarks.sections.lab import measured_anew
from benchmarks.sections.shapes_task import open_task
from nas.evaluation import SubnetEvaluator
from nas.export.checked import export_checked, score_file
from nas.pipeline.options import augmentation_of
from nas.pipeline.sites import target_site
from nas.pipeline.tables import latest_table
from nas.results import VerifiedNetwork
from nas.training.weights import load_supernet
from search_spaces.base import Architecture, architecture_from_values


@dataclass(frozen=True)
class Scored:
    """One exported network.

    Attributes:
        file_sha256: Of the file.
        validation: Its answers on all validation images.
        test_accuracy: Share of test images it gets right.
    """

    architecture: Architecture
    file_sha256: str
    validation: NDArray[np.bool_]
    test_accuracy: float


def score_all(tasks: list[tuple[Weights, Architecture]]) -> list[Scored]:
    """Export and score subnets of trained weights, one process a core."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_score, tasks))


def _score(task: tuple[Weights, Architecture]) -> Scored:
    weights, architecture = task
    ctx = open_task(weights.job.home, weights.job.spec)
    supernet = load_supernet(weights.path, weights.space)
    evaluator = SubnetEvaluator(supernet, ctx.dataset, ctx.spec.seed, augmentation_of(ctx.spec))
    kept: list[str] = []

    def keep(content: bytes) -> Path:
        kept.append(ctx.stores.artifacts.put(content))
        return ctx.run.network_path(kept[-1])

    static = evaluator.extract(architecture)
    exported = export_checked(static, weights.space, architecture, ctx.dataset, keep)
    test = float(score_file(exported.path, ctx.dataset, "test").mean())
    return Scored(architecture, kept[-1], exported.correct, test)


def scored_files(weights: Weights, networks: Iterable[VerifiedNetwork]) -> list[Scored]:
    """Return networks that a search verified: the very files, scored on the test images."""
    ctx = open_task(weights.job.home, weights.job.spec)
    scored = []
    for network in networks:
        path = ctx.run.network_path(network.file_sha256)
        scored.append(
            Scored(
                architecture_from_values(ctx.space, network.architecture),
                network.file_sha256,
                score_file(path, ctx.dataset, "validation"),
                float(score_file(path, ctx.dataset, "test").mean()),
            )
        )
    return scored


def latencies_ms(weights: Weights, files: list[str]) -> dict[str, float]:
    """Measure exported files of one task, all together so that they share sessions; medians by file."""
    ctx = open_task(weights.job.home, weights.job.spec)
    table = latest_table(ctx.stores, target_site(ctx, ctx.spec.targets[0]))
    measured = measured_anew(table, {file: ctx.run.network_path(file) for file in files})
    return {digest: value.median_ms for digest, value in measured.items()}
