"""From an architecture to a verified network: extract, export, check, score and measure as exported."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latency_predictors.lookup_table import LookupTable
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.memory import peak_memory_bytes
from latency_predictors.spread import Measured, combine_sessions
from nas.data.contents import Part
from nas.evaluation import SubnetEvaluator
from nas.export import checked
from nas.export.checked import export_checked
from nas.pipeline.context import PhaseContext
from nas.pipeline.measuring import measure_paths
from nas.results import Latency
from search_spaces.base import Architecture, SearchSpace
from search_spaces.modules.static import StaticNetwork
from search_spaces.modules.supernet import Supernet
from search_spaces.network import network

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Exported:
    """A network as it left torch.

    Attributes:
        space: Its space.
        architecture: Which architecture.
        digest: SHA-256 of the architecture.
        file_sha256: Of the exported file in the folder of the search.
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


def export_subnet(
    ctx: PhaseContext, supernet: Supernet, evaluator: SubnetEvaluator, architecture: Architecture
) -> Exported:
    """Extract, export and check one subnet, keep its file and score the file on all validation images."""
    return export_static(ctx, evaluator.extract(architecture), supernet.space, architecture)


def export_static(
    ctx: PhaseContext, static: StaticNetwork, space: SearchSpace, architecture: Architecture
) -> Exported:
    """Export and check a network of a space, whatever its weights, keep its file and score it likewise."""

    def keep(content: bytes) -> Path:
        return ctx.run.network_path(ctx.run.keep_network(content))

    made = export_checked(static, space, architecture, ctx.dataset, keep)
    return Exported(
        space=space,
        architecture=architecture,
        digest=made.architecture_digest,
        file_sha256=made.path.stem,
        file_bytes=made.num_bytes,
        max_difference=made.max_difference,
        correct=made.correct,
    )


def score_file(ctx: PhaseContext, file_sha256: str, part: Part) -> BoolArray:
    """Return for each image of a part whether an exported file gets it right, (n,)."""
    return checked.score_file(ctx.run.network_path(file_sha256), ctx.dataset, part)


def measure_files(
    ctx: PhaseContext, table: LookupTable, files: Sequence[str], phase: str
) -> dict[str, Measured]:
    """Measure exported files of the search in fresh sessions; by their SHA-256."""
    paths = {digest: ctx.run.network_path(digest) for digest in files}
    sessions = measure_paths(
        table,
        paths,
        NETWORK_PROTOCOL,
        lambda done, total: ctx.progress.step(phase, done, total, "measuring networks"),
    )
    return combine_sessions(sessions)


def latency_of(measured: Measured) -> Latency:
    """Return what was measured of a file as results show it."""
    return Latency(
        median_ms=measured.median_ms,
        lower_ms=measured.lower_ms,
        upper_ms=measured.upper_ms,
        p90_ms=measured.p90_ms,
        sessions=measured.session_ids,
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
