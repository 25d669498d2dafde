"""Networks exported, scored on validation and test images, and measured: alike for everything compared."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from benchmarks.sections.alone import PROCESSES, Weights
from benchmarks.sections.shapes_task import open_task
from nas.evaluation import SubnetEvaluator
from nas.pipeline.networks import export_subnet, measure_files, score_file
from nas.pipeline.options import augmentation_of
from nas.pipeline.profile import context_of, load_table
from nas.results import VerifiedNetwork
from nas.store.run_folder import RunFolder
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
    exported = export_subnet(ctx, supernet, evaluator, architecture)
    test = float(score_file(ctx, exported.file_sha256, "test").mean())
    return Scored(architecture, exported.file_sha256, exported.correct, test)


def scored_files(weights: Weights, found: RunFolder, networks: Iterable[VerifiedNetwork]) -> list[Scored]:
    """Return networks that a search verified: the very files, scored on the test images."""
    ctx = open_task(weights.job.home, weights.job.spec)
    scored = []
    for network in networks:
        digest = ctx.run.keep_network(found.network_path(network.file_sha256).read_bytes())
        scored.append(
            Scored(
                architecture_from_values(ctx.space, network.architecture),
                digest,
                score_file(ctx, digest, "validation"),
                float(score_file(ctx, digest, "test").mean()),
            )
        )
    return scored


def latencies_ms(weights: Weights, files: list[str]) -> dict[str, float]:
    """Measure exported files of one task, all together so that they share sessions; medians by file."""
    ctx = open_task(weights.job.home, weights.job.spec)
    table = load_table(ctx.settings, context_of(ctx.spec.targets[0].context))
    measured = measure_files(ctx, table, list(dict.fromkeys(files)), "benchmark")
    return {digest: value.median_ms for digest, value in measured.items()}
