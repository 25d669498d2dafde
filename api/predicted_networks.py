"""What single architectures would cost."""

from latency_predictors.file_size import file_bytes_of
from latency_predictors.predictor import Costs, exact_cost
from nas.pipeline.costs import ARENA, EXACT, arena_predictor
from nas.pipeline.sites import Site
from nas.results import Document, Figure
from search_spaces.base import IntArray, Option, SearchSpace, architecture_digest, option_values
from search_spaces.sampling import as_architecture


class PredictedNetwork(Document):
    """What one architecture would cost on the device of a table.

    Attributes:
        coverage: Share of the sum of its layers that was measured, and runs for all that is known, 0..1.
        peak_memory_bytes: For batch and precision of the context.
        file_bytes: Of the exported file, in that precision.
        arena_bytes: Activations that ONNX Runtime holds for one image; None for other runtimes and batches,
            and where its rules are not followed.
    """

    architecture_digest: str
    architecture: dict[str, Option]
    latency_ms: Figure
    coverage: float
    peak_memory_bytes: Figure
    num_macs: Figure
    num_params: Figure
    file_bytes: Figure
    arena_bytes: Figure | None = None


def predicted_networks(
    space: SearchSpace, archs: IntArray, latency: Costs, site: Site
) -> tuple[PredictedNetwork, ...]:
    """Return what is told of architectures, canonical, (n, choices).

    Args:
        space: Theirs.
        archs: Which.
        latency: Of each.
        site: Where they run, and how.
    """
    batch, precision = site.context.batch, site.context.precision
    exact = {name: exact_cost(space, name, batch, precision)(archs) for name in EXACT}
    if arena := arena_predictor(space, site):
        exact[ARENA] = arena(archs)
    size = file_bytes_of(space, precision)(archs)
    networks = []
    for row, arch in enumerate(archs):
        one = as_architecture(arch)
        networks.append(
            PredictedNetwork(
                architecture_digest=architecture_digest(space, one),
                architecture=option_values(space, one),
                latency_ms=_figure(latency, row),
                coverage=float(latency.coverage[row]),
                file_bytes=_figure(size, row),
                **{name: _exactly(float(values[row])) for name, values in exact.items()},
            )
        )
    return tuple(networks)


def _figure(costs: Costs, row: int) -> Figure:
    value, lower, upper = (float(ends[row]) for ends in (costs.point, costs.lower, costs.upper))
    return Figure(value=value, lower=lower, upper=upper, kind=costs.kind_of(row))


def _exactly(value: float) -> Figure:
    return Figure(value=value, lower=value, upper=value, kind="modelled")
